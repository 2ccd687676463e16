package oidc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/turn"
)

const (
	// fresh is how long keys are used before the provider is asked again: so long a key goes on that the provider has withdrawn.
	fresh = time.Hour
	// outage is how long known keys are used while the provider cannot be asked.
	outage = 24 * time.Hour
	// pause is the least time between two questions to one provider, whatever tokens come and however the first question ended.
	pause = time.Minute

	mostSources  = 2000 // providers whose keys are kept
	mostWaiting  = 32   // calls that wait for the keys of one provider
	mostFetching = 16   // providers that are asked at a time
)

// Options say where keys come from.
type Options struct {
	// Keys names the file with the key set of an issuer, by the issuer's URL. An issuer that is here is never asked over the network.
	Keys map[string]string
	// CAFile holds certificate authorities, PEM, that are trusted for providers beside those of the system; "" for none.
	CAFile string
	// Allow are the networks that providers may be in although they are not public. Every account may name providers: without this berth could be made to ask
	// what only it can reach (H70, needs an address at the time of the connection: names may resolve to anything, and to something else the next time).
	Allow []netip.Prefix
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Verifier verifies tokens and keeps the keys of their issuers. It is safe for concurrent use.
type Verifier struct {
	now      func() time.Time
	client   *http.Client
	files    map[string]*file
	sources  *otter.Cache[string, *source] // by issuer
	flight   singleflight.Group
	fetching chan struct{}
}

// New makes a verifier. It fails for an issuer that is none, and for a file that cannot be read.
func New(o Options) (*Verifier, error) {
	v := &Verifier{
		now: o.Now, files: map[string]*file{}, fetching: make(chan struct{}, mostFetching),
		sources: otter.Must(&otter.Options[string, *source]{MaximumSize: mostSources}),
	}
	if v.now == nil {
		v.now = time.Now
	}
	var roots *x509.CertPool
	if o.CAFile != "" {
		text, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authorities of identity providers: %w", err)
		}
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("certificate authorities of identity providers: %s has no certificate", o.CAFile)
		}
	}
	v.client = newClient(roots, o.Allow)
	for text, path := range o.Keys {
		issuer, err := CheckIssuer(text)
		if err != nil {
			return nil, fmt.Errorf("keys of %q: %w", text, err)
		}
		f := &file{path: path}
		if err := f.read(); err != nil {
			return nil, fmt.Errorf("keys of %s: %w", issuer, err)
		}
		v.files[issuer] = f
	}
	return v, nil
}

// source is what is known of one issuer that is asked over the network.
type source struct {
	waiting atomic.Int32

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when keys came; zero if never
	tried   time.Time // when they were last asked for
	err     error     // why the last attempt failed; nil if it did not
}

// keys returns the keys of an issuer that may have signed a token with this key id and algorithm, at least one.
func (v *Verifier) keys(ctx context.Context, issuer, id, algorithm string) ([]jose.JSONWebKey, error) {
	if f, ok := v.files[issuer]; ok {
		if keys := fitting(f.current(), id, algorithm); len(keys) > 0 {
			return keys, nil
		}
		return nil, noKey(nil)
	}
	s, _ := v.sources.ComputeIfAbsent(issuer, func() (*source, bool) { return &source{}, false })
	keys, due, err := s.look(v.now(), id, algorithm)
	if due {
		if err := v.refresh(ctx, s, issuer); err != nil {
			return nil, err
		}
		keys, _, err = s.look(v.now(), id, algorithm)
	}
	return keys, err
}

// look finds the keys among those that are known. due tells that the provider should be asked first: its keys are old, or not there, and the last question is
// some time ago.
func (s *source) look(now time.Time, id, algorithm string) (keys []jose.JSONWebKey, due bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := now.Sub(s.fetched)
	if age < outage {
		keys = fitting(s.keys, id, algorithm)
	}
	due = (len(keys) == 0 || age >= fresh) && now.Sub(s.tried) >= pause
	if len(keys) > 0 {
		return keys, due, nil
	}
	if errors.Is(s.err, errUnreachable) {
		return nil, due, fault.Wrap(s.err, fault.IdentityProviderUnreachable, "The identity provider that was asked to verify the token could not be reached")
	}
	return nil, due, noKey(s.err)
}

func noKey(err error) error {
	return fault.Wrap(err, fault.InvalidIdentityToken,
		"Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements") // the two spaces are AWS's
}

// refresh asks the provider for its keys, once for all who wait for them. The error is that of a caller who waits no longer.
func (v *Verifier) refresh(ctx context.Context, s *source, issuer string) error {
	if s.waiting.Add(1) > mostWaiting {
		s.waiting.Add(-1)
		return fault.New(fault.IdentityProviderUnreachable, "Too many calls wait for the identity provider; try again")
	}
	defer s.waiting.Add(-1)
	t := turn.Of(ctx)
	paused := t.Pause() // strangers choose whom to ask, also those that never answer
	defer t.Resume(paused)
	done := v.flight.DoChan(issuer, func() (any, error) {
		s.mu.Lock()
		recent := v.now().Sub(s.tried) < pause
		s.mu.Unlock()
		if recent {
			return nil, nil // somebody else did it between our look and this
		}
		keys, err := v.ask(issuer)
		now := v.now()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tried, s.err = now, err
		if err == nil {
			s.keys, s.fetched = keys, now
		} else {
			slog.Warn("the keys of an identity provider could not be fetched", "issuer", issuer, "error", err)
		}
		return nil, nil
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask fetches keys on behalf of nobody in particular: a caller that goes away must not spoil it for the others.
func (v *Verifier) ask(issuer string) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	select {
	case v.fetching <- struct{}{}:
		defer func() { <-v.fetching }()
	case <-ctx.Done():
		return nil, errUnreachable
	}
	return fetch(ctx, v.client, issuer)
}
