package audit

import (
	"iter"

	"github.com/berth-registry/berth/lang/policy"
)

// Evidence is what a decision was made of, so that it can be explained when policies, tags, organization or caller are others or gone (IAMP-8): what many
// decisions share as pieces, what is of this one request as it was. It takes references only; all that it refers to must not be changed afterwards.
type Evidence struct {
	Principal *policy.Principal `json:"principal,omitempty"`
	// Caller is the user or role: identity policies, boundary, tags. Session is the temporary session.
	Caller  *Piece `json:"caller,omitempty"`
	Session *Piece `json:"session,omitempty"`
	// Resource is what hangs on the resource: its policies and tags.
	Resource *Piece `json:"resource,omitempty"`
	// The organizations of the caller's account, of the resource's owner, and of the account that a service acted for.
	Callers  *Piece `json:"callers,omitempty"`
	Owners   *Piece `json:"owners,omitempty"`
	Sources  *Piece `json:"sources,omitempty"`
	Endpoint *Piece `json:"endpoint,omitempty"`

	SourceARN     string              `json:"sourceArn,omitempty"`
	SourceAccount string              `json:"sourceAccount,omitempty"`
	Secure        bool                `json:"secure,omitempty"`
	Referer       string              `json:"referer,omitempty"`
	RequestTags   map[string]string   `json:"requestTags,omitempty"`
	TagKeys       []string            `json:"tagKeys,omitempty"`
	Keys          map[string]string   `json:"keys,omitempty"`
	ImageTag      string              `json:"imageTag,omitempty"`
	ImageDigest   string              `json:"imageDigest,omitempty"`
	Lists         map[string][]string `json:"lists,omitempty"`
}

// pieces yields every piece that the evidence names, and the parts of each.
func (e *Evidence) pieces(yield func(*Piece) bool) {
	for _, p := range [...]*Piece{e.Caller, e.Session, e.Resource, e.Callers, e.Owners, e.Sources, e.Endpoint} {
		if !p.all(yield) {
			return
		}
	}
}

// piecesOf yields the pieces of many records.
func piecesOf(batch []Record) iter.Seq[*Piece] {
	return func(yield func(*Piece) bool) {
		stopped := false
		for i := range batch {
			batch[i].Evidence.pieces(func(p *Piece) bool {
				stopped = !yield(p)
				return !stopped
			})
			if stopped {
				return
			}
		}
	}
}
