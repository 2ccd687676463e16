package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Layer is a blob that the repository holds: a layer or a configuration.
type Layer struct {
	Digest   oci.Digest
	Size     int64 // bytes
	Archived bool  // only archived images use it: it cannot be read (API-57, LC-35)
}

// layer is where a repository's layer is.
type layer struct {
	Layer
	key     blob.Key // empty when the bytes are in content
	away    bool     // the key is one of the archive's store
	content []byte
	until   time.Time // until when it certainly stays
	suspect bool      // its bytes are not those of its digest
}

// LayerContent is a layer being read. Either Content is set, which the caller closes, or URL, where the client may read it by itself.
type LayerContent struct {
	Layer
	blob.Content
	URL string
}

// Part is the content for those who read no more than a part of it, which no digest describes: nothing stands between them and the bytes.
func (c *LayerContent) Part() blob.Content {
	if v, ok := c.Content.(*verifying); ok {
		return v.Content
	}
	return c.Content
}

// inMemory is a small blob, served from the row.
type inMemory struct{ bytes.Reader }

func (*inMemory) Close() error { return nil }

// Layer finds a blob of the repository. That the cell stores it for another repository does not count (API-63, H32). It stays for a while then, whether an image uses
// it or not (GarbageTimes): a client that is told so does not push it. The fault is LayerNotFound, also for one whose bytes were found wrong: who pushes it mends it (F07).
func (r *Repo) Layer(ctx context.Context, d oci.Digest) (Layer, error) {
	l, err := r.promise(ctx, d)
	if err == nil && l.suspect {
		err = r.noLayer(d)
	}
	if err != nil {
		return Layer{}, err
	}
	return l.Layer, nil
}

func (r *Repo) noLayer(d oci.Digest) error {
	return fault.New(fault.LayerNotFound, "The layer with digest '%s' does not exist in the repository with name '%s' in the registry with id '%s'", d, r.Name, r.Account)
}

// errSuspect says that a blob is quarantined.
var errSuspect = errors.New("its bytes were found not to be those of its digest; they are replaced when it is pushed again")

// OpenLayer opens a blob of the repository for reading. The faults are LayerNotFound, and LayerInaccessible for one that only archived images use. Bytes that are not as the row says are an error without code: the
// client gets a 500 and never wrong bytes, or an answer that breaks off before its end if they turn out to be wrong only while they are read (F07).
func (r *Repo) OpenLayer(ctx context.Context, d oci.Digest) (*LayerContent, error) {
	l, err := r.readable(ctx, d)
	if err != nil {
		return nil, err
	}
	if l.key == "" {
		m := new(inMemory)
		m.Reset(l.content)
		return &LayerContent{Layer: l.Layer, Content: m}, nil
	}
	if url, ok := r.g.store(l.away).URL(ctx, l.key, blob.Disposition{MediaType: "application/octet-stream"}); ok {
		return &LayerContent{Layer: l.Layer, URL: url}, nil
	}
	content, err := r.g.store(l.away).Open(ctx, l.key, l.Size)
	if err != nil {
		if errors.Is(err, blob.ErrSize) {
			r.g.suspect(context.WithoutCancel(ctx), l)
		}
		return nil, fmt.Errorf("blob %s, key %s: %w", l.Digest, l.key, err)
	}
	return &LayerContent{Layer: l.Layer, Content: r.verify(ctx, l, content)}, nil
}

// LayerURL is where a client may read a blob of the repository by itself; "" when it has to come through berth. The faults are those of
// OpenLayer.
func (r *Repo) LayerURL(ctx context.Context, d oci.Digest) (string, error) {
	l, err := r.readable(ctx, d)
	if err != nil || l.key == "" {
		return "", err
	}
	url, _ := r.g.store(l.away).URL(ctx, l.key, blob.Disposition{MediaType: "application/octet-stream"})
	return url, nil
}

// readable is findLayer for reading.
func (r *Repo) readable(ctx context.Context, d oci.Digest) (*layer, error) {
	l, err := r.findLayer(ctx, d)
	if err == nil && l.suspect {
		return nil, fmt.Errorf("blob %s: %w", d, errSuspect)
	}
	if err == nil && l.Archived {
		err = fault.New(fault.LayerInaccessible, "The layer with digest '%s' in the repository with name '%s' in the registry with id '%s' is used by archived images only", d, r.Name, r.Account)
	}
	return l, err
}

