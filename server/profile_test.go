package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

// An operator captures profiles with a signed call, one at a time, and beside other requests also where only one works at once; nobody gets one in another way.
func TestProfiles(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) { c.Working = 1 })
	root := s.Root(t)
	capture := func(body string) (int, string) {
		resp, answer := s.Call(t, root, "berth", region, "Berth_20261122", "CaptureProfile", body)
		return resp.StatusCode, string(answer)
	}
	content := func(kind string) string {
		status, text := capture(`{"kind":"` + kind + `","seconds":1}`)
		var out struct {
			Profile []byte
			Server  string
		}
		if err := json.Unmarshal([]byte(text), &out); err != nil || status != http.StatusOK || out.Server == "" {
			t.Fatalf("%s: %d %s %v", kind, status, text, err)
		}
		return string(out.Profile)
	}
	for _, kind := range []string{"heap", "goroutine"} {
		z, err := gzip.NewReader(strings.NewReader(content(kind)))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if text, err := io.ReadAll(z); err != nil || !bytes.Contains(text, []byte("github.com/berth-registry/berth/")) {
			t.Errorf("%s names no function of berth: %v", kind, err)
		}
	}
	// While one is captured there is no other.
	done := make(chan string, 1)
	go func() {
		for {
			status, text := capture(`{"kind":"trace","seconds":1}`)
			if status == http.StatusOK {
				var out struct{ Profile []byte }
				json.Unmarshal([]byte(text), &out) //nolint:errcheck // what it begins with is looked at
				text = string(out.Profile)
			} else if strings.Contains(text, "LimitExceededException") {
				continue // a capture of the other side was faster
			}
			done <- text
			return
		}
	}()
	for refused := false; !refused; {
		status, text := capture(`{"kind":"heap"}`)
		refused = status == http.StatusBadRequest && strings.Contains(text, "LimitExceededException")
		if !refused && status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		select {
		case <-done:
			t.Fatal("two profiles were captured at once, or the second waited for the first")
		default:
		}
	}
	if text := <-done; !strings.HasPrefix(text, "go 1.") {
		t.Errorf("a trace begins with %.20q", text)
	}
	for _, wrong := range []string{`{}`, `{"kind":"everything"}`, `{"kind":"cpu","seconds":121}`, `{"kind":"cpu","seconds":0}`} {
		if status, text := capture(wrong); status != http.StatusBadRequest || !strings.Contains(text, "alidation") && !strings.Contains(text, "InvalidParameter") {
			t.Errorf("%s: %d %s", wrong, status, text)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2", "/debug/vars"} {
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}
