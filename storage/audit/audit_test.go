package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// A mutation's record lives and dies with its transaction; a read's is there after Close, and each is found by what one would ask for.
func TestRecordsAreKept(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, err := sql.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		log, err := audit.Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		put := audit.Record{Time: now, RequestID: "1", Principal: "arn:aws:iam::111222333444:user/ann", Account: "111222333444", Action: "ecr:PutImage", Decision: "Allow"}
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return log.Write(tx, &put) }); err != nil {
			t.Fatal(err)
		}
		undone := errors.New("undone")
		lost := put
		lost.RequestID = "2"
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return errors.Join(log.Write(tx, &lost), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		get := audit.Record{Time: now, RequestID: "3", Principal: "arn:aws:iam::999888777666:user/bob", Account: "999888777666", Owner: "111222333444", Action: "ecr:BatchGetImage", Decision: "Deny"}
		log.Add(&get)
		log.Close()
		for name, c := range map[string]struct {
			f    audit.Filter
			want string
		}{
			"all":       {audit.Filter{}, "13"},
			"owner":     {audit.Filter{Account: "111222333444"}, "13"},
			"principal": {audit.Filter{Principal: get.Principal}, "3"},
			"refusals":  {audit.Filter{Decision: "Deny"}, "3"},
			"request":   {audit.Filter{RequestID: "1"}, "1"},
			"later":     {audit.Filter{From: now.Add(time.Hour)}, ""},
			"earlier":   {audit.Filter{To: now.Add(-time.Hour)}, ""},
			"then":      {audit.Filter{From: now.Add(-time.Minute), To: now.Add(time.Minute)}, "13"},
		} {
			found := ""
			if err := log.Find(t.Context(), c.f, func(r *audit.Record) error { found += r.RequestID; return nil }); err != nil {
				t.Fatal(err)
			}
			if found != c.want {
				t.Errorf("%s: found %q, want %q", name, found, c.want)
			}
		}
	})
}

// Very many records of one moment are all kept, though their ids are partly random.
func TestRecordsOfOneMoment(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, err := sql.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		log, err := audit.Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		const many = 12_000 // of four million ids: about 17 are drawn twice
		record := audit.Record{Time: time.Now(), RequestID: "1", Action: "ecr:PutImage"}
		err = db.Write(t.Context(), func(tx *sql.Tx) error {
			for range many {
				if err := log.Write(tx, &record); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := log.Find(t.Context(), audit.Filter{RequestID: "1"}, func(*audit.Record) error { n++; return nil }); err != nil || n != many {
			t.Errorf("%d records, %v", n, err)
		}
	})
}
