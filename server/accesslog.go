package server

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Buffer stands between a log and where it goes. What is written to it is passed on by a goroutine of its own: a reader that does not read (a full pipe, a log collector that
// hangs) costs lines of the log, of which it then says how many, and never holds up a request (F34). What is gathered when the process is killed is lost; the audit does not
// depend on it.
type Buffer struct {
	to    io.Writer
	delay time.Duration

	mu    sync.Mutex
	lines []byte // that wait
	lost  int    // lines that found no room
	some  chan struct{}
	stop  chan struct{}
	done  chan struct{}
	ended bool
}

const (
	// bufferMost is how many bytes wait at the most.
	bufferMost = 256 << 10
	// bufferTime is how long lines wait for others: a system call for each line of the access log would be a good part of what a small request costs.
	bufferTime = 100 * time.Millisecond
	// bufferEnd is how long the end of the program waits for somebody who does not read.
	bufferEnd = time.Second
)

// NewBuffer makes a Buffer before to that gathers lines a few times a second. Close it at the end.
func NewBuffer(to io.Writer) *Buffer { return newBuffer(to, bufferTime) }

// NewPromptBuffer makes one that passes on what it gets at once.
func NewPromptBuffer(to io.Writer) *Buffer { return newBuffer(to, 0) }

func newBuffer(to io.Writer, delay time.Duration) *Buffer {
	b := &Buffer{to: to, delay: delay, some: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	return b
}

// Write takes p, which is a line, or leaves it out if there is no room. After Close it takes nothing.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	if b.ended || len(b.lines)+len(p) > bufferMost {
		b.lost++
	} else {
		b.lines = append(b.lines, p...)
	}
	b.mu.Unlock()
	select {
	case b.some <- struct{}{}:
	default:
	}
	return len(p), nil
}

// Close passes on what is gathered, if somebody reads it.
func (b *Buffer) Close() {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return
	}
	b.ended = true
	b.mu.Unlock()
	close(b.stop)
	select {
	case <-b.done:
	case <-time.After(bufferEnd):
	}
}

func (b *Buffer) run() {
	defer close(b.done)
	var spare []byte
	for {
		select {
		case <-b.some:
			if b.delay > 0 {
				select {
				case <-time.After(b.delay):
				case <-b.stop:
				}
			}
			spare = b.pass(spare)
		case <-b.stop:
			b.pass(spare)
			return
		}
	}
}

// pass writes what waits, while more may come. It answers what there is room in for the next.
func (b *Buffer) pass(spare []byte) []byte {
	b.mu.Lock()
	lines, lost := b.lines, b.lost
	b.lines, b.lost = spare[:0], 0
	b.mu.Unlock()
	if lost > 0 {
		lines = fmt.Appendf(lines, "%d lines of the log are missing here: they were not taken in time\n", lost)
	}
	if len(lines) > 0 {
		b.to.Write(lines) //nolint:errcheck // a log that cannot be written has nowhere to say so
	}
	return lines
}
