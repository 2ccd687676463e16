package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// Reference names an image of a repository by tag, by digest, or by both.
type Reference struct {
	Tag    string
	Digest oci.Digest
}

// ParseReference reads what stands after /manifests/ in a path: a digest if it holds a colon, else a tag. The faults are DigestInvalid and TagInvalid.
func ParseReference(s string) (Reference, error) {
	if strings.IndexByte(s, ':') >= 0 {
		d, err := oci.ParseDigest(s)
		return Reference{Digest: d}, err
	}
	return Reference{Tag: s}, oci.CheckTag(s)
}

// Manifest is a stored manifest. It is shared between requests: Body must not be changed.
type Manifest struct {
	Digest    oci.Digest
	MediaType string
	Body      []byte
}

// Manifest finds an image's manifest, byte for byte as it was pushed. When the reference has tag and digest, they must belong together.
// The faults are ImageNotFound, ImageArchived for one that is there and cannot be pulled (LC-35), and AccessDenied where the permission depends on the image (OpenImages): also for one that is not there, so that it does
// not show which are.
func (r *Repo) Manifest(ctx context.Context, ref Reference) (*Manifest, error) {
	r.note(ref.Tag, ref.Digest)
	m, err := r.findManifest(ctx, ref)
	found := ref.Digest
	if err == nil {
		found = m.Digest
	} else if !fault.Is(err, fault.ImageNotFound) && !fault.Is(err, fault.ImageArchived) {
		return nil, err
	}
	if denied := r.mayPull(ctx, ref.Tag, found); denied != nil {
		return nil, denied
	}
	if err != nil {
		return nil, err
	}
	if ref.Digest != "" && m.Digest != ref.Digest {
		return nil, imageNotFound()
	}
	r.note("", m.Digest)
	return m, nil
}

// findManifest finds the manifest that the tag names or, without a tag, that of the digest.
func (r *Repo) findManifest(ctx context.Context, ref Reference) (*Manifest, error) {
	name, isTag := string(ref.Digest), false
	if ref.Tag != "" {
		name, isTag = ref.Tag, true
	}
	c := r.g.contents
	stamp := c.stamp(r.ID, name, isTag)
	m := c.findManifest(r.ID, name, stamp)
	if m == nil {
		var err error
		if m, err = r.readManifest(ctx, name, isTag); err != nil {
			return nil, err
		}
		c.keepManifest(r.ID, name, stamp, m)
	}
	return m, nil
}

// note tells the audit what is read; of a batch it is the first.
func (r *Repo) note(tag string, d oci.Digest) {
	a := &r.call.Audit
	if a.Tag == "" && a.Digest == "" {
		a.Tag = tag
	}
	if a.Digest == "" {
		a.Digest = string(d)
	}
}

func imageNotFound() error { return fault.New(fault.ImageNotFound, "Requested image not found") }

func (r *Repo) readManifest(ctx context.Context, name string, isTag bool) (found *Manifest, err error) {
	var m Manifest
	var status ImageStatus
	switch {
	case !isTag:
		err = r.g.db.Row(ctx, `SELECT digest, media_type, body, status FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, name), &m.Digest, &m.MediaType, &m.Body, &status)
	default:
		if c := r.g.contents; c.shared {
			// Only where the tag points can be another thing than before; the manifest itself may be at hand. If it is not, tag and manifest are asked for at once: between two questions the tag
			// may move on and the image be deleted, and a tag that always pointed somewhere would be said not to be there (F22).
			var d oci.Digest
			if err = r.g.db.Row(ctx, `SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, name), &d); err != nil {
				break
			}
			stamp := c.stamp(r.ID, string(d), false)
			if m := c.findManifest(r.ID, string(d), stamp); m != nil {
				return m, nil
			}
			defer func() {
				if found != nil && found.Digest == d {
					c.keepManifest(r.ID, string(d), stamp, found)
				}
			}()
		}
		err = r.g.db.Row(ctx, `SELECT m.digest, m.media_type, m.body, m.status FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
			WHERE t.repository_id = $1 AND t.name = $2`, sql.Args(r.ID, name), &m.Digest, &m.MediaType, &m.Body, &status)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, imageNotFound()
	}
	if err != nil {
		return nil, err
	}
	if status != Active {
		return nil, fault.New(fault.ImageArchived, "Requested image is archived")
	}
	if oci.FromBytes(m.Body) != m.Digest { // never wrong bytes: pushing it again mends it (F07, F29)
		return nil, fmt.Errorf("the stored manifest %s is damaged", m.Digest)
	}
	return &m, nil
}

// TagNames lists the tags of the repository's images in lexical order, limit at a time, after the one that the page before ended with; more says that there are
// others. Archived images are left out, as by every list that does not ask for them (LC-35).
func (r *Repo) TagNames(ctx context.Context, after string, limit int) (names []string, more bool, err error) {
	names = make([]string, 0, min(limit, 100))
	// Whether there are archived images at all is asked once: looking at the image of each tag would cost three times as much as the tags.
	err = r.g.db.Rows(ctx, `SELECT t.name FROM tag t WHERE t.repository_id = $1 AND t.name > $2
		AND (NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = $1 AND m.status IN ('ARCHIVED', 'ACTIVATING'))
			OR EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = t.repository_id AND m.digest = t.digest AND m.status = 'ACTIVE'))
		ORDER BY t.name LIMIT $3`, sql.Args(r.ID, after, limit+1), func(row sql.Scanner) error {
		var name string
		err := row.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if len(names) > limit {
		return names[:limit], true, nil
	}
	return names, false, nil
}
