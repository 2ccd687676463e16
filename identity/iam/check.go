package iam

import (
	"context"
	"io/fs"

	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

// Check looks whether what is kept of identities holds together: nothing belongs to somebody who is gone (I11; sessions and registry passwords are in no row, and ask for
// their owner at each use), and each policy can still be read (I10). It changes nothing, and works beside writers. A database of another version is a sql.SchemaError.
func Check(ctx context.Context, db *sql.DB, run *check.Run) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.CheckSchema(ctx, "identity", steps); err != nil {
		return err
	}
	for _, orphan := range orphans() {
		err := db.Rows(ctx, orphan.query, nil, func(row sql.Scanner) error {
			f := check.Finding{Invariant: "I11", Detail: orphan.detail}
			var name string
			err := row.Scan(&f.Account, &name)
			f.Object = orphan.what + " " + name
			run.Report(f)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, d := range documents() {
		err := db.Rows(ctx, d.query, nil, func(row sql.Scanner) error {
			f := check.Finding{Invariant: "I10", Repair: "put it again; until then nothing passes that it could deny"}
			var name, text string
			if err := row.Scan(&f.Account, &name, &text); err != nil {
				return err
			}
			if _, err := policy.Parse([]byte(text)); err != nil {
				f.Object, f.Detail = d.what+" "+name, "cannot be read: "+err.Error()
				run.Report(f)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// somebody are the ids that own keys, policies and attachments.
const somebody = `SELECT id FROM iam_user UNION ALL SELECT id FROM iam_role UNION ALL SELECT id FROM iam_group`

type orphan struct{ what, detail, query string }

// orphans find rows that belong to nobody. Each answers the account and a name.
func orphans() []orphan {
	list := []orphan{
		{"access key", "belongs to nobody", `SELECT account, id FROM iam_access_key WHERE owner NOT IN (SELECT id FROM iam_user UNION ALL SELECT id FROM iam_account UNION ALL SELECT id FROM iam_service)`},
		{"password of", "belongs to nobody", `SELECT '', owner FROM iam_login WHERE owner NOT IN (SELECT id FROM iam_user UNION ALL SELECT id FROM iam_account)`},
		{"membership of", "is of a user or in a group that is not there", `SELECT '', user_id || ' in ' || group_id FROM iam_membership
			WHERE user_id NOT IN (SELECT id FROM iam_user) OR group_id NOT IN (SELECT id FROM iam_group)`},
		{"attachment of", "is to nobody", `SELECT account, policy || ' to ' || owner FROM iam_attachment WHERE owner NOT IN (` + somebody + `)`},
		{"inline policy", "belongs to nobody", `SELECT '', owner || '/' || name FROM iam_inline WHERE owner NOT IN (` + somebody + `)`},
		{"version of policy", "is of a policy that is not there", `SELECT '', policy FROM iam_policy_version WHERE policy NOT IN (SELECT id FROM iam_policy)`},
		{"policy", "has no default version", `SELECT account, name FROM iam_policy p WHERE NOT EXISTS (SELECT 1 FROM iam_policy_version v WHERE v.policy = p.id AND v.version = p.current_version)`},
	}
	for _, kind := range []struct{ what, table string }{
		{"user", "iam_user"}, {"group", "iam_group"}, {"role", "iam_role"}, {"policy", "iam_policy"}, {"instance profile", "iam_instance_profile"},
	} {
		list = append(list, orphan{kind.what, "is of an account that is not there", `SELECT account, name FROM ` + kind.table + ` WHERE account NOT IN (SELECT id FROM iam_account)`})
	}
	return list
}

type documentQuery struct{ what, query string }

// documents find the stored policies. Each answers the account, a name and the text.
func documents() []documentQuery {
	return []documentQuery{
		{"policy", `SELECT p.account, p.name, v.document FROM iam_policy_version v JOIN iam_policy p ON p.id = v.policy`},
		{"inline policy", `SELECT '', owner || '/' || name, document FROM iam_inline`},
		{"trust policy of role", `SELECT account, name, trust FROM iam_role`},
	}
}
