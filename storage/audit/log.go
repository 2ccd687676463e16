package audit

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"embed"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

// part is the name of the tables' version.
const part = "audit"

//go:embed migrations/*.sql
var migrations embed.FS

// Log writes and reads the records of one database. It is safe for concurrent use.
type Log struct {
	db *sql.DB

	mu      sync.Mutex
	pending []Record
	spare   []Record
	lost    int // records that there was no room for
	written written
	writing chan struct{} // holds one while a batch is being written
	full    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

const (
	flushEvery = 900 * time.Millisecond // so that with the time of a commit at most a second of reads is at risk
	flushAt    = 16384                  // records; more than this would only cost memory
)

// Schema is the part of the database that holds the audit log.
func Schema() sql.Part { return sql.Part{Name: part, Steps: migrations} }

// Open brings the audit tables of db up to date and starts to write batches.
func Open(ctx context.Context, db *sql.DB) (*Log, error) {
	if err := db.Bring(ctx, Schema()); err != nil {
		return nil, err
	}
	l := &Log{db: db, writing: make(chan struct{}, 1), full: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l, nil
}

// Close writes what is pending and ends. The database must still be open.
func (l *Log) Close() {
	close(l.stop)
	<-l.done
}

// Write puts the record of a mutation into the mutation's transaction, with the pieces of its evidence that are not there yet.
func (l *Log) Write(tx *sql.Tx, r *Record) error {
	if err := l.writePieces(tx, l.missing(r.Evidence.pieces)); err != nil {
		return err
	}
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

// Flush writes what is pending now, and returns when all that was added before is written: what another Flush has just taken too, else who looks for a
// record after it would miss it. Records that cannot be written (the database is away) are kept for the next time, up to a bound, and the log says so.
func (l *Log) Flush(ctx context.Context) {
	select {
	case l.writing <- struct{}{}:
		defer func() { <-l.writing }()
	case <-ctx.Done():
		return
	}
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
	err := l.writeBatch(ctx, batch)
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

// window is the time that one compressed row covers at the most: who looks for a record of a moment has to unpack the rows of its window only. Rows begin at
// multiples of it.
const window = 10 * time.Second

// writeBatch writes records as one row for each window of their times: mostly one row. A request that took long has an early time and a row of its own.
func (l *Log) writeBatch(ctx context.Context, batch []Record) error {
	slices.SortStableFunc(batch, func(a, b Record) int { return a.Time.Truncate(window).Compare(b.Time.Truncate(window)) })
	type row struct {
		first, last time.Time
		packed      []byte
	}
	var rows []row
	for begin := 0; begin < len(batch); {
		r := row{first: batch[begin].Time, last: batch[begin].Time}
		end := begin
		for ; end < len(batch) && batch[end].Time.Truncate(window).Equal(batch[begin].Time.Truncate(window)); end++ {
			if t := batch[end].Time; t.Before(r.first) {
				r.first = t
			} else if t.After(r.last) {
				r.last = t
			}
		}
		var err error
		if r.packed, err = pack(batch[begin:end]); err != nil {
			return err
		}
		rows = append(rows, r)
		begin = end
	}
	pieces := l.missing(piecesOf(batch))
	return l.db.Write(ctx, func(tx *sql.Tx) error {
		if err := l.writePieces(tx, pieces); err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			if _, err := tx.InsertNew(r.first, func(id int64) (int64, error) {
				return tx.Exec(`INSERT INTO audit_batch (id, last_id, records) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`, id, sql.NewID(r.last), r.packed)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Under a flood a batch takes a tenth of a second of a processor, which requests have to wait for: after so many records it rests, so that they go before it, and that what
// has arrived is read meanwhile.
const (
	restAt = 64
	rest   = 20 * time.Microsecond
)

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
		if i%restAt == restAt-1 {
			time.Sleep(rest)
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
