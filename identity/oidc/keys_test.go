package oidc_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/oidc"
)

func (s *site) file(text []byte) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), "keys.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// Keys are asked for again when they are old, or when a token comes with another; a provider that does not answer does not end sign-in at once.
func TestKeysAreKeptAndRenewed(t *testing.T) {
	s := start(t)
	ask := func(want int) {
		t.Helper()
		if got := s.Requests(); got != want {
			t.Errorf("the provider was asked %d times, want %d", got, want)
		}
	}
	s.ok(s.verify(s.token(nil)))
	old := s.Keys()[0]
	s.Rotate(t, jose.RS256)
	s.refused(s.verify(s.token(nil)), fault.InvalidIdentityToken, noKey) // within the minute after the first question
	ask(2)
	s.clock.advance(time.Minute)
	s.ok(s.verify(s.token(nil)))
	ask(4)
	s.refused(s.verify(s.Sign(t, old, s.clock.now(), nil, nil)), fault.InvalidIdentityToken, noKey) // what the provider withdrew is withdrawn
	for range 50 {                                                                                  // whatever tokens come: once a minute
		s.refused(s.verify(s.Sign(t, old, s.clock.now(), nil, nil)), fault.InvalidIdentityToken, noKey)
	}
	ask(4)

	s.Override(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) })
	s.clock.advance(2 * time.Hour)
	s.ok(s.verify(s.token(nil)))
	s.ok(s.verify(s.token(nil)))
	ask(5)
	s.clock.advance(21 * time.Hour)
	s.ok(s.verify(s.token(nil)))
	s.clock.advance(2 * time.Hour)
	s.refused(s.verify(s.token(nil)), fault.InvalidIdentityToken, noKey) // not for ever: the keys may have been withdrawn meanwhile
	s.Override(nil)
	s.clock.advance(time.Minute)
	s.ok(s.verify(s.token(nil)))
}

// However many tokens come at once, the provider is asked once.
func TestOneQuestionAtATime(t *testing.T) {
	s := start(t)
	text := s.token(nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { s.ok(s.verify(text)) })
	}
	group.Wait()
	if got := s.Requests(); got != 2 {
		t.Errorf("the provider was asked %d times, for two documents", got)
	}
}

// Every account may name providers, so what stands at an address is asked as little as possible: a stranger could mean something else by it.
func TestProvidersAreAskedSafely_H70(t *testing.T) {
	t.Run("private address", func(t *testing.T) {
		s := start(t)
		s.verifier = s.open(oidc.Options{CAFile: s.CAFile})
		s.refused(s.verify(s.token(nil)), fault.InvalidIdentityToken, noKey)
		if s.Requests() != 0 {
			t.Error("the provider was asked")
		}
	})
	t.Run("unknown certificate", func(t *testing.T) {
		s := start(t)
		s.verifier = s.open(oidc.Options{Allow: loopback})
		s.refused(s.verify(s.token(nil)), fault.InvalidIdentityToken, noKey)
		if s.Requests() != 0 {
			t.Error("the provider was asked")
		}
	})
	for name, answer := range map[string]func(s *site, w http.ResponseWriter, r *http.Request){
		"redirect": func(_ *site, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
		"other issuer": func(_ *site, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"issuer":"https://other.example","jwks_uri":"https://other.example/keys"}`) //nolint:errcheck // to a test
		},
		"keys without TLS": func(s *site, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://127.0.0.1:1/keys"}`, s.URL)
		},
		"keys in a file": func(s *site, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, s.URL)
		},
		"keys at a private address": func(s *site, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"https://169.254.169.254/latest/meta-data"}`, s.URL)
		},
		"huge discovery": func(_ *site, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"x":"`+strings.Repeat("x", 65<<10)) //nolint:errcheck // likewise
		},
		"huge key set": func(s *site, w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/keys") {
				io.WriteString(w, strings.Repeat(" ", 513<<10)) //nolint:errcheck // likewise
			}
			s.Serve(w, r)
		},
		"too many keys": func(s *site, w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/keys") {
				io.WriteString(w, `{"keys":[{}`+strings.Repeat(",{}", 200)+`]}`) //nolint:errcheck // likewise
				return
			}
			s.Serve(w, r)
		},
		"no JSON":  func(_ *site, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, //nolint:errcheck // likewise
		"no keys":  func(_ *site, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) },     //nolint:errcheck // likewise
		"an error": func(_ *site, w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.Override(func(w http.ResponseWriter, r *http.Request) { answer(s, w, r) })
			s.refused(s.verify(s.token(nil)), fault.InvalidIdentityToken, noKey)
		})
	}
	t.Run("down", func(t *testing.T) { // which may pass, so clients are told to try again
		s := start(t)
		s.Override(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		s.refused(s.verify(s.token(nil)), fault.IdentityProviderUnreachable, "could not be reached")
	})
}

// A site without a way out keeps the keys of its providers in files, which are read again when they change.
func TestKeysFromFiles(t *testing.T) {
	s := start(t)
	path := s.file(s.KeySet())
	s.verifier = s.open(oidc.Options{Keys: map[string]string{s.URL: path}})
	s.ok(s.verify(s.token(nil)))
	old := s.token(nil)
	s.Rotate(t, jose.ES256)
	s.refused(s.verify(s.token(nil)), fault.InvalidIdentityToken, noKey)
	s.ok(os.WriteFile(path, s.KeySet(), 0o600))
	s.ok(s.verify(s.token(nil)))
	s.refused(s.verify(old), fault.InvalidIdentityToken, noKey)
	s.ok(os.WriteFile(path, []byte("half writ"), 0o600)) // the keys before serve until it is whole
	s.ok(s.verify(s.token(nil)))
	s.ok(os.Remove(path))
	s.ok(s.verify(s.token(nil)))
	if s.Requests() != 0 {
		t.Error("the provider was asked")
	}
	for name, o := range map[string]oidc.Options{
		"no file":      {Keys: map[string]string{s.URL: path}},
		"no key set":   {Keys: map[string]string{s.URL: s.file([]byte("{}"))}},
		"a folder":     {Keys: map[string]string{s.URL: t.TempDir()}},
		"no issuer":    {Keys: map[string]string{"http://x": s.file(s.KeySet())}},
		"no CA file":   {CAFile: path},
		"no authority": {CAFile: s.file([]byte("{}"))},
	} {
		if _, err := oidc.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// A provider that answers slowly holds up a bounded number of calls; the others are told at once to come again.
func TestFewWaitForOneProvider_H70(t *testing.T) {
	s := start(t)
	release := make(chan struct{})
	s.Override(func(w http.ResponseWriter, r *http.Request) {
		<-release
		s.Serve(w, r)
	})
	text := s.token(nil)
	var group sync.WaitGroup
	var good, refused atomic.Int32
	enough := make(chan struct{})
	for range 100 {
		group.Go(func() {
			switch err := s.verify(text); {
			case err == nil:
				good.Add(1)
			case fault.Is(err, fault.IdentityProviderUnreachable):
				if refused.Add(1) == 68 { // all who do not wait
					close(enough)
				}
			default:
				t.Error(err)
			}
		})
	}
	<-enough
	close(release)
	group.Wait()
	if good.Load() != 32 || refused.Load() != 68 {
		t.Errorf("%d were let in and %d sent away", good.Load(), refused.Load())
	}
}
