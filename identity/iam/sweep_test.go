package iam

import (
	"strconv"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// Sessions that have been over for a day are deleted, in as many steps as it takes; the others stay.
func TestOldSessionsAreSwept(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, err := sql.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		log, err := audit.Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		d, err := Open(t.Context(), db, log, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		now := time.Now()
		err = db.Write(t.Context(), func(tx *sql.Tx) error {
			for i := range 2*sweepBatch + 10 {
				expires := now.Add(-25 * time.Hour)
				if i < 7 {
					expires = now.Add(-23 * time.Hour)
				}
				if _, err := tx.Exec(`INSERT INTO iam_session (id, account, owner, issuer, name, source_identity, secret, token, details, issued, expires)
					VALUES ($1, '111222333444', '', '', '', '', $2, $3, '{}', 0, $4)`, newAccessKeyID(temporaryPrefix, "111222333444")+strconv.Itoa(i), []byte{}, []byte{}, sql.Micros(expires)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		d.sweepSessions(t.Context())
		var left int
		if err := db.Row(t.Context(), `SELECT COUNT(*) FROM iam_session`, nil, &left); err != nil || left != 7 {
			t.Errorf("%d sessions are left, %v", left, err)
		}
	})
}

// IAM-1, STS-11: ids have their form, and an access key tells its account; a key id that berth never gave tells none.
func TestIDs_IAM1(t *testing.T) {
	for range 1000 {
		account := newAccountID()
		for _, prefix := range []string{longTermPrefix, temporaryPrefix} {
			id := newAccessKeyID(prefix, account)
			if got, ok := accountOfKey(id); len(id) != 20 || !ok || got != account {
				t.Fatalf("%s of %s tells %s, %v", id, account, got, ok)
			}
		}
	}
	for _, id := range []string{"", "AKIA", "AKIAIOSFODNN7EXAMPLE", "AIDA2222222222222222", "AKIA777777777777777a", "AKIA7777777777777777", "ASIA________________"} {
		if got, ok := accountOfKey(id); ok {
			t.Errorf("%q tells %s", id, got)
		}
	}
	if id := newAccessKeyID(longTermPrefix, "000000000001"); id == "" {
		t.Error("an account with leading zeros")
	} else if got, _ := accountOfKey(id); got != "000000000001" {
		t.Errorf("it tells %s", got)
	}
	if id := newID(userPrefix); len(id) != 21 {
		t.Error(id)
	}
	if s := newSecret(); len(s) != 40 {
		t.Error(s)
	}
}
