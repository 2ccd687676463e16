package registry

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// ImageNode is an image with what belongs to it: an index with its platforms, signatures, bills of materials and attestations is one thing to people, and
// many manifests to a registry.
type ImageNode struct {
	Image
	// Purpose is what an artifact is for; "" of an image, an index and a platform.
	Purpose oci.Purpose
	// Platform is what the index says that this child is for: linux/amd64.
	Platform string
	// Children are what an index lists, but for attestations, which are Referrers of what they are about. Referrers have this image as their subject, or are
	// kept for it under the tags of older tools.
	Children, Referrers []*ImageNode
	// LastPuller is the ARN of who pulled it last; "" if that is not known. Locks are those on the image and on its tags.
	LastPuller string
	Locks      []Lock
	// More says of a root that there is more below it than is told.
	More bool
}

// graphMost is how many images the graphs of one answer may hold.
const graphMost = 2000

// Graph is an image with everything that belongs to it, as far as 2,000 images go. An image that belongs to a graph in several ways stands in it once.
// It is no pull. The fault is ImageNotFound.
func (r *Repo) Graph(ctx context.Context, ref Reference) (*ImageNode, error) {
	var root *ImageNode
	err := r.g.db.View(ctx, func(tx *sql.Tx) error {
		d := ref.Digest
		if ref.Tag != "" {
			err := tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, ref.Tag), &d)
			if errors.Is(err, sql.ErrNoRows) || err == nil && ref.Digest != "" && ref.Digest != d {
				return r.noImage(ref)
			}
			if err != nil {
				return err
			}
		}
		root = &ImageNode{Image: Image{Digest: d}}
		g := r.newGraphs(tx)
		there, err := g.grow([]*ImageNode{root})
		if err == nil && len(there) == 0 {
			err = r.noImage(ref)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return root, nil
}

// Graphs lists the images that belong to no other, each as its graph, the last pushed first, limit at a time after the cursor that the page before ended with:
// not the untagged children of an index, nor what refers to an image that is there. An image with a tag of its own stands for itself, also in an index.
func (r *Repo) Graphs(ctx context.Context, after string, limit int) (list []*ImageNode, next string, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		images, more, err := r.page(tx, ImageFilter{roots: true}, after, "<", limit)
		if err != nil {
			return err
		}
		list, next = make([]*ImageNode, len(images)), more
		for i := range images {
			list[i] = &ImageNode{Image: images[i]}
		}
		list, err = r.newGraphs(tx).grow(list)
		return err
	})
	return list, next, err
}

// rootsOnly leaves out what belongs to another image of the repository.
const rootsOnly = ` AND NOT EXISTS (SELECT 1 FROM manifest s WHERE m.subject <> '' AND s.repository_id = m.repository_id AND s.digest = m.subject)
	AND (EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest)
		OR NOT EXISTS (SELECT 1 FROM manifest_ref p WHERE p.repository_id = m.repository_id AND p.child = m.digest AND p.kind = 'manifest'))
	AND NOT EXISTS (SELECT 1 FROM tag t JOIN manifest s ON s.repository_id = t.repository_id AND s.digest = 'sha256:' || substr(t.name, 8, 64)
		WHERE t.repository_id = m.repository_id AND t.digest = m.digest AND t.name >= 'sha256-' AND t.name < 'sha256.')`

// graphs grows the graphs of some images, level by level: a level costs a few queries, however many images are in it.
type graphs struct {
	r    *Repo
	tx   *sql.Tx
	seen map[graphKey]*ImageNode
	root map[*ImageNode]*ImageNode
	left int
	// about is what attestations in an index are of: known before it is known whether that image is in the graph.
	about []attestation
}

// graphKey is an image in one of the graphs: two roots may have the same child.
type graphKey struct {
	root   *ImageNode
	digest oci.Digest
}

type attestation struct {
	index, node *ImageNode
	of          oci.Digest
}

func (r *Repo) newGraphs(tx *sql.Tx) *graphs {
	return &graphs{r: r, tx: tx, seen: map[graphKey]*ImageNode{}, root: map[*ImageNode]*ImageNode{}, left: graphMost}
}

