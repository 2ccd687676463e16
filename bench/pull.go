package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// accept is what clients say that they understand.
const accept = manifestOCI + ", application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

// request is a whole GET or HEAD, ready to be sent.
type request []byte

func (t *target) get(path string) request {
	return request("GET " + t.base + path + " HTTP/1.1\r\nHost: " + t.addr + "\r\n" + t.auth + "Accept: " + accept + "\r\n\r\n")
}

// pull is what a client asks for to get an image: the manifest by tag, then what it names.
func (t *target) pull(repository string, i image) []request {
	all := []request{t.get(repository + "/manifests/" + i.tag), t.get(repository + "/blobs/" + i.config.digest)}
	for _, l := range i.layers {
		all = append(all, t.get(repository+"/blobs/"+l.digest))
	}
	return all
}

// client is one connection of the loop.
type client struct {
	fd       int
	requests []request // of the operation that is going on
	sent     int       // of them
	left     int       // bytes of the body that are still to come; -1 while the header comes
	header   []byte
	turn     int // operations begun
}

// pulling runs clients that each repeat operations (a sequence of requests each) until the time is over, and answers how many of them ended.
// One thread serves all connections, and bodies are never copied to this process: MSG_TRUNC lets the kernel drop them. Everything but a 200
// with a Content-Length ends it with an error.
func pulling(ctx context.Context, t *target, clients int, until time.Time, next func(client, turn int) []request) (int, error) {
	l := loop{buffer: make([]byte, 1<<20)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return 0, err
	}
	defer unix.Close(l.epoll) //nolint:errcheck // nothing is lost with it
	for range clients {
		c, err := l.connect(t.addr)
		if err != nil {
			return 0, err
		}
		defer unix.Close(c.fd) //nolint:errcheck // nothing is lost with it
	}
	for i, c := range l.clients {
		if err := c.begin(next(i, 0)); err != nil {
			return 0, err
		}
	}
	events := make([]unix.EpollEvent, clients)
	done := 0
	for time.Now().Before(until) && ctx.Err() == nil {
		n, err := unix.EpollWait(l.epoll, events, 100)
		if err != nil && err != unix.EINTR {
			return done, err
		}
		for _, e := range events[:max(n, 0)] {
			c := l.clients[e.Fd]
			ended, err := c.receive(l.buffer)
			if err != nil {
				return done, err
			}
			if ended {
				done++
				c.turn++
				if err := c.begin(next(int(e.Fd), c.turn)); err != nil {
					return done, err
				}
			}
		}
	}
	return done, ctx.Err()
}

type loop struct {
	epoll   int
	clients []*client
	buffer  []byte
}

func (l *loop) connect(addr string) (*client, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &client{fd: fd}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		// The event carries the client's number where epoll has room for a descriptor.
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(l.clients))})
	}
	if err != nil {
		unix.Close(fd) //nolint:errcheck // the other error is the one to tell
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	l.clients = append(l.clients, c)
	return c, nil
}

// begin sends the first request of an operation.
func (c *client) begin(requests []request) error {
	c.requests, c.sent = requests, 0
	return c.send()
}

// send sends the next request. They are small: a socket whose last answer was read to its end takes them whole.
func (c *client) send() error {
	n, err := unix.Write(c.fd, c.requests[c.sent])
	if err == nil && n < len(c.requests[c.sent]) {
		err = unix.EAGAIN
	}
	c.sent++
	c.left, c.header = -1, c.header[:0]
	return err
}

// receive takes what has arrived. It tells whether the operation has ended with it.
func (c *client) receive(buffer []byte) (ended bool, err error) {
	if c.left < 0 {
		n, _, err := unix.Recvfrom(c.fd, buffer[:16<<10], unix.MSG_DONTWAIT)
		if err == nil && n == 0 {
			err = fmt.Errorf("the server closed the connection after %q", c.header)
		}
		if err != nil {
			return false, ignoreAgain(err)
		}
		got := buffer[:n]
		if len(c.header) > 0 { // it came in pieces
			c.header = append(c.header, got...)
			got = c.header
		}
		end := bytes.Index(got, []byte("\r\n\r\n"))
		if end < 0 {
			if len(c.header) == 0 {
				c.header = append(c.header, got...)
			}
			return false, nil
		}
		size, err := length(got[:end+2])
		if err != nil {
			return false, fmt.Errorf("%w to %q", err, c.requests[c.sent-1])
		}
		if c.left = size - (len(got) - end - 4); c.left < 0 {
			return false, fmt.Errorf("%d bytes too many came after %q", -c.left, got[:end])
		}
	} else {
		n, _, err := unix.Recvfrom(c.fd, buffer[:min(c.left, len(buffer))], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if err == nil && n == 0 {
			err = fmt.Errorf("the server closed the connection, %d bytes before the end", c.left)
		}
		if err != nil {
			return false, ignoreAgain(err)
		}
		c.left -= n
	}
	if c.left > 0 {
		return false, nil
	}
	if c.sent == len(c.requests) {
		return true, nil
	}
	return false, c.send()
}

func ignoreAgain(err error) error {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

// length is the Content-Length of an answer with status 200, given its header.
func length(header []byte) (int, error) {
	status, _, _ := bytes.Cut(header, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("answer %q", header)
	}
	for rest := header; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return strconv.Atoi(string(bytes.TrimSpace(line[len(name):])))
		}
	}
	return 0, fmt.Errorf("answer without Content-Length %q", header)
}
