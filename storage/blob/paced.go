package blob

import (
	"context"
	"io"

	"github.com/berth-registry/berth/storage/turn"
)

// Paced is s, whose calls give up the turn of their request while they wait for a client, a disk or the network. What it opens is what s opens, so that a file is still
// sent by the kernel.
func Paced(s Store) Store { return &paced{s} }

type paced struct{ Store }

func (s *paced) Append(ctx context.Context, u *Upload, r io.Reader) error {
	t := turn.Of(ctx)
	paused := t.Pause()
	err := s.Store.Append(ctx, u, r)
	t.Resume(paused)
	return err
}

func (s *paced) Commit(ctx context.Context, u *Upload) error {
	t := turn.Of(ctx)
	paused := t.Pause()
	err := s.Store.Commit(ctx, u)
	t.Resume(paused)
	return err
}

func (s *paced) Abort(ctx context.Context, u *Upload) error {
	t := turn.Of(ctx)
	paused := t.Pause()
	err := s.Store.Abort(ctx, u)
	t.Resume(paused)
	return err
}

func (s *paced) Open(ctx context.Context, key Key, size int64) (Content, error) {
	t := turn.Of(ctx)
	paused := t.Pause()
	content, err := s.Store.Open(ctx, key, size)
	t.Resume(paused)
	return content, err
}
