package distribution

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// maxLayer is the size in bytes over which a layer is refused (API-62, HTTP-25).
const maxLayer = 52_000 << 20

// startUpload answers POST on uploads/: a mount (HTTP-20), a whole blob in one request, or the start of an upload (HTTP-19).
func (d *Door) startUpload(x *exchange) error {
	q, err := x.query()
	if err != nil {
		return err
	}
	if q.Has("digest") && x.r.ContentLength != 0 {
		return d.putBlob(x, q)
	}
	repo, err := d.Registry.OpenToPush(x.r.Context(), x.ref(x.name), "ecr:InitiateLayerUpload")
	if err != nil {
		return err
	}
	if digest, from, ok := x.mount(q); ok {
		mounted, err := repo.MountLayer(x.r.Context(), digest, from)
		if err != nil {
			return err
		}
		if mounted {
			x.blobCreated(digest)
			return nil
		}
	}
	u, err := repo.StartUpload(x.r.Context())
	if err != nil {
		return err
	}
	x.uploadHeaders(u)
	x.empty(http.StatusAccepted)
	return nil
}

// mount reads the parameters of a mount. Whatever is wrong with them, the answer is that of a blob which cannot be mounted, an upload: clients rely on it,
// and a difference would say which repositories exist (HTTP-20, H30). A client of the path form names the source as it names its own repository, so what
// lacks the prefix lies in another registry.
func (x *exchange) mount(q url.Values) (digest oci.Digest, from string, ok bool) {
	if !q.Has("mount") {
		return "", "", false
	}
	digest, err := oci.ParseDigest(q.Get("mount"))
	if err != nil {
		return "", "", false
	}
	from, ok = strings.CutPrefix(q.Get("from"), x.t.Prefix)
	return digest, from, ok && oci.CheckRepository(from) == nil
}

// putBlob stores a blob that comes whole with its POST.
func (d *Door) putBlob(x *exchange, q url.Values) error {
	digest, err := oci.ParseDigest(q.Get("digest"))
	if err != nil {
		return err
	}
	repo, err := d.Registry.OpenToPush(x.r.Context(), x.ref(x.name), "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload")
	if err != nil {
		return err
	}
	in, err := x.layerBody(-1)
	if err != nil {
		return err
	}
	if _, err := repo.PutLayer(x.r.Context(), digest, in); err != nil {
		return in.blame(err)
	}
	x.blobCreated(digest)
	return nil
}

// openUpload is open for the requests on an upload, whose id is checked once the caller may know: berth makes ids of one shape only, and no other
// reaches the database (H25).
func (d *Door) openUpload(x *exchange, actions ...string) (*registry.Repo, error) {
	repo, err := d.open(x, actions...)
	if err == nil && !isUploadID(x.last) {
		err = uploadUnknown()
	}
	return repo, err
}

