package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// pusher is one client that pushes, on one connection, as docker does it: is the blob there, start an upload, send it, complete it.
type pusher struct {
	t    *target
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func dial(t *target) (*pusher, error) {
	conn, err := net.Dial("tcp", t.addr)
	if err != nil {
		return nil, err
	}
	return &pusher{t: t, conn: conn, in: bufio.NewReaderSize(conn, 4096)}, nil
}

func (p *pusher) close() { p.conn.Close() }

// do sends a request whose body is in parts and answers status and headers; the answer's body is in the error when the status is not want.
func (p *pusher) do(method, target, contentType string, want int, body ...[]byte) (http.Header, error) {
	size := 0
	for _, part := range body {
		size += len(part)
	}
	p.out = append(p.out[:0], method+" "+target+" HTTP/1.1\r\nHost: "+p.t.addr+"\r\n"+p.t.auth...)
	if contentType != "" {
		p.out = append(p.out, "Content-Type: "+contentType+"\r\n"...)
	}
	if method != http.MethodHead && method != http.MethodGet {
		p.out = strconv.AppendInt(append(p.out, "Content-Length: "...), int64(size), 10)
		p.out = append(p.out, "\r\n"...)
	}
	p.out = append(p.out, "\r\n"...)
	parts := net.Buffers{p.out}
	if 0 < size && size <= 4096 { // as one packet
		for _, part := range body {
			p.out = append(p.out, part...)
		}
		parts[0] = p.out
	} else {
		parts = append(parts, body...)
	}
	if _, err := parts.WriteTo(p.conn); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != want {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return nil, fmt.Errorf("%s %s: %s, not %d: %s", method, target, answer.Status, want, said)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.Header, err
}

// start begins an upload and answers where it goes on.
func (p *pusher) start(repository string) (string, error) {
	h, err := p.do(http.MethodPost, p.t.base+repository+"/blobs/uploads/", "", http.StatusAccepted)
	if err != nil {
		return "", err
	}
	return relative(h)
}

// relative is the Location of an answer, without scheme and host.
func relative(h http.Header) (string, error) {
	u, err := url.Parse(h.Get("Location"))
	if err != nil {
		return "", err
	}
	return u.RequestURI(), nil
}

func complete(location, digest string) string {
	sign := "?"
	if strings.Contains(location, "?") {
		sign = "&"
	}
	return location + sign + "digest=" + digest
}

// stream pushes a blob as docker does: HEAD, POST, PATCH, PUT.
func (p *pusher) stream(repository string, b blob) error {
	if _, err := p.do(http.MethodHead, p.t.base+repository+"/blobs/"+b.digest, "", http.StatusNotFound); err != nil {
		return err
	}
	location, err := p.start(repository)
	if err != nil {
		return err
	}
	h, err := p.do(http.MethodPatch, location, "application/octet-stream", http.StatusAccepted, b.head, b.tail)
	if err != nil {
		return err
	}
	if location, err = relative(h); err != nil {
		return err
	}
	_, err = p.do(http.MethodPut, complete(location, b.digest), "", http.StatusCreated)
	return err
}

// monolithic pushes a blob in two requests, as most clients do with small ones: POST, PUT.
func (p *pusher) monolithic(repository string, b blob) error {
	location, err := p.start(repository)
	if err != nil {
		return err
	}
	_, err = p.do(http.MethodPut, complete(location, b.digest), "application/octet-stream", http.StatusCreated, b.head, b.tail)
	return err
}

func (p *pusher) manifest(repository, reference string, m blob) error {
	_, err := p.do(http.MethodPut, p.t.base+repository+"/manifests/"+reference, manifestOCI, http.StatusCreated, m.tail)
	return err
}

func (p *pusher) image(repository string, i image) error {
	for _, l := range i.layers {
		if err := p.stream(repository, l); err != nil {
			return err
		}
	}
	if err := p.stream(repository, i.config); err != nil {
		return err
	}
	return p.manifest(repository, i.tag, i.manifest)
}

// pushing runs clients that each repeat one operation until the time is over, and answers how many of them ended.
func pushing(ctx context.Context, t *target, clients int, until time.Time, operation func(*pusher) error) (int, error) {
	var n atomic.Int64
	err := each(clients, func(int) error {
		p, err := dial(t)
		if err != nil {
			return err
		}
		defer p.close()
		for time.Now().Before(until) && ctx.Err() == nil {
			if err := operation(p); err != nil {
				return err
			}
			n.Add(1)
		}
		return ctx.Err()
	})
	return int(n.Load()), err
}

// each runs f n times at once and answers the first error.
func each(n int, f func(i int) error) error {
	errs := make(chan error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs <- f(i) })
	}
	all.Wait()
	for range n {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}
