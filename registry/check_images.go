package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

const pushImageAgain = "push the image again"

// pageImages is how many images are looked at in one snapshot.
const pageImages = 100

// images is I2 and I3, and I6 of sizes: each image's bytes are those of its digest, what it refers to is what they say, and is there.
func (c *checker) images(ctx context.Context, r *checked, done *progress) error {
	for after := oci.Digest(""); ; {
		var page []oci.Digest
		var found []check.Finding
		err := c.db.View(ctx, func(tx *sql.Tx) error {
			err := tx.Rows(`SELECT x.digest FROM manifest x`+ofLiving+`AND x.digest > $2 ORDER BY x.digest LIMIT $3`, sql.Args(r.id, after, pageImages), func(row sql.Scanner) error {
				var d oci.Digest
				err := row.Scan(&d)
				page = append(page, d)
				return err
			})
			for _, d := range page {
				if err == nil {
					found, err = c.image(tx, r, d, found)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range found {
			c.run.Report(f)
		}
		done.add(int64(len(page)))
		if len(page) < pageImages {
			return nil
		}
		after = page[len(page)-1]
	}
}

// imageRow is an image as its row describes it.
type imageRow struct {
	mediaType, artifactMediaType, artifactType string
	subject                                    oci.Digest
	size, bodySize                             int64
	body                                       []byte
}

// child is what an image refers to by its rows.
type child struct {
	digest oci.Digest
	kind   string
}

// have is what is there of a child: sizes in bytes, nil if it is not there.
type have struct{ layer, body, image *int64 }

// image adds what is wrong with one image.
func (c *checker) image(tx *sql.Tx, r *checked, d oci.Digest, found []check.Finding) ([]check.Finding, error) {
	var row imageRow
	if err := tx.Row(`SELECT media_type, artifact_media_type, artifact_type, subject, image_size, body, body_size FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(r.id, d),
		&row.mediaType, &row.artifactMediaType, &row.artifactType, &row.subject, &row.size, &row.body, &row.bodySize); err != nil {
		return found, err
	}
	bad := func(invariant, detail string, args ...any) {
		found = append(found, r.found(invariant, "image "+string(d), pushImageAgain, detail, args...))
	}
	if is := oci.FromBytes(row.body); is != d {
		bad("I2", "has bytes whose digest is %s", is)
		return found, nil
	}
	m, err := oci.ParseManifest(row.body, row.mediaType)
	if err != nil {
		bad("I2", "is stored as %s, which its bytes are not: %v", row.mediaType, err)
		return found, nil
	}
	for _, problem := range row.differs(m) {
		bad("I2", "%s", problem)
	}
	refs, err := c.references(tx, r, d)
	if err != nil {
		return found, err
	}
	c.compare(m, refs, &row, bad)
	return found, nil
}

// differs says what the row tells of the manifest that is not so.
func (row *imageRow) differs(m *oci.Manifest) (problems []string) {
	var subject oci.Digest
	if m.Subject != nil {
		subject = m.Subject.Digest
	}
	for _, column := range []struct{ name, is, should string }{
		{"media type", row.mediaType, m.MediaType}, {"artifact media type", row.artifactMediaType, m.ArtifactMediaType()}, {"artifact type", row.artifactType, referrerType(m)},
		{"subject", string(row.subject), string(subject)}, {"size of its manifest", fmt.Sprint(row.bodySize), fmt.Sprint(len(row.body))},
	} {
		if column.is != column.should {
			problems = append(problems, fmt.Sprintf("is listed with the %s %q, and has %q", column.name, column.is, column.should))
		}
	}
	return problems
}

// references are the rows of what an image refers to, with what is there of it.
func (c *checker) references(tx *sql.Tx, r *checked, d oci.Digest) (map[child]have, error) {
	refs := map[child]have{}
	err := tx.Rows(`SELECT f.child, f.kind, l.size, m.body_size, m.image_size FROM manifest_ref f
		LEFT JOIN layer l ON l.repository_id = f.repository_id AND l.digest = f.child LEFT JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.child
		WHERE f.repository_id = $1 AND f.parent = $2`, sql.Args(r.id, d), func(row sql.Scanner) error {
		var to child
		var h have
		err := row.Scan(&to.digest, &to.kind, &h.layer, &h.body, &h.image)
		refs[to] = h
		return err
	})
	return refs, err
}

// compare tells what the manifest refers to that is in no row or not there, and which rows it does not speak of.
func (c *checker) compare(m *oci.Manifest, refs map[child]have, row *imageRow, bad func(invariant, detail string, args ...any)) {
	known := make(map[child]bool, len(refs))
	largest, whole := int64(0), true
	one := func(to *oci.Descriptor, kind string) {
		at := child{to.Digest, kind}
		if known[at] {
			return
		}
		known[at] = true
		h, listed := refs[at]
		if !listed {
			whole = false
			bad("I2", "refers to %s %s, of which no row knows", kind, to.Digest)
			return
		}
		size, what := h.layer, kind
		if kind == "manifest" {
			size, what = h.body, "image"
		}
		switch {
		case size == nil && !to.Foreign:
			whole = false
			bad("I3", "needs %s %s, which is not there", what, to.Digest)
		case size != nil && *size != to.Size && m.Kind != oci.Legacy && !to.Foreign:
			bad("I3", "says that %s %s has %d bytes; it has %d", what, to.Digest, to.Size, *size)
		}
		if kind == "manifest" && h.image != nil {
			largest = max(largest, *h.image)
		}
	}
	if m.Config != nil {
		one(m.Config, "config")
	}
	for i := range m.Layers {
		one(&m.Layers[i], "layer")
	}
	for i := range m.Children {
		one(&m.Children[i], "manifest")
	}
	var more []string
	for to := range refs {
		if !known[to] {
			more = append(more, to.kind+" "+string(to.digest))
		}
	}
	slices.Sort(more)
	for _, to := range more {
		bad("I2", "has a row that says it refers to %s, which it does not", to)
	}
	should := m.Size()
	if len(m.Children) > 0 {
		should = largest // API-52
	}
	if whole && row.size != should {
		bad("I6", "is listed with %d bytes, and has %d", row.size, should)
	}
}

// removed is I2 of images that were deleted and can be brought back.
func (c *checker) removed(ctx context.Context, r *checked) error {
	var afterID int64
	var afterDigest oci.Digest
	for full := true; full; {
		var found []check.Finding
		n := 0
		err := c.db.Rows(ctx, `SELECT x.id, x.digest, x.manifest, x.body FROM removed_image x`+ofLiving+`AND (x.digest, x.id) > ($2, $3) ORDER BY x.digest, x.id LIMIT $4`, sql.Args(r.id, afterDigest, afterID, pageImages), func(row sql.Scanner) error {
			var d oci.Digest
			var was, body []byte
			n++
			err := row.Scan(&afterID, &d, &was, &body)
			afterDigest = d
			if err == nil && oci.FromBytes(body) != d {
				found = append(found, r.found("I2", "removed image "+string(d), pushImageAgain, "cannot be brought back: its bytes are those of another digest"))
			} else if err == nil && !isJSON(was, new(removedRow)) {
				found = append(found, r.found("I2", "removed image "+string(d), pushImageAgain, "cannot be brought back: what it was cannot be read"))
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range found {
			c.run.Report(f)
		}
		full = n == pageImages
	}
	return nil
}

var errNotJSON = errors.New("it is no JSON of its kind")
