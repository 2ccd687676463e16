package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// fetchTime is how long both documents of a provider may take together.
	fetchTime     = 8 * time.Second
	mostDiscovery = 64 << 10 // bytes
)

// errUnreachable: the provider did not answer. It may be up again soon, so AWS clients are told to try again.
var errUnreachable = errors.New("the identity provider does not answer")

// newClient makes the client that asks providers. It goes where it is sent and nowhere else: no redirects, no proxy (which would connect in its place, to
// addresses that nobody judges), no connection to a network that is not public unless it is allowed.
func newClient(roots *x509.CertPool, allow []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: 4 * time.Second, Control: func(_, address string, _ syscall.RawConn) error { return judge(address, allow) }}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 4 * time.Second, ResponseHeaderTimeout: 4 * time.Second, MaxResponseHeaderBytes: 32 << 10, DisableKeepAlives: true, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusedAddress is the error of a connection that is not made.
type refusedAddress struct{ ip netip.Addr }

func (e *refusedAddress) Error() string {
	return fmt.Sprintf("%s is no public address; --oidc-allow names the networks that identity providers may be in", e.ip)
}

// judge refuses a connection to an address that is not public. It sees the address that the connection is made to, after names were resolved: whatever a name
// says the next time, this connection goes there (DNS rebinding).
func judge(address string, allow []netip.Prefix) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := to.Addr().WithZone("").Unmap()
	for _, network := range allow {
		if network.Contains(ip) {
			return nil
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return &refusedAddress{ip}
	}
	for _, network := range reserved() {
		if network.Contains(ip) {
			return &refusedAddress{ip}
		}
	}
	return nil
}

// reserved are the networks that are not public although they look like it (RFC 6890): shared address space, protocol assignments, documentation, benchmarks,
// and those of IPv6 that carry an IPv4 address, which would be judged by nobody.
func reserved() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// fetch asks an issuer where its keys are (OpenID Connect Discovery 1.0, section 4), and fetches them.
func fetch(ctx context.Context, client *http.Client, issuer string) ([]jose.JSONWebKey, error) {
	text, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", mostDiscovery)
	if err != nil {
		return nil, err
	}
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &discovery); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	if foldHost(discovery.Issuer) != issuer {
		return nil, fmt.Errorf("discovery: the document is of the issuer %q", clip(discovery.Issuer, 255)) // section 4.3
	}
	if text, err = get(ctx, client, discovery.Keys, mostKeySet); err != nil {
		return nil, err
	}
	return parseKeySet(text)
}

// get reads a document of at most so many bytes.
func get(ctx context.Context, client *http.Client, address string, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(address) > 2048 {
		return nil, fmt.Errorf("%q is not a URL that keys are fetched from", clip(address, 255))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "berth")
	resp, err := client.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, unreachable(err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", address, most)
	}
	return text, nil
}

// unreachable marks the failures that may pass. A certificate that is not trusted and an address that is not allowed do not.
func unreachable(err error) error {
	if refused := (*refusedAddress)(nil); errors.As(err, &refused) {
		return err
	}
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnreachable, err)
}
