// Package event is the outbox: what happened, kept until it is delivered.
//
// An event is written in the transaction of what it tells of. There is no change without its event, and no event of something that was undone.
package event

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

//go:embed migrations/*.sql
var migrations embed.FS

// part is the name of the table's version.
const part = "events"

// Kept is for how long an event waits for those who deliver it.
const Kept = 24 * time.Hour

// Event is one event as EventBridge knows it, without its envelope (EVT-1).
type Event struct {
	// ID is the row's; Write gives it. It never stands for another event.
	ID int64
	// Account and Region are those of the bus that the event goes to.
	Account, Region string
	// Source is the service ("aws.ecr"), DetailType what kind of event it is ("ECR Image Action").
	Source, DetailType string
	// Resources are ARNs; none is as good as nil.
	Resources []string
	// Detail is a JSON object.
	Detail json.RawMessage
	// At is when it happened.
	At time.Time
}

// Write puts an event into the outbox, in the transaction of what it tells of. Open must have made the table.
func Write(tx *sql.Tx, e Event) error {
	resources := "[]"
	if len(e.Resources) > 0 {
		b, err := json.Marshal(e.Resources)
		if err != nil {
			return err
		}
		resources = string(b)
	}
	_, err := tx.InsertNew(e.At, func(id int64) (int64, error) {
		return tx.Exec(`INSERT INTO event (id, account, region, source, detail_type, resources, detail, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
			id, e.Account, e.Region, e.Source, e.DetailType, resources, string(e.Detail), sql.Micros(e.At))
	})
	return err
}

// Outbox reads the events of one database. It is safe for concurrent use.
type Outbox struct{ db *sql.DB }

// Schema is the part of the database that holds events.
func Schema() sql.Part { return sql.Part{Name: part, Steps: migrations} }

// Open brings the table of events up to date.
func Open(ctx context.Context, db *sql.DB) (*Outbox, error) {
	if err := db.Bring(ctx, Schema()); err != nil {
		return nil, err
	}
	return &Outbox{db}, nil
}

// Read lists events by id, limit at a time, after the one that the page before ended with; 0 is the beginning.
//
// Events of one millisecond have no order (EVT-1), and on PostgreSQL a transaction that began before another may end after it: who keeps a position and must
// miss nothing has to look again at the last minute before it.
func (o *Outbox) Read(ctx context.Context, after int64, limit int) (list []Event, err error) {
	err = o.db.Rows(ctx, `SELECT id, account, region, source, detail_type, resources, detail, at FROM event WHERE id > $1 ORDER BY id LIMIT $2`, sql.Args(after, limit), func(row sql.Scanner) error {
		var e Event
		var resources, detail string
		var at int64
		if err := row.Scan(&e.ID, &e.Account, &e.Region, &e.Source, &e.DetailType, &resources, &detail, &at); err != nil {
			return err
		}
		e.Detail, e.At = json.RawMessage(detail), sql.Time(at)
		if err := json.Unmarshal([]byte(resources), &e.Resources); err != nil {
			return fmt.Errorf("event %d: %w", e.ID, err)
		}
		list = append(list, e)
		return nil
	})
	return list, err
}

// pruneAtOnce is how many events one transaction of Prune removes, so that it holds up nobody for long.
const pruneAtOnce = 1000

// Prune removes the events that were written before then, and answers how many.
func (o *Outbox) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	for {
		var n int64
		err := o.db.Write(ctx, func(tx *sql.Tx) (err error) {
			n, err = tx.Exec(`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id < $1 ORDER BY id LIMIT $2)`, sql.FirstID(before), pruneAtOnce)
			return err
		})
		removed += n
		if err != nil || n < pruneAtOnce {
			return removed, err
		}
	}
}

// CheckSchema looks whether the table of events is of the version that this program works with, and changes nothing. If not, the error is a sql.SchemaError.
func CheckSchema(ctx context.Context, db *sql.DB) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return db.CheckSchema(ctx, part, steps)
}

// Each calls f with every event that is still there, by id.
func Each(ctx context.Context, db *sql.DB, f func(Event) error) error {
	o := Outbox{db}
	for after := int64(0); ; {
		page, err := o.Read(ctx, after, pruneAtOnce)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
		}
		after = page[len(page)-1].ID
	}
}