func (r *Repo) findLayer(ctx context.Context, d oci.Digest) (*layer, error) {
	r.note("", d)
	c := r.g.contents
	stamp := c.dropped.StampOf(r.ID, string(d))
	if l, ok := c.layers.GetIfPresent(contentKey{r.ID, string(d)}); ok && stamp != 0 && l.stamp == stamp {
		return l.layer, nil
	}
	var l layer
	now, until := r.g.now(), int64(0)
	err := r.g.db.Row(ctx, `SELECT b.digest, b.size, b.key, b.archived, b.content, b.suspect, l.lease_until, `+onlyArchived+` FROM layer l JOIN blob b ON b.id = l.blob_id WHERE l.repository_id = $1 AND l.digest = $2`,
		sql.Args(r.ID, d), &l.Digest, &l.Size, &l.key, &l.away, &l.content, &l.suspect, &until, &l.Archived)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, r.noLayer(d)
	}
	if err != nil {
		return nil, err
	}
	if l.key == "" && !l.suspect && oci.FromBytes(l.content) != l.Digest { // a damaged page of the database
		slog.ErrorContext(ctx, "the bytes of a layer are damaged; it is not served until it is pushed again", "digest", d)
		l.suspect = true
	}
	if l.until = sql.Time(until); until == 0 { // if its images go now, it has a lease from now on
		l.until = now.Add(r.g.times.Lease)
	}
	if stamp != 0 {
		c.layers.Set(contentKey{r.ID, string(l.Digest)}, cachedLayer{stamp, &l})
	}
	return &l, nil
}

// onlyArchived says of layer l whether images use it and none of them is active. In a repository without archived images that takes one look.
const onlyArchived = `EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = $1 AND m.status IN ('ARCHIVED', 'ACTIVATING'))
	AND EXISTS (SELECT 1 FROM manifest_ref f WHERE f.repository_id = $1 AND f.child = $2 AND f.kind IN ('config', 'layer'))
	AND NOT EXISTS (SELECT 1 FROM manifest_ref f JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.parent
		WHERE f.repository_id = $1 AND f.child = $2 AND f.kind IN ('config', 'layer') AND m.status = 'ACTIVE')`

// LayerReferenced reports whether an image of the repository uses the layer (API-58).
func (r *Repo) LayerReferenced(ctx context.Context, d oci.Digest) (bool, error) {
	_, used, err := r.LayerMediaType(ctx, d)
	return used, err
}

// LayerMediaType is what an image of the repository that uses the layer says it is (API-57). used is false as long as none does.
func (r *Repo) LayerMediaType(ctx context.Context, d oci.Digest) (mediaType string, used bool, err error) {
	err = r.g.db.Row(ctx, `SELECT media_type FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind IN ('config', 'layer') LIMIT 1`, sql.Args(r.ID, d), &mediaType)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return mediaType, err == nil, err
}

// MountLayer gives this repository a layer that another one of the same registry holds (HTTP-20). It reports false when that cannot be, always in the same
// way, whether the source does not exist, is closed to the caller, does not use the layer in an image, is encrypted otherwise, or mounting is switched off
// (H30, H31): the client then uploads.
func (r *Repo) MountLayer(ctx context.Context, d oci.Digest, from string) (bool, error) {
	if r.rules.setting(BlobMounting) != "ENABLED" || oci.CheckRepository(from) != nil {
		return false, nil
	}
	noted := r.call.Audit // opening the source notes it, but what is done here is done to this repository
	source, err := r.g.Open(ctx, Ref{r.Account, r.Region, from}, "ecr:GetDownloadUrlForLayer")
	r.call.Audit = noted
	if fault.As(err) != nil && !fault.Is(err, fault.Unavailable) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := source.readable(ctx, d); err != nil { // a foreign layer is referred to and not held
		if fault.Is(err, fault.LayerNotFound) || fault.Is(err, fault.LayerInaccessible) || errors.Is(err, errSuspect) {
			err = nil
		}
		return false, err
	}
	used, err := source.LayerReferenced(ctx, d)
	if err != nil || !used || source.Encryption != r.Encryption {
		return false, err
	}
	r.call.Audit.Digest = string(d)
	mounted := false
	err = r.write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`INSERT INTO layer (repository_id, digest, blob_id, size, pushed_at, upload, lease_until) SELECT $1, digest, blob_id, size, $2, '', $5 FROM layer
			WHERE repository_id = $3 AND digest = $4 ON CONFLICT (repository_id, digest) DO NOTHING`, r.ID, sql.Micros(r.g.now()), source.ID, d, r.g.leaseUntil())
		if err == nil && n == 0 {
			err = r.renew(tx, d)
		}
		if err != nil {
			return err
		}
		var one int
		err = tx.Row(`SELECT 1 FROM layer WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, d), &one)
		mounted = n > 0 || err == nil
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	return mounted, err
}
