package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	partAsked      = 10 << 20 // bytes, API-60
	uploadLifetime = 24 * time.Hour
)

// Upload is a layer on its way: Size bytes are there.
type Upload struct {
	ID   string
	Size int64
}

// uploadRow is an upload as the database has it. version guards against two writers: one of them finds it changed.
type uploadRow struct {
	blob.Upload
	parts, shortParts, lastPart int64
	version                     int64
	kept                        bool // it is in the database
}

// PartBytes is how many bytes a client shall send in each part of an upload: what ECR asks for, unless less is taken here (API-60).
func (r *Repo) PartBytes() int64 { return min(partAsked, r.g.limits.PartBytes) }

// StartUpload begins an upload. The fault is LimitExceeded when the caller has very many open (H29).
func (r *Repo) StartUpload(ctx context.Context) (Upload, error) {
	if err := r.g.db.Room(); err != nil {
		return Upload{}, err
	}
	principal, most := r.call.Principal.ARN, r.g.limits.Uploads
	var one int
	err := r.g.db.Row(ctx, `SELECT 1 FROM upload WHERE principal = $1 LIMIT 1 OFFSET $2`, sql.Args(principal, most-1), &one)
	if err == nil {
		return Upload{}, fault.New(fault.LimitExceeded, "You have %d uploads open, which is the limit: complete or cancel some; those left alone for %d hours are removed",
			most, int(uploadLifetime.Hours()))
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return Upload{}, err
	}
	id := uuid.NewString()
	err = r.write(ctx, func(tx *sql.Tx) error { return r.insertUpload(tx, id) })
	return Upload{ID: id}, err
}

// insertUpload makes the row of an upload of which nothing is there yet.
func (r *Repo) insertUpload(tx *sql.Tx, id string) error {
	_, err := tx.Exec(`INSERT INTO upload (id, repository_id, principal, size, sum, tail, state, parts, short_parts, last_part, version, touched_at)
		VALUES ($1, $2, $3, 0, $4, $4, $4, 0, 0, 0, 0, $5)`, id, r.ID, r.call.Principal.ARN, []byte{}, sql.Micros(r.g.now()))
	return err
}

// Upload finds an upload of this repository. The fault is UploadNotFound, the same for one that never was, is over, or belongs elsewhere (H25).
func (r *Repo) Upload(ctx context.Context, id string) (Upload, error) {
	row, err := r.readUpload(ctx, id)
	if err != nil {
		return Upload{}, err
	}
	return Upload{ID: id, Size: row.Size}, nil
}

func (r *Repo) readUpload(ctx context.Context, id string) (*uploadRow, error) {
	row := &uploadRow{Upload: blob.Upload{ID: id}, kept: true}
	err := r.g.db.Row(ctx, `SELECT size, sum, tail, state, parts, short_parts, last_part, version FROM upload WHERE id = $1 AND repository_id = $2`, sql.Args(id, r.ID),
		&row.Size, &row.Sum, &row.Tail, &row.State, &row.parts, &row.shortParts, &row.lastPart, &row.version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, r.noUpload(id)
	}
	return row, err
}

func (r *Repo) noUpload(id string) error {
	return fault.New(fault.UploadNotFound, "Upload with id '%s' does not exist in the repository with name '%s' in the registry with id '%s'", id, r.Name, r.Account)
}

// Append adds bytes to an upload. first is the offset of in's first byte, or -1 for the end. The faults are UploadNotFound, RangeInvalid when first is not
// the next byte, UploadBusy when another request writes to the same upload (H20, H23), SizeInvalid over the limit of a layer, and Unavailable; with
// RangeInvalid the Upload says what is there. When in fails, what came until then is kept, Upload says how much, and the error wraps in's (H22).
func (r *Repo) Append(ctx context.Context, id string, first int64, in io.Reader) (Upload, error) {
	row, release, err := r.takeUpload(ctx, id, false)
	if err != nil {
		return Upload{}, err
	}
	defer release()
	if first >= 0 && first != row.Size {
		return Upload{id, row.Size}, notNext(first, row.Size)
	}
	before := row.Size
	failed := r.fill(ctx, row, in)
	if fault.As(failed) != nil || row.Size == before && failed != nil {
		return Upload{id, before}, failed
	}
	// What came is kept even when the client has gone: it may come back for the rest.
	if err := r.saveUpload(context.WithoutCancel(ctx), row); err != nil {
		return Upload{id, before}, err
	}
	return Upload{id, row.Size}, failed
}

