package org

import (
	"context"
	"errors"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Unit is an organizational unit.
type Unit struct {
	ID, ARN, Name string
	// Path is the way from the root to the unit, itself included: "o-…/r-…/ou-…/" (ORG-5).
	Path string
}

// The limits of ORG-4.
const (
	mostUnits = 1000 // of one organization
	mostDepth = 5    // below the root
)

// pathOf is the path of a root or unit of the organization; missing if there is none.
func (f *Organization) pathOf(tx *sql.Tx, id string, missing *fault.Error) (string, error) {
	var path string
	err := tx.Row(`SELECT path FROM org_node WHERE id = $1 AND organization = $2`, sql.Args(id, f.ID), &path)
	if errors.Is(err, sql.ErrNoRows) {
		return "", missing
	}
	return path, err
}

func noParent() *fault.Error {
	return fault.New(fault.ParentNotFound, "You specified parent that doesn't exist.")
}

func noUnit() *fault.Error {
	return fault.New(fault.OrganizationalUnitNotFound, "You specified an organizational unit that doesn't exist.")
}

// unitNameFree fails if another unit than but has the name under the parent.
func unitNameFree(tx *sql.Tx, parent, name, but string) error {
	taken, err := there(tx, `SELECT COUNT(*) FROM org_node WHERE parent = $1 AND name = $2 AND id <> $3`, parent, name, but)
	if err == nil && taken {
		err = fault.New(fault.OrganizationalUnitAlreadyExists, "An OU with the same name already exists.")
	}
	return err
}

// CreateUnit makes an organizational unit under a root or unit (ORG-12). Faults: ParentNotFound, OrganizationalUnitAlreadyExists, ConstraintViolation for its depth
// (OU_DEPTH_LIMIT_EXCEEDED) and for their number (OU_NUMBER_LIMIT_EXCEEDED), InvalidInput for its tags.
func (o *Organizations) CreateUnit(ctx context.Context, parent, name string, tags []Tag) (*Unit, error) {
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	f, err := o.enterNew(ctx, access{action: "CreateOrganizationalUnit", targets: []string{parent}, request: iam.Resource{RequestTags: tagMap(tags)}})
	if err != nil {
		return nil, err
	}
	u := &Unit{Name: name}
	now := sql.Micros(o.options.Now())
	err = o.commit(ctx, func(tx *sql.Tx) error {
		above, err := f.pathOf(tx, parent, noParent())
		if err != nil {
			return err
		}
		if len(nodesOf(above)) > mostDepth { // the root is none of the levels
			return violation("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the maximum nested level of organizational units.")
		}
		if err := unitNameFree(tx, parent, name, ""); err != nil {
			return err
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM org_node WHERE organization = $1`, f.ID); err != nil {
			return err
		} else if n > mostUnits { // the root is one more
			return violation("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the number of organizational units that you can have in an organization.")
		}
		if u.ID, err = fresh("ou-"+suffix(f.Root)+"-", 8, func(id string) (int64, error) {
			u.Path = above + id + "/"
			return tx.Exec(`INSERT INTO org_node (id, organization, parent, path, name, created) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
				id, f.ID, parent, u.Path, name, now)
		}); err != nil {
			return err
		}
		if err := putTags(tx, f.ID, u.ID, tags); err != nil {
			return err
		}
		return o.hangDefaults(tx, f.ID, u.ID)
	})
	if err != nil {
		return nil, err
	}
	u.ARN = f.ARNOf(u.ID)
	return u, nil
}

// Unit returns an organizational unit. Faults: OrganizationalUnitNotFound.
func (o *Organizations) Unit(ctx context.Context, id string) (*Unit, error) {
	f, err := o.enter(ctx, access{action: "DescribeOrganizationalUnit", by: readers, targets: []string{id}})
	if err != nil {
		return nil, err
	}
	var u *Unit
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		u, err = f.unit(tx, id)
		return err
	})
	return u, err
}

func (f *Organization) unit(tx *sql.Tx, id string) (*Unit, error) {
	u := &Unit{ID: id, ARN: f.ARNOf(id)}
	err := tx.Row(`SELECT name, path FROM org_node WHERE id = $1 AND organization = $2 AND parent <> $2`, sql.Args(id, f.ID), &u.Name, &u.Path)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noUnit()
	}
	return u, err
}

