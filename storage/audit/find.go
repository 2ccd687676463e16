package audit

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

// Filter says which records are wanted; zero fields do not restrict.
type Filter struct {
	From, To   time.Time
	Account    string // of the principal, or owner of the resource
	Principal  string
	Action     string
	Resource   string
	Repository string // name
	RequestID  string
	Decision   string
}

func (f *Filter) matches(r *Record) bool {
	return (f.From.IsZero() || !r.Time.Before(f.From)) && (f.To.IsZero() || r.Time.Before(f.To)) &&
		(f.Account == "" || r.Account == f.Account || r.Owner == f.Account) &&
		(f.Principal == "" || r.Principal == f.Principal) && (f.Action == "" || r.Action == f.Action) &&
		(f.Resource == "" || r.Resource == f.Resource) && (f.RequestID == "" || r.RequestID == f.RequestID) &&
		(f.Repository == "" || strings.HasSuffix(r.Resource, ":repository/"+f.Repository)) &&
		(f.Decision == "" || r.Decision == f.Decision)
}

// narrowed is f with the times that its request id tells; ok is false if no record can match.
func (f Filter) narrowed() (_ Filter, ok bool) {
	if f.RequestID == "" {
		return f, true
	}
	at, ok := requestTime(f.RequestID)
	if !ok {
		return f, false
	}
	if f.From.Before(at) {
		f.From = at
	}
	if end := at.Add(time.Millisecond); f.To.IsZero() || end.Before(f.To) {
		f.To = end
	}
	return f, f.From.Before(f.To)
}

// search is a Filter prepared for many lines.
type search struct {
	Filter
	// needles stand in the line of each record that matches. To look for them costs far less than to read the line.
	needles [][]byte
}

func newSearch(f Filter) *search {
	s := &search{Filter: f}
	for _, value := range []string{f.Account, f.Principal, f.Action, f.Resource, f.RequestID, f.Decision} {
		if value != "" {
			quoted, err := json.Marshal(value)
			if err != nil {
				panic(err) // strings always marshal
			}
			s.needles = append(s.needles, quoted)
		}
	}
	if f.Repository != "" {
		s.needles = append(s.needles, []byte(":repository/"+f.Repository+`"`))
	}
	return s
}

// line reports the record of one line if it matches.
func (s *search) line(line []byte, report func(*Record) error) error {
	for _, needle := range s.needles {
		if !bytes.Contains(line, needle) {
			return nil
		}
	}
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("audit record cannot be read: %w", err)
	}
	if !s.matches(&r) {
		return nil
	}
	return report(&r)
}

// Find calls report for each record that f admits: those of mutations in their order, then those of reads. An error of report ends the search and is returned.
func (l *Log) Find(ctx context.Context, f Filter, report func(*Record) error) error {
	f, ok := f.narrowed()
	if !ok {
		return nil
	}
	from, to := f.ids()
	return l.scan(ctx, newSearch(f), from, to, report)
}

// ids are the first id that a record may have, and the first beyond.
func (f *Filter) ids() (from, to int64) {
	from, to = 0, math.MaxInt64
	if !f.From.IsZero() {
		from = max(0, sql.FirstID(f.From))
	}
	if !f.To.IsZero() {
		to = sql.FirstID(f.To.Add(time.Millisecond))
	}
	return from, to
}

