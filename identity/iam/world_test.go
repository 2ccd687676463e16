package iam_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const (
	vendor   = "111222333444"
	customer = "999888777666"
	stranger = "555555555555"
)

// world is a directory with the three accounts of the story, and a clock that tests move.
type world struct {
	testing.TB
	dir *iam.Directory
	db  *sql.DB
	log *audit.Log
	now time.Time

	root map[string]*iam.AccessKey
}

// each runs f on every kind of database.
func each(t *testing.T, f func(w *world)) {
	sqltest.Each(t, func(t *testing.T, dsn string) { f(newWorld(t, dsn)) })
}

func newWorld(t testing.TB, dsn string) *world {
	t.Helper()
	w := &world{TB: t, now: time.Now().Truncate(time.Second), root: map[string]*iam.AccessKey{}}
	var err error
	if w.db, err = sql.Open(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sqltest.Plans(t, w.db, excuses(), "check.go")
		w.ok(w.db.Close())
	})
	if w.log, err = audit.Open(t.Context(), w.db); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.log.Close)
	if w.dir, err = iam.Open(t.Context(), w.db, w.log, iam.Options{Now: func() time.Time { return w.now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.dir.Close)
	for _, id := range []string{vendor, customer, stranger} {
		_, key, err := w.dir.CreateAccount(t.Context(), iam.NewAccount{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		w.root[id] = key
	}
	return w
}

// call is the context of a request signed with a key.
func (w *world) call(accessKeyID, token string) context.Context {
	w.Helper()
	c, err := w.dir.Credential(w.Context(), accessKeyID, token, w.now)
	if err != nil {
		w.Fatal(err)
	}
	return w.signed(c)
}

func (w *world) signed(c *iam.Credential) context.Context {
	call := &iam.Call{RequestID: "r-1", Time: w.now, Region: "us-east-2", SourceIP: netip.MustParseAddr("203.0.113.7"), Secure: true, UserAgent: "docker/28.0"}
	call.SignedBy(c)
	return iam.With(w.Context(), call)
}

// asRoot is the context of the account's root user.
func (w *world) asRoot(account string) context.Context {
	w.Helper()
	return w.call(w.root[account].ID, "")
}

// user makes a user with an access key.
func (w *world) user(account, name string, policies ...string) *iam.AccessKey {
	w.Helper()
	root := w.asRoot(account)
	if _, err := w.dir.CreateUser(root, iam.NewUser{Name: name}); err != nil {
		w.Fatal(err)
	}
	for i, p := range policies {
		if err := w.dir.PutInlinePolicy(root, iam.Ref{Kind: iam.KindUser, Name: name}, "p"+string(rune('0'+i)), p); err != nil {
			w.Fatal(err)
		}
	}
	k, err := w.dir.CreateAccessKey(root, name)
	if err != nil {
		w.Fatal(err)
	}
	return k
}

// role makes a role with a trust policy.
func (w *world) role(account, name, trust string, policies ...string) *iam.Role {
	w.Helper()
	root := w.asRoot(account)
	r, err := w.dir.CreateRole(root, iam.NewRole{Name: name, Trust: trust})
	if err != nil {
		w.Fatal(err)
	}
	for i, p := range policies {
		if err := w.dir.PutInlinePolicy(root, iam.Ref{Kind: iam.KindRole, Name: name}, "p"+string(rune('0'+i)), p); err != nil {
			w.Fatal(err)
		}
	}
	return r
}

// allow is an identity policy.
func allow(resource string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + resource + `"}]}`
}

// trusting is a trust policy for an AWS principal, with more of the statement behind it.
func trusting(principal, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + more + `}]}`
}

// refused asserts that err is a fault with code whose message has text in it.
func (w *world) refused(err error, code fault.Code, text string) {
	w.Helper()
	f := fault.As(err)
	if f == nil || f.Code != code || !strings.Contains(f.Message, text) {
		w.Errorf("got %v, want %s with %q", err, code, text)
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}
