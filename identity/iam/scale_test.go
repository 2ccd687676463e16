package iam_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// crowd is an account with many users, roles and policies, made in one transaction past the API.
type crowd struct {
	*world
	users int
}

// newCrowd makes n users, n roles and n/10 policies. Each user has an inline policy, a tag and an attached policy; all have one boundary.
func newCrowd(b *testing.B, n int) *crowd {
	b.Helper()
	w := &crowd{world: newWorld(b, sqltest.SQLite(b)), users: n}
	document := allow("arn:aws:ecr:*:*:repository/app/*", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
	boundary, err := w.dir.CreatePolicy(w.asRoot(vendor), "boundary", "", "", allow("*", "ecr:*"), nil)
	w.ok(err)
	now := sql.Micros(w.now)
	w.ok(w.db.Write(b.Context(), func(tx *sql.Tx) error {
		exec := func(query string, args ...any) {
			if err == nil {
				_, err = tx.Exec(query, args...)
			}
		}
		for i := range n / 10 {
			id, name := fmt.Sprintf("ANPA%017d", i), fmt.Sprintf("policy-%07d", i)
			exec(`INSERT INTO iam_policy (id, account, name, folded, path, description, current_version, last_version, created, updated) VALUES ($1, $2, $3, $4, $5, '', 1, 1, $6, $7)`,
				id, vendor, name, name, path(i), now, now)
			exec(`INSERT INTO iam_policy_version (policy, version, document, created) VALUES ($1, 1, $2, $3)`, id, document, now)
		}
		for i := range n {
			user, role, name := fmt.Sprintf("AIDA%017d", i), fmt.Sprintf("AROA%017d", i), fmt.Sprintf("name-%07d", i)
			exec(`INSERT INTO iam_user (id, account, name, folded, path, boundary, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`, user, vendor, name, name, path(i), boundary.ID, now)
			exec(`INSERT INTO iam_role (id, account, name, folded, path, boundary, trust, description, max_session, created) VALUES ($1, $2, $3, $4, $5, '', $6, '', 3600, $7)`,
				role, vendor, name, name, path(i), trusting(vendor, ""), now)
			exec(`INSERT INTO iam_inline (owner, name, document) VALUES ($1, 'inline', $2)`, user, document)
			exec(`INSERT INTO iam_tag (owner, folded, name, value) VALUES ($1, 'team', 'team', 'blue')`, user)
			exec(`INSERT INTO iam_attachment (owner, policy, account) VALUES ($1, $2, $3)`, user, fmt.Sprintf("ANPA%017d", i%max(n/10, 1)), vendor)
		}
		return err
	}))
	return w
}

// path spreads names over paths: one in a thousand is under /rare/.
func path(i int) string {
	if i%1000 == 999 {
		return "/rare/"
	}
	return fmt.Sprintf("/team-%d/", i%7)
}

// last is the cursor of a page near the end of what lists are sorted by.
func (w *crowd) last() string { return fmt.Sprintf("name-%07d", w.users-101) }

// BenchmarkLists reads pages of 100 at the start and near the end of an account with 2,000 and with 100,000 users, roles and (a tenth as many) policies: the
// cost of a page does not depend on how many there are, nor on where it is (IAM-10).
func BenchmarkLists(b *testing.B) {
	for _, n := range []int{2_000, 100_000} {
		w := newCrowd(b, n)
		ctx := w.asRoot(vendor)
		for name, list := range map[string]func(p iam.Page) error{
			"users":      func(p iam.Page) error { return third(w.dir.Users(ctx, "", p)) },
			"roles":      func(p iam.Page) error { return third(w.dir.Roles(ctx, "", p)) },
			"users-rare": func(p iam.Page) error { return third(w.dir.Users(ctx, "/rare/", iam.Page{Max: p.Max})) },
			"details": func(p iam.Page) error {
				return third(w.dir.AccountDetails(ctx, iam.DetailFilter{Users: true}, details(p)))
			},
			"credentials": func(p iam.Page) error { return third(w.dir.AccessKeys(ctx, "name-0000001", iam.Page{Max: p.Max})) },
		} {
			b.Run(fmt.Sprintf("%s/of-%d/first", name, n), repeat(func() error { return list(iam.Page{Max: 100}) }))
			b.Run(fmt.Sprintf("%s/of-%d/last", name, n), repeat(func() error { return list(iam.Page{Max: 100, After: w.last()}) }))
		}
		for name, list := range map[string]func() error{
			"policies/first": func() error { return third(w.dir.Policies(ctx, iam.PolicyFilter{Local: true}, iam.Page{Max: 100})) },
			"policies/last": func() error {
				return third(w.dir.Policies(ctx, iam.PolicyFilter{Local: true}, iam.Page{Max: 100, After: fmt.Sprintf("policy-%07d", n/10-101)}))
			},
			"policies/attached": func() error {
				return third(w.dir.Policies(ctx, iam.PolicyFilter{Local: true, AWS: true, OnlyAttached: true}, iam.Page{Max: 100}))
			},
			"entities": func() error {
				return third(w.dir.EntitiesForPolicy(ctx, "arn:aws:iam::"+vendor+":policy/boundary", iam.EntityFilter{}, iam.Page{Max: 100}))
			},
			"entities/last": func() error {
				return third(w.dir.EntitiesForPolicy(ctx, "arn:aws:iam::"+vendor+":policy/boundary", iam.EntityFilter{}, iam.Page{Max: 100, After: fmt.Sprintf("AIDA%017d", n-101)}))
			},
			"summary": func() error { _, err := w.dir.AccountSummary(ctx); return err },
		} {
			b.Run(fmt.Sprintf("%s/of-%d", name, n), repeat(list))
		}
	}
}

func details(p iam.Page) iam.Page {
	if p.After != "" {
		p.After = "0 " + p.After
	}
	return p
}

func third[A, B any](_ A, _ B, err error) error { return err }

func repeat(f func() error) func(b *testing.B) {
	return func(b *testing.B) {
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkDecisions decides for one user of an account with 2,000 and with 100,000 users: known, the decision costs the same and allocates nothing; not known,
// it reads as many rows.
func BenchmarkDecisions(b *testing.B) {
	for _, n := range []int{2_000, 100_000} {
		w := newCrowd(b, n)
		k, err := w.dir.CreateAccessKey(w.asRoot(vendor), "name-0000001")
		w.ok(err)
		r := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + vendor + ":repository/app/web", Account: vendor}
		ctx := w.call(k.ID, "")
		w.ok(w.dir.Authorize(ctx, "ecr:BatchGetImage", r)) // reads and compiles what it takes
		b.Run(fmt.Sprintf("known/of-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("changed/of-%d", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w.ok(w.db.Write(b.Context(), func(tx *sql.Tx) error { return tx.Changed(w.db.Epoch("identity"), vendor) }))
				b.StartTimer()
				if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCaches lets 100,000 users sign in and act, and reports what is kept of them: the caches are bounded.
func BenchmarkCaches(b *testing.B) {
	const n = 100_000
	w := newCrowd(b, n)
	r := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + vendor + ":repository/app/web", Account: vendor}
	for b.Loop() {
		before := heap()
		for i := range n {
			p := &policy.Principal{Type: policy.User, ARN: fmt.Sprintf("arn:aws:iam::%s:user%sname-%07d", vendor, path(i), i), Account: vendor, ID: fmt.Sprintf("AIDA%017d", i)}
			if err := w.dir.Authorize(w.signed(&iam.Credential{Principal: p}), "ecr:BatchGetImage", r); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-kept")
	}
	runtime.KeepAlive(w)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