// grow fills in the roots and all that is below them, and answers those that are there.
func (g *graphs) grow(roots []*ImageNode) ([]*ImageNode, error) {
	for _, n := range roots {
		g.root[n], g.seen[graphKey{n, n.Digest}] = n, n
	}
	roots, err := g.load(roots)
	if err != nil {
		return nil, err
	}
	for level := roots; len(level) > 0; {
		below, err := g.children(level)
		if err != nil {
			return nil, err
		}
		referrers, err := g.referrers(level)
		if err != nil {
			return nil, err
		}
		tagged, err := g.underSchemaTags(level)
		if err != nil {
			return nil, err
		}
		if level, err = g.load(slices.Concat(below, referrers, tagged)); err != nil {
			return nil, err
		}
	}
	for _, a := range g.about {
		if of := g.seen[graphKey{g.root[a.index], a.of}]; of != nil && of != a.node {
			a.index.Children = slices.DeleteFunc(a.index.Children, func(n *ImageNode) bool { return n == a.node })
			of.Referrers = append(of.Referrers, a.node)
		}
	}
	return roots, nil
}

// add makes a node below another, unless its root has it already or there are too many; else it is nil.
func (g *graphs) add(above *ImageNode, d oci.Digest) *ImageNode {
	root := g.root[above]
	key := graphKey{root, d}
	if g.seen[key] != nil {
		return nil
	}
	if g.left == 0 {
		root.More = true
		return nil
	}
	g.left--
	n := &ImageNode{Image: Image{Digest: d}}
	g.seen[key], g.root[n] = n, root
	return n
}

// byDigest finds the nodes of a level again that a query answers for.
func byDigest(level []*ImageNode) (at map[oci.Digest][]*ImageNode, digests []oci.Digest) {
	at = make(map[oci.Digest][]*ImageNode, len(level))
	for _, n := range level {
		if at[n.Digest] == nil {
			digests = append(digests, n.Digest)
		}
		at[n.Digest] = append(at[n.Digest], n)
	}
	return at, digests
}

// each runs a query that ends with "IN" for the nodes of a level.
func (g *graphs) each(digests []oci.Digest, query, order string, f func(row sql.Scanner) error) error {
	return g.r.some(len(digests), func(i int) oci.Digest { return digests[i] }, func(in string, args []any) error {
		return g.tx.Rows(query+in+order, args, f)
	})
}

