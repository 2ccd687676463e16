package front

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// layerPath is where the URLs of GetDownloadUrlForLayer begin.
const layerPath = "/layers/"

// Layers makes and opens the URLs from which a layer is downloaded without further credentials (API-58). A URL is one sealed value: what it opens, for whom
// and until when cannot be read or changed (H66). Who asked for it is asked again at each use, with the policies of that time.
type Layers struct {
	seal     cipher.AEAD
	identity *iam.Directory
	registry *registry.Registry
}

// NewLayers seals with a key of 32 bytes, which every node of the cell has to share.
func NewLayers(key []byte, identity *iam.Directory, registry *registry.Registry) (*Layers, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Layers{seal, identity, registry}, nil
}

// grant is what a URL says.
type grant struct {
	Account    string     `json:"a"`
	Region     string     `json:"r"`
	Name       string     `json:"n"`
	Repository int64      `json:"i"` // so that the URL dies with the repository
	Digest     oci.Digest `json:"d"`
	Expires    int64      `json:"e"` // seconds since 1970
	Password   string     `json:"p"` // a registry password of the caller: it falls with the key, the session and the user
}

// Path makes the path of a URL for the caller of ctx.
func (l *Layers) Path(ctx context.Context, ref registry.Ref, repositoryID int64, d oci.Digest, expires time.Time) (string, error) {
	password, ends, err := l.identity.Password(ctx, ref.Region)
	if err != nil {
		return "", err
	}
	if ends.Before(expires) {
		expires = ends
	}
	text, err := json.Marshal(grant{ref.Account, ref.Region, ref.Name, repositoryID, d, expires.Unix(), password})
	if err != nil {
		return "", err
	}
	nonce := make([]byte, l.seal.NonceSize(), l.seal.NonceSize()+len(text)+l.seal.Overhead())
	rand.Read(nonce) //nolint:errcheck // it cannot fail
	return layerPath + base64.RawURLEncoding.EncodeToString(l.seal.Seal(nonce, nonce, text, nil)), nil
}

// open reads a URL; ok is false of one that is not of ours, or whose time is over.
func (l *Layers) open(sealed string, now time.Time) (g grant, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(b) < l.seal.NonceSize() {
		return g, false
	}
	text, err := l.seal.Open(nil, b[:l.seal.NonceSize()], b[l.seal.NonceSize():], nil)
	if err != nil || json.Unmarshal(text, &g) != nil || now.Unix() >= g.Expires {
		return grant{}, false
	}
	return g, true
}

// layer serves a URL of Path.
func (f *Front) layer(x *exchange, r *http.Request, sealed string) {
	x.operation = "GET LayerURL"
	if err := f.serveLayer(x, r, sealed); err != nil {
		x.code = distribution.Code(err)
		x.fails(err)
		if x.call.Audit.Action == "" { // refused before anything was asked for
			x.call.Audit.Action = "ecr:GetDownloadUrlForLayer"
			f.note(x)
		}
		distribution.WriteError(&x.response, r, err, x.call.RequestID)
	}
}

func (f *Front) serveLayer(x *exchange, r *http.Request, sealed string) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		x.Header()["Allow"] = []string{"GET, HEAD"}
		return fault.New(fault.MethodNotAllowed, "The operation is unsupported")
	}
	g, ok := f.Layers.open(sealed, x.begin)
	if !ok {
		return x.call.Refuse("This URL is not valid, or no longer: ask for another with GetDownloadUrlForLayer")
	}
	r = x.with(r)
	ctx := r.Context()
	credential, err := f.Identity.SignIn(ctx, g.Password, g.Region, x.begin)
	if fault.Is(err, fault.UnknownCredentials) || fault.Is(err, fault.ExpiredCredentials) {
		return x.call.Refuse("Who asked for this URL may not sign in any more")
	}
	if err != nil {
		return err
	}
	x.call.SignedBy(credential)
	x.call.Region = g.Region
	if err := f.work(x, r); err != nil {
		return err
	}
	repo, err := f.Registry.Open(ctx, registry.Ref{Account: g.Account, Region: g.Region, Name: g.Name}, "ecr:GetDownloadUrlForLayer")
	if err != nil {
		return err
	}
	if repo.ID != g.Repository {
		return fault.New(fault.LayerNotFound, "The repository of this URL has been deleted")
	}
	content, err := repo.OpenLayer(ctx, g.Digest)
	if err != nil {
		return err
	}
	if content.Content == nil {
		http.Redirect(&x.response, r, content.URL, http.StatusTemporaryRedirect)
		return nil
	}
	defer content.Close() //nolint:errcheck // it was only read
	h := x.Header()
	h["Content-Type"] = []string{"application/octet-stream"}
	h["Etag"] = []string{`"` + string(g.Digest) + `"`}
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // many small parts would make an answer much larger than the layer (H09)
	}
	bytes := content.Content
	if beginsLater(r.Header) {
		bytes = content.Part()
	}
	http.ServeContent(&x.response, r, "", time.Time{}, bytes) // the file itself, for sendfile
	return nil
}

// beginsLater reports whether a request is certainly for a part of a layer: a range that does not begin with its first byte, and that nothing makes void. All others may get
// everything, and so have the bytes compared with their digest.
func beginsLater(h http.Header) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Range"), "bytes="), "-")
	n, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	return err == nil && n > 0 && h.Get("If-Range") == ""
}
