package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// Archive puts an image into the archive: it keeps its digest and its tags, and cannot be pulled until it is activated or pushed again (API-75, LC-35). What
// belongs to it goes with it: see archiveImage. The faults are ImageNotFound, and StorageClassNotSupported for an image that is archived already, that an index
// needs, that is locked, or in use as a report says.
func (r *Repo) Archive(ctx context.Context, id Reference) (d oci.Digest, err error) {
	err = r.write(ctx, func(tx *sql.Tx) error {
		var status ImageStatus
		if d, status, err = r.resolve(tx, id); err != nil {
			return err
		}
		if status == Archived {
			return fault.New(fault.StorageClassNotSupported, "The image with digest '%s' in the repository with name '%s' is archived already", d, r.Name)
		}
		needed, err := r.keptBy(tx, nil, d, pullableIndexes)
		if err != nil {
			return err
		}
		if needed {
			return fault.New(fault.StorageClassNotSupported, "The image with digest '%s' in the repository with name '%s' is referenced by an image index, with which it is archived", d, r.Name)
		}
		if lock, err := r.lockOf(tx, d); err != nil {
			return err
		} else if lock != nil {
			return fault.New(fault.StorageClassNotSupported, "The image with digest '%s' in the repository with name '%s' cannot be archived: %s", d, r.Name, lock)
		}
		if err := r.notInUse(tx, d); err != nil {
			return err
		}
		_, err = r.archiveImage(tx, d)
		return err
	})
	return d, err
}

// notInUse refuses to archive an image that a workload uses, as somebody reported, or with which something would go that one uses: it could not be started again.
func (r *Repo) notInUse(tx *sql.Tx, d oci.Digest) error {
	now := r.g.now()
	if g, err := r.guard(tx, now); err != nil || !g.used {
		return err
	}
	all, err := r.belongingTo(tx, d, pullableKeepers)
	if err != nil {
		return err
	}
	for _, with := range all {
		i, err := r.agedOne(tx, with, now)
		if err != nil {
			return err
		}
		if p, err := r.useOf(tx, i); err != nil {
			return err
		} else if p.By != "" {
			if with != d {
				p.Why = fmt.Sprintf("with it would go %s: %s", with, p.Why)
			}
			return fault.New(fault.StorageClassNotSupported, "The image with digest '%s' in the repository with name '%s' cannot be archived: %s", d, r.Name, p.Why)
		}
	}
	return nil
}

// Activate brings an image back from the archive, with what belongs to it. It can be pulled at once, or when the archive worker has brought back its layers from
// the archive's store (LC-37). The faults are ImageNotFound, and StorageClassNotSupported for an image that is not in the archive.
func (r *Repo) Activate(ctx context.Context, id Reference) (d oci.Digest, err error) {
	err = r.write(ctx, func(tx *sql.Tx) error {
		var status ImageStatus
		if d, status, err = r.resolve(tx, id); err != nil {
			return err
		}
		if status != Archived {
			return fault.New(fault.StorageClassNotSupported, "The image with digest '%s' in the repository with name '%s' is not archived", d, r.Name)
		}
		return r.activateImage(tx, d, false)
	})
	return d, err
}

