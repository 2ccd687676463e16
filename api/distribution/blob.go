package distribution

import (
	"io"
	"net/http"
	"os"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// smallBlob is the size in bytes up to which a blob is read and written at once: that is fewer system calls than sendfile needs.
const smallBlob = 32 << 10

// getBlob answers GET and HEAD of a blob (HTTP-18), with ranges (H07 to H10). Where the store redirects, a GET is a 307 to a signed URL, and the client's
// range goes there with it.
func (d *Door) getBlob(x *exchange) error {
	digest, err := oci.ParseDigest(x.last)
	if err != nil {
		return err
	}
	if x.r.Method == http.MethodHead {
		repo, err := d.open(x, "ecr:BatchCheckLayerAvailability")
		if err != nil {
			return err
		}
		layer, err := repo.Layer(x.r.Context(), digest)
		if err != nil {
			return err
		}
		x.blobHeaders(layer, layer.Size)
		x.w.WriteHeader(http.StatusOK)
		return nil
	}
	repo, err := d.open(x, "ecr:GetDownloadUrlForLayer")
	if err != nil {
		return err
	}
	if matches(x.r.Header["If-None-Match"], string(digest)) {
		layer, err := repo.Layer(x.r.Context(), digest)
		if err != nil {
			return err
		}
		x.blobHeaders(layer, layer.Size)
		delete(x.w.Header(), "Content-Length")
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	content, err := repo.OpenLayer(x.r.Context(), digest)
	if err != nil {
		return err
	}
	if content.Content == nil {
		h := x.w.Header()
		h["Location"] = []string{content.URL}
		h["Docker-Content-Digest"] = []string{string(digest)}
		x.empty(http.StatusTemporaryRedirect)
		return nil
	}
	defer func() { _ = content.Close() }() // it was only read
	return d.sendBlob(x, content)
}

// blobHeaders are those that GET and HEAD share.
func (x *exchange) blobHeaders(l registry.Layer, length int64) {
	// One allocation for all values.
	v := &[3]string{string(l.Digest), `"` + string(l.Digest) + `"`, itoa(length)}
	h := x.w.Header()
	h["Docker-Content-Digest"] = v[0:1:1]
	h["Etag"] = v[1:2:2]
	h["Content-Length"] = v[2:3:3]
	h["Content-Type"] = octetStream
	h["Accept-Ranges"] = acceptBytes
}

func (d *Door) sendBlob(x *exchange, content *registry.LayerContent) error {
	part := extent{0, content.Size, false}
	if header := x.r.Header["Range"]; len(header) == 1 && x.rangeApplies(content.Digest) {
		var err error
		if part, err = parseRange(header[0], content.Size); err != nil {
			x.w.Header()["Content-Range"] = []string{"bytes */" + itoa(content.Size)}
			return err
		}
	}
	if part.first > 0 {
		if _, err := content.Seek(part.first, io.SeekStart); err != nil {
			return err
		}
	}
	x.blobHeaders(content.Layer, part.length)
	status := http.StatusOK
	bytes := content.Content
	if part.partial {
		status = http.StatusPartialContent
		if part.length < content.Size { // a range of everything is compared with the digest as the whole is
			bytes = content.Part()
		}
		x.w.Header()["Content-Range"] = []string{"bytes " + itoa(part.first) + "-" + itoa(part.first+part.length-1) + "/" + itoa(content.Size)}
	}
	x.w.WriteHeader(status)
	if err := d.copyBlob(x.w, bytes, part); err != nil {
		return &Interrupted{err}
	}
	return nil
}

// rangeApplies is If-Range (RFC 9110, 13.1.5): a client that goes on with another content's beginning must get the whole.
func (x *exchange) rangeApplies(digest oci.Digest) bool {
	condition := x.r.Header["If-Range"]
	return len(condition) == 0 || condition[0] == `"`+string(digest)+`"`
}

// copyBlob writes the part of content that begins where it stands. A file goes to the socket through ResponseWriter.ReadFrom, which is sendfile: nothing
// may stand between.
func (d *Door) copyBlob(w io.Writer, content io.Reader, part extent) error {
	if part.length > smallBlob {
		_, err := io.CopyN(w, content, part.length)
		return err
	}
	if _, isFile := content.(*os.File); !isFile && !part.partial {
		if inMemory, ok := content.(io.WriterTo); ok {
			_, err := inMemory.WriteTo(w)
			return err
		}
	}
	buffer, ok := d.buffers.Get().(*[smallBlob]byte)
	if !ok {
		buffer = new([smallBlob]byte)
	}
	defer d.buffers.Put(buffer)
	if _, err := io.ReadFull(content, buffer[:part.length]); err != nil {
		return err
	}
	_, err := w.Write(buffer[:part.length])
	return err
}