// isUploadID reports whether s is a UUID in its canonical form.
func isUploadID(s string) bool {
	if len(s) != len("00000000-0000-0000-0000-000000000000") {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// uploadStatus says how far an upload has come (HTTP-23).
func (d *Door) uploadStatus(x *exchange) error {
	repo, err := d.openUpload(x, "ecr:UploadLayerPart")
	if err != nil {
		return err
	}
	u, err := repo.Upload(x.r.Context(), x.last)
	if err != nil {
		return err
	}
	x.uploadHeaders(u)
	x.empty(http.StatusNoContent)
	return nil
}

// uploadChunk answers PATCH: a chunk at the place that Content-Range names, or a stream to the end of what is there (HTTP-21, HTTP-22, H20 to H23).
func (d *Door) uploadChunk(x *exchange) error {
	first, length, err := x.chunk()
	if err != nil {
		return err
	}
	repo, err := d.openUpload(x, "ecr:UploadLayerPart")
	if err != nil {
		return err
	}
	if err := d.appendBody(x, repo, first, length); err != nil {
		return err
	}
	if d.ChunkCreated {
		x.empty(http.StatusCreated)
	} else {
		x.empty(http.StatusAccepted)
	}
	return nil
}

// completeUpload answers PUT: perhaps a last chunk, and the digest that the whole must have (HTTP-24, H18, H19).
func (d *Door) completeUpload(x *exchange) error {
	q, err := x.query()
	if err != nil {
		return err
	}
	digest, err := oci.ParseDigest(q.Get("digest"))
	if err != nil {
		return err
	}
	if x.r.ContentLength == 0 {
		repo, err := d.openUpload(x, "ecr:CompleteLayerUpload")
		if err != nil {
			return err
		}
		if _, _, err := repo.Complete(x.r.Context(), x.last, digest, nil); err != nil {
			return err
		}
		x.blobCreated(digest)
		return nil
	}
	first, length, err := x.chunk()
	if err != nil {
		return err
	}
	repo, err := d.openUpload(x, "ecr:UploadLayerPart", "ecr:CompleteLayerUpload")
	if err != nil {
		return err
	}
	in, err := x.layerBody(length)
	if err != nil {
		return err
	}
	if _, _, err := repo.CompleteAt(x.r.Context(), x.last, digest, first, in); err != nil {
		if fault.Is(err, fault.RangeInvalid) {
			if u, gone := repo.Upload(x.r.Context(), x.last); gone == nil {
				x.uploadHeaders(u)
			}
		}
		return in.blame(err)
	}
	x.blobCreated(digest)
	return nil
}

// cancelUpload forgets an upload (HTTP-23).
func (d *Door) cancelUpload(x *exchange) error {
	repo, err := d.openUpload(x, "ecr:UploadLayerPart")
	if err != nil {
		return err
	}
	if err := repo.Cancel(x.r.Context(), x.last); err != nil {
		return err
	}
	x.empty(http.StatusNoContent)
	return nil
}

// chunk reads Content-Range: where the chunk begins, -1 for the end of what is there, and its length, -1 if only the body's end tells.
func (x *exchange) chunk() (first, length int64, err error) {
	switch header := x.r.Header["Content-Range"]; len(header) {
	case 0:
		return -1, -1, nil
	case 1:
		first, length, err = parseContentRange(header[0])
	default:
		err = fault.New(fault.SizeInvalid, "Content-Range must not be given twice")
	}
	if err == nil && x.r.ContentLength >= 0 && x.r.ContentLength != length {
		err = fault.New(fault.SizeInvalid, "Content-Range names %d bytes, Content-Length %d", length, x.r.ContentLength)
	}
	return first, length, err
}

// appendBody adds the body to the upload, and says in the headers how far it has come: also when the chunk is refused, so that the client can go on from
// there (H20).
func (d *Door) appendBody(x *exchange, repo *registry.Repo, first, length int64) error {
	in, err := x.layerBody(length)
	if err != nil {
		return err
	}
	u, err := repo.Append(x.r.Context(), x.last, first, in)
	if err == nil || fault.Is(err, fault.RangeInvalid) {
		u.ID = x.last
		x.uploadHeaders(u)
	}
	return in.blame(err)
}

// uploadHeaders say where the upload goes on, and how much of it is there. The id stands in the path and never in the query: there are clients that drop
// the query of a Location. For an empty upload Range is 0-0, as ECR and docker have it (HTTP-19).
func (x *exchange) uploadHeaders(u registry.Upload) {
	h := x.w.Header()
	h["Location"] = []string{x.url("/blobs/uploads/", u.ID)}
	h["Docker-Upload-Uuid"] = []string{u.ID}
	h["Range"] = []string{"0-" + itoa(max(u.Size-1, 0))}
}

// blobCreated is the 201 of a blob that is now in the repository, whether it was before or not (HTTP-24).
func (x *exchange) blobCreated(digest oci.Digest) {
	h := x.w.Header()
	h["Location"] = []string{x.url("/blobs/", string(digest))}
	h["Docker-Content-Digest"] = []string{string(digest)}
	x.empty(http.StatusCreated)
}

// layerBody is the request's body as a layer's bytes. It holds exactly length bytes, or if that is -1 at most maxLayer.
type layerBody struct {
	body  io.Reader
	left  int64
	exact bool
	err   error // why reading failed
}

func (x *exchange) layerBody(length int64) (*layerBody, error) {
	b := &layerBody{body: x.r.Body, left: length, exact: length >= 0}
	if !b.exact {
		b.left = maxLayer
	}
	if x.r.ContentLength > maxLayer || b.left > maxLayer {
		return nil, fault.New(fault.SizeInvalid, "The layer is larger than %d bytes", int64(maxLayer))
	}
	return b, nil
}

// Read fails when the body is shorter or longer than was announced: Content-Length is net/http's to check, Content-Range is ours (H21).
func (b *layerBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		var one [1]byte
		n, err := io.ReadFull(b.body, one[:])
		switch {
		case n > 0:
			b.err = errBodyLonger
		default:
			b.err = err
		}
		return 0, b.err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	if err == io.EOF && b.exact && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}

var errBodyLonger = errors.New("the body is longer than announced")

// blame makes a fault of an error that the body caused, and leaves every other as it is. What arrived is kept: the client can ask and go on (H22).
func (b *layerBody) blame(err error) error {
	if err == nil || b.err == nil || b.err == io.EOF || fault.As(err) != nil {
		return err
	}
	return bodyBroken(err)
}

func bodyBroken(err error) error {
	return fault.Wrap(err, fault.SizeInvalid, "The body does not have the announced length")
}
