package registry

import (
	"context"
	"sync"

	"github.com/berth-registry/berth/fault"
)

// holds are the uploads that this process is writing to, from the moment before their row is read until after it is written: the only place where that is known. Without
// it, a request with a row read too early could write over bytes that another one has just acknowledged: the row's version would refuse it, but too late, and the upload would
// then be completed with bytes that are not those of its digest (H23). Other nodes, on a database that they share, are told by the blob store (Store.Hold), if their bytes
// could meet there at all.
type holds struct {
	mu   sync.Mutex
	held map[holdKey]*hold
}

// holdKey names the repository too, so that nobody learns of another one's uploads (H25).
type holdKey struct {
	repository int64
	upload     string
}

type hold struct {
	completing bool
	done       chan struct{}
}

// take holds the upload until release is called. While it is held, the fault is UploadBusy; but of two requests that complete it the second waits, to find
// it completed.
func (h *holds) take(ctx context.Context, key holdKey, completing bool) (release func(), err error) {
	mine := &hold{completing, make(chan struct{})}
	for {
		h.mu.Lock()
		other := h.held[key]
		if other == nil {
			if h.held == nil {
				h.held = map[holdKey]*hold{}
			}
			h.held[key] = mine
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				delete(h.held, key)
				h.mu.Unlock()
				close(mine.done)
			}, nil
		}
		h.mu.Unlock()
		if !completing || !other.completing {
			return nil, fault.New(fault.UploadBusy, "Another request is writing to the upload with id '%s'; wait for it to end", key.upload)
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// has reports whether somebody here writes to the upload, of whichever repository.
func (h *holds) has(upload string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key := range h.held {
		if key.upload == upload {
			return true
		}
	}
	return false
}

// takeUpload holds an upload and reads its row. completing says that the request brings no bytes and only completes. Without an error, release must be called.
func (r *Repo) takeUpload(ctx context.Context, id string, completing bool) (row *uploadRow, release func(), err error) {
	if err := r.g.db.Room(); err != nil {
		return nil, nil, err
	}
	if release, err = r.g.holds.take(ctx, holdKey{r.ID, id}, completing); err != nil {
		return nil, nil, err
	}
	if r.g.db.Shared() {
		// Another repository's upload is not there, and not busy (H25).
		if _, err := r.readUpload(ctx, id); err != nil {
			release()
			return nil, nil, err
		}
		here := release
		elsewhere, err := r.g.blobs.Hold(ctx, id)
		if err != nil {
			here()
			return nil, nil, err
		}
		release = func() {
			elsewhere()
			here()
		}
	}
	if row, err = r.readUpload(ctx, id); err != nil {
		release()
		return nil, nil, err
	}
	return row, release, nil
}