func notNext(first, next int64) error {
	return fault.New(fault.RangeInvalid, "First byte of the layer part is %d instead of %d", first, next)
}

// fill gives in to the blob store, up to the size that a layer may have.
func (r *Repo) fill(ctx context.Context, row *uploadRow, in io.Reader) error {
	if err := r.g.blobs.Append(ctx, &row.Upload, io.LimitReader(in, r.g.limits.LayerBytes-row.Size+1)); err != nil {
		return err
	}
	if most := r.g.limits.LayerBytes; row.Size > most {
		return fault.New(fault.SizeInvalid, "A layer can have at most %d bytes", most)
	}
	return nil
}

// saveUpload keeps the row, with the call's audit record.
func (r *Repo) saveUpload(ctx context.Context, row *uploadRow) error {
	return r.storeUpload(ctx, row, true)
}

// storeUpload keeps the row; record says that the call ends with it.
func (r *Repo) storeUpload(ctx context.Context, row *uploadRow, record bool) error {
	err := r.g.db.Write(ctx, func(tx *sql.Tx) error {
		if err := r.alive(tx); err != nil {
			return err
		}
		n, err := tx.Exec(`UPDATE upload SET size = $1, sum = $2, tail = $3, state = $4, parts = $5, short_parts = $6, last_part = $7, version = version + 1, touched_at = $8
			WHERE id = $9 AND version = $10`, row.Size, notNull(row.Sum), notNull(row.Tail), notNull(row.State), row.parts, row.shortParts, row.lastPart, sql.Micros(r.g.now()), row.ID, row.version)
		if err == nil && n == 0 {
			err = changedMeanwhile(row.ID)
		}
		if err != nil || !record {
			return err
		}
		return r.g.record(tx, r.call)
	})
	if err == nil {
		row.version++
	}
	return err
}

