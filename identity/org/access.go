package org

import (
	"context"
	"errors"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// who says which accounts of an organization may do an operation (ORG-24).
type who uint8

const (
	managers who = iota // the management account, and whom its resource policy lets do it
	readers             // these, and delegated administrators
	members             // every account
)

// access is what an operation needs.
type access struct {
	action string // without its service: "CreateAccount"
	by     who
	// targets are the ids of what it acts on: roots, units, accounts, policies, handshakes. None is an action without resource.
	targets []string
	// request brings what policies can ask of the request: its tags, and further keys.
	request iam.Resource

	policy *Policy // the one among the targets, if there is one; enter finds it
}

// enter is the one place where operations are authorised. The caller's own policies must allow the action on every target; then its account must be in an
// organization, which enter returns; then it must be an account that may do this (ORG-24). The questions come before the answer that there is no such target: who
// may not look does not learn what is there. Faults: AccessDenied, OrganizationsNotInUse.
func (o *Organizations) enter(ctx context.Context, a access) (*Organization, error) {
	c, err := iam.Caller(ctx)
	if err != nil {
		return nil, err
	}
	f, err := o.of(ctx, c.Principal.Account)
	if err != nil {
		return nil, err
	}
	if f == nil {
		a.targets = nil
	}
	if err := o.namePolicy(ctx, f, &a); err != nil {
		return nil, err
	}
	for _, id := range a.ids() {
		r, err := o.resource(ctx, f, &a, id)
		if err != nil {
			return nil, err
		}
		if err := o.directory.Authorize(ctx, "organizations:"+a.action, &r); err != nil {
			return nil, err
		}
	}
	if f == nil {
		return nil, notInUse()
	}
	if a.by == members || c.Principal.Account == f.Management {
		return f, nil
	}
	if may, err := o.delegated(ctx, f, c.Principal.Account, a); err != nil || may {
		return f, err
	}
	return nil, c.Refuse("You don't have permissions to access this resource.")
}

func notInUse() error {
	return fault.New(fault.OrganizationsNotInUse, "Your account is not a member of an organization.")
}

// of returns the organization that an account is in; nil if it is in none.
func (o *Organizations) of(ctx context.Context, account string) (*Organization, error) {
	f := &Organization{}
	var created int64
	err := o.db.Row(ctx, `SELECT o.id, o.management, i.email, o.root, o.features, o.created FROM org_account a JOIN org_organization o ON o.id = a.organization
		JOIN iam_account i ON i.id = o.management WHERE a.account = $1`, sql.Args(account), &f.ID, &f.Management, &f.Email, &f.Root, &f.Features, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	f.Created = sql.Time(created)
	return f, err
}

// stands fails unless there is the organization still: a transaction begins with it, so that nothing is done in one that was deleted meanwhile.
func (f *Organization) stands(tx *sql.Tx) error {
	ok, err := there(tx, `SELECT COUNT(*) FROM org_organization WHERE id = $1`, f.ID)
	if err == nil && !ok {
		err = notInUse()
	}
	return err
}
