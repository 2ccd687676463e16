package distribution_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	account = "111122223333"
	another = "999988887777"
	region  = "us-east-1"
)

// site is this door over a registry on SQLite and files, with two accounts. The listener knows its callers by the bare key id: how they prove who they
// are is the front door's, and tested there.
type site struct {
	registry        *registry.Registry
	root            *policy.Principal
	owner, stranger *client
	door            *distribution.Door
	handler         http.Handler
}

// pathForm is what stands before repository names in the path form.
var pathForm = account + "/" + region + "/"

func start(t testing.TB) *site {
	t.Helper()
	ctx := t.Context()
	folder := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open(ctx, filepath.Join(folder, "berth.db"))
	check(err)
	t.Cleanup(func() { _ = db.Close() })
	blobs, err := blob.OpenFiles(filepath.Join(folder, "blobs"))
	check(err)
	log, err := audit.Open(ctx, db)
	check(err)
	t.Cleanup(log.Close)
	who, err := iam.Open(ctx, db, log, iam.Options{})
	check(err)
	t.Cleanup(who.Close)
	reg, err := registry.Open(ctx, db, blobs, who, log, registry.Options{})
	check(err)
	t.Cleanup(reg.Close)

	callers := map[string]*policy.Principal{}
	enter := func(account string) (*policy.Principal, *client) {
		_, key, err := who.CreateAccount(ctx, iam.NewAccount{ID: account})
		check(err)
		c, err := who.Credential(ctx, key.ID, "", time.Now())
		check(err)
		callers[key.ID] = c.Principal
		return c.Principal, &client{prefix: pathForm, authorization: key.ID}
	}
	s := &site{registry: reg}
	s.root, s.owner = enter(account)
	_, s.stranger = enter(another)

	s.door = &distribution.Door{Registry: reg}
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := callers[r.Header.Get("Authorization")]
		if caller == nil {
			distribution.WriteError(w, r, fault.New(fault.MissingCredentials, "no credentials"), "test")
			return
		}
		target := distribution.Target{Account: account, Region: region}
		target.Path = strings.TrimPrefix(r.URL.Path, "/v2/")
		if rest, ok := strings.CutPrefix(target.Path, pathForm); ok {
			target.Path, target.Prefix = rest, pathForm
		}
		err := s.door.Serve(w, r.WithContext(callAs(r.Context(), caller)), target)
		if err != nil {
			if fault.As(err) == nil && r.Context().Err() == nil && !errors.As(err, new(*distribution.Interrupted)) {
				t.Errorf("%s %s: %v", r.Method, r.URL, err)
			}
			distribution.WriteError(w, r, err, "test")
		}
	})
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.owner.base, s.stranger.base = server.URL, server.URL
	return s
}

func callAs(ctx context.Context, p *policy.Principal) context.Context {
	ip, _ := net.ResolveTCPAddr("tcp", "127.0.0.1:1")
	return iam.With(ctx, &iam.Call{Principal: p, Time: time.Now(), Region: region, RequestID: "test", SourceIP: ip.AddrPort().Addr()})
}

// create makes a repository.
func (s *site) create(t testing.TB, name string) {
	t.Helper()
	if _, err := s.registry.CreateRepository(callAs(t.Context(), s.root), s.ref(name), registry.NewRepository{}); err != nil {
		t.Fatal(err)
	}
}

func (s *site) ref(name string) registry.Ref {
	return registry.Ref{Account: account, Region: region, Name: name}
}

// immutable makes a repository's tags immutable.
func (s *site) immutable(t testing.TB, name string) {
	t.Helper()
	ctx := callAs(t.Context(), s.root)
	repo, err := s.registry.Open(ctx, s.ref(name), "ecr:PutImageTagMutability")
	if err == nil {
		err = repo.SetMutability(ctx, registry.TagMutability{Mode: "IMMUTABLE"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mounting switches cross-repository mounts on or off (HTTP-20).
func (s *site) mounting(t testing.TB, on bool) {
	t.Helper()
	value := "DISABLED"
	if on {
		value = "ENABLED"
	}
	if err := s.registry.PutAccountSetting(callAs(t.Context(), s.root), account, region, registry.BlobMounting, value); err != nil {
		t.Fatal(err)
	}
}
