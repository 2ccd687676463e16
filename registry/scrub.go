package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

const (
	// scrubAgain is how long after its beginning a pass is followed by the next one at the earliest.
	scrubAgain = 24 * time.Hour
	// scrubLease is for how long a node has the scrub for itself without a sign of life, and scrubSign how often it gives one.
	scrubLease = 5 * time.Minute
	scrubSign  = 30 * time.Second
	// scrubPage is how many blobs one call of Scrub reads.
	scrubPage = 100
)

// Scrubbed is how far the scrub has come.
type Scrubbed struct {
	Bytes    int64   // read by this call
	Suspects int     // found by this call, and quarantined
	Position float64 // of the pass, from 0 to 1
	More     bool    // there is more to read at once
}

// Scrub reads some of the stored blobs again, those after the last that any node has read, and quarantines those whose bytes are wrong (F07). node is the name by which
// this node has the scrub for itself; while another has it, or until the next pass is due, there is nothing to do. It waits before each read of some bytes, for as long as
// wait says. Where it is stands in the database: a node that starts again, or another, goes on there; one that has lost the scrub to another has nothing more to do.
//
// What cannot be read is an error at the end and stops nobody from reading what comes after it; the next pass tries again. Only several in a row end the call at once: then
// it is the store.
func (g *Registry) Scrub(ctx context.Context, node string, wait func(ctx context.Context, bytes int) error) (s Scrubbed, err error) {
	p, err := g.takeScrub(ctx, node)
	if p == nil || err != nil {
		return s, err
	}
	if err = g.scrub(ctx, p, &s, wait); errors.Is(err, errScrubTaken) {
		slog.InfoContext(ctx, "another node goes on with the scrub")
		err = nil
	}
	return s, err
}

// errScrubTaken says that another node has the scrub.
var errScrubTaken = errors.New("another node has the scrub")

func (g *Registry) scrub(ctx context.Context, p *scrubPass, s *Scrubbed, wait func(ctx context.Context, bytes int) error) error {
	o := g.objects()
	var page []storedBlob
	err := g.db.Rows(ctx, selectBlob+` WHERE b.id > $1 ORDER BY b.id LIMIT $2`, sql.Args(p.after, scrubPage), func(row sql.Scanner) error {
		var b storedBlob
		err := b.scan(row)
		page = append(page, b)
		return err
	})
	if err != nil {
		return err
	}
	var unread error // of the blobs that could not be read
	inRow := 0       // of them, the last ones without another between
	for i := range page {
		b := &page[i]
		var ended error // by who waits or has the scrub, and not by the store
		slowly := func(r io.Reader) io.Reader { return &scrubbing{r, ctx, p, s, wait, &ended} }
		problem, gone, err := o.examine(ctx, b, true, slowly)
		switch {
		case err == nil:
			if b.key != "" { // what stands in its row says nothing of the store
				inRow = 0
			}
		case ended != nil || ctx.Err() != nil || !errors.Is(err, errUnreadable):
			return errors.Join(unread, err)
		default:
			unread = errors.Join(unread, fmt.Errorf("blob %s, key %s: %w", b.digest, b.key, err))
			inRow++
		}
		if problem != "" && !gone && !b.suspect {
			slog.ErrorContext(ctx, "a stored layer is damaged; it is not served until an image that has it is pushed again", "digest", b.digest, "key", b.key, "problem", problem)
			if _, err := o.quarantine(ctx, b, true); err != nil {
				return errors.Join(unread, err)
			}
			s.Suspects++
			p.suspects++
		}
		p.after, p.bytes = b.id, p.bytes+b.size
		if err := p.sign(ctx, inRow == unreadableMost); err != nil || inRow == unreadableMost {
			return errors.Join(unread, err)
		}
	}
	p.done = len(page) < scrubPage
	s.More = !p.done
	s.Position = 1
	if !p.done && p.total > 0 {
		s.Position = min(1, float64(p.bytes)/float64(p.total))
	}
	return errors.Join(unread, p.sign(ctx, true))
}

// scrubPass is the row of a pass that this node is at.
type scrubPass struct {
	g                   *Registry
	node                string
	after, bytes, total int64
	suspects            int
	done                bool
	signed              time.Time
}

// takeScrub takes the scrub for this node; nil if there is nothing to do. It begins a pass that is due.
func (g *Registry) takeScrub(ctx context.Context, node string) (p *scrubPass, err error) {
	now := g.now()
	var total int64 // of all blobs: only where a pass is to begin, and not in the transaction, for it takes a look at each
	var due bool
	if err := g.db.Row(ctx, `SELECT done AND began_at <= $1 FROM scrub`, sql.Args(sql.Micros(now.Add(-scrubAgain))), &due); err != nil {
		return nil, err
	}
	if due {
		if err := g.db.Row(ctx, `SELECT CAST(COALESCE(sum(size), 0) AS BIGINT) FROM blob`, nil, &total); err != nil {
			return nil, err
		}
	}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		p = nil
		one := &scrubPass{g: g, node: node, signed: now}
		var holder string
		var began, until int64
		if err := tx.Row(`SELECT after_blob, began_at, pass_bytes, total_bytes, suspects, done, holder, lease_until FROM scrub`, nil,
			&one.after, &began, &one.bytes, &one.total, &one.suspects, &one.done, &holder, &until); err != nil {
			return err
		}
		if holder != node && until > sql.Micros(now) || one.done && (!due || began > sql.Micros(now.Add(-scrubAgain))) {
			return nil
		}
		if one.done {
			one.after, one.bytes, one.total, one.suspects, one.done, began = -1, 0, total, 0, false, sql.Micros(now)
		}
		p = one
		_, err := tx.Exec(`UPDATE scrub SET after_blob = $1, began_at = $2, pass_bytes = $3, total_bytes = $4, suspects = $5, done = $6, holder = $7, lease_until = $8`,
			p.after, began, p.bytes, p.total, p.suspects, p.done, node, sql.Micros(now.Add(scrubLease)))
		return err
	})
	return p, err
}

// sign writes down how far the pass has come, now or when it is time. The error is errScrubTaken when another node has the scrub.
func (p *scrubPass) sign(ctx context.Context, now bool) error {
	at := p.g.now()
	if !now && at.Sub(p.signed) < scrubSign {
		return nil
	}
	p.signed = at
	until := at.Add(scrubLease)
	if p.done {
		until = at
	}
	return p.g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE scrub SET after_blob = $1, pass_bytes = $2, suspects = $3, done = $4, lease_until = $5 WHERE holder = $6`,
			p.after, p.bytes, p.suspects, p.done, sql.Micros(until), p.node)
		if err == nil && n == 0 {
			err = errScrubTaken
		}
		return err
	})
}

// scrubbing are the bytes of a blob that are read no faster than they may be.
type scrubbing struct {
	io.Reader
	ctx  context.Context
	pass *scrubPass
	s    *Scrubbed
	wait func(ctx context.Context, bytes int) error
	// ended is the error of wait or of the pass, which is no one of the blob.
	ended *error
}

// Read is io.Reader's. It gives a sign of life while a large blob is read.
func (r *scrubbing) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.s.Bytes += int64(n)
	failed := r.wait(r.ctx, n)
	if failed == nil {
		failed = r.pass.sign(r.ctx, false)
	}
	if failed != nil {
		*r.ended = failed
		return n, failed
	}
	return n, err
}