func changedMeanwhile(id string) error {
	return fault.New(fault.UploadBusy, "Another request changed the upload with id '%s'", id)
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// AppendPart adds a part by UploadLayerPart (API-60, API-61). The faults are UploadNotFound, InvalidLayerPart with a fault.LayerPart, LimitExceeded,
// UploadBusy and Unavailable.
func (r *Repo) AppendPart(ctx context.Context, id string, first, last int64, part []byte) (lastByte int64, err error) {
	row, release, err := r.takeUpload(ctx, id, false)
	if err != nil {
		return 0, err
	}
	defer release()
	wrong := func(format string, args ...any) error {
		return fault.New(fault.InvalidLayerPart, format, args...).With(fault.LayerPart{RegistryID: r.Account, Repository: r.Name, UploadID: id, LastValidByte: row.Size - 1})
	}
	switch {
	case first != row.Size:
		return 0, wrong("First byte of the layer part is %d instead of %d", first, row.Size)
	case last-first+1 != int64(len(part)):
		return 0, wrong("The layer part from byte %d to byte %d has %d bytes", first, last, len(part))
	case int64(len(part)) > r.g.limits.PartBytes:
		return 0, wrong("The layer part has %d bytes; %d are allowed", len(part), r.g.limits.PartBytes)
	case row.parts >= r.g.limits.LayerParts:
		return 0, fault.New(fault.LimitExceeded, "The layer has %d parts, which is the limit", row.parts)
	case row.Size+int64(len(part)) > r.g.limits.LayerBytes:
		return 0, fault.New(fault.LimitExceeded, "A layer can have at most %d bytes", r.g.limits.LayerBytes)
	}
	if err := r.fill(ctx, row, bytes.NewReader(part)); err != nil {
		return 0, err
	}
	row.parts++
	row.lastPart = int64(len(part))
	if row.lastPart < partLeast {
		row.shortParts++
	}
	return row.Size - 1, r.saveUpload(ctx, row)
}

// Complete ends an upload, after adding rest when it is not nil: its content is the layer with digest d. existed says that the repository had the layer.
// Completing again what was completed, because the answer was lost or two clients did it at once, is no mistake: existed is true then (H24).
// The faults are UploadNotFound, InvalidLayer when the content has another digest (the upload is over then), LayerPartTooSmall, UploadBusy, SizeInvalid and
// Unavailable.
func (r *Repo) Complete(ctx context.Context, id string, d oci.Digest, rest io.Reader) (l Layer, existed bool, err error) {
	return r.CompleteAt(ctx, id, d, -1, rest)
}

// CompleteAt is Complete with a rest whose first byte has the offset first in the layer; -1 is the end of what is there. Its further fault is RangeInvalid.
func (r *Repo) CompleteAt(ctx context.Context, id string, d oci.Digest, first int64, rest io.Reader) (l Layer, existed bool, err error) {
	row, release, err := r.takeUpload(ctx, id, rest == nil)
	if fault.Is(err, fault.UploadNotFound) && rest == nil {
		if l, found, other := r.completed(ctx, id, d); found || other != nil {
			return l, true, other
		}
	}
	if err != nil {
		return Layer{}, false, err
	}
	defer release()
	tooSmall := row.shortParts
	if row.parts > 0 && row.lastPart < partLeast {
		tooSmall--
	}
	if tooSmall > 0 {
		return Layer{}, false, fault.New(fault.LayerPartTooSmall, "All layer parts except the last part should be at least 5MB")
	}
	if rest != nil {
		if first >= 0 && first != row.Size {
			return Layer{}, false, notNext(first, row.Size)
		}
		if err := r.fillRest(ctx, row, rest); err != nil {
			return Layer{}, false, err
		}
	}
	l, existed, err = r.finish(ctx, row, d)
	if fault.Is(err, fault.InvalidLayer) {
		r.call.Audit.Error = string(fault.InvalidLayer) // the record goes out with the removal
		err = errors.Join(err, r.forget(ctx, &row.Upload))
	}
	return l, existed, err
}

// fillRest adds the last bytes of an upload that is being completed. Where bytes were acknowledged before, the row must know of the new ones before the
// store turns them all into an object: a failure after that would leave a row whose bytes are gone, and the client would have to start again. And where they were long on
// their way, the row has to be there still: what it buried when it went is deleted after a while, and an object that is made later would stay.
func (r *Repo) fillRest(ctx context.Context, row *uploadRow, rest io.Reader) error {
	before, began := row.Size, r.g.now()
	failed := r.fill(ctx, row, rest)
	if fault.As(failed) != nil || row.Size == before {
		return failed
	}
	if failed != nil || before > 0 || r.g.now().Sub(began) > r.g.times.Linger/2 {
		if err := r.storeUpload(context.WithoutCancel(ctx), row, false); err != nil {
			return errors.Join(failed, err)
		}
	}
	return failed
}

// completed finds the layer that an upload became.
func (r *Repo) completed(ctx context.Context, id string, d oci.Digest) (l Layer, found bool, err error) {
	var one int
	err = r.g.db.Row(ctx, `SELECT 1 FROM layer WHERE repository_id = $1 AND digest = $2 AND upload = $3`, sql.Args(r.ID, d, id), &one)
	if err == nil {
		l, err = r.Layer(ctx, d)
	}
	if errors.Is(err, sql.ErrNoRows) || fault.Is(err, fault.LayerNotFound) {
		return Layer{}, false, nil
	}
	return l, err == nil, err
}

// PutLayer stores a layer that comes in one request. The faults are those of Complete.
func (r *Repo) PutLayer(ctx context.Context, d oci.Digest, in io.Reader) (Layer, error) {
	if err := r.g.db.Room(); err != nil {
		return Layer{}, err
	}
	row := &uploadRow{Upload: blob.Upload{ID: uuid.NewString()}}
	release, err := r.g.holds.take(ctx, holdKey{r.ID, row.ID}, false) // it has no row, by which it would be known
	if err != nil {
		return Layer{}, err
	}
	defer release()
	if err := r.fill(ctx, row, in); err != nil {
		return Layer{}, errors.Join(err, r.g.blobs.Abort(context.WithoutCancel(ctx), &row.Upload))
	}
	l, _, err := r.finish(ctx, row, d)
	if err != nil {
		err = errors.Join(err, r.abandon(context.WithoutCancel(ctx), row))
	}
	return l, err
}

// abandon ends an upload that was one request and failed. What it cannot do, because the database is away, is done when the upload has been left alone for a day.
func (r *Repo) abandon(ctx context.Context, row *uploadRow) error {
	var err error
	if row.kept {
		err = r.g.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := r.g.endUploads(tx, `id = $1`, row.ID)
			return err
		})
	}
	return errors.Join(err, r.g.blobs.Abort(ctx, &row.Upload))
}

