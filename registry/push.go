package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// refsMost is how many layers or images a manifest may refer to: more rows would hold up everybody else when it is pushed or removed.
const refsMost = 10_000

// PutImage is a manifest to store. MediaType is the Content-Type or the parameter, and may be empty when the manifest names its own. Tag and Digest may be
// empty; a Digest must be the body's.
type PutImage struct {
	Body      []byte
	MediaType string
	Tag       string
	Digest    oci.Digest
}

// Stored says what PutImage did. New: the image was not there. Moved: the tag did not point to it. Restored: it was archived (API-71). Subject is the manifest's subject, if it has one.
type Stored struct {
	Digest    oci.Digest
	MediaType string
	Subject   oci.Digest
	New       bool
	Moved     bool
	Restored  bool
}

// PutImage stores a manifest and points the tag to it, in one transaction that is durable when it answers. The order of checks is API-66's; the faults are
// ManifestInvalid, ManifestTooLarge, MediaTypeUnsupported, InvalidParameter, TagInvalid, ImageDigestDoesNotMatch, LayersNotFound, ReferencedImagesNotFound,
// ImageTagAlreadyExists, LimitExceeded, and AccessDenied where the permission depends on the image (OpenImages), or the tag would name others that the
// caller may not pull (mayName). The same image under the same tag again is no error: neither New nor Moved nor Restored.
func (r *Repo) PutImage(ctx context.Context, p PutImage) (Stored, error) {
	if p.Tag != "" {
		if err := oci.CheckTag(p.Tag); err != nil {
			return Stored{}, err
		}
	}
	m, err := oci.ParseManifest(p.Body, p.MediaType)
	if err != nil {
		return Stored{}, err
	}
	if n := len(m.Layers) + len(m.Children); n > refsMost {
		return Stored{}, fault.New(fault.ManifestInvalid, "The manifest refers to %d layers or images; at most %d are allowed", n, refsMost)
	}
	digest := oci.FromBytes(p.Body)
	if p.Digest != "" && p.Digest != digest {
		return Stored{}, fault.New(fault.ImageDigestDoesNotMatch, "The digest of the manifest is %s, not %s", digest, p.Digest)
	}
	r.call.Audit.Tag, r.call.Audit.Digest = p.Tag, string(digest)
	if r.images != nil {
		if err := r.mayUse(ctx, p.Tag, digest); err != nil {
			return Stored{}, err
		}
	}
	if err := r.mayName(ctx, m, digest, p.Tag); err != nil {
		return Stored{}, err
	}
	if err := r.g.db.Room(); err != nil {
		return Stored{}, err
	}
	full, err := r.g.sizes.full(ctx, r)
	if err != nil {
		return Stored{}, err
	}
	signatures, err := r.signatures(ctx, m)
	if err != nil {
		return Stored{}, err
	}
	s := Stored{Digest: digest, MediaType: m.MediaType}
	if m.Subject != nil {
		s.Subject = m.Subject.Digest
	}
	err = r.g.db.Write(ctx, func(tx *sql.Tx) error {
		s.Moved = false
		rules, err := r.tagRules(tx)
		if err != nil {
			return err
		}
		if s.New, s.Restored, err = r.store(tx, m, digest, p.Body, p.Tag != ""); err != nil {
			return err
		}
		if p.Tag != "" {
			if s.Moved, err = r.point(tx, rules, p.Tag, digest); err != nil {
				return err
			}
		}
		if s.New || s.Moved || s.Restored {
			if err := r.tellPush(tx, m, digest, p.Tag); err != nil {
				return err
			}
		}
		if err := r.request(tx, digest, signatures); err != nil {
			return err
		}
		if s.New && full {
			return fault.New(fault.LimitExceeded, "The repository with name '%s' holds %d images, which is the limit", r.Name, r.g.limits.Images)
		}
		return r.g.record(tx, r.call)
	})
	if err != nil {
		return Stored{}, err
	}
	if s.New {
		r.g.sizes.added(r.ID)
	}
	return s, nil
}

