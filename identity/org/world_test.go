package org_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const (
	manager  = "111222333444"
	member   = "222333444555"
	stranger = "555555555555"
)

// world is an organization of two accounts in a tree root -> top -> deep, with the member in deep, and a stranger.
type world struct {
	testing.TB
	db        *sql.DB
	dir       *iam.Directory
	orgs      *org.Organizations
	now       time.Time
	keys      map[string]*iam.AccessKey
	f         *org.Organization
	top, deep string
}

// each runs f on every kind of database.
func each(t *testing.T, f func(w *world)) {
	sqltest.Each(t, func(t *testing.T, dsn string) { f(newWorld(t, dsn)) })
}

func newWorld(t testing.TB, dsn string) *world {
	t.Helper()
	w := &world{TB: t, now: time.Now().Truncate(time.Second), keys: map[string]*iam.AccessKey{}}
	var err error
	w.db, err = sql.Open(t.Context(), dsn)
	w.ok(err)
	t.Cleanup(func() {
		sqltest.Plans(t, w.db, excuses(), "check.go")
		w.ok(w.db.Close())
	})
	log, err := audit.Open(t.Context(), w.db)
	w.ok(err)
	t.Cleanup(log.Close)
	now := func() time.Time { return w.now }
	w.dir, err = iam.Open(t.Context(), w.db, log, iam.Options{Now: now})
	w.ok(err)
	t.Cleanup(w.dir.Close)
	w.orgs, err = org.Open(t.Context(), w.db, log, w.dir, org.Options{Now: now})
	w.ok(err)
	for _, id := range []string{manager, member, stranger} {
		_, key, err := w.dir.CreateAccount(t.Context(), iam.NewAccount{ID: id})
		w.ok(err)
		w.keys[id] = key
	}
	w.f, err = w.orgs.CreateOrganization(w.as(manager), "")
	w.ok(err)
	w.top = w.unit(w.f.Root, "Top")
	w.deep = w.unit(w.top, "Deep")
	w.enroll(member, w.deep)
	return w
}

// as is the context of a request by the account's root user.
func (w *world) as(account string) context.Context {
	w.Helper()
	c, err := w.dir.Credential(w.Context(), w.keys[account].ID, "", w.now)
	w.ok(err)
	return w.call(c.Principal)
}

func (w *world) call(p *policy.Principal) context.Context {
	return iam.With(w.Context(), &iam.Call{
		Principal: p, RequestID: "r-1", Time: w.now, Region: "us-east-2", SourceIP: netip.MustParseAddr("203.0.113.7"), Secure: true, UserAgent: "docker/28.0",
	})
}

// policy makes a policy and hangs it on targets.
func (w *world) policy(t org.PolicyType, name, content string, targets ...string) string {
	w.Helper()
	p, err := w.orgs.CreatePolicy(w.as(manager), org.NewPolicy{Name: name, Content: content, Type: t})
	w.ok(err)
	for _, target := range targets {
		w.ok(w.orgs.AttachPolicy(w.as(manager), p.ID, target))
	}
	return p.ID
}

func (w *world) enable(types ...org.PolicyType) {
	w.Helper()
	for _, t := range types {
		_, err := w.orgs.EnablePolicyType(w.as(manager), w.f.Root, t)
		w.ok(err)
	}
}

// may asks whether ctx's caller may do action on a repository of owner, and answers the message of the refusal, "" if it may.
func (w *world) may(ctx context.Context, action, owner string, policies ...string) string {
	w.Helper()
	r := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + owner + ":repository/app", Account: owner}
	if len(policies) > 0 {
		p, err := policy.Parse([]byte(policies[0]))
		w.ok(err)
		r.Policy = &policy.Attached{Name: "repository policy", Policy: p}
	}
	err := w.dir.Authorize(ctx, action, r)
	if f := fault.As(err); f != nil && f.Code == fault.AccessDenied {
		return f.Message
	}
	w.ok(err)
	return ""
}

// allowed and denied assert what may answers; text is the end of the refusal before the request's id.
func (w *world) allowed(refusal string) {
	w.Helper()
	if refusal != "" {
		w.Errorf("refused: %s", refusal)
	}
}

func (w *world) denied(refusal, text string) {
	w.Helper()
	if !strings.HasSuffix(refusal, text+" (request id: r-1)") {
		w.Errorf("got refusal %q, want one that ends in %q", refusal, text)
	}
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

// document is a policy of one statement.
func document(statement string) string {
	return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
}

func (w *world) levels(account string) []policy.Level {
	w.Helper()
	scp, _, err := w.orgs.Levels(w.Context(), account)
	w.ok(err)
	return scp
}
