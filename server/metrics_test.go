package server_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

// H16: metrics name repositories. They are told by the address of the connection, and to nobody for whom a proxy asks: behind a balancer on this machine, or in a network that may read
// them, everybody would have an address that may.
func TestMetricsAreNotToldThroughAProxy(t *testing.T) {
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, proxies := range map[string][]netip.Prefix{"a trusted proxy": local, "a proxy that is not known": nil} {
		s := berthtest.Start(t, func(c *server.Config) { c.MetricsFrom, c.TrustedProxy = local, proxies })
		for header, want := range map[string]int{
			"Accept: text/plain":             http.StatusOK,
			"X-Forwarded-For: 203.0.113.7":   http.StatusForbidden,
			"X-Forwarded-For: 127.0.0.1":     http.StatusForbidden,
			"X-Forwarded-For: ":              http.StatusForbidden,
			"X-Forwarded-Proto: https":       http.StatusForbidden,
			"X-Forwarded-Host: registry":     http.StatusForbidden,
			"Forwarded: for=127.0.0.1":       http.StatusForbidden,
			"X-Real-Ip: 127.0.0.1":           http.StatusForbidden,
			"Via: 1.1 balancer":              http.StatusForbidden,
			"X-Forwarded-Port: 443":          http.StatusOK, // says nothing of where it is from
			"User-Agent: Prometheus/3.5.0":   http.StatusOK,
			"X-Prometheus-Scrape-Timeout: 1": http.StatusOK,
		} {
			key, value, _ := strings.Cut(header, ": ")
			if status, text := asked(t, http.MethodGet, s.URL+"/metrics", key, value); status != want || strings.Contains(text, "berth_") != (want == http.StatusOK) {
				t.Errorf("%s, %s: %d %.80q", name, header, status, text)
			}
		}
	}
}

// --metrics-listen tells metrics at an address of their own, to the networks of --metrics-from, and at no other; also when there is no room for another client.
func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	apart := func(from string) *berthtest.Server {
		return berthtest.Start(t, func(c *server.Config) {
			c.MetricsListen, c.MetricsFrom, c.Connections.Connections = "127.0.0.1:0", []netip.Prefix{netip.MustParsePrefix(from)}, 1
		})
	}
	s, elsewhere := apart("127.0.0.0/8"), apart("10.0.0.0/8")
	at := strings.TrimSuffix(s.MetricsURL, "/metrics")
	for _, c := range []struct {
		method, url string
		want        int
		text        string
	}{
		{"GET", s.URL + "/metrics", 404, "--metrics-listen"},
		{"GET", at + "/metrics", 200, "\nberth_requests_in_flight "},
		{"GET", at + "/healthz", 200, "ok\n"},
		{"GET", at + "/readyz", 200, "ready\n"},
		{"POST", at + "/metrics", 405, ""},
		{"POST", at + "/readyz", 405, ""},
		{"GET", at + "/v2/", 404, ""},
		{"POST", at + "/", 404, ""},
		{"GET", elsewhere.MetricsURL, 403, "--metrics-from"},
	} {
		if status, text := asked(t, c.method, c.url, "Accept", "text/plain"); status != c.want || !strings.Contains(text, c.text) {
			t.Errorf("%s %s: %d %.80q", c.method, c.url, status, text)
		}
	}

	if got := open(t, s.Host).ask(ping); got != http.StatusOK { // the one client for whom there is room, and stays
		t.Errorf("/healthz: %d", got)
	}
	if status, _ := asked(t, "GET", s.MetricsURL, "Accept", "text/plain"); status != 200 {
		t.Errorf("with no room for another client the metrics are %d", status)
	}
}

func asked(t *testing.T, method, url, header, value string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(header, value)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
