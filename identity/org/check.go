package org

import (
	"context"
	"encoding/json"
	"io/fs"

	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

// Check looks whether what is kept of organizations holds together: each account and policy is where something is (I11), and each policy can still be read (I10). It
// changes nothing, and works beside writers. A database of another version is a sql.SchemaError.
func Check(ctx context.Context, db *sql.DB, run *check.Run) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.CheckSchema(ctx, "organizations", steps); err != nil {
		return err
	}
	for _, orphan := range []struct{ what, detail, query string }{
		{"membership of account", "is of an account that is not there", `SELECT account FROM org_account WHERE account NOT IN (SELECT id FROM iam_account)`},
		{"membership of account", "is in no unit of its organization", `SELECT a.account FROM org_account a WHERE NOT EXISTS (SELECT 1 FROM org_node n WHERE n.id = a.parent AND n.organization = a.organization)`},
		{"organizational unit", "is of an organization that is not there", `SELECT id FROM org_node WHERE organization NOT IN (SELECT id FROM org_organization)`},
		{"organization", "is of an account that is not there", `SELECT id FROM org_organization WHERE management NOT IN (SELECT id FROM iam_account)`},
	} {
		err := db.Rows(ctx, orphan.query, nil, func(row sql.Scanner) error {
			var name string
			err := row.Scan(&name)
			run.Report(check.Finding{Invariant: "I11", Object: orphan.what + " " + name, Detail: orphan.detail})
			return err
		})
		if err != nil {
			return err
		}
	}
	return db.Rows(ctx, `SELECT p.id, p.type, p.content, o.management FROM org_policy p JOIN org_organization o ON o.id = p.organization`, nil, func(row sql.Scanner) error {
		var id, text, account string
		var kind PolicyType
		if err := row.Scan(&id, &kind, &text, &account); err != nil {
			return err
		}
		var err error
		if kind.inherited() {
			err = json.Unmarshal([]byte(text), &map[string]any{})
		} else {
			_, err = policy.Parse([]byte(text))
		}
		if err != nil {
			run.Report(check.Finding{Invariant: "I10", Account: account, Object: "policy " + id, Detail: "cannot be read: " + err.Error(), Repair: "update it"})
		}
		return nil
	})
}
