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
		if err := o.hangDefaults(tx, f.ID, f.Root); err != nil {
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
	if err := o.directory.EnsureServiceLinkedRole(tx, account, iam.OrganizationsService); err != nil {
		return err
	}
	if err := o.hangDefaults(tx, f.ID, account); err != nil {
		return err
	}
	return tx.Changed(o.epoch, account)
}

// DescribeOrganization returns the organization that the caller's account is in; every member may ask (ORG-10). Faults: OrganizationsNotInUse.
func (o *Organizations) DescribeOrganization(ctx context.Context) (*Organization, error) {
	return o.enter(ctx, access{action: "DescribeOrganization", by: members})
}

// DeleteOrganization deletes the organization that the caller's account manages, when no other account is in it any more and no unit. Its policies go with it, and its open
// invitations are taken back. Faults: OrganizationNotEmpty (ORG-10).
func (o *Organizations) DeleteOrganization(ctx context.Context) error {
	f, err := o.enter(ctx, access{action: "DeleteOrganization"})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		for _, left := range []string{`SELECT COUNT(*) - 1 FROM org_account WHERE organization = $1`, `SELECT COUNT(*) - 1 FROM org_node WHERE organization = $1`} {
			if full, err := there(tx, left, f.ID); err != nil {
				return err
			} else if full {
				return fault.New(fault.OrganizationNotEmpty, "To delete an organization you must first remove all member accounts (except the master).")
			}
		}
		if err := o.clearOrganization(tx, f.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE org_handshake SET state = $1 WHERE organization = $2 AND state = $3`, handshakeCanceled, f.ID, handshakeOpen); err != nil {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM org_creation WHERE organization = $1`,
			`DELETE FROM org_account WHERE organization = $1`, `DELETE FROM org_node WHERE organization = $1`, `DELETE FROM org_organization WHERE id = $1`,
		} {
			if _, err := tx.Exec(statement, f.ID); err != nil {
				return err
			}
		}
		return nil
	}, f.Management, f.ID)
}
