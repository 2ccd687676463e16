package registry

import (
	"context"
	"errors"
	"log/slog"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// removeAtOnce is how many rows one transaction of a large repository's end removes: one transaction for hundreds of thousands of them would hold up the
// pushes of everybody else for seconds.
const removeAtOnce = 500

// Delete removes the repository with its images, tags, policy and uploads (API-40). Without force the fault is RepositoryNotEmpty while it holds images, and always
// while a lock keeps one of them. What was removed from it before cannot be brought back then.
//
// No event tells of the images: EVT-4 has events for images that are deleted by their tag or digest, and EVT-12 for those that a policy expires. What ends here is the
// repository, which the audit record tells; a hundred thousand events would say less.
//
// A large repository loses its name at once, and its rows one part after the other: for everybody it is gone when Delete returns, whatever is left of it.
func (r *Repo) Delete(ctx context.Context, force bool) error {
	large := false
	err := r.write(ctx, func(tx *sql.Tx) error {
		large = false
		if !force {
			var one int
			err := tx.Row(`SELECT 1 FROM manifest WHERE repository_id = $1 LIMIT 1`, sql.Args(r.ID), &one)
			if err == nil {
				return fault.New(fault.RepositoryNotEmpty, "The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", r.Name, r.Account)
			}
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if lock, err := r.someLock(tx); err != nil {
			return err
		} else if lock != nil {
			return fault.New(fault.RepositoryNotEmpty, "The repository with name '%s' in registry with id '%s' cannot be deleted because the image %s", r.Name, r.Account, lock)
		}
		var parts int
		if err := tx.Row(`SELECT count(*) FROM (SELECT 1 FROM manifest WHERE repository_id = $1
			UNION ALL SELECT 1 FROM layer WHERE repository_id = $1 UNION ALL SELECT 1 FROM manifest_ref WHERE repository_id = $1
			UNION ALL SELECT 1 FROM removed_image WHERE repository_id = $1 UNION ALL SELECT 1 FROM upload WHERE repository_id = $1 LIMIT $2) AS few`, sql.Args(r.ID, removeAtOnce+1), &parts); err != nil {
			return err
		}
		// No account is "", so no name leads to the row any more; its id keeps it apart from others on their way out.
		end := `UPDATE repository SET account = '', name = region || ' ' || id, policy = NULL WHERE id = $1`
		if large = parts > removeAtOnce; !large {
			end = `DELETE FROM repository WHERE id = $1`
		}
		if !large {
			if _, err := r.g.removeLayers(tx, r.ID); err != nil {
				return err
			}
			if _, err := r.g.removeUploads(tx, r.ID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(end, r.ID); err != nil {
			return err
		}
		if r.g.onDelete != nil {
			tx.AfterCommit(func() { r.g.onDelete(r.Ref) })
		}
		return r.g.changed(tx, r.Ref)
	})
	if err == nil && large {
		if err := r.g.removeRest(context.WithoutCancel(ctx), r.ID); err != nil {
			slog.WarnContext(ctx, "rows of a deleted repository could not be removed; the sweep does it", "repository", r.ID, "error", err)
		}
	}
	return err
}

// RemoveDeleted removes what is left of large repositories that were deleted when the process ended meanwhile.
func (g *Registry) RemoveDeleted(ctx context.Context) error {
	var ids []int64
	err := g.db.Rows(ctx, `SELECT id FROM repository WHERE account = ''`, nil, func(row sql.Scanner) error {
		var id int64
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	})
	for _, id := range ids {
		err = errors.Join(err, g.removeRest(ctx, id))
	}
	return err
}

// removeRest removes a repository that has lost its name.
func (g *Registry) removeRest(ctx context.Context, id int64) error {
	for _, part := range []string{
		`DELETE FROM tag WHERE repository_id = $1 AND name IN (SELECT name FROM tag WHERE repository_id = $1 LIMIT $2)`,
		`DELETE FROM manifest_ref WHERE repository_id = $1 AND (parent, child, kind) IN (SELECT parent, child, kind FROM manifest_ref WHERE repository_id = $1 LIMIT $2)`,
		`DELETE FROM manifest WHERE repository_id = $1 AND digest IN (SELECT digest FROM manifest WHERE repository_id = $1 LIMIT $2)`,
		`DELETE FROM removed_image WHERE id IN (SELECT id FROM removed_image WHERE repository_id = $1 LIMIT $2)`,
	} {
		for removed := int64(1); removed > 0; {
			err := g.db.Write(ctx, func(tx *sql.Tx) (err error) {
				removed, err = tx.Exec(part, id, removeAtOnce)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	for _, part := range []func(*sql.Tx, int64) (int, error){g.removeLayers, g.removeUploads} {
		for removed := removeAtOnce; removed == removeAtOnce; {
			err := g.db.Write(ctx, func(tx *sql.Tx) (err error) {
				removed, err = part(tx, id)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM repository WHERE id = $1 AND account = ''`, id)
		return err
	})
}

// removeLayers takes some of its layers from a repository that goes, and answers how many.
func (g *Registry) removeLayers(tx *sql.Tx, repository int64) (n int, err error) {
	var blobs []int64
	err = tx.Rows(`DELETE FROM layer WHERE repository_id = $1 AND digest IN (SELECT digest FROM layer WHERE repository_id = $1 LIMIT $2) RETURNING blob_id`, sql.Args(repository, removeAtOnce),
		func(row sql.Scanner) error {
			var id int64
			err := row.Scan(&id)
			blobs = append(blobs, id)
			return err
		})
	for _, id := range blobs {
		err = errors.Join(err, g.condemn(tx, id))
	}
	return len(blobs), err
}

// removeUploads takes some of its uploads from a repository that goes, and answers how many. Their bytes that are no objects go with the sweep.
func (g *Registry) removeUploads(tx *sql.Tx, repository int64) (int, error) {
	ended, err := g.endUploads(tx, `id IN (SELECT id FROM upload WHERE repository_id = $1 LIMIT $2)`, repository, removeAtOnce)
	return len(ended), err
}
