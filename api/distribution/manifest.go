package distribution

import (
	"bytes"
	"io"
	"net/http"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// getManifest answers GET and HEAD of a manifest by tag or digest (HTTP-12): the bytes as they were pushed, under the type that they were pushed as,
// whatever Accept says. A GET is a pull and is recorded; a HEAD and a 304 are not (HTTP-14).
func (d *Door) getManifest(x *exchange) error {
	reference, err := x.existing()
	if err != nil {
		return err
	}
	repo, err := d.openImage(x, "ecr:BatchGetImage", reference)
	if err != nil {
		return err
	}
	m, err := repo.Manifest(x.r.Context(), reference)
	if err != nil {
		return err
	}
	// One allocation for all values.
	v := &[4]string{string(m.Digest), `"` + string(m.Digest) + `"`, m.MediaType, itoa(int64(len(m.Body)))}
	h := x.w.Header()
	h["Docker-Content-Digest"] = v[0:1:1]
	h["Etag"] = v[1:2:2]
	if matches(x.r.Header["If-None-Match"], v[0]) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = v[2:3:3]
	h["Content-Length"] = v[3:4:4]
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method == http.MethodHead {
		return nil
	}
	repo.Pulled(m)
	if _, err := x.w.Write(m.Body); err != nil {
		return &Interrupted{err}
	}
	return nil
}

// existing reads the reference of a manifest that should be there. No image has a tag outside the grammar, so asking for one is no mistake of form but a
// search that finds nothing: 404, which the conformance suite of version 1.1 wants. A push under such a tag is refused as TAG_INVALID (H04), and a
// malformed digest always is, as DIGEST_INVALID (H05).
func (x *exchange) existing() (registry.Reference, error) {
	reference, err := registry.ParseReference(x.last)
	if fault.Is(err, fault.TagInvalid) {
		err = fault.New(fault.ImageNotFound, "Requested image not found")
	}
	return reference, err
}

// putManifest stores a manifest under a tag, or by digest without one (HTTP-15, HTTP-16). The `tag` query parameters of the specification's next
// version are not honoured, which a client sees by the absence of OCI-Tag: several tags in one request could only be set or refused one by one (H46).
func (d *Door) putManifest(x *exchange) error {
	reference, err := registry.ParseReference(x.last)
	if err != nil {
		return err
	}
	repo, err := d.Registry.OpenImageToPush(x.r.Context(), x.ref(x.name), reference)
	if err != nil {
		return err
	}
	body, err := x.manifestBody()
	if err != nil {
		return err
	}
	stored, err := repo.PutImage(x.r.Context(), registry.PutImage{
		Body: body, MediaType: x.r.Header.Get("Content-Type"), Tag: reference.Tag, Digest: reference.Digest,
	})
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["Location"] = []string{x.url("/manifests/", string(stored.Digest))}
	h["Docker-Content-Digest"] = []string{string(stored.Digest)}
	if stored.Subject != "" {
		h["Oci-Subject"] = []string{string(stored.Subject)}
	}
	x.empty(http.StatusCreated)
	return nil
}

// manifestBody reads the body, of at most oci.MaxManifest bytes (HTTP-30). Memory grows with what arrives, not with what is announced.
func (x *exchange) manifestBody() ([]byte, error) {
	tooLarge := func() error {
		return fault.New(fault.ManifestTooLarge, "The manifest is larger than %d bytes", oci.MaxManifest)
	}
	if x.r.ContentLength > oci.MaxManifest {
		return nil, tooLarge()
	}
	var body bytes.Buffer
	body.Grow(int(min(max(x.r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	if _, err := body.ReadFrom(io.LimitReader(x.r.Body, oci.MaxManifest+1)); err != nil {
		return nil, bodyBroken(err)
	}
	if body.Len() > oci.MaxManifest {
		return nil, tooLarge()
	}
	return body.Bytes(), nil
}

// deleteManifest removes a tag, or an image by its digest (HTTP-17, API-72, API-73).
func (d *Door) deleteManifest(x *exchange) error {
	reference, err := x.existing()
	if err != nil {
		return err
	}
	repo, err := d.openImage(x, "ecr:BatchDeleteImage", reference)
	if err != nil {
		return err
	}
	_, failures, err := repo.DeleteImages(x.r.Context(), []registry.Reference{reference})
	if err != nil {
		return err
	}
	if len(failures) > 0 { // there is one reference, and so at most one failure
		code := fault.InvalidParameter
		switch failures[0].Code {
		case registry.FailImageNotFound:
			code = fault.ImageNotFound
		case registry.FailReferenced, registry.FailLocked:
			code = fault.ImageReferenced
		}
		return fault.New(code, "%s", failures[0].Reason)
	}
	x.empty(http.StatusAccepted)
	return nil
}
