package awswire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/berth-registry/berth/fault"
)

// maxToken bounds what Open looks at, in bytes.
const maxToken = 4096

// macSize is how much of the MAC a token carries: 128 bits are not guessed.
const macSize = 16

// Pages makes the tokens by which a list goes on (API-10). A token is opaque to clients and good only for what it was made for: the caller, the operation and the filters that
// were bound into it (H55). Safe for concurrent use; nodes that share a key take each other's tokens.
type Pages struct{ key []byte }

// NewPages makes Pages with a secret key, of 32 random bytes.
func NewPages(key []byte) *Pages { return &Pages{key: append([]byte(nil), key...)} }

// Seal makes the token that continues at cursor. binding is everything that must be the same when the token comes back. A cursor is short: a name or a digest, not a page.
func (p *Pages) Seal(cursor string, binding ...string) string {
	sealed := append(p.mac(cursor, binding), cursor...)
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open returns the cursor of a token that Seal made with the same binding. Fault: InvalidParameter with API-10's text for anything else.
func (p *Pages) Open(token string, binding ...string) (string, error) {
	if len(token) <= maxToken {
		sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
		if err == nil && len(sealed) >= macSize {
			if cursor := string(sealed[macSize:]); hmac.Equal(sealed[:macSize], p.mac(cursor, binding)) {
				return cursor, nil
			}
		}
	}
	return "", fault.New(fault.InvalidParameter, "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'")
}

// Begin begins a list, or goes on with it at the place of token, when that is not nil. binding is everything that must be the same for all pages of it: the caller, the operation,
// the filters. Fault: InvalidParameter for a token that is not this list's (H55).
func (p *Pages) Begin(token *string, binding ...string) (List, error) {
	l := List{pages: p, binding: binding}
	if token == nil {
		return l, nil
	}
	var err error
	l.After, err = p.Open(*token, binding...)
	return l, err
}

// List is a list of which one page is answered.
type List struct {
	// After is the cursor behind which the page begins; "" at the beginning.
	After string

	pages   *Pages
	binding []string
}

// Next is the token of the page that begins behind cursor; nil for "", with which a list ends.
func (l *List) Next(cursor string) *string {
	if cursor == "" {
		return nil
	}
	token := l.pages.Seal(cursor, l.binding...)
	return &token
}

// mac covers every part with its length, so that no two bindings run into each other.
func (p *Pages) mac(cursor string, binding []string) []byte {
	h := hmac.New(sha256.New, p.key)
	part := func(s string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	part(cursor)
	for _, s := range binding {
		part(s)
	}
	return h.Sum(nil)[:macSize]
}