// store keeps the manifest if the repository does not have it yet, and brings it back if it is archived (API-71); everything that it refers to must be there, in the
// size that it says. tagged says that the same transaction gives it a tag.
func (r *Repo) store(tx *sql.Tx, m *oci.Manifest, digest oci.Digest, body []byte, tagged bool) (isNew, restored bool, err error) {
	var mediaType string
	var status ImageStatus
	var whole bool
	err = tx.Row(`SELECT media_type, status, body = $3 AND $4 = (SELECT count(*) FROM manifest_ref f WHERE f.repository_id = $1 AND f.parent = $2) FROM manifest
		WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, digest, body, references(m)), &mediaType, &status, &whole)
	if err == nil && !whole {
		if err := r.mendManifest(tx, m, digest, body); err != nil {
			return false, false, err
		}
	}
	if err == nil {
		if mediaType != m.MediaType {
			// Clients decide by the media type how to read these bytes; the same digest must never be served as two kinds (H39).
			return false, false, fault.New(fault.ManifestInvalid, "The image with digest '%s' is stored with media type %s, not %s", digest, mediaType, m.MediaType)
		}
		if status == Active {
			return false, false, nil
		}
		return false, true, r.activateImage(tx, digest, true)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return false, false, err
	}
	if err := r.checkLayers(tx, m); err != nil {
		return false, false, err
	}
	size := m.Size()
	largest, err := r.checkChildren(tx, m)
	if err != nil {
		return false, false, err
	}
	if len(m.Children) > 0 {
		size = largest // API-52
		if err := r.disturb(tx); err != nil {
			return false, false, err
		}
	}
	subject, annotations := oci.Digest(""), "null"
	if m.Subject != nil {
		subject, annotations = m.Subject.Digest, toJSON(m.Annotations)
	}
	if _, err := tx.Exec(`INSERT INTO manifest (repository_id, digest, media_type, artifact_media_type, artifact_type, annotations, subject, image_size, body, body_size, pushed_at, last_pull, tagged)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12) ON CONFLICT (repository_id, digest) DO NOTHING`, // see keep
		r.ID, digest, m.MediaType, m.ArtifactMediaType(), referrerType(m), annotations, subject, size, body, len(body), sql.Micros(r.g.now()), tagged); err != nil {
		return false, false, err
	}
	if err := r.refer(tx, m, digest); err != nil {
		return false, false, err
	}
	if err := r.activateChildren(tx, m.Children); err != nil {
		return false, false, err
	}
	return true, false, r.layersReused(tx, digest, false)
}

// mendManifest makes the row of a stored image right again whose bytes are damaged, or of which it is not known what it refers to (F07, F29).
func (r *Repo) mendManifest(tx *sql.Tx, m *oci.Manifest, digest oci.Digest, body []byte) error {
	if err := r.checkLayers(tx, m); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE manifest SET body = $1, body_size = $2 WHERE repository_id = $3 AND digest = $4`, body, len(body), r.ID, digest); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM manifest_ref WHERE repository_id = $1 AND parent = $2`, r.ID, digest); err != nil {
		return err
	}
	if err := r.refer(tx, m, digest); err != nil {
		return err
	}
	return r.unpullable(tx, digest)
}

// references is how many rows tell what the manifest refers to.
func references(m *oci.Manifest) int {
	layers := make(map[oci.Digest]bool, len(m.Layers))
	for i := range m.Layers {
		layers[m.Layers[i].Digest] = true
	}
	children := make(map[oci.Digest]bool, len(m.Children))
	for i := range m.Children {
		children[m.Children[i].Digest] = true
	}
	n := len(layers) + len(children)
	if m.Config != nil {
		n++
	}
	return n
}

// referrerType is the artifactType that the referrers list shows: the manifest's own, else its config's media type (OCI distribution spec 1.1).
func referrerType(m *oci.Manifest) string {
	if m.ArtifactType != "" || m.Config == nil {
		return m.ArtifactType
	}
	return m.Config.MediaType
}

// checkLayers demands the config and each layer that has to be here (API-66: not foreign ones) in the size that its descriptor says (H37). One whose bytes were found
// wrong is not here: the client pushes it again (F07).
func (r *Repo) checkLayers(tx *sql.Tx, m *oci.Manifest) error {
	need := make([]oci.Descriptor, 0, len(m.Layers)+1)
	if m.Config != nil {
		need = append(need, *m.Config)
	}
	for _, l := range m.Layers {
		if !l.Foreign {
			need = append(need, l)
		}
	}
	have, err := r.sizes(tx, `SELECT digest, size FROM layer WHERE repository_id = $1 AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = blob_id AND b.suspect) AND digest IN `, need)
	if err != nil {
		return err
	}
	return compare(need, have, func(missing []string) error {
		return fault.New(fault.LayersNotFound, "Layers with digests '[%s]' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
			strings.Join(missing, ", "), r.Name, r.Account)
	}, m.Kind == oci.Legacy)
}

// checkChildren demands each child of an index, and answers the size of the largest.
func (r *Repo) checkChildren(tx *sql.Tx, m *oci.Manifest) (largest int64, err error) {
	have, err := r.sizes(tx, `SELECT digest, body_size FROM manifest WHERE repository_id = $1 AND digest IN `, m.Children)
	if err != nil {
		return 0, err
	}
	err = compare(m.Children, have, func(missing []string) error {
		return fault.New(fault.ReferencedImagesNotFound, "Images with digests '[%s]' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
			strings.Join(missing, ", "), r.Name, r.Account)
	}, false)
	if err != nil {
		return 0, err
	}
	images, err := r.sizes(tx, `SELECT digest, image_size FROM manifest WHERE repository_id = $1 AND digest IN `, m.Children)
	for _, size := range images {
		largest = max(largest, size)
	}
	return largest, err
}

// sizes asks for the sizes of many digests.
func (r *Repo) sizes(tx *sql.Tx, query string, want []oci.Descriptor) (map[oci.Digest]int64, error) {
	have := make(map[oci.Digest]int64, len(want))
	err := r.some(len(want), func(i int) oci.Digest { return want[i].Digest }, func(in string, args []any) error {
		return tx.Rows(query+in, args, func(row sql.Scanner) error {
			var d oci.Digest
			var size int64
			err := row.Scan(&d, &size)
			have[d] = size
			return err
		})
	})
	return have, err
}

// some calls f for some of n digests at a time, with "($2, …)" and the arguments of a query that asks for them in this repository, which is $1. Lists of a few
// fixed lengths keep the number of different statements small.
func (r *Repo) some(n int, digest func(i int) oci.Digest, f func(in string, args []any) error) error {
	for at := 0; at < n; {
		size := 8
		if n-at > 8 {
			size = 64
		}
		args := make([]any, 1, size+1)
		args[0] = r.ID
		for i := range size {
			args = append(args, digest(min(at+i, n-1)))
		}
		if err := f(parameters(2, size), args); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// parameters is "($first, …)" with n parameters.
func parameters(first, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",$%d", first+i)
	}
	return "(" + b.String()[1:] + ")"
}

// compare finds what is missing and what has another size than its descriptor says. Legacy manifests say no sizes.
func compare(need []oci.Descriptor, have map[oci.Digest]int64, missing func([]string) error, legacy bool) error {
	var absent []string
	for _, d := range need {
		size, ok := have[d.Digest]
		switch {
		case !ok && !slices.Contains(absent, string(d.Digest)):
			absent = append(absent, string(d.Digest))
		case ok && size != d.Size && !legacy:
			return fault.New(fault.ManifestInvalid, "The descriptor of %s says %d bytes; %d are stored", d.Digest, d.Size, size)
		}
		if len(absent) == 100 {
			break // enough to see what is wrong
		}
	}
	if len(absent) > 0 {
		return missing(absent)
	}
	return nil
}

// refer keeps what the manifest refers to, so that children can be protected and unreferenced layers found.
func (r *Repo) refer(tx *sql.Tx, m *oci.Manifest, parent oci.Digest) error {
	one := func(child *oci.Descriptor, kind string) error {
		_, err := tx.Exec(`INSERT INTO manifest_ref (repository_id, parent, child, kind, media_type) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			r.ID, parent, child.Digest, kind, child.MediaType)
		return err
	}
	if m.Config != nil {
		if err := one(m.Config, "config"); err != nil {
			return err
		}
	}
	for i := range m.Layers {
		if err := one(&m.Layers[i], "layer"); err != nil {
			return err
		}
	}
	for i := range m.Children {
		if err := one(&m.Children[i], "manifest"); err != nil {
			return err
		}
	}
	return nil
}

