package server

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/berth-registry/berth/api/front"
)

// Connections are how many clients may be connected, and how many of them are served at once.
type Connections struct {
	Connections     int `help:"How many connections there may be at once (default: half of the files that the process may open, less 256; at most 50000)." env:"BERTH_CONNECTIONS" placeholder:"N"`
	Working         int `help:"How many requests compute at once; those that come meanwhile wait, in a line for each account (default: two for each processor)." env:"BERTH_WORKING" placeholder:"N"`
	ConnectionsFrom int `name:"connections-from" help:"How many of them from one address, of IPv6 from one /64 network; those of --trusted-proxy are not counted (default: a quarter of all)." env:"BERTH_CONNECTIONS_FROM" placeholder:"N"`
}

// Validate finds numbers that cannot be.
func (c *Connections) Validate() error {
	if c.Connections < 0 || c.ConnectionsFrom < 0 || c.Working < 0 {
		return errors.New("--connections, --connections-from and --working: name numbers above 0")
	}
	return nil
}

// most is how many connections there may be: a connection may need a second file, of the layer that it sends, and what the server itself opens must always
// find room (F32).
func (c *Connections) most() (all, from int) {
	all = c.Connections
	if all == 0 {
		all = 50_000
		var files unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && files.Cur < 1<<20 {
			all = min(all, max(16, (int(files.Cur)-256)/2))
		}
	}
	if from = c.ConnectionsFrom; from == 0 {
		from = max(8, all/4)
	}
	return all, min(from, all)
}

// turns are those that requests share.
func (c *Connections) turns(r prometheus.Registerer) (*front.Turns, error) {
	n := c.Working
	if n == 0 {
		n = 2 * runtime.GOMAXPROCS(0)
	}
	return front.NewTurns(n, r)
}

// crowd is who is connected, over all sockets. When there is no room, the connection goes on which no request has been under way for longest; of the same
// address if that one has too many. Its client opens another when it needs one, as it must be able to (RFC 9112, 9.3.1). So those who hold connections and ask
// nothing, or never finish asking, keep nobody out (H14); nor do those who announce a body without saying who they are, until it has come. Only where all are at work is a new one refused.
//
// It looks at connections from outside: net/http must see the socket itself, or layers would not go to it by sendfile.
type crowd struct {
	all, from int
	trusted   []netip.Prefix // proxies, which speak for many
	refused   *prometheus.CounterVec

	mu        sync.Mutex
	members   map[net.Conn]*member
	addresses map[netip.Addr]*address
	waiting   list.List     // of *member on which no request is under way, that for longest first
	goodbyes  chan struct{} // room for refusals that are being told
}

// address is who is connected from one address.
type address struct {
	open    int
	waiting list.List // as the crowd's
}

// member is one connection. Its address is nil if it is not counted.
type member struct {
	conn      net.Conn
	of        netip.Addr
	address   *address
	here, all *list.Element // in the lists of those that wait; nil while a request is under way
	active    bool          // a request is under way
	awaits    int           // how many of its requests have a body to come of which nobody knows whom it is from
}

func newCrowd(c *Connections, trusted []netip.Prefix, r prometheus.Registerer) *crowd {
	w := &crowd{
		trusted: trusted, members: map[net.Conn]*member{}, addresses: map[netip.Addr]*address{}, goodbyes: make(chan struct{}, 64),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "berth_connections_refused_total", Help: "Connections refused because there were too many, all of them at work, and idle ones closed to make room; by which bound it was."}, []string{"bound", "what"}),
	}
	w.all, w.from = c.most()
	for _, bound := range []string{"all", "address"} {
		w.refused.WithLabelValues(bound, "refused")
		w.refused.WithLabelValues(bound, "closed")
	}
	r.MustRegister(w.refused,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "berth_connections", Help: "Connections of clients that are open."}, func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return float64(len(w.members))
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "berth_connections_most", Help: "How many connections of clients there may be."}, func() float64 { return float64(w.all) }))
	return w
}

// bounded is a socket whose connections belong to the crowd.
type bounded struct {
	net.Listener
	crowd *crowd
	plain bool // no TLS: a refusal can be told
}

// Accept answers the next connection for which there is room.
func (b bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.crowd.admit(c) {
			return c, nil
		}
		b.crowd.refuse(c, b.plain)
	}
}

