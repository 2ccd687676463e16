package server

import (
	"context"
	"crypto/tls"
	"net"

	"golang.org/x/sys/unix"

	"github.com/berth-registry/berth/api/front"
)

const (
	// nearBuffer is the send buffer in bytes for clients nearby. The kernel would let it grow to megabytes, which leave the processor's cache before they are
	// sent: a pull then costs twice the processor time and has half the rate.
	nearBuffer = 256 << 10
	// nearTime is the round trip in microseconds under which a client counts as near: with the buffer above it still gets 2 Gbit/s. Farther ones need more on
	// the way at once, and keep the kernel's tuning.
	nearTime = 1000
)

// connection prepares an accepted connection: it is http.Server.ConnContext.
func (w *crowd) connection(ctx context.Context, c net.Conn) context.Context {
	inner := c
	if t, ok := c.(*tls.Conn); ok {
		inner = t.NetConn()
	}
	if t, ok := inner.(*net.TCPConn); ok && near(t) {
		t.SetWriteBuffer(nearBuffer) //nolint:errcheck // then it is as it was
	}
	return front.Connection(ctx, c, w.awaits(inner))
}

// near reports whether the handshake was answered within nearTime.
func near(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		is = err == nil && info.Rtt > 0 && info.Rtt < nearTime
	})
	return err == nil && is
}