// endUploads takes away the rows of uploads that do not become layers, and answers what they were. An object may have been made of each before something failed: its key is
// buried, so that it goes as other objects do that no row leads to.
func (g *Registry) endUploads(tx *sql.Tx, which string, args ...any) (ended []blob.Upload, err error) {
	err = tx.Rows(`DELETE FROM upload WHERE `+which+` RETURNING id, size, sum, tail, state`, args, func(row sql.Scanner) error {
		var u blob.Upload
		err := row.Scan(&u.ID, &u.Size, &u.Sum, &u.Tail, &u.State)
		ended = append(ended, u)
		return err
	})
	for i := range ended {
		err = errors.Join(err, g.bury(tx, ended[i].Key(), false, 0))
	}
	return ended, err
}

// finish makes the upload's content the layer d, durably: first the bytes, then the rows, then the answer. Content that the cell already holds is not
// stored twice; nobody can see that but by the disk (API-63).
func (r *Repo) finish(ctx context.Context, row *uploadRow, d oci.Digest) (Layer, bool, error) {
	is, err := row.Digest()
	if err != nil {
		return Layer{}, false, err
	}
	if is != d {
		return Layer{}, false, fault.New(fault.InvalidLayer, "The layer has digest '%s', not '%s'", is, d)
	}
	r.call.Audit.Digest = string(d)
	existed, used := false, false
	var at place
	for err = errCollected; errors.Is(err, errCollected); {
		if at, err = r.settle(ctx, row, d); err != nil {
			return Layer{}, false, err
		}
		existed, used, err = r.link(ctx, row, d, at)
	}
	if err != nil {
		return Layer{}, false, err
	}
	if at.key != "" && !used {
		r.discard(ctx, &row.Upload)
	}
	return Layer{Digest: d, Size: row.Size}, existed, nil
}

// errCollected says that the cell held the content when the upload was finished, and does not any more, or not as it should.
var errCollected = errors.New("the blob was collected")

// settle makes the bytes of an upload durable, unless the cell holds the same content already. Before there is an object, a row knows its key: whatever ends the push
// then, the object is found (I5).
func (r *Repo) settle(ctx context.Context, row *uploadRow, d oci.Digest) (place, error) {
	u := &row.Upload
	if content, small := u.Inline(); small {
		return place{content: notNull(content), ready: true}, nil
	}
	known, broken, err := r.stored(ctx, d)
	if err != nil || known && !broken {
		return place{key: u.Key()}, err
	}
	if !row.kept {
		err := r.g.db.Write(ctx, func(tx *sql.Tx) error {
			if err := r.alive(tx); err != nil {
				return err
			}
			return r.insertUpload(tx, u.ID)
		})
		if err != nil {
			return place{}, err
		}
		row.kept = true
	}
	return place{key: u.Key(), ready: true, broken: broken}, r.g.blobs.Commit(ctx, u)
}

// link makes the rows of a finished upload. used says that its bytes are those of the layer; otherwise its key is buried.
func (r *Repo) link(ctx context.Context, row *uploadRow, d oci.Digest, at place) (existed, used bool, err error) {
	u := &row.Upload
	err = r.write(ctx, func(tx *sql.Tx) error {
		existed, used = false, false
		if row.kept {
			n, err := tx.Exec(`DELETE FROM upload WHERE id = $1 AND version = $2`, u.ID, row.version)
			if err != nil {
				return err
			}
			if n == 0 {
				return changedMeanwhile(u.ID)
			}
		}
		id, isKey, err := r.keep(tx, d, u.Size, at)
		if err != nil {
			return err
		}
		if used = isKey; row.kept && at.key != "" && !used {
			if err := r.g.bury(tx, at.key, false, 0); err != nil {
				return err
			}
		}
		n, err := tx.Exec(`INSERT INTO layer (repository_id, digest, blob_id, size, pushed_at, upload, lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (repository_id, digest) DO UPDATE SET blob_id = excluded.blob_id, size = excluded.size WHERE layer.blob_id <> excluded.blob_id OR layer.size <> excluded.size`, r.ID, d, id, u.Size, sql.Micros(r.g.now()), u.ID, r.g.leaseUntil())
		if existed = n == 0; existed && err == nil {
			err = r.renew(tx, d)
		}
		return err
	})
	return existed, used, err
}