// resolve finds the image that a reference names. The fault is ImageNotFound, in the words of API-51.
func (r *Repo) resolve(tx *sql.Tx, id Reference) (d oci.Digest, status ImageStatus, err error) {
	d = id.Digest
	if id.Tag != "" {
		err = tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, id.Tag), &d)
		if err == nil && id.Digest != "" && d != id.Digest {
			err = sql.ErrNoRows
		}
	}
	if err == nil {
		err = tx.Row(`SELECT status FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, d), &status)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = r.noImage(id)
	}
	r.note(id.Tag, d)
	return d, status, err
}

// archiveImage archives the image with its children, as far as no other image needs them and they have no tags of their own, and with what refers to any of these
// (LC-22, LC-38). Those that are archived already stay as they are, and so do those that are locked; whether the image itself is has been looked at (lockOf). It
// answers what it archived. docs/decisions/archive.md says why it is these.
func (r *Repo) archiveImage(tx *sql.Tx, d oci.Digest) (archived []oci.Digest, err error) {
	all, err := r.belongingTo(tx, d, pullableKeepers)
	if err != nil {
		return nil, err
	}
	if err := r.disturb(tx); err != nil {
		return nil, err
	}
	now := sql.Micros(r.g.now())
	for _, d := range all {
		n, err := tx.Exec(`UPDATE manifest SET status = 'ARCHIVED', archived_at = $1 WHERE repository_id = $2 AND digest = $3 AND status <> 'ARCHIVED'`, now, r.ID, d)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		if err := r.unpullable(tx, d); err != nil {
			return nil, err
		}
		if err := r.usersChanged(tx, d); err != nil {
			return nil, err
		}
		if err := r.tellStorageClass(tx, d, "ARCHIVE", time.Time{}); err != nil {
			return nil, err
		}
		archived = append(archived, d)
	}
	return archived, nil
}

// pullableIndexes are the indexes that list an image and can be pulled, or are about to be.
const pullableIndexes = `SELECT f.parent FROM manifest_ref f JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.parent
	WHERE f.repository_id = $1 AND f.child = $2 AND f.kind = 'manifest' AND m.status <> 'ARCHIVED'`

// pullableKeepers keep an image out of the archive: these indexes, the image that it refers to if that can be pulled, for a signature is to be found as long as what it
// signs can be, and locks.
const pullableKeepers = pullableIndexes + ` UNION SELECT s.digest FROM manifest m JOIN manifest s ON s.repository_id = $1 AND s.digest = m.subject
		WHERE m.repository_id = $1 AND m.digest = $2 AND m.subject <> '' AND s.status <> 'ARCHIVED'
	UNION SELECT target FROM image_lock WHERE repository_id = $1 AND target IN (` + namesOf + `)`

// referrersOf are the images whose subject is d.
func (r *Repo) referrersOf(tx *sql.Tx, d oci.Digest) ([]oci.Digest, error) {
	return r.digests(tx, `SELECT digest FROM manifest WHERE repository_id = $1 AND subject = $2 AND subject <> '' ORDER BY digest`, d)
}

// digests runs a query for digests, whose parameters are the repository and d.
func (r *Repo) digests(tx *sql.Tx, query string, d oci.Digest) (list []oci.Digest, err error) {
	err = tx.Rows(query, sql.Args(r.ID, d), func(row sql.Scanner) error {
		var found oci.Digest
		err := row.Scan(&found)
		list = append(list, found)
		return err
	})
	return list, err
}

// activateImage brings back an image from the archive, with those of its children and of what refers to them that are archived. With atOnce, which is how a push
// does it (API-71), all of it can be pulled right away, from the archive's store if need be; else it is activating while layers are there.
func (r *Repo) activateImage(tx *sql.Tx, image oci.Digest, atOnce bool) error {
	seen, all, away := map[oci.Digest]bool{image: true}, []oci.Digest{image}, false
	for at := 0; at < len(all); at++ {
		// CROSS JOIN tells SQLite to begin with the children: left to itself it reads every image of the repository, for the order in which UNION merges.
		some, err := r.digests(tx, `SELECT m.digest FROM manifest_ref f CROSS JOIN manifest m
			WHERE f.repository_id = $1 AND f.parent = $2 AND f.kind = 'manifest' AND m.repository_id = f.repository_id AND m.digest = f.child AND m.status <> 'ACTIVE'
			UNION SELECT digest FROM manifest WHERE repository_id = $1 AND subject = $2 AND subject <> '' AND status <> 'ACTIVE'`, all[at])
		if err != nil {
			return err
		}
		for _, d := range some {
			if !seen[d] {
				seen[d] = true
				all = append(all, d)
			}
		}
		if !atOnce && !away {
			if away, err = r.isAway(tx, all[at]); err != nil {
				return err
			}
		}
	}
	for _, d := range all {
		var err error
		if away {
			_, err = tx.Exec(`UPDATE manifest SET status = 'ACTIVATING' WHERE repository_id = $1 AND digest = $2 AND status = 'ARCHIVED'`, r.ID, d)
		} else {
			err = r.activated(tx, d)
		}
		if err != nil {
			return err
		}
		if err := r.usersChanged(tx, d); err != nil {
			return err
		}
	}
	return nil
}

// activated makes an image one that can be pulled, and tells of it (EVT-8).
func (r *Repo) activated(tx *sql.Tx, d oci.Digest) error {
	now := r.g.now()
	n, err := tx.Exec(`UPDATE manifest SET status = 'ACTIVE', activated_at = $1 WHERE repository_id = $2 AND digest = $3 AND status <> 'ACTIVE'`, sql.Micros(now), r.ID, d)
	if err != nil || n == 0 {
		return err
	}
	return r.tellStorageClass(tx, d, "STANDARD", now)
}

// isAway reports whether bytes that the image needs are in the archive's store.
func (r *Repo) isAway(tx *sql.Tx, d oci.Digest) (bool, error) {
	var away bool
	err := tx.Row(`SELECT EXISTS (SELECT 1 FROM manifest_ref f JOIN layer l ON l.repository_id = f.repository_id AND l.digest = f.child JOIN blob b ON b.id = l.blob_id
		WHERE f.repository_id = $1 AND f.parent = $2 AND f.kind IN ('config', 'layer') AND b.archived)`, sql.Args(r.ID, d), &away)
	return away, err
}

// unpullable tells the caches of every node that the image is not what they have.
func (r *Repo) unpullable(tx *sql.Tx, d oci.Digest) error {
	tags, err := r.tagsOf(tx, d)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if err := r.g.contents.moved(tx, r.ID, tag); err != nil {
			return err
		}
	}
	return r.g.contents.removed(tx, r.ID, d)
}

// usersChanged has it looked at whether the layers of an image, which has come, gone, or changed its status, are where they belong, and whether they may be read.
func (r *Repo) usersChanged(tx *sql.Tx, d oci.Digest) error {
	layers, err := r.digests(tx, `SELECT child FROM manifest_ref WHERE repository_id = $1 AND parent = $2 AND kind IN ('config', 'layer')`, d)
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if err := tx.ChangedOf(r.g.contents.dropped, r.ID, string(layer)); err != nil {
			return err
		}
	}
	// What is being looked at is written too: the worker that does must not end without having seen this. What an image waits for is due before all else, unless a
	// worker has it.
	_, err = tx.Exec(`INSERT INTO blob_review (blob_id, due, key, archive) SELECT DISTINCT b.id,
			CASE WHEN EXISTS (SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2 AND status = 'ACTIVATING') THEN 0 ELSE CAST($3 AS BIGINT) END, '', FALSE
		FROM manifest_ref f JOIN layer l ON l.repository_id = f.repository_id AND l.digest = f.child JOIN blob b ON b.id = l.blob_id
		WHERE f.repository_id = $1 AND f.parent = $2 AND f.kind IN ('config', 'layer') AND b.key <> ''
		ON CONFLICT (blob_id) DO UPDATE SET due = CASE WHEN blob_review.key = '' AND excluded.due = 0 THEN 0 ELSE blob_review.due END`, r.ID, d, sql.Micros(r.g.now()))
	return err
}

// someArchived reports whether the repository has images that cannot be pulled: as long as it has none, no layer's state depends on who uses it.
func (r *Repo) someArchived(tx *sql.Tx) (some bool, err error) {
	err = tx.Row(`SELECT EXISTS (SELECT 1 FROM manifest WHERE repository_id = $1 AND status IN ('ARCHIVED', 'ACTIVATING'))`, sql.Args(r.ID), &some)
	return some, err
}

// layersReused is usersChanged for an image that came, or goes, where that can matter.
func (r *Repo) layersReused(tx *sql.Tx, d oci.Digest, goes bool) error {
	some, err := r.someArchived(tx)
	if !some && err == nil && r.g.archive != nil {
		if some = goes; !goes {
			some, err = r.isAway(tx, d)
		}
	}
	if !some || err != nil {
		return err
	}
	return r.usersChanged(tx, d)
}

// activateChildren brings back what a new index needs: an index that can be pulled has no child that cannot.
func (r *Repo) activateChildren(tx *sql.Tx, children []oci.Descriptor) error {
	if len(children) == 0 {
		return nil
	}
	archived, err := r.sizes(tx, `SELECT digest, archived_at FROM manifest WHERE repository_id = $1 AND status <> 'ACTIVE' AND digest IN `, children)
	for d := range archived {
		err = errors.Join(err, r.activateImage(tx, d, true))
	}
	return err
}
