package registry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	// goneMost bounds the indexes that a forecast remembers. What more of them have is taken to stay.
	goneMost = 200_000
	// carryMost bounds those of them that a cursor, which is short, carries to the page after it: a page has to begin with the newest image only when more indexes than these
	// expire on earlier pages while parts of theirs that have names are on later ones.
	carryMost = 18
	// goneBytes is what a cursor needs for one.
	goneBytes = 32 + 8
)

// ahead follows what the runs between now and a later time do to an image, each an hour after the other: a tagged part of an index goes after the index, and what was
// archived may expire from the archive. An index is never older than its parts, and so it is met before them.
type ahead struct {
	gone map[oci.Digest]time.Time // the indexes that expire, and when
}

// carry are the indexes that are gone and have parts with names after an image, for the evaluation that goes on there: each as the bytes of its digest and the moment in
// microseconds. known is false if there are too many.
func (a *ahead) carry(ctx context.Context, e *evaluation, after *agedImage) (some []byte, known bool, err error) {
	known = true
	err = e.g.db.View(ctx, func(tx *sql.Tx) error {
		for d, when := range a.gone {
			var matters bool
			// An index asks for its few parts one by one; the time of the part alone takes some too many of one moment, which does no harm.
			err := tx.Row(`SELECT EXISTS (SELECT 1 FROM manifest_ref f WHERE f.repository_id = $1 AND f.parent = $2 AND f.kind = 'manifest'
				AND EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = $1 AND t.digest = f.child)
				AND (SELECT c.pushed_at FROM manifest c WHERE c.repository_id = $1 AND c.digest = f.child) <= $3)`, sql.Args(e.ID, d, sql.Micros(after.Pushed)), &matters)
			if err != nil {
				return err
			}
			if !matters {
				continue
			}
			if known = len(some) < carryMost*goneBytes; !known {
				return nil
			}
			if some, err = hex.AppendDecode(some, []byte(d.Hex())); err != nil {
				return fmt.Errorf("index %s: %w", d, err)
			}
			some = binary.BigEndian.AppendUint64(some, uint64(sql.Micros(when)))
		}
		return nil
	})
	return some, known, err
}

// resume knows again what carry gave.
func (a *ahead) resume(some []byte) {
	for ; len(some) >= goneBytes; some = some[goneBytes:] {
		a.gone[oci.Digest("sha256:"+hex.EncodeToString(some[:32]))] = sql.Time(int64(binary.BigEndian.Uint64(some[32:])))
	}
}

// look goes on where the first verdict on an image has led.
func (a *ahead) look(tx *sql.Tx, e *evaluation, g guard, s *ruled) error {
	when := e.when(g, s)
	if s.kept.By == "index" {
		free, err := a.free(tx, e, s.digest)
		if err != nil || free.IsZero() {
			return err
		}
		if s.kept, err = e.ownProtection(tx, g, &s.agedImage); err != nil {
			return err
		}
		if free.After(when) {
			when = free
		}
	}
	if s.kept.By != "" {
		return nil
	}
	if s.Action == lifecycle.Transition {
		archived := s.Image
		archived.Class, archived.Archived = lifecycle.Archive, when
		if v := e.run.Next(&archived); v.Action == lifecycle.Expire {
			s.by, s.archived, s.Verdict = s.Rule, when, v
			when = e.when(g, s)
		}
	}
	if s.Action != lifecycle.Expire || !s.index || len(a.gone) >= goneMost {
		return nil
	}
	all, err := e.mayGoWith(tx, &s.agedImage)
	for _, d := range all {
		a.gone[d] = when
	}
	return err
}

// free is when the last of the indexes that list an image is gone; zero if one stays.
func (a *ahead) free(tx *sql.Tx, e *evaluation, d oci.Digest) (last time.Time, err error) {
	stays := false
	err = tx.Rows(`SELECT parent FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind = 'manifest'`, sql.Args(e.ID, d), func(row sql.Scanner) error {
		var parent oci.Digest
		err := row.Scan(&parent)
		when, gone := a.gone[parent]
		stays = stays || !gone
		if when.After(last) {
			last = when
		}
		return err
	})
	if stays {
		last = time.Time{}
	}
	return last, err
}

// when is the moment from which the policy does with an image what its verdict says: from the first run on, or when the image has reached the age, and nothing that
// passes protects it any more.
func (e *evaluation) when(g guard, s *ruled) time.Time {
	when := e.from
	later := func(t time.Time) {
		if t.After(when) {
			when = t
		}
	}
	if s.Rule.Count != lifecycle.MoreThan {
		later(e.at.Add(s.Rule.Days() - max(0, s.Age)))
	}
	later(s.Pushed.Add(g.grace))
	if !s.Pulled.IsZero() {
		later(s.Pulled.Add(g.pulled))
	}
	return when
}