// load reads the rows of nodes, and answers those that have one.
func (g *graphs) load(level []*ImageNode) ([]*ImageNode, error) {
	at, digests := byDigest(level)
	tags, err := g.r.tagsOfAll(g.tx, len(digests), func(i int) oci.Digest { return digests[i] })
	if err != nil {
		return nil, err
	}
	there := map[oci.Digest]bool{}
	err = g.each(digests, selectImage+` AND m.digest IN `, ``, func(row sql.Scanner) error {
		i, err := scanImage(row)
		if err != nil {
			return err
		}
		there[i.Digest], i.Tags = true, tags[i.Digest]
		for _, n := range at[i.Digest] {
			n.Image = i
			if n.Purpose == "" && !i.isContainer() {
				n.Purpose = oci.PurposeOf(i.ArtifactMediaType, nil)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := g.locks(at, digests, tags); err != nil {
		return nil, err
	}
	err = g.each(digests, `SELECT digest, last_puller FROM manifest WHERE repository_id = $1 AND last_puller <> '' AND digest IN `, ``, func(row sql.Scanner) error {
		var d oci.Digest
		var who string
		err := row.Scan(&d, &who)
		for _, n := range at[d] {
			n.LastPuller = who
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	// Annotations say more of the purpose than the type does; they are not worth much memory.
	err = g.each(digests, `SELECT digest, artifact_type, CASE WHEN length(annotations) < 65536 THEN annotations ELSE 'null' END FROM manifest
		WHERE repository_id = $1 AND subject <> '' AND digest IN `, ``, func(row sql.Scanner) error {
		var d oci.Digest
		var artifactType string
		var text []byte
		if err := row.Scan(&d, &artifactType, &text); err != nil {
			return err
		}
		var annotations map[string]string
		if err := json.Unmarshal(text, &annotations); err != nil {
			return err
		}
		for _, n := range at[d] {
			n.Purpose = oci.PurposeOf(artifactType, annotations)
		}
		return nil
	})
	return slices.DeleteFunc(level, func(n *ImageNode) bool { return !there[n.Digest] }), err
}

// locks finds what keeps the images of a level, or one of their tags.
func (g *graphs) locks(at map[oci.Digest][]*ImageNode, digests []oci.Digest, tags map[oci.Digest][]string) error {
	of := map[string]oci.Digest{}
	var targets []oci.Digest // and tags, which are text as digests are
	for _, d := range digests {
		of[string(d)] = d
		targets = append(targets, d)
		for _, tag := range tags[d] {
			of[tag] = d
			targets = append(targets, oci.Digest(tag))
		}
	}
	return g.each(targets, `SELECT target, reason, locked_by, locked_at FROM image_lock WHERE repository_id = $1 AND target IN `, ` ORDER BY target`, func(row sql.Scanner) error {
		var l Lock
		var locked int64
		err := row.Scan(&l.Target, &l.Reason, &l.By, &locked)
		l.At = sql.Time(locked)
		for _, n := range at[of[l.Target]] {
			n.Locks = append(n.Locks, l)
		}
		return err
	})
}

// isContainer reports whether the image is one of a container, or an index.
func (i *Image) isContainer() bool {
	switch i.ArtifactMediaType {
	case "", "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
		return true
	}
	return false
}

// children reads the indexes of a level for what they list.
func (g *graphs) children(level []*ImageNode) (below []*ImageNode, err error) {
	at, digests := byDigest(level)
	digests = slices.DeleteFunc(digests, func(d oci.Digest) bool {
		t := at[d][0].MediaType
		return t != oci.MediaTypeImageIndex && t != oci.MediaTypeDockerManifestList
	})
	err = g.each(digests, `SELECT digest, media_type, body FROM manifest WHERE repository_id = $1 AND digest IN `, ``, func(row sql.Scanner) error {
		var d oci.Digest
		var mediaType string
		var body []byte
		if err := row.Scan(&d, &mediaType, &body); err != nil {
			return err
		}
		m, err := oci.ParseManifest(body, mediaType)
		if err != nil {
			return err
		}
		for _, index := range at[d] {
			for i := range m.Children {
				c := &m.Children[i]
				n := g.add(index, c.Digest)
				if n == nil {
					continue
				}
				n.Platform = c.Platform.String()
				if c.About != "" {
					n.Purpose = oci.Attestation
					g.about = append(g.about, attestation{index, n, c.About})
				}
				index.Children = append(index.Children, n)
				below = append(below, n)
			}
		}
		return nil
	})
	return below, err
}

// referrers finds what has an image of the level as its subject.
func (g *graphs) referrers(level []*ImageNode) (below []*ImageNode, err error) {
	at, digests := byDigest(level)
	// With the plus, SQLite looks for the subjects: without, it walks all images of the repository in the order of their pushes.
	err = g.each(digests, `SELECT subject, digest FROM manifest WHERE repository_id = $1 AND subject <> '' AND subject IN `, ` ORDER BY +pushed_at, digest`, func(row sql.Scanner) error {
		var subject, d oci.Digest
		if err := row.Scan(&subject, &d); err != nil {
			return err
		}
		for _, of := range at[subject] {
			if n := g.add(of, d); n != nil {
				of.Referrers = append(of.Referrers, n)
				below = append(below, n)
			}
		}
		return nil
	})
	return below, err
}

// underSchemaTags finds what older tools keep for an image of the level under a tag that they make of its digest.
func (g *graphs) underSchemaTags(level []*ImageNode) (below []*ImageNode, err error) {
	at, digests := byDigest(level)
	type schema struct {
		of      oci.Digest
		purpose oci.Purpose
	}
	tags := map[string]schema{}
	var names []oci.Digest // some takes digests; to the database they are text as names are
	for _, d := range digests {
		for name, purpose := range oci.SchemaTags(d) {
			tags[name] = schema{d, purpose}
			names = append(names, oci.Digest(name))
		}
	}
	err = g.each(names, `SELECT name, digest FROM tag WHERE repository_id = $1 AND name IN `, ` ORDER BY name`, func(row sql.Scanner) error {
		var name string
		var d oci.Digest
		if err := row.Scan(&name, &d); err != nil {
			return err
		}
		for _, of := range at[tags[name].of] {
			if n := g.add(of, d); n != nil {
				n.Purpose = tags[name].purpose
				of.Referrers = append(of.Referrers, n)
				below = append(below, n)
			}
		}
		return nil
	})
	return below, err
}
