package server

import (
	"io"
	"sync"
	"time"
)

// Buffer gathers what is written to it and passes it on a few times a second: a system call for each line of the access log would be a good part of what a
// small request costs. What is gathered when the process is killed is lost; the audit does not depend on it.
type Buffer struct {
	to io.Writer

	mu    sync.Mutex
	lines []byte
	timer *time.Timer
	ended bool
}

const (
	bufferMost = 64 << 10
	bufferTime = 100 * time.Millisecond
)

// NewBuffer makes a Buffer before to. Close it at the end.
func NewBuffer(to io.Writer) *Buffer {
	b := &Buffer{to: to, lines: make([]byte, 0, bufferMost)}
	b.timer = time.AfterFunc(time.Hour, b.flush)
	b.timer.Stop()
	return b
}

// Write takes p. After Close it passes p on at once.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return b.to.Write(p)
	}
	if len(b.lines)+len(p) > bufferMost {
		b.pass()
	}
	if len(b.lines) == 0 {
		b.timer.Reset(bufferTime)
	}
	b.lines = append(b.lines, p...)
	return len(p), nil
}

// Close passes on what is gathered.
func (b *Buffer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	b.ended = true
	b.pass()
}

func (b *Buffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass()
}

func (b *Buffer) pass() {
	if len(b.lines) == 0 {
		return
	}
	b.to.Write(b.lines) //nolint:errcheck // a log that cannot be written has nowhere to say so
	b.lines = b.lines[:0]
}
