package registry

import (
	"context"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// A client that pushes an image asks first which layers are there, uploads the others, and at last pushes the manifest that needs them all. In between no image uses
// them, and still none of them may go: the client was told that it is there. So a layer has a lease from the moment when somebody was told: lease_until in its row.
//
// A layer that an image uses has none (0) and needs none: whoever takes the image away gives its layers a lease from then on. So a pull writes nothing, and asking
// whether a layer is there writes only when half of a lease is over and no image has come. See garbage.go for what happens at its end.

// GarbageTimes are for how long what nobody needs is kept. The zero value serves; the clock is the database's, which all nodes share (F23).
type GarbageTimes struct {
	// Lease is for how long a layer stays that no image uses, from when it was pushed or its last image went; 0 is 24 hours. Whoever is told that it is there can count on
	// at least half of that.
	Lease time.Duration
	// Round is how long it takes at the least from finding that no repository holds a blob to removing it; 0 is an hour.
	Round time.Duration
	// Linger is how long an object stays when its row is gone: longer than a URL to it works and a download takes; 0 is 2 hours.
	Linger time.Duration
}

func (t GarbageTimes) orDefault() GarbageTimes {
	if t.Lease == 0 {
		t.Lease = 24 * time.Hour
	}
	if t.Round == 0 {
		t.Round = time.Hour
	}
	if t.Linger == 0 {
		t.Linger = 2 * time.Hour
	}
	return t
}

// leaseUntil is until when a lease goes that begins now.
func (g *Registry) leaseUntil() int64 { return sql.Micros(g.now().Add(g.times.Lease)) }

// promise is findLayer for those who will count on the layer: it has at least half of a lease ahead of it.
func (r *Repo) promise(ctx context.Context, d oci.Digest) (*layer, error) {
	half := r.g.times.Lease / 2
	for range 2 { // what is in memory may be old; what the database says is not
		l, err := r.findLayer(ctx, d)
		if err != nil || l.until.Sub(r.g.now()) >= half {
			return l, err
		}
		r.g.contents.layers.Invalidate(contentKey{r.ID, string(d)})
	}
	err := r.g.db.Write(ctx, func(tx *sql.Tx) error { return r.renew(tx, d) })
	if err != nil {
		return nil, err
	}
	r.g.contents.layers.Invalidate(contentKey{r.ID, string(d)})
	return r.findLayer(ctx, d)
}

// renew gives a layer that no image uses a new lease. One that an image uses, or that is gone, stays as it is.
func (r *Repo) renew(tx *sql.Tx, d oci.Digest) error {
	_, err := tx.Exec(`UPDATE layer SET lease_until = $1 WHERE repository_id = $2 AND digest = $3 AND lease_until > 0 AND lease_until < $1`, r.g.leaseUntil(), r.ID, d)
	return err
}

// letGo gives the layers of an image that goes the lease that they need from now on. One that has half a lease ahead of it is left alone, so that deletions of images
// with common layers do not get in each other's way.
func (r *Repo) letGo(tx *sql.Tx, image oci.Digest) error {
	until := r.g.leaseUntil()
	_, err := tx.Exec(`UPDATE layer SET lease_until = $1 WHERE repository_id = $2 AND lease_until < $3
		AND digest IN (SELECT child FROM manifest_ref WHERE repository_id = $2 AND parent = $4 AND kind IN ('config', 'layer'))`,
		until, r.ID, until-(r.g.times.Lease/2).Microseconds(), image)
	return err
}
