package audit

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Log writes and reads the records of one database. It is safe for concurrent use.
type Log struct {
	db *sql.DB

	mu      sync.Mutex
	pending []Record
	spare   []Record
	lost    int // records that there was no room for
	full    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

const (
	flushEvery = 900 * time.Millisecond // so that with the time of a commit at most a second of reads is at risk
	flushAt    = 16384                  // records; more than this would only cost memory
)

// Open brings the audit tables of db up to date and starts to write batches.
func Open(ctx context.Context, db *sql.DB) (*Log, error) {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "audit", steps); err != nil {
		return nil, err
	}
	l := &Log{db: db, full: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l, nil
}

// Close writes what is pending and ends. The database must still be open.
func (l *Log) Close() {
	close(l.stop)
	<-l.done
}

// Write puts the record of a mutation into the mutation's transaction.
func (l *Log) Write(tx *sql.Tx, r *Record) error {
	line := string(r.Line())
	_, err := tx.InsertNew(r.Time, func(id int64) (int64, error) {
		return tx.Exec(`INSERT INTO audit (id, record) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, id, line)
	})
	return err
}

// pendingMost bounds the records that wait while the database does not answer.
const pendingMost = 4 * flushAt

// Add takes the record of a read or of a refusal, to be written within a second. While the database is away for long, the records beyond a bound are lost, and
// the log says how many.
func (l *Log) Add(r *Record) {
	l.mu.Lock()
	if len(l.pending) >= pendingMost {
		l.lost++
		l.mu.Unlock()
		return
	}
	l.pending = append(l.pending, *r)
	n := len(l.pending)
	l.mu.Unlock()
	if n == flushAt {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}

func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.full:
		case <-l.stop:
			l.Flush(context.Background())
			return
		}
		l.Flush(context.Background())
	}
}

// Flush writes what is pending now. Records that cannot be written (the database is away) are kept for the next time, up to a bound, and the log says so.
func (l *Log) Flush(ctx context.Context) {
	l.mu.Lock()
	batch := l.pending
	l.pending, l.spare = l.spare[:0], nil
	l.mu.Unlock()
	if len(batch) == 0 {
		l.mu.Lock()
		l.spare = batch
		l.mu.Unlock()
		return
	}
	packed, err := pack(batch)
	if err == nil {
		first, last := batch[0].Time, batch[0].Time
		for i := range batch {
			if t := batch[i].Time; t.Before(first) {
				first = t
			} else if t.After(last) {
				last = t
			}
		}
		err = l.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO audit_batch (id, last_id, records) VALUES ($1, $2, $3)`, sql.NewID(first), sql.NewID(last), packed)
			return err
		})
	}
	l.mu.Lock()
	if err != nil {
		room := max(0, pendingMost-len(l.pending))
		l.lost += max(0, len(batch)-room)
		l.pending = append(batch[:min(len(batch), room)], l.pending...)
	}
	lost, kept := l.lost, len(l.pending)
	l.lost = 0
	l.mu.Unlock()
	if err != nil {
		slog.Error("audit records of reads could not be written; they are tried again", "waiting", kept, "error", err)
	}
	if lost > 0 {
		slog.Error("audit records of reads are lost: the database did not take them in time", "records", lost)
	}
	if err != nil {
		return
	}
	clear(batch)
	l.mu.Lock()
	l.spare = batch[:0]
	l.mu.Unlock()
}

func pack(batch []Record) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(z, 64<<10)
	e := json.NewEncoder(w)
	for i := range batch {
		if err := e.Encode(&batch[i]); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Filter says which records Find reports; zero fields do not restrict.
type Filter struct {
	From, To  time.Time
	Account   string // of the principal, or owner of the resource
	Principal string
	Action    string
	Resource  string
	RequestID string
	Decision  string
}

func (f *Filter) matches(r *Record) bool {
	return (f.From.IsZero() || !r.Time.Before(f.From)) && (f.To.IsZero() || r.Time.Before(f.To)) &&
		(f.Account == "" || r.Account == f.Account || r.Owner == f.Account) &&
		(f.Principal == "" || r.Principal == f.Principal) && (f.Action == "" || r.Action == f.Action) &&
		(f.Resource == "" || r.Resource == f.Resource) && (f.RequestID == "" || r.RequestID == f.RequestID) &&
		(f.Decision == "" || r.Decision == f.Decision)
}

// Find calls report for each record that f admits: those of mutations in their order, then those of reads. An error of report ends the search and is returned.
func (l *Log) Find(ctx context.Context, f Filter, report func(*Record) error) error {
	from, to := int64(0), int64(math.MaxInt64)
	if !f.From.IsZero() {
		from = sql.FirstID(f.From)
	}
	if !f.To.IsZero() {
		to = sql.FirstID(f.To.Add(time.Millisecond))
	}
	one := func(line []byte) error {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("audit record cannot be read: %w", err)
		}
		if !f.matches(&r) {
			return nil
		}
		return report(&r)
	}
	err := l.db.Rows(ctx, `SELECT record FROM audit WHERE id >= $1 AND id < $2 ORDER BY id`, sql.Args(from, to), func(row sql.Scanner) error {
		var line []byte
		if err := row.Scan(&line); err != nil {
			return err
		}
		return one(line)
	})
	if err != nil {
		return err
	}
	return l.db.Rows(ctx, `SELECT records FROM audit_batch WHERE last_id >= $1 AND id < $2 ORDER BY id`, sql.Args(from, to), func(row sql.Scanner) error {
		var packed []byte
		if err := row.Scan(&packed); err != nil {
			return err
		}
		lines := bufio.NewScanner(flate.NewReader(bytes.NewReader(packed)))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if err := one(lines.Bytes()); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

// Last returns the last records that f admits, at most limit, of several logs together, in the order of their time. It keeps no more than twice limit of
// them in memory.
func Last(ctx context.Context, logs []*Log, f Filter, limit int) ([]Record, error) {
	var found []Record
	trim := func() {
		slices.SortStableFunc(found, func(a, b Record) int { return a.Time.Compare(b.Time) })
		if len(found) > limit {
			found = slices.Delete(found, 0, len(found)-limit)
		}
	}
	for _, l := range logs {
		l.Flush(ctx)
		err := l.Find(ctx, f, func(r *Record) error {
			if found = append(found, *r); len(found) >= 2*limit {
				trim()
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	trim()
	return found, nil
}
