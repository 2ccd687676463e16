package org

import (
	"context"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Organization is one organization, with its one root (ORG-4).
type Organization struct {
	ID         string // o-…
	Management string // the account that manages it
	Email      string // of that account
	Root       string // r-…
	Features   string // FeaturesAll or FeaturesBilling
	Created    time.Time
}

// The feature sets of ORG-9. Policies need all features.
const (
	FeaturesAll     = "ALL"
	FeaturesBilling = "CONSOLIDATED_BILLING"
)

// The ways in which an account has come into its organization (ORG-14).
const (
	joinedInvited = "INVITED"
	joinedCreated = "CREATED"
)

// CreateOrganization makes an organization that the caller's account manages; "" as features is all of them (ORG-9). Faults: AlreadyInOrganization, InvalidInput.
func (o *Organizations) CreateOrganization(ctx context.Context, features string) (*Organization, error) {
	c := iam.From(ctx)
	if err := o.directory.Authorize(ctx, "organizations:CreateOrganization", &iam.Resource{ARN: "*"}); err != nil {
		return nil, err
	}
	if features == "" {
		features = FeaturesAll
	}
	now := o.options.Now()
	manager, err := o.directory.Account(ctx, c.Principal.Account)
	if err != nil {
		return nil, err
	}
	f := &Organization{Management: manager.ID, Email: manager.Email, Features: features, Created: sql.Time(sql.Micros(now))}
	err = o.commit(ctx, func(tx *sql.Tx) error {
		if in, err := there(tx, `SELECT COUNT(*) FROM org_account WHERE account = $1`, f.Management); err != nil {
			return err
		} else if in {
			return fault.New(fault.AlreadyInOrganization, "The provided account is already a member of an organization.")
		}
		if f.Root, err = fresh("r-", 4, func(id string) (int64, error) {
			return tx.Exec(`INSERT INTO org_node (id, organization, parent, path, name, created) VALUES ($1, '', $1, '', 'Root', $2) ON CONFLICT DO NOTHING`, id, sql.Micros(now))
		}); err != nil {
			return err
		}
		if f.ID, err = fresh("o-", 10, func(id string) (int64, error) {
			return tx.Exec(`INSERT INTO org_organization (id, management, root, features, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
				id, f.Management, f.Root, features, sql.Micros(now))
		}); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE org_node SET organization = $1, parent = $1, path = $2 WHERE id = $3`, f.ID, f.ID+"/"+f.Root+"/", f.Root); err != nil {
			return err
		}
		if err := o.begin(tx, f.ID, f.Root); err != nil {
			return err
		}
		return o.join(tx, f, f.Management, joinedInvited)
	}, f.Management)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// join puts an account directly under the root.
func (o *Organizations) join(tx *sql.Tx, f *Organization, account, method string) error {
	if _, err := tx.Exec(`INSERT INTO org_account (account, organization, parent, method, joined) VALUES ($1, $2, $3, $4, $5)`,
		account, f.ID, f.Root, method, sql.Micros(o.options.Now())); err != nil {
		return err
	}
	if err := o.begin(tx, f.ID, account); err != nil {
		return err
	}
	return tx.Changed(o.epoch, account)
}

// DescribeOrganization returns the organization that the caller's account is in; every member may ask (ORG-10). Faults: OrganizationsNotInUse.
func (o *Organizations) DescribeOrganization(ctx context.Context) (*Organization, error) {
	return o.enter(ctx, access{action: "DescribeOrganization", by: members})
}
