package org

import (
	"cmp"
	"context"
	"net/mail"
	"slices"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Creation is a request to make an account, and what became of it (ORG-13).
type Creation struct {
	ID      string // car-…
	Name    string // of the account
	Account string // "" unless it was made
	State   string // IN_PROGRESS, SUCCEEDED or FAILED
	Reason  string // why it failed: EMAIL_ALREADY_EXISTS, INVALID_EMAIL
	// Completed is zero while the request is in progress.
	Requested, Completed time.Time
}

const (
	inProgress = "IN_PROGRESS"
	succeeded  = "SUCCEEDED"
	failed     = "FAILED"
)

// NewAccount says what account to make. Role is the role through which the management account administers it; "" is OrganizationAccountAccessRole.
type NewAccount struct {
	Name, Email, Role string
	Tags              []Tag
}

// CreateAccount makes an account directly under the root (ORG-13). On the wire that takes its time: the answer is in progress, and CreationOf tells what became of it.
// Here it is done, or has failed, when the answer goes out. Faults: InvalidInput for the tags or the role's name.
func (o *Organizations) CreateAccount(ctx context.Context, n NewAccount) (*Creation, error) {
	if err := checkTags(n.Tags); err != nil {
		return nil, err
	}
	f, err := o.enterNew(ctx, access{action: "CreateAccount", request: iam.Resource{RequestTags: tagMap(n.Tags)}})
	if err != nil {
		return nil, err
	}
	c := &Creation{Name: n.Name, Requested: sql.Time(sql.Micros(o.options.Now()))}
	err = o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.stands(tx); err != nil {
			return err
		}
		account, reason, err := o.makeAccount(tx, f, n)
		if err != nil {
			return err
		}
		state := succeeded
		if reason != "" {
			state = failed
		}
		c.ID, err = fresh("car-", 32, func(id string) (int64, error) {
			return tx.Exec(`INSERT INTO org_creation (id, organization, account, name, state, reason, requested, completed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT DO NOTHING`, id, f.ID, account, n.Name, state, reason, sql.Micros(c.Requested), sql.Micros(o.options.Now()))
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	c.State = inProgress
	return c, nil
}

// makeAccount makes the account, or says why it cannot be.
func (o *Organizations) makeAccount(tx *sql.Tx, f *Organization, n NewAccount) (account, reason string, err error) {
	if a, err := mail.ParseAddress(n.Email); err != nil || a.Address != n.Email {
		return "", "INVALID_EMAIL", nil
	}
	made, err := o.directory.MakeMember(tx, iam.MemberAccount{Name: n.Name, Email: n.Email, Role: cmp.Or(n.Role, "OrganizationAccountAccessRole"), Manager: f.Management})
	switch {
	case fault.Is(err, fault.EntityAlreadyExists):
		return "", "EMAIL_ALREADY_EXISTS", nil
	case fault.Is(err, fault.Validation):
		return "", "", invalid("INVALID_ROLE_NAME", "You specified a role name that is not valid. A role name can't begin with the reserved prefix AWSServiceRoleFor and must match [\\w+=,.@-]{1,64}.")
	case err != nil:
		return "", "", err
	}
	if err := putTags(tx, f.ID, made.ID, n.Tags); err != nil {
		return "", "", err
	}
	return made.ID, "", o.join(tx, f, made.ID, joinedCreated)
}

const creationQuery = `SELECT id, name, account, state, reason, requested, completed FROM org_creation WHERE organization = $1 AND `

func readCreation(row sql.Scanner) (c Creation, err error) {
	var requested, completed int64
	err = row.Scan(&c.ID, &c.Name, &c.Account, &c.State, &c.Reason, &requested, &completed)
	c.Requested, c.Completed = sql.Time(requested), sql.Time(completed)
	return c, err
}

// CreationOf returns what became of a request to make an account (ORG-13). Faults: CreateAccountStatusNotFound.
func (o *Organizations) CreationOf(ctx context.Context, id string) (*Creation, error) {
	f, err := o.enter(ctx, access{action: "DescribeCreateAccountStatus", by: readers})
	if err != nil {
		return nil, err
	}
	found, err := sql.Gather(o.db.In(ctx), creationQuery+`id = $2`, sql.Args(f.ID, id), readCreation)
	if err == nil && len(found) == 0 {
		err = fault.New(fault.CreateAccountStatusNotFound, "We can't find an create account request with the CreateAccountRequestId that you specified.")
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

// Creations returns a page of the requests to make accounts in any of the states, or in all if none is named (ORG-13).
func (o *Organizations) Creations(ctx context.Context, states []string, p Page) ([]Creation, string, error) {
	f, err := o.enter(ctx, access{action: "ListCreateAccountStatus", by: readers})
	if err != nil {
		return nil, "", err
	}
	wants := func(state string) string {
		if len(states) == 0 || slices.Contains(states, state) {
			return state
		}
		return ""
	}
	list, err := sql.Gather(o.db.In(ctx), creationQuery+`id > $2 AND state IN ($3, $4) ORDER BY id LIMIT $5`, sql.Args(f.ID, p.After, wants(succeeded), wants(failed), p.limit()+1), readCreation)
	list, next := cut(p, list, func(c *Creation) string { return c.ID })
	return list, next, err
}
