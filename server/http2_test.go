package server_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

// Frames of HTTP/2 (RFC 9113, 6), and the flags that they are sent with here.
const (
	headersFrame, resetFrame, settingsFrame, goAwayFrame, continuationFrame = 1, 3, 4, 7, 9
	endStream, endHeaders                                                   = 1, 4
)

// frame appends one.
func frame(to []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	to = append(to, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	return append(binary.BigEndian.AppendUint32(to, stream), payload...)
}

// field appends a header that is no index of any table (RFC 7541, 6.2.2).
func field(to []byte, name, value string) []byte {
	to = append(append(to, 0, byte(len(name))), name...)
	if len(value) < 127 {
		return append(append(to, byte(len(value))), value...)
	}
	to = append(to, 127) // the rest in groups of 7 bits
	n := len(value) - 127
	for ; n >= 128; n >>= 7 {
		to = append(to, byte(n)|128)
	}
	return append(append(to, byte(n)), value...)
}

// request is the headers of a GET.
func request(path, authorization string) []byte {
	to := field(field(field(nil, ":method", "GET"), ":scheme", "https"), ":authority", "x")
	return field(field(to, ":path", path), "authorization", authorization)
}

// dial2 opens a connection of HTTP/2.
func dial2(t *testing.T, s *berthtest.Server) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", s.Host, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if p := c.ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Fatalf("the server speaks %q", p)
	}
	c.SetDeadline(time.Now().Add(time.Minute)) //nolint:errcheck // a hang would only last longer
	if _, err := c.Write(frame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settingsFrame, 0, 0, nil)); err != nil {
		t.Fatal(err)
	}
	return c
}

// answered reads until there is an answer to a request, and reports whether it came before the connection was closed, by a goodbye for a client that asks for too much (RFC 9113, 7).
func answered(t *testing.T, c *tls.Conn, stream uint32) bool {
	t.Helper()
	const enhanceYourCalm = 11
	for why := uint32(enhanceYourCalm); ; {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			if why != enhanceYourCalm || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("it ended for the reason %d with %v", why, err)
			}
			return false
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return false
		}
		switch {
		case head[3] == headersFrame && binary.BigEndian.Uint32(head[5:]) == stream:
			return true
		case head[3] == goAwayFrame:
			why = binary.BigEndian.Uint32(payload[4:])
		}
	}
}

// serve2 is a berth that speaks TLS and has one turn to work, and the password of an account.
func serve2(t *testing.T) (s *berthtest.Server, login string) {
	t.Helper()
	s = berthtest.Start(t, func(c *server.Config) { c.Working, c.TLSSelfSigned = 1, true })
	plain := httptest.NewServer(s.Handler()) // the clients of tests do not know the certificate
	defer plain.Close()
	return s, berthtest.Of(s.Server, s.Config, plain.URL).Account(t, vendor).Login(t, region)
}

// H14, of HTTP/2: requests that are opened and taken back at once, while others of the account are at work, are forgotten as fast as they come, or their client is shown out; they
// are never all there at once, others are served, and nothing of them stays (CVE-2023-44487).
func TestRapidReset(t *testing.T) {
	s, login := serve2(t)
	held, err := s.Handler().(*front.Front).Turns.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	c := dial2(t, s)
	const resets = 5000
	go func() {
		for n := range uint32(resets) {
			both := frame(nil, headersFrame, endStream|endHeaders, 2*n+1, request("/v2/", login))
			c.Write(frame(both, resetFrame, 0, 2*n+1, []byte{0, 0, 0, 8})) //nolint:errcheck // it may end in the middle
		}
		held.End()
		c.Write(frame(nil, headersFrame, endStream|endHeaders, 2*resets+1, request("/v2/", login))) //nolint:errcheck // as above
	}()
	over := make(chan struct{})
	most := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-over:
				most <- n
				return
			case <-time.After(time.Millisecond):
				n = max(n, runtime.NumGoroutine())
			}
		}
	}()
	last := answered(t, c, 2*resets+1)
	close(over)
	n := <-most
	if t.Logf("the last request was answered: %t; %d goroutines, %d before", last, n, before); n > before+1000 {
		t.Errorf("%d goroutines", n)
	}
	c.Close()
	calm(t, s, before)
}

// H14, of HTTP/2: headers that never end are not read for ever (CVE-2023-45288).
func TestContinuationFlood(t *testing.T) {
	s, _ := serve2(t)
	before := runtime.NumGoroutine()
	c := dial2(t, s)
	sent := 0
	go io.Copy(io.Discard, c) //nolint:errcheck // the writes tell
	piece := field(nil, "x", string(bytes.Repeat([]byte("y"), 8000)))
	text := frame(nil, headersFrame, endStream, 1, request("/v2/", ""))
	for ; sent < 64<<20; sent += len(text) {
		if _, err := c.Write(text); err != nil {
			break
		}
		text = frame(text[:0], continuationFrame, 0, 1, piece)
	}
	if t.Logf("after %d bytes", sent); sent >= 64<<20 {
		t.Error("headers of 64 MiB were read")
	}
	calm(t, s, before)
}

// calm checks that others are served, and waits until goroutines are as many as they were.
func calm(t *testing.T, s *berthtest.Server, goroutines int) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	a, err := client.Get(s.URL + "/v2/")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusUnauthorized {
		t.Errorf("another client is answered %s", a.Status)
	}
	for begin := time.Now(); runtime.NumGoroutine() > goroutines+5; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
	}
}