// admit makes room for c, and reports whether there is any.
func (w *crowd) admit(c net.Conn) bool {
	m := &member{conn: c}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		from := a.AddrPort().Addr().Unmap()
		if !slices.ContainsFunc(w.trusted, func(p netip.Prefix) bool { return p.Contains(from) }) {
			m.of = whole(from)
			if m.address = w.addresses[m.of]; m.address == nil {
				m.address = &address{}
			}
			if m.address.open >= w.from && !w.close(&m.address.waiting, "address") {
				return false
			}
		}
	}
	if len(w.members) >= w.all && !w.close(&w.waiting, "all") {
		return false
	}
	w.members[c] = m
	if m.address != nil {
		m.address.open++
		w.addresses[m.of] = m.address
	}
	w.wait(m)
	return true
}

// whole is what an address counts as: of IPv6 the network that one customer has to himself.
func whole(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64) // it has 128 bits
		return p.Addr()
	}
	return a
}

// close ends the first of those that wait, and reports whether there was one. The server's own goroutine notices it by the closed socket.
func (w *crowd) close(waiting *list.List, bound string) bool {
	first := waiting.Front()
	if first == nil {
		w.refused.WithLabelValues(bound, "refused").Inc()
		return false
	}
	m := first.Value.(*member)
	w.leave(m)
	m.conn.Close() //nolint:errcheck // nothing was on its way
	w.refused.WithLabelValues(bound, "closed").Inc()
	return true
}

// leave takes m out of everything.
func (w *crowd) leave(m *member) {
	w.busy(m)
	delete(w.members, m.conn)
	if m.address != nil {
		if m.address.open--; m.address.open == 0 {
			delete(w.addresses, m.of)
		}
	}
}

// wait puts m at the end of those that wait.
func (w *crowd) wait(m *member) {
	m.all = w.waiting.PushBack(m)
	if m.address != nil {
		m.here = m.address.waiting.PushBack(m)
	}
}

// busy takes m out of those that wait.
func (w *crowd) busy(m *member) {
	if m.all == nil {
		return
	}
	w.waiting.Remove(m.all)
	if m.here != nil {
		m.address.waiting.Remove(m.here)
	}
	m.all, m.here = nil, nil
}

// state follows a connection: it is http.Server.ConnState. Until its first request is read a connection is new, which is to wait.
func (w *crowd) state(c net.Conn, s http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.members[c]
	if m == nil {
		return // it was closed to make room
	}
	switch s {
	case http.StateActive:
		m.active = true
		w.busy(m)
	case http.StateIdle:
		m.active, m.awaits = false, 0
		w.busy(m)
		w.wait(m)
	case http.StateClosed, http.StateHijacked:
		w.leave(m)
	}
}

// awaits follows the bodies that strangers have announced on a connection: see front.Connection. While one is to come the connection waits, since when it was announced.
func (w *crowd) awaits(c net.Conn) func(n int) {
	return func(n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		m := w.members[c]
		if m == nil {
			return // it was closed to make room
		}
		m.awaits = max(0, m.awaits+n)
		switch {
		case m.awaits > 0 && m.all == nil:
			w.wait(m)
		case m.awaits == 0 && m.active:
			w.busy(m)
		}
	}
}

// refuse tells a client that there is no room, where that can be told before the request is read: what is closed with bytes unread is reset, and the answer
// lost with it, so the client is listened to for a moment. Those that are too many even for that are closed at once.
func (w *crowd) refuse(c net.Conn, plain bool) {
	select {
	case w.goodbyes <- struct{}{}:
	default:
		plain = false
	}
	if !plain {
		c.Close() //nolint:errcheck // nothing was on its way
		return
	}
	go func() {
		defer func() { <-w.goodbyes }()
		defer c.Close()                                    //nolint:errcheck // all was said
		c.SetDeadline(time.Now().Add(goodbyeTime))         //nolint:errcheck // it is closed in any case
		if _, err := c.Write([]byte(noRoom)); err != nil { // an empty socket takes it at once
			return
		}
		if t, ok := c.(*net.TCPConn); ok && t.CloseWrite() == nil {
			var some [4096]byte
			for left := 64 << 10; left > 0; {
				n, err := c.Read(some[:])
				if err != nil {
					return
				}
				left -= n
			}
		}
	}()
}

// goodbyeTime is how long who is refused is listened to.
const goodbyeTime = time.Second

const noRoomBody = `{"errors":[{"code":"TOOMANYREQUESTS","message":"There are too many connections. Try again in a moment, over fewer."}]}`

// noRoom is what a client is told for whom there is no room, in the form of the distribution specification (HTTP-31): which door he would have gone to is not known yet.
var noRoom = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " +
	strconv.Itoa(len(noRoomBody)) + "\r\n\r\n" + noRoomBody