// point makes the tag name the image; it reports false when it did already. The faults are ImageTagAlreadyExists for a tag that may not move, as it is immutable or
// locked, TagInvalid for one that the repository does not take, and LimitExceeded.
func (r *Repo) point(tx *sql.Tx, rules tagRules, tag string, digest oci.Digest) (moved bool, err error) {
	var was oci.Digest
	err = tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, tag), &was)
	exists := err == nil
	switch {
	case exists && was == digest:
		return false, nil
	case exists && rules.IsImmutable(tag):
		return false, fault.New(fault.ImageTagAlreadyExists, "The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, r.Name)
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return false, err
	}
	if err := rules.allow(tag); err != nil {
		return false, err
	}
	if exists {
		lock, err := r.lockOn(tx, tag)
		if err != nil {
			return false, err
		}
		if lock != nil {
			return false, fault.New(fault.ImageTagAlreadyExists, "The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag %s", tag, r.Name, lock)
		}
	}
	var tags int64
	if err := tx.Row(`SELECT count(*) FROM tag WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, digest), &tags); err != nil {
		return false, err
	}
	if tags >= r.g.limits.ImageTags {
		return false, fault.New(fault.LimitExceeded, "The image with digest '%s' has %d tags, which is the limit", digest, tags)
	}
	if _, err := tx.Exec(`INSERT INTO tag (repository_id, name, digest, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at`, r.ID, tag, digest, sql.Micros(r.g.now())); err != nil {
		return false, err
	}
	if err := r.tagsChanged(tx, digest); err != nil {
		return false, err
	}
	if exists {
		if err := errors.Join(r.tagsChanged(tx, was), r.disturb(tx)); err != nil {
			return false, err
		}
	}
	return true, r.g.contents.moved(tx, r.ID, tag)
}

// tagsChanged notes whether an image that got or lost a tag has any: see ImageFilter.
func (r *Repo) tagsChanged(tx *sql.Tx, d oci.Digest) error {
	_, err := tx.Exec(`UPDATE manifest SET tagged = NOT tagged WHERE repository_id = $1 AND digest = $2
		AND tagged <> EXISTS (SELECT 1 FROM tag WHERE repository_id = $1 AND digest = $2)`, r.ID, d)
	return err
}
