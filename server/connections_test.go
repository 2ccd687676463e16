package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/turn"
)

// socket is a connection of a client that berth may know nothing good of.
type socket struct {
	net.Conn
	in *bufio.Reader
}

func open(t *testing.T, host string) *socket {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute)) //nolint:errcheck // a hang would only last longer
	return &socket{c, bufio.NewReader(c)}
}

// ask sends a request and answers the status; 0 where the connection is closed.
func (s *socket) ask(format string, args ...any) int {
	if _, err := fmt.Fprintf(s, format, args...); err != nil {
		return 0
	}
	return s.answer()
}

func (s *socket) answer() int {
	a, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return 0
	}
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		return 0
	}
	return a.StatusCode
}

// figure reads a metric, which must be there.
func figure(t *testing.T, s *berthtest.Server, name string) float64 {
	t.Helper()
	a, err := http.Get(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("there is no %s", name)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func watched(c *server.Config) { c.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

const ping = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

// H14, F32: who connects and asks nothing keeps nobody out, however often he does. The connection goes that has asked nothing for longest.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	s := berthtest.Start(t, watched, func(c *server.Config) { c.Connections.Connections, c.ConnectionsFrom = 20, 10 })
	var idle, silent []*socket
	for range 5 {
		c := open(t, s.Host)
		if got := c.ask(ping); got != 200 {
			t.Fatalf("ping: %d", got)
		}
		idle = append(idle, c)
	}
	for range 100 {
		silent = append(silent, open(t, s.Host))
	}
	c := open(t, s.Host)
	if got := c.ask(ping); got != 200 {
		t.Fatalf("beside idle connections: %d", got)
	}
	for i, c := range idle {
		if got := c.ask(ping); got != 0 {
			t.Errorf("idle connection %d was not closed: %d", i, got)
		}
	}
	if got := silent[len(silent)-1].ask(ping); got != 200 {
		t.Errorf("the youngest: %d", got)
	}
	if got := c.ask(ping); got != 200 {
		t.Errorf("the one that asked: %d", got)
	}
	if closed := figure(t, s, `berth_connections_refused_total{bound="address",what="closed"}`); closed < 90 {
		t.Errorf("%v were closed", closed)
	}
	if now := figure(t, s, `berth_connections`); now > 10 {
		t.Errorf("%v are open", now)
	}
}

// H14: to announce a body and send none of it costs as little as to ask nothing, and keeps as few out: not of a call that nobody has signed, of a push without a password, or where
// no body belongs.
func TestAnnouncedBodiesMakeRoom(t *testing.T) {
	for _, request := range []string{"POST /", "POST /v2/" + there + "/blobs/uploads/", "GET /healthz"} {
		s := berthtest.Start(t, watched, func(c *server.Config) { c.Connections.Connections, c.ConnectionsFrom = 20, 20 })
		for range 30 { // each of them takes the place of one that has asked nothing for longer, or announced
			c := open(t, s.Host)
			fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", request)
		}
		for range 3 {
			if got := open(t, s.Host).ask(ping); got != 200 {
				t.Errorf("beside %s: %d", request, got)
			}
		}
		if refused := figure(t, s, `berth_connections_refused_total{bound="all",what="refused"}`) + figure(t, s, `berth_connections_refused_total{bound="address",what="refused"}`); refused > 0 {
			t.Errorf("%s: %v were refused", request, refused)
		}
	}
}

// H14, HTTP-31: where all are at work, a new one is told so at once, in words that a client understands; with room again it is served.
func TestConnectionsAtWorkAreBounded(t *testing.T) {
	s := berthtest.Start(t, watched, func(c *server.Config) { c.Connections.Connections, c.ConnectionsFrom = 4, 3 })
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	var busy []*socket
	for len(busy) < 3 { // each is asked for its body, and lets the server wait for it
		c := open(t, s.Host)
		fmt.Fprintf(c, "PUT /v2/%s/manifests/1 HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", there, login)
		line, err := c.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "429") { // the connection with which the test made its repository is not at rest yet
			c.Close()
			continue
		}
		c.in.ReadString('\n') //nolint:errcheck // an empty line
		busy = append(busy, c)
	}
	for range 3 {
		c := open(t, s.Host)
		fmt.Fprint(c, ping) // also of one who has spoken first
		a, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != 429 || a.Header.Get("Retry-After") == "" || !strings.Contains(string(body), `"code":"TOOMANYREQUESTS"`) || !a.Close {
			t.Errorf("%s %v %s %v", a.Status, a.Header, body, err)
		}
	}
	if got := busy[0].ask("{}"); got != 400 {
		t.Errorf("a request that had begun: %d", got)
	}
	if got := open(t, s.Host).ask(ping); got != 200 {
		t.Errorf("with room again: %d", got)
	}
	for _, c := range busy {
		c.Close()
	}
	if refused := figure(t, s, `berth_connections_refused_total{bound="address",what="refused"}`); refused < 3 {
		t.Errorf("%v were refused", refused)
	}
}

// Proxies speak for many: they have no bound of their own.
func TestProxiesAreNotCounted(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) {
		c.ConnectionsFrom, c.TrustedProxy = 2, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	var all []*socket
	for range 10 {
		all = append(all, open(t, s.Host))
	}
	for i, c := range all {
		if got := c.ask(ping); got != 200 {
			t.Errorf("connection %d: %d", i, got)
		}
	}
}

// One account's requests wait for each other, and another's come between them, however slow the machine is (API-80): with one turn, which a request of the first
// holds, those of the first that wait are served after that of the second.
func TestAccountsTakeTurns(t *testing.T) {
	s := berthtest.Start(t, watched, func(c *server.Config) { c.Working = 1 })
	a, b := s.Account(t, vendor), s.Account(t, "555666777888")
	repository(t, a, "app")
	repository(t, b, "app")
	flood, other := a.Login(t, region), b.Login(t, region)
	of := s.Handler().(*front.Front).Turns
	held, err := of.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting := func(n int) {
		t.Helper()
		for begin := time.Now(); figure(t, s, "berth_turns_waiting") != float64(n); time.Sleep(time.Millisecond) {
			if time.Since(begin) > time.Minute {
				t.Fatalf("%v wait, not %d", figure(t, s, "berth_turns_waiting"), n)
			}
		}
	}
	var all sync.WaitGroup
	list := func(login, account string) {
		if resp, body := s.Do(t, login, "GET", account+"/"+region+"/app/tags/list", nil); resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", account, resp.Status, body)
		}
	}
	for i := range 20 {
		all.Go(func() { list(flood, vendor) })
		waiting(i + 1)
	}
	answered := make(chan struct{})
	go func() { list(other, "555666777888"); close(answered) }()
	waiting(21)
	next := make(chan *turn.Turn)
	go func() { // a third account, whose request then holds the turn
		held, err := of.Hold(context.Background())
		if err != nil {
			t.Error(err)
		}
		next <- held
	}()
	waiting(22)
	held.End()
	held = <-next
	<-answered
	waiting(19)
	held.End()
	all.Wait()
}
