package org_test

import (
	"fmt"
	"testing"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// shared is a repository of the manager's for all accounts below a unit.
func (w *world) shared(unit string) *iam.Resource {
	w.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage",
		"Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"` + w.f.ID + `/*/` + unit + `/*"}}}]}`))
	w.ok(err)
	return &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + manager + ":repository/app", Account: manager, Policy: &policy.Attached{Name: "repository policy", Policy: p}}
}

// A move is seen by the very next decision of the node that made it, and by other nodes of the same database when their epoch moves (ORG-8).
func TestMovesAreSeenAtOnce_ORG8(t *testing.T) {
	each(t, func(w *world) {
		r := w.shared(w.deep)
		w.ok(w.dir.Authorize(w.as(member), "ecr:BatchGetImage", r))
		for range 20 {
			w.ok(w.orgs.MoveAccount(w.as(manager), member, w.deep, w.f.Root))
			if err := w.dir.Authorize(w.as(member), "ecr:BatchGetImage", r); err == nil {
				w.Fatal("an account that was moved out is still let in")
			}
			w.ok(w.orgs.MoveAccount(w.as(manager), member, w.f.Root, w.deep))
			w.ok(w.dir.Authorize(w.as(member), "ecr:BatchGetImage", r))
		}
	})
}

func TestMovesAreSeenByOtherNodes_ORG8(t *testing.T) {
	dsn := sqltest.Postgres(t)
	w := newWorld(t, dsn)
	db, err := sql.Open(t.Context(), dsn)
	w.ok(err)
	defer db.Close() //nolint:errcheck // the test ends
	log, err := audit.Open(t.Context(), db)
	w.ok(err)
	defer log.Close()
	other, err := iam.Open(t.Context(), db, log, iam.Options{})
	w.ok(err)
	defer other.Close()
	_, err = org.Open(t.Context(), db, log, other, org.Options{})
	w.ok(err)

	r := w.shared(w.deep)
	w.ok(other.Authorize(w.as(member), "ecr:BatchGetImage", r))
	w.ok(w.orgs.MoveAccount(w.as(manager), member, w.deep, w.f.Root))
	for other.Authorize(w.as(member), "ecr:BatchGetImage", r) == nil { // the test's own time limit is the only clock
	}
	w.ok(w.orgs.MoveAccount(w.as(manager), member, w.f.Root, w.deep))
	for other.Authorize(w.as(member), "ecr:BatchGetImage", r) != nil {
	}
}

// fill makes an organization of so many units, in two levels, and so many accounts evenly below them, by rows: it is for measuring what reads them.
func (w *world) fill(units, accounts int) (lowest []string) {
	w.Helper()
	now := sql.Micros(w.now)
	w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error {
		for i := range units {
			parent, path := w.f.Root, w.f.ID+"/"+w.f.Root+"/"
			if i >= units/10 {
				parent = lowest[i%(units/10)]
				path += parent + "/"
			}
			id := fmt.Sprintf("ou-%s-%08d", w.f.Root[2:], i)
			lowest = append(lowest, id)
			if _, err := tx.Exec(`INSERT INTO org_node (id, organization, parent, path, name, created) VALUES ($1, $2, $3, $4, $5, $6)`, id, w.f.ID, parent, path+id+"/", id, now); err != nil {
				return err
			}
		}
		lowest = lowest[units/10:]
		for i := range accounts {
			id := fmt.Sprintf("7%011d", i)
			if _, err := tx.Exec(`INSERT INTO iam_account (id, name, email, created) VALUES ($1, $1, $2, $3)`, id, id+"@example.com", now); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO org_account (account, organization, parent, method, joined) VALUES ($1, $2, $3, 'CREATED', $4)`, id, w.f.ID, lowest[i%len(lowest)], now); err != nil {
				return err
			}
		}
		return nil
	}))
	return lowest
}

// BenchmarkOrganization shows that a decision about an account, and a page of a list, cost the same in an organization of ten accounts and in one of 10,000 in 1,000
// units; and what the first decision about each account costs, when nothing is in memory.
func BenchmarkOrganization(b *testing.B) {
	for _, size := range []struct{ units, accounts int }{{10, 10}, {1000, 10_000}} {
		w := newWorld(b, sqltest.SQLite(b))
		lowest := w.fill(size.units, size.accounts)
		r := w.shared(lowest[0])
		w.dir.Seal(r)
		contexts := make([]*iam.Call, size.accounts)
		for i := range contexts {
			id := fmt.Sprintf("7%011d", i)
			contexts[i] = &iam.Call{Principal: &policy.Principal{Type: policy.Root, ARN: "arn:aws:iam::" + id + ":root", Account: id, ID: id}, Time: w.now, Region: "us-east-2"}
		}
		name := fmt.Sprintf("%d accounts", size.accounts)
		b.Run("decision/first/"+name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if i%size.accounts == 0 { // all is forgotten again
					w.ok(w.db.Write(b.Context(), func(tx *sql.Tx) error { return tx.Changed(w.db.Epoch("organization"), "") }))
				}
				_ = w.dir.Authorize(iam.With(b.Context(), contexts[i%size.accounts]), "ecr:BatchGetImage", r)
			}
		})
		b.Run("decision/again/"+name, func(b *testing.B) {
			ctx := iam.With(b.Context(), contexts[0])
			w.ok(w.dir.Authorize(ctx, "ecr:BatchGetImage", r))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("list/"+name, func(b *testing.B) {
			ctx, after := w.as(manager), ""
			for b.Loop() {
				_, next, err := w.orgs.Accounts(ctx, org.Page{After: after})
				w.ok(err)
				after = next
			}
		})
		b.Run("list of a unit/"+name, func(b *testing.B) {
			ctx := w.as(manager)
			for b.Loop() {
				_, _, err := w.orgs.AccountsOf(ctx, lowest[len(lowest)-1], org.Page{})
				w.ok(err)
			}
		})
	}
}
