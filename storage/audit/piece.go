package audit

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/berth-registry/berth/storage/sql"
)

// Piece is something that decisions are made of and that many share: a user with the policies and tags it had, a session, a repository's policy, an account's
// place in its organization, the text of one policy. It is named by the hash of its content, so that a record needs only its name, and is written once, with
// the first record that names it. It is immutable.
type Piece struct {
	id    string
	text  []byte // of id, for the JSON of very many records
	body  string
	parts []*Piece
}

// NewPiece makes a piece of a body, and of the pieces that the body names by their ids.
func NewPiece(body string, parts ...*Piece) *Piece {
	sum := sha256.Sum256([]byte(body))
	id := base64.RawURLEncoding.EncodeToString(sum[:24]) // 192 bits: nobody makes two of the same name
	return &Piece{id, []byte(id), body, parts}
}

// ID names the piece.
func (p *Piece) ID() string { return p.id }

// MarshalText writes the id: this is how a piece stands in a record.
func (p *Piece) MarshalText() ([]byte, error) { return p.text, nil }

// UnmarshalText reads the id of a piece whose body is in the log: see Log.Pieces.
func (p *Piece) UnmarshalText(text []byte) error {
	*p = Piece{id: string(text), text: bytes.Clone(text)}
	return nil
}

// all yields the piece and its parts; nothing for nil.
func (p *Piece) all(yield func(*Piece) bool) bool {
	if p == nil {
		return true
	}
	for _, part := range p.parts {
		if !part.all(yield) {
			return false
		}
	}
	return yield(p)
}

// written remembers, of late, which pieces are in the database. To forget one costs an INSERT that does nothing.
type written struct {
	mu         sync.Mutex
	young, old map[string]struct{}
}

// mostWritten bounds each of the two generations of ids: some megabytes.
const mostWritten = 32 << 10

func (w *written) has(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.young[id]; ok {
		return true
	}
	_, ok := w.old[id]
	if ok {
		w.put(id)
	}
	return ok
}

func (w *written) add(ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.put(id)
	}
}

func (w *written) put(id string) {
	if len(w.young) >= mostWritten {
		w.old, w.young = w.young, nil
	}
	if w.young == nil {
		w.young = map[string]struct{}{}
	}
	w.young[id] = struct{}{}
}

// missing are the pieces that the database may not have yet, each once.
func (l *Log) missing(pieces iter.Seq[*Piece]) []*Piece {
	var out []*Piece
	var fresh map[string]bool
	for p := range pieces {
		if p.body == "" || fresh[p.id] || l.written.has(p.id) {
			continue
		}
		if fresh == nil {
			fresh = map[string]bool{}
		}
		fresh[p.id] = true
		out = append(out, p)
	}
	return out
}

// writePieces puts pieces into the transaction that writes the first record naming them.
func (l *Log) writePieces(tx *sql.Tx, pieces []*Piece) error {
	if len(pieces) == 0 {
		return nil
	}
	ids := make([]string, len(pieces))
	for i, p := range pieces {
		packed, err := compress([]byte(p.body))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO audit_piece (id, body) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, p.id, packed); err != nil {
			return err
		}
		ids[i] = p.id
	}
	tx.AfterCommit(func() { l.written.add(ids) })
	return nil
}

func compress(body []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

// Pieces reads the bodies of pieces by their ids. One that is not there is missing in the answer.
func (l *Log) Pieces(ctx context.Context, ids ...string) (map[string]string, error) {
	out := make(map[string]string, len(ids))
	for _, id := range ids {
		if _, done := out[id]; done || id == "" {
			continue
		}
		err := l.db.Rows(ctx, `SELECT body FROM audit_piece WHERE id = $1`, sql.Args(id), func(row sql.Scanner) error {
			var packed []byte
			if err := row.Scan(&packed); err != nil {
				return err
			}
			body, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
			if err != nil {
				return fmt.Errorf("audit: piece %s cannot be read: %w", id, err)
			}
			out[id] = string(body)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