// stored reports whether the cell holds the content already; broken says that its bytes are not there, not whole, or found wrong.
func (r *Repo) stored(ctx context.Context, d oci.Digest) (known, broken bool, err error) {
	var key blob.Key
	var size int64
	var away, suspect bool
	err = r.g.db.Row(ctx, `SELECT key, size, archived, suspect FROM blob WHERE digest = $1`, sql.Args(d), &key, &size, &away, &suspect)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	if err != nil || suspect || key == "" {
		return err == nil, suspect, err
	}
	problem, err := blob.Look(ctx, r.g.store(away), key, size)
	if problem == blob.Missing {
		err = r.g.objects().lost(ctx, away)
	}
	if err != nil {
		return false, false, err
	}
	if problem != "" {
		slog.ErrorContext(ctx, "the bytes of a layer are lost or damaged; those that are pushed now take their place", "digest", d, "key", key, "problem", problem)
	}
	return true, problem != "", nil
}

// place is where the bytes of a finished upload are. They are not ready when the cell was found to hold the same content already.
type place struct {
	key     blob.Key
	content []byte
	ready   bool
	broken  bool // what the cell held was found damaged: its row is to point here (F07)
}

// holding is what the row of a blob says.
type holding struct {
	id      int64
	key     blob.Key
	content []byte
	away    bool
	suspect bool
}

// keep finds or makes the row of the content. used says that the row's bytes are those at the place.
func (r *Repo) keep(tx *sql.Tx, d oci.Digest, size int64, at place) (id int64, used bool, err error) {
	var has holding
	err = tx.Row(`SELECT id, key, content, archived, suspect FROM blob WHERE digest = $1`, sql.Args(d), &has.id, &has.key, &has.content, &has.away, &has.suspect)
	switch {
	case err == nil && has.key != "" && has.key == at.key:
		return has.id, true, nil
	case err == nil && at.ready && (at.broken || has.suspect || has.key == "" && at.key == "" && !bytes.Equal(has.content, at.content)):
		return has.id, true, r.mend(tx, &has, size, at)
	case err == nil && has.suspect:
		return 0, false, errCollected // it was found wrong meanwhile: the bytes that come are needed after all
	case err == nil:
		return has.id, false, nil
	case !errors.Is(err, sql.ErrNoRows):
		return 0, false, err
	}
	if !at.ready {
		return 0, false, errCollected
	}
	// Two pushes of the same content at once do not see each other's row before one of them commits: the database then runs the other again, for which
	// the conflict must not be an error.
	now := r.g.now()
	id, err = tx.InsertNew(now, func(id int64) (int64, error) {
		return tx.Exec(`INSERT INTO blob (id, digest, size, key, content, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			id, d, size, at.key, at.content, sql.Micros(now))
	})
	return id, true, err
}

// mend points the row of a damaged blob to good bytes, for every repository that holds it (F07).
func (r *Repo) mend(tx *sql.Tx, has *holding, size int64, at place) error {
	_, err := tx.Exec(`UPDATE blob SET key = $1, content = $2, size = $3, archived = FALSE, suspect = FALSE WHERE id = $4`, at.key, at.content, size, has.id)
	if err == nil && has.key != "" {
		err = r.g.bury(tx, has.key, has.away, 0)
	}
	return errors.Join(err, tx.Changed(r.g.contents.dropped, ""))
}

// discard removes bytes that are stored already under another key, as far as they are no object, which is buried. That it fails costs only disk, which the sweep gives back.
func (r *Repo) discard(ctx context.Context, u *blob.Upload) {
	if err := r.g.blobs.Abort(context.WithoutCancel(ctx), u); err != nil {
		slog.WarnContext(ctx, "bytes of an upload that was stored already could not be removed; the sweep does it", "upload", u.ID, "error", err)
	}
}

// Cancel ends an upload and forgets its bytes. The fault is UploadNotFound.
func (r *Repo) Cancel(ctx context.Context, id string) error {
	row, release, err := r.takeUpload(ctx, id, false)
	if err != nil {
		return err
	}
	defer release()
	return r.forget(ctx, &row.Upload)
}

func (r *Repo) forget(ctx context.Context, u *blob.Upload) error {
	ctx = context.WithoutCancel(ctx)
	err := r.write(ctx, func(tx *sql.Tx) error {
		ended, err := r.g.endUploads(tx, `id = $1`, u.ID)
		if err == nil && len(ended) == 0 {
			err = r.noUpload(u.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.g.blobs.Abort(ctx, u)
}
