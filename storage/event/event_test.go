package event_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// Events come out as they went in, page after page; those of a transaction that was undone never happened, and old ones go.
func TestOutbox(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		db, err := sql.Open(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o, err := event.Open(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, 3, 1, 10, 20, 30, 123456000, time.UTC)
		at := func(n int) event.Event {
			return event.Event{Account: "111222333444", Region: "eu-west-1", Source: "aws.ecr", DetailType: "ECR Image Action", Resources: []string{"arn:aws:ecr:eu-west-1:111222333444:repository/a"},
				Detail: json.RawMessage(`{"n":` + strconv.Itoa(n) + `}`), At: begin.Add(time.Duration(n) * time.Minute)}
		}
		undone := errors.New("undone")
		if err := db.Write(ctx, func(tx *sql.Tx) error { return errors.Join(event.Write(tx, at(0)), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		err = db.Write(ctx, func(tx *sql.Tx) error {
			for n := range 2500 {
				if err := event.Write(tx, at(n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		read := func() (all []event.Event) {
			for after := int64(0); ; {
				page, err := o.Read(ctx, after, 1000)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					return all
				}
				all = append(all, page...)
				after = page[len(page)-1].ID
			}
		}
		all := read()
		if len(all) != 2500 {
			t.Fatalf("%d events", len(all))
		}
		for n, e := range all {
			want := at(n)
			if want.ID = e.ID; !reflect.DeepEqual(e, want) {
				t.Fatalf("event %d is %+v", n, e)
			}
		}
		if n, err := o.Prune(ctx, begin.Add(2100*time.Minute)); err != nil || n != 2100 {
			t.Errorf("%d removed, %v", n, err)
		}
		if all = read(); len(all) != 400 || string(all[0].Detail) != `{"n":2100}` {
			t.Errorf("%d are left", len(all))
		}
		if n, err := o.Prune(ctx, begin); err != nil || n != 0 {
			t.Errorf("%d removed, %v", n, err)
		}
	})
}
