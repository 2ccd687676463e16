package turn

import (
	"os"
	"sync/atomic"
	"time"
)

// look makes sure that what arrives over the network is read, however much there is to do.
//
// Go's scheduler looks at the network when no goroutine is ready to run. Where one always is, it looks every hundredth of a second, and lets one of those whom it then
// finds go on for 61 others. Whoever's next request is there by the time that his connection asks for it is never among them. So a flood over fast connections left
// everybody else's requests unread for a second, and no order of lines could help: they stood in none.
//
// Therefore a byte is written to a pipe, whose other end a goroutine reads. It is woken as a connection is, so when it runs, those have been that were before it.
// Where this takes longer than it should, no turn begins until it has happened: what is ready then comes to an end, and the network's turn comes.
type look struct {
	pipe  *os.File
	begin time.Time
	asked atomic.Int64 // when the byte was written, in nanoseconds since begin; 0: none is under way
	last  atomic.Int64 // when one was last read
	ended atomic.Bool
}

// lookEvery is for how long nobody looks at the network, and then how long that may take before turns wait for it.
const lookEvery = 250 * time.Microsecond

// Watch makes turns wait for what arrives over the network meanwhile, until stop is called. They are not in use yet. Without it they work, and are less fair.
func Watch(turns ...*Turns) (stop func(), err error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l := &look{pipe: out, begin: time.Now()}
	for _, of := range turns {
		of.look = l
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer in.Close() //nolint:errcheck // nobody wants what is in it
		for ended := false; !ended; {
			var b [1]byte
			_, err := in.Read(b[:])
			if ended = err != nil; ended {
				l.ended.Store(true) // else all turns would wait for a look that nobody takes
			}
			l.last.Store(int64(time.Since(l.begin)))
			l.asked.Store(0)
			for _, of := range turns {
				of.mu.Lock()
				of.give()
				of.mu.Unlock()
			}
		}
	}()
	return func() {
		l.ended.Store(true)
		out.Close() //nolint:errcheck // nothing is kept in it
		<-done
	}, nil
}

// due looks at the network if it is time, and reports whether turns have to wait for that.
func (l *look) due() bool {
	if l == nil || l.ended.Load() {
		return false
	}
	now, asked := int64(time.Since(l.begin)), l.asked.Load()
	if asked == 0 && now-l.last.Load() > int64(lookEvery) && l.asked.CompareAndSwap(0, now) {
		l.pipe.Write([]byte{0}) //nolint:errcheck // it takes one byte, or was closed
	}
	return asked != 0 && now-asked > int64(lookEvery)
}
