package front

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-registry/berth/identity/iam"
)

// peer is the other end of a connection, and where the connection came in.
type peer struct {
	ip       netip.Addr
	endpoint *iam.Endpoint // nil for a public listener
	awaits   func(n int)   // see Connection; nil where nobody asks
}

type (
	connectionKey struct{}
	endpointKey   struct{}
)

// Through puts the private endpoint that a listener is into the context of its connections: use it in http.Server.BaseContext (IAMP-1.2: aws:SourceVpce).
func Through(ctx context.Context, e *iam.Endpoint) context.Context {
	return context.WithValue(ctx, endpointKey{}, e)
}

// Connection is put into the context of each connection, so that the caller's address is read once and not at each request: use it as
// http.Server.ConnContext. awaits, which may be nil, is told 1 when a request on the connection has a body to come of which nobody knows yet whom it is from, and -1 when that
// is known, or over; with the end of a request of HTTP/1 it is over in any case.
func Connection(ctx context.Context, c net.Conn, awaits func(n int)) context.Context {
	p := &peer{awaits: awaits}
	p.endpoint, _ = ctx.Value(endpointKey{}).(*iam.Endpoint)
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		p.ip = a.AddrPort().Addr().Unmap().WithZone("")
	}
	return context.WithValue(ctx, connectionKey{}, p)
}

func peerOf(r *http.Request) peer {
	if p, ok := r.Context().Value(connectionKey{}).(*peer); ok {
		return *p
	}
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer{ip: a.Addr().Unmap().WithZone("")}
}

// origin says where a request really comes from, over what, and by which name. It answers the request itself, or a copy of it that looks as if the client had
// come without a proxy.
//
// Headers about that are believed only of a connection from a trusted proxy (H16): anybody can send them. Each proxy of a chain puts the address that it saw
// at the end of X-Forwarded-For; so it is read from there, and the first address that is not of a trusted proxy is the client. What stands before it is what
// the client itself may have made up, and what cannot be read ends the chain. Of the other headers the last value counts, which the nearest proxy has set: a
// proxy must set them, and not pass on what the client sent.
func (f *Front) origin(r *http.Request, from netip.Addr) (_ *http.Request, client netip.Addr, secure bool) {
	secure = r.TLS != nil
	if len(f.TrustedProxies) == 0 || !f.trusts(from) {
		return r, from, secure
	}
	client = f.client(r.Header["X-Forwarded-For"], from)
	switch strings.ToLower(lastValue(r.Header["X-Forwarded-Proto"])) {
	case "https":
		secure = true
	case "http":
		secure = false
	}
	told := *r
	told.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	if host := lastValue(r.Header["X-Forwarded-Host"]); isHost(host) {
		told.Host = host
	}
	return &told, client, secure
}

func (f *Front) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(f.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// client reads X-Forwarded-For from its end. Each address but the last was told by a trusted one.
func (f *Front) client(headers []string, client netip.Addr) netip.Addr {
	for _, list := range slices.Backward(headers) {
		for more := true; more; {
			value := list
			if i := strings.LastIndexByte(list, ','); i >= 0 {
				list, value = list[:i], list[i+1:]
			} else {
				more = false
			}
			ip, ok := readForwarded(strings.TrimSpace(value))
			if !ok {
				return client
			}
			if client = ip; !f.trusts(ip) {
				return client
			}
		}
	}
	return client
}

// readForwarded reads an address as proxies write it: alone, in brackets, or with a port. A zone is of the proxy's machine, and says nothing here.
func readForwarded(s string) (netip.Addr, bool) {
	if len(s) > 64 {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		if at, failed := netip.ParseAddrPort(s); failed == nil {
			ip, err = at.Addr(), nil
		} else if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
			ip, err = netip.ParseAddr(inner[:len(inner)-1])
		}
	}
	return ip.Unmap().WithZone(""), err == nil
}

// lastValue is the last entry of a list header.
func lastValue(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	last := headers[len(headers)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// isHost reports whether s can be the host of a URL, perhaps with a port: it goes into the URLs that clients are given.
func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}
