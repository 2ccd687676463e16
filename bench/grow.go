package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"

	"modernc.org/sqlite" // the driver "sqlite"
)

// growth is images that are written straight into berth's database, since pushing so many would take an hour: copies of the one image of a repository, each with a
// manifest and a digest of its own, so that they are served as if they had been pushed.
type growth struct {
	from         string // repository whose one image is copied
	into         string // repository that takes them; the beginning of the names of new ones when there are to be several
	images       int
	repositories int // how many new ones share them; 0: into is there and takes all
	after        int // number of the first image; so many have been made already
}

// offline stops berth, lets f at its database, and starts it again.
func (t *target) offline(ctx context.Context, f func(db *sql.DB) error) error {
	t.stop()
	db, err := sql.Open("sqlite", filepath.Join(t.dir, "data", "berth.db")+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-1000000)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // of which the temporary tables are
	err = f(db)
	if closing := db.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	_, err = t.restart(ctx, t.ready, 0)
	return err
}

// teach gives SQLite the function digest(bytes), which is what a registry calls them.
func teach() error {
	return sqlite.RegisterDeterministicScalarFunction("oci_digest", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		body, ok := args[0].([]byte)
		if !ok {
			return nil, fmt.Errorf("oci_digest of %T", args[0])
		}
		return fmt.Sprintf("sha256:%x", sha256.Sum256(body)), nil
	})
}

// grow writes the rows. The images are tagged t0, t1, …, and those of one repository are a repository's number of images apart in push time.
func grow(ctx context.Context, db *sql.DB, g growth) error {
	var source int64
	if err := db.QueryRowContext(ctx, `SELECT id FROM repository WHERE name = $1`, g.from).Scan(&source); err != nil {
		return fmt.Errorf("%s: %w", g.from, err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it is committed, or there is an error already
	if g.repositories > 0 {
		if _, err := tx.ExecContext(ctx, `WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $1)
			INSERT INTO repository (id, account, region, name, created_at, mutability, exclusions, scan_on_push, encryption, kms_key, policy, tags)
			SELECT (SELECT max(id) FROM repository) + 1 + n, account, region, printf('%s-%06d', $2, $3 + n), created_at, mutability, exclusions, scan_on_push, encryption, kms_key, policy, tags
			FROM n, repository WHERE id = $4`, g.repositories, g.into, g.after*g.repositories/max(g.images, 1), source); err != nil {
			return err
		}
	}
	const kept = `SELECT $1 + n % $2 AS repository_id, n, CAST(replace(CAST(m.body AS TEXT), 'revision":"0"', 'revision":"' || $3 || n || '"') AS BLOB) AS body FROM n, manifest m WHERE m.repository_id = $4`
	var first int64
	spread := max(g.repositories, 1)
	if g.repositories > 0 {
		err = tx.QueryRowContext(ctx, `SELECT max(id) - $1 + 1 FROM repository`, g.repositories).Scan(&first)
	} else {
		err = tx.QueryRowContext(ctx, `SELECT id FROM repository WHERE name = $1`, g.into).Scan(&first)
	}
	if err != nil {
		return err
	}
	for _, step := range []struct {
		text string
		args []any
	}{
		{`CREATE TEMPORARY TABLE made (repository_id, n, body, digest)`, nil},
		{`WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $5) INSERT INTO made SELECT repository_id, n, body, oci_digest(body) FROM (` + kept + `)`,
			[]any{first, spread, fmt.Sprintf("%s %d ", g.into, g.after), source, g.images}},
		{`INSERT INTO layer (repository_id, digest, blob_id, size, pushed_at, upload, lease_until) SELECT r.id, l.digest, l.blob_id, l.size, l.pushed_at, '', 0
			FROM repository r, layer l WHERE r.id BETWEEN $1 AND $1 + $2 - 1 AND l.repository_id = $3 ON CONFLICT DO NOTHING`, []any{first, spread, source}},
		{`INSERT INTO manifest (repository_id, digest, media_type, artifact_media_type, artifact_type, annotations, subject, image_size, body, body_size, pushed_at, last_pull, tagged)
			SELECT made.repository_id, made.digest, m.media_type, m.artifact_media_type, m.artifact_type, m.annotations, m.subject, m.image_size, made.body, length(made.body), m.pushed_at + n, 0, TRUE
			FROM made, manifest m WHERE m.repository_id = $1 ORDER BY made.repository_id, n`, []any{source}},
		{`INSERT INTO manifest_ref SELECT made.repository_id, made.digest, f.child, f.kind, f.media_type FROM made, manifest_ref f WHERE f.repository_id = $1 ORDER BY made.repository_id, n`, []any{source}},
		{`INSERT INTO tag SELECT repository_id, 't' || (n / $1), digest, $2 FROM made ORDER BY repository_id, n`, []any{spread, 1}},
		{`DROP TABLE made`, nil},
	} {
		if _, err := tx.ExecContext(ctx, step.text, step.args...); err != nil {
			return fmt.Errorf("%s: %w", step.text, err)
		}
	}
	return tx.Commit()
}