// scan reads the records whose ids are from…to, and the compressed rows of their windows.
func (l *Log) scan(ctx context.Context, s *search, from, to int64, report func(*Record) error) error {
	err := l.db.Rows(ctx, `SELECT record FROM audit WHERE id >= $1 AND id < $2 ORDER BY id`, sql.Args(from, to), func(row sql.Scanner) error {
		var line []byte
		if err := row.Scan(&line); err != nil {
			return err
		}
		return s.line(line, report)
	})
	if err != nil {
		return err
	}
	return l.db.Rows(ctx, `SELECT records FROM audit_batch WHERE id >= $1 AND id < $2 AND last_id >= $3 ORDER BY id`, sql.Args(windowOf(from), to, from), func(row sql.Scanner) error {
		var packed []byte
		if err := row.Scan(&packed); err != nil {
			return err
		}
		lines := bufio.NewScanner(flate.NewReader(bytes.NewReader(packed)))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if err := s.line(lines.Bytes(), report); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

// windowOf is the first id of the window of an id.
func windowOf(id int64) int64 {
	if id == math.MaxInt64 {
		return id
	}
	return max(0, sql.FirstID(sql.IDTime(id).Truncate(window)))
}

// Request returns the record of a request, nil if the log has none. Of several, such as those of one request that changed two things, it is the one that
// refused, else the last.
func (l *Log) Request(ctx context.Context, id string) (*Record, error) {
	if _, ok := requestTime(id); !ok {
		return nil, nil
	}
	l.Flush(ctx)
	var found *Record
	err := l.Find(ctx, Filter{RequestID: id}, func(r *Record) error {
		if found == nil || found.Decision != "Deny" {
			found = r
		}
		return nil
	})
	return found, err
}

// Last returns the last records that f admits, at most limit, of several logs together, in the order of their time. It reads backwards and stops when it has
// enough; it keeps no more than twice limit of them in memory.
func Last(ctx context.Context, logs []*Log, f Filter, limit int) ([]Record, error) {
	f, ok := f.narrowed()
	if !ok {
		return nil, nil
	}
	found := newest{limit: limit}
	for _, l := range logs {
		l.Flush(ctx)
		if err := l.last(ctx, f, &found); err != nil {
			return nil, err
		}
	}
	found.trim()
	return found.list, nil
}

// newest keeps the newest of many records.
type newest struct {
	limit int
	list  []Record
}

func (n *newest) add(r *Record) error {
	if n.list = append(n.list, *r); len(n.list) >= 2*n.limit {
		n.trim()
	}
	return nil
}

func (n *newest) trim() {
	slices.SortStableFunc(n.list, func(a, b Record) int { return a.Time.Compare(b.Time) })
	if len(n.list) > n.limit {
		n.list = slices.Delete(n.list, 0, len(n.list)-n.limit)
	}
}

// mostSpan bounds the time that is read at once when little is found.
const mostSpan = 32 * 24 * time.Hour

// last reads one log backwards, some windows at a time, until found has limit records that are newer than all that is left.
func (l *Log) last(ctx context.Context, f Filter, found *newest) error {
	from, to := f.ids()
	s := newSearch(f)
	for span := window; ; {
		newest, err := l.newestID(ctx, from, to)
		if err != nil || newest < 0 {
			return err
		}
		begin := max(from, windowOf(sql.FirstID(sql.IDTime(newest).Truncate(window).Add(window-span))))
		before := len(found.list)
		if err := l.scan(ctx, s, begin, to, found.add); err != nil {
			return err
		}
		if to = begin; to <= from {
			return nil
		}
		found.trim()
		if len(found.list) == found.limit && !found.list[0].Time.Before(sql.IDTime(begin)) {
			return nil
		}
		if len(found.list)-before < found.limit/4+1 && span < mostSpan {
			span *= 2
		}
	}
}

// newestID is the greatest id of a row in from…to, of a record or of the window of records; -1 if there is none.
func (l *Log) newestID(ctx context.Context, from, to int64) (int64, error) {
	newest := int64(-1)
	for _, q := range []struct {
		query string
		from  int64
	}{
		{`SELECT COALESCE(MAX(id), -1) FROM audit WHERE id >= $1 AND id < $2`, from},
		{`SELECT COALESCE(MAX(id), -1) FROM audit_batch WHERE id >= $1 AND id < $2`, windowOf(from)},
	} {
		var id int64
		if err := l.db.Row(ctx, q.query, sql.Args(q.from, to), &id); err != nil {
			return -1, err
		}
		newest = max(newest, id)
	}
	return newest, nil
}
