package distribution

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

const (
	// maxFilters is how many artifact types one request may name (API-59).
	maxFilters = 5
	// referrersAtOnce is how many are read from the registry at once: annotations may make each as large as a manifest.
	referrersAtOnce = 10
)

// descriptor is an entry of the referrers index.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       oci.Digest        `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// referrers lists the manifests whose subject is the digest, as an index (HTTP-28). A digest that is unknown has none. A page ends after n of them (100 if
// not given) or where its index would be larger than a manifest may be, since it is one to those who read it (H49).
func (d *Door) referrers(x *exchange) error {
	subject, err := oci.ParseDigest(x.last)
	if err != nil {
		return err
	}
	q, err := x.query()
	if err != nil {
		return err
	}
	limit, _, err := page(q)
	if err != nil {
		return err
	}
	var after oci.Digest
	if q.Has("last") {
		if after, err = oci.ParseDigest(q.Get("last")); err != nil {
			return err
		}
	}
	types := q["artifactType"]
	if len(types) > maxFilters {
		return fault.New(fault.InvalidParameter, "Invalid parameter at 'artifactTypes' failed to satisfy constraint: "+
			"'Member must have length less than or equal to %d'", maxFilters)
	}
	for _, t := range types {
		if !isText(t) {
			return fault.New(fault.InvalidParameter, "Invalid parameter at 'artifactTypes' failed to satisfy constraint: 'must be a media type'")
		}
	}
	repo, err := d.openImage(x, "ecr:BatchGetImage", registry.Reference{Digest: subject})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	body.WriteString(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[`)
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	count, more, full := 0, limit > 0, false
	for more && count < limit && !full {
		list, rest, err := repo.Referrers(x.r.Context(), subject, types, registry.Active, after, min(referrersAtOnce, limit-count))
		if err != nil {
			return err
		}
		more = rest
		for _, r := range list {
			before := body.Len()
			if count > 0 {
				body.WriteByte(',')
			}
			if err := enc.Encode(descriptor{r.MediaType, r.Digest, r.Size, r.ArtifactType, r.Annotations}); err != nil {
				return err
			}
			body.Truncate(body.Len() - 1) // the newline
			if count > 0 && body.Len() > oci.MaxManifest {
				body.Truncate(before)
				more, full = true, true
				break
			}
			count, after = count+1, r.Digest
		}
	}
	body.WriteString(`]}`)
	h := x.w.Header()
	if len(types) > 0 {
		h["Oci-Filters-Applied"] = []string{"artifactType"}
	}
	if more && count > 0 {
		link := url.Values{"last": {string(after)}, "artifactType": types}
		if q.Has("n") {
			link["n"] = []string{strconv.Itoa(limit)}
		}
		x.next(x.url("/referrers/", string(subject)), link)
	}
	h["Content-Type"] = indexType
	x.json(http.StatusOK, body.Bytes())
	return nil
}
