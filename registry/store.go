package registry

import "github.com/berth-registry/berth/storage/blob"

// store is where objects are: the archive's store, or the one for all others.
func (g *Registry) store(archive bool) blob.Store {
	if archive {
		return g.archive
	}
	return g.blobs
}
