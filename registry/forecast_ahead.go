package registry

import (
	"time"

	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// goneMost bounds the indexes that a forecast remembers. What more of them have is taken to stay.
const goneMost = 200_000

// ahead follows what the runs between now and a later time do to an image, each an hour after the other: a tagged part of an index goes after the index, and what was
// archived may expire from the archive. An index is never older than its parts, and so it is met before them.
type ahead struct {
	gone map[oci.Digest]time.Time // the indexes that expire, and when
	// freed says that an image goes because an index went before.
	freed bool
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
		a.freed = true
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
