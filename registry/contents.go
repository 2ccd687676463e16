package registry

import (
	"strings"

	"github.com/maypok86/otter/v2"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// contents keeps manifests and layer rows in memory, so that a pull needs no database. What it keeps is used only while its epoch says that nobody
// changed it; on a database that other nodes write to, where a tag points is asked each time.
type contents struct {
	tagged  *sql.Epoch // where tags point; SQLite only
	deleted *sql.Epoch // images that were deleted
	dropped *sql.Epoch // layers that a repository lost

	manifests *otter.Cache[contentKey, cachedManifest]
	layers    *otter.Cache[contentKey, cachedLayer]
	shared    bool
}

// layerEpoch is the name of the epoch that moves when a repository loses a layer, or its bytes become others.
const layerEpoch = "layer"

// contentKey is a tag or a digest within a repository.
type contentKey struct {
	repository int64
	name       string
}

type cachedManifest struct {
	stamp    sql.Stamp
	manifest *Manifest
}

type cachedLayer struct {
	stamp sql.Stamp
	layer *layer
}

func newContents(db *sql.DB, most uint64) *contents {
	return &contents{
		tagged: db.Epoch("tag"), deleted: db.Epoch("image"), dropped: db.Epoch(layerEpoch),
		manifests: otter.Must(&otter.Options[contentKey, cachedManifest]{
			MaximumWeight: most / 2,
			Weigher:       func(k contentKey, v cachedManifest) uint32 { return uint32(len(v.manifest.Body) + len(k.name) + 300) },
		}),
		layers: otter.Must(&otter.Options[contentKey, cachedLayer]{
			MaximumWeight: most / 2,
			Weigher:       func(k contentKey, v cachedLayer) uint32 { return uint32(len(v.layer.content) + len(k.name) + 300) },
		}),
		shared: db.Shared(),
	}
}

// stamp is taken before the database is read, and given to keepManifest with what was read.
func (c *contents) stamp(repository int64, name string, isTag bool) sql.Stamp {
	if isTag {
		if c.shared {
			return 0
		}
		return c.tagged.StampOf(repository, name)
	}
	return c.deleted.StampOf(repository, name)
}

func (c *contents) findManifest(repository int64, name string, stamp sql.Stamp) *Manifest {
	if stamp == 0 {
		return nil
	}
	if m, ok := c.manifests.GetIfPresent(contentKey{repository, name}); ok && m.stamp == stamp {
		return m.manifest
	}
	return nil
}

func (c *contents) keepManifest(repository int64, name string, stamp sql.Stamp, m *Manifest) {
	if stamp != 0 {
		// The name is part of a request's path; a key must not hold the request in memory.
		c.manifests.Set(contentKey{repository, strings.Clone(name)}, cachedManifest{stamp, m})
	}
}

// moved says that the transaction points the tag elsewhere, or nowhere.
func (c *contents) moved(tx *sql.Tx, repository int64, tag string) error {
	if c.shared {
		return nil // nobody keeps it
	}
	return tx.ChangedOf(c.tagged, repository, tag)
}

// removed says that the transaction deletes the image.
func (c *contents) removed(tx *sql.Tx, repository int64, d oci.Digest) error {
	return tx.ChangedOf(c.deleted, repository, string(d))
}
