package blob

import (
	"container/list"
	"context"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/berth-registry/berth/fault"
)

const (
	// buffersMost is how many parts all uploads together hold in memory, 256 MiB, where nothing limits the memory of the process.
	buffersMost = 32
	// bufferShare is the part of a memory limit (GOMEMLIMIT) that they may take: one in so many.
	bufferShare = 4
	// bufferWait is how long an Append waits for its buffer.
	bufferWait = 30 * time.Second
)

// buffers are the memory of the uploads of all accounts, in parts. A client on a thin line keeps its buffer for long; so that those of one account keep no other account out, one
// account has at most half of them, and what becomes free goes to the account that has the fewest.
type buffers struct {
	pool sync.Pool // of *[partSize]byte
	all  int
	half int

	mu      sync.Mutex
	free    int
	held    map[string]int // by account
	waiting list.List      // of *bufferWaiter
}

type bufferWaiter struct {
	account string
	got     chan struct{}
}

// uploadBuffers is how many there are.
func uploadBuffers() int {
	limit := debug.SetMemoryLimit(-1) // it only asks
	if limit == math.MaxInt64 {
		return buffersMost
	}
	return int(min(buffersMost, max(4, limit/bufferShare/partSize)))
}

// UploadMemory is how uploads stand that wait in memory on their way to S3.
type UploadMemory struct {
	Held, Limit int64 // bytes
	Waiting     int   // uploads that wait for memory, and get Unavailable after half a minute
}

// MemoryOfUploads tells of all these stores together. Those that are not on S3 need no such memory.
func MemoryOfUploads(stores ...Store) (m UploadMemory) {
	for _, store := range stores {
		if s, ok := store.(*S3); ok {
			b := s.buffers
			b.mu.Lock()
			m.Held += int64(b.all-b.free) * partSize
			m.Limit += int64(b.all) * partSize
			m.Waiting += b.waiting.Len()
			b.mu.Unlock()
		}
	}
	return m
}

func newBuffers(n int) *buffers {
	return &buffers{pool: sync.Pool{New: func() any { return new([partSize]byte) }}, all: n, half: n / 2, free: n, held: map[string]int{}}
}

// try takes a buffer if there is one that nobody waits for; nil if there is none.
func (b *buffers) try(account string) *[partSize]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free == 0 || b.held[account] >= b.half || b.next() != nil {
		return nil
	}
	b.grant(account)
	return b.pool.Get().(*[partSize]byte)
}

// take waits for a buffer. The fault is Unavailable when none comes in time.
func (b *buffers) take(ctx context.Context, account string) (*[partSize]byte, error) {
	b.mu.Lock()
	w := &bufferWaiter{account, make(chan struct{})}
	at := b.waiting.PushBack(w)
	b.serve()
	b.mu.Unlock()

	timer := time.NewTimer(bufferWait)
	defer timer.Stop()
	var err error
	select {
	case <-w.got:
	case <-ctx.Done():
		err = bodyError(ctx.Err())
	case <-timer.C:
		err = fault.New(fault.Unavailable, "the registry is receiving as many uploads as it has memory for; try again")
	}
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-w.got: // it came at the last moment
		default:
			b.waiting.Remove(at)
			return nil, err
		}
	}
	return b.pool.Get().(*[partSize]byte), nil
}

// give gives one back.
func (b *buffers) give(account string, buffer *[partSize]byte) {
	b.pool.Put(buffer)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free++
	if b.held[account]--; b.held[account] == 0 {
		delete(b.held, account)
	}
	b.serve()
}

// serve gives what is free to those who wait. b.mu is held, as by those below.
func (b *buffers) serve() {
	for b.free > 0 {
		at := b.next()
		if at == nil {
			return
		}
		w := b.waiting.Remove(at).(*bufferWaiter)
		b.grant(w.account)
		close(w.got)
	}
}

// next is who gets a buffer next: of those whose account has the fewest, and not its share, who came first.
func (b *buffers) next() (best *list.Element) {
	fewest := b.half
	for at := b.waiting.Front(); at != nil; at = at.Next() {
		if n := b.held[at.Value.(*bufferWaiter).account]; n < fewest {
			best, fewest = at, n
		}
	}
	return best
}

func (b *buffers) grant(account string) {
	b.free--
	b.held[account]++
}
