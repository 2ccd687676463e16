package org_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// BenchmarkMemory lets each of 50,000 users and 50,000 roles act, of 10,000 accounts in 1,000 units with 10,000 policies, and reports what the process holds at its
// highest, the database's own pages included: caches are bounded, whoever comes by. Run it alone (-run '^$' -bench Memory -benchtime 1x): the figure is of the
// whole process since its start.
func BenchmarkMemory(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("needs /proc/self/status, which tells the highest memory of a process")
	}
	const units, accounts, each = 1_000, 10_000, 5
	w := newWorld(b, sqltest.SQLite(b))
	lowest := w.fill(units, accounts)
	w.people(accounts, each)
	r := w.shared(lowest[0])
	w.dir.Seal(r)
	own := map[string]*iam.Resource{}
	for b.Loop() {
		for i := range accounts * each {
			account := fmt.Sprintf("7%011d", i/each)
			own[account] = &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + account + ":repository/app", Account: account}
			name := fmt.Sprintf("name-%07d", i)
			for _, p := range []policy.Principal{
				{Type: policy.User, ARN: "arn:aws:iam::" + account + ":user/" + name, Account: account, ID: fmt.Sprintf("AIDA%017d", i)},
				{Type: policy.AssumedRole, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/s", Account: account, ID: fmt.Sprintf("AROA%017d", i), UserID: fmt.Sprintf("AROA%017d:s", i),
					RoleARN: "arn:aws:iam::" + account + ":role/" + name},
			} {
				if err := w.dir.Authorize(w.call(&p), "ecr:BatchGetImage", own[account]); err != nil {
					b.Fatal(err)
				}
				_ = w.dir.Authorize(w.call(&p), "ecr:BatchGetImage", r) // shared with one unit: allowed to some, refused to others
			}
		}
	}
	debug.FreeOSMemory()
	b.ReportMetric(memory(b, "VmHWM"), "MiB-highest")
	b.ReportMetric(memory(b, "VmRSS"), "MiB-after")
}

// people gives each account of fill so many users and roles, with an inline policy each, and a policy that all of them are attached to.
func (w *world) people(accounts, each int) {
	w.Helper()
	document := document(`{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}`)
	now := sql.Micros(w.now)
	w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) (err error) {
		exec := func(query string, args ...any) {
			if err == nil {
				_, err = tx.Exec(query, args...)
			}
		}
		for i := range accounts {
			account, id := fmt.Sprintf("7%011d", i), fmt.Sprintf("ANPA%017d", i)
			exec(`INSERT INTO iam_policy (id, account, name, folded, path, description, current_version, last_version, created, updated) VALUES ($1, $2, 'pull', 'pull', '/', '', 1, 1, $3, $3)`, id, account, now)
			exec(`INSERT INTO iam_policy_version (policy, version, document, created) VALUES ($1, 1, $2, $3)`, id, document, now)
			for k := range each {
				n := i*each + k
				user, role, name := fmt.Sprintf("AIDA%017d", n), fmt.Sprintf("AROA%017d", n), fmt.Sprintf("name-%07d", n)
				exec(`INSERT INTO iam_user (id, account, name, folded, path, boundary, created) VALUES ($1, $2, $3, $3, '/', '', $4)`, user, account, name, now)
				exec(`INSERT INTO iam_role (id, account, name, folded, path, boundary, trust, description, max_session, created) VALUES ($1, $2, $3, $3, '/', '', $4, '', 3600, $5)`, role, account, name,
					document, now)
				for _, owner := range []string{user, role} {
					exec(`INSERT INTO iam_inline (owner, name, document) VALUES ($1, 'inline', $2)`, owner, document)
					exec(`INSERT INTO iam_attachment (owner, policy, account) VALUES ($1, $2, $3)`, owner, id, account)
				}
			}
		}
		return err
	}))
}

// memory reads a line of /proc/self/status, in MiB.
func memory(b *testing.B, name string) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseFloat(kib, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n / 1024
}