// RenameUnit gives a unit another name; "" keeps the one it has. Faults: OrganizationalUnitNotFound, OrganizationalUnitAlreadyExists.
func (o *Organizations) RenameUnit(ctx context.Context, id, name string) (*Unit, error) {
	f, err := o.enter(ctx, access{action: "UpdateOrganizationalUnit", targets: []string{id}})
	if err != nil {
		return nil, err
	}
	var u *Unit
	err = o.commit(ctx, func(tx *sql.Tx) error {
		if u, err = f.unit(tx, id); err != nil || name == "" {
			return err
		}
		u.Name = name
		nodes := nodesOf(u.Path)
		if err := unitNameFree(tx, nodes[len(nodes)-2], name, id); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE org_node SET name = $1 WHERE id = $2`, name, id)
		return err
	})
	return u, err
}

// DeleteUnit deletes a unit without units and accounts in it. Faults: OrganizationalUnitNotFound, OrganizationalUnitNotEmpty.
func (o *Organizations) DeleteUnit(ctx context.Context, id string) error {
	f, err := o.enter(ctx, access{action: "DeleteOrganizationalUnit", targets: []string{id}})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if _, err := f.unit(tx, id); err != nil {
			return err
		}
		for _, children := range []string{`SELECT COUNT(*) FROM org_node WHERE parent = $1`, `SELECT COUNT(*) FROM org_account WHERE parent = $1`} {
			if full, err := there(tx, children, id); err != nil {
				return err
			} else if full {
				return fault.New(fault.OrganizationalUnitNotEmpty, "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")
			}
		}
		if err := o.clearTarget(tx, f.ID, id); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM org_node WHERE id = $1`, id)
		return err
	}, f.ID)
}

// Units returns a page of the units directly under a root or unit, by id. Faults: ParentNotFound.
func (o *Organizations) Units(ctx context.Context, parent string, p Page) ([]Unit, string, error) {
	f, err := o.enter(ctx, access{action: "ListOrganizationalUnitsForParent", by: readers, targets: []string{parent}})
	if err != nil {
		return nil, "", err
	}
	return o.unitsUnder(ctx, f, parent, p)
}

func (o *Organizations) unitsUnder(ctx context.Context, f *Organization, parent string, p Page) (list []Unit, next string, err error) {
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		if _, err := f.pathOf(tx, parent, noParent()); err != nil {
			return err
		}
		list, err = sql.Gather(tx.Rows, `SELECT id, name, path FROM org_node WHERE parent = $1 AND id > $2 ORDER BY id LIMIT $3`, sql.Args(parent, p.After, p.limit()+1), func(row sql.Scanner) (u Unit, err error) {
			err = row.Scan(&u.ID, &u.Name, &u.Path)
			u.ARN = f.ARNOf(u.ID)
			return u, err
		})
		return err
	})
	list, next = cut(p, list, func(u *Unit) string { return u.ID })
	return list, next, err
}

// Child is what is directly under a root or unit, or what a child is under.
type Child struct {
	ID   string
	Kind string // ACCOUNT, ORGANIZATIONAL_UNIT or ROOT
}

// Children returns a page of the accounts or units directly under a root or unit (ORG-16). Faults: ParentNotFound.
func (o *Organizations) Children(ctx context.Context, parent, kind string, p Page) ([]Child, string, error) {
	f, err := o.enter(ctx, access{action: "ListChildren", by: readers, targets: []string{parent}})
	if err != nil {
		return nil, "", err
	}
	var list []Child
	var next string
	if kind == "ORGANIZATIONAL_UNIT" {
		var units []Unit
		units, next, err = o.unitsUnder(ctx, f, parent, p)
		for _, u := range units {
			list = append(list, Child{u.ID, kind})
		}
		return list, next, err
	}
	var accounts []Account
	accounts, next, err = o.accountsUnder(ctx, f, parent, p)
	for _, a := range accounts {
		list = append(list, Child{a.ID, kind})
	}
	return list, next, err
}

// Parent returns the one root or unit that an account or unit is directly under (ORG-16). Faults: ChildNotFound.
func (o *Organizations) Parent(ctx context.Context, child string) (*Child, error) {
	f, err := o.enter(ctx, access{action: "ListParents", by: readers, targets: []string{child}})
	if err != nil {
		return nil, err
	}
	query := `SELECT parent FROM org_node WHERE id = $1 AND organization = $2 AND parent <> $2`
	if kindOf(child) == kindAccount {
		query = `SELECT parent FROM org_account WHERE account = $1 AND organization = $2`
	}
	c := &Child{Kind: "ORGANIZATIONAL_UNIT"}
	err = o.db.Row(ctx, query, sql.Args(child, f.ID), &c.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.ChildNotFound, "You specified an organizational unit (OU) or AWS account ID that isn't associated with this organization.")
	}
	if strings.HasPrefix(c.ID, "r-") {
		c.Kind = "ROOT"
	}
	return c, err
}
