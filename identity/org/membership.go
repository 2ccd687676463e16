package org

import (
	"context"
	"errors"
	"strings"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// place is what decisions need to know of an account. It is immutable, and good as long as both epochs stand.
type place struct {
	stamp      sql.Stamp       // of the account
	policies   sql.Stamp       // of its organization
	membership *iam.Membership // nil: in no organization
}

// chain is what hangs on a root or unit and on everything above it, outermost first; shared by all accounts below.
type chain struct {
	stamp    sql.Stamp // of the organization
	scp, rcp []policy.Level
}

// level is what hangs on one root, unit or account. A member is nil while the policy type is not enabled.
type level struct{ scp, rcp *policy.Level }

// membership answers the directory: where account is, and what binds it; nil for an account in no organization. What it has in memory costs two looks at epochs and
// no allocation.
func (o *Organizations) membership(ctx context.Context, account string) (*iam.Membership, error) {
	if p, ok := o.places.GetIfPresent(account); ok && o.epoch.Current(account, p.stamp) &&
		(p.membership == nil || o.epoch.Current(p.membership.Organization, p.policies)) {
		return p.membership, nil
	}
	p := &place{stamp: o.epoch.Stamp(account)}
	m := &iam.Membership{}
	var path string
	err := o.db.Row(ctx, `SELECT o.id, o.management, n.path FROM org_account a JOIN org_organization o ON o.id = a.organization JOIN org_node n ON n.id = a.parent
		WHERE a.account = $1`, sql.Args(account), &m.Organization, &m.Management, &path)
	if errors.Is(err, sql.ErrNoRows) {
		o.places.Set(account, p)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m.Paths = []string{path}
	// Only now is it known under which epoch the policies stand. They are read in a snapshot that begins after the stamp was taken.
	p.policies = o.epoch.Stamp(m.Organization)
	if m.Management != account { // neither kind of policy binds the management account (ORG-27, ORG-28)
		if err := o.db.View(ctx, func(tx *sql.Tx) error { return o.bind(tx, m, account, path, p.policies) }); err != nil {
			return nil, err
		}
	}
	p.membership = m
	o.places.Set(account, p)
	return m, nil
}

// bind finds the levels from the root to the account.
func (o *Organizations) bind(tx *sql.Tx, m *iam.Membership, account, path string, stamp sql.Stamp) error {
	above, err := o.chain(tx, m.Organization, nodesOf(path), stamp)
	if err != nil {
		return err
	}
	own, err := o.attached(tx, m.Organization, account)
	if err != nil {
		return err
	}
	m.SCP, m.RCP = extend(above.scp, own.scp), extend(above.rcp, own.rcp)
	return nil
}

// chain finds the levels of the last of nodes and of those above it.
func (o *Organizations) chain(tx *sql.Tx, organization string, nodes []string, stamp sql.Stamp) (*chain, error) {
	if len(nodes) == 0 {
		return &chain{}, nil
	}
	id := nodes[len(nodes)-1]
	if c, ok := o.chains.GetIfPresent(id); ok && c.stamp == stamp && o.epoch.Current(organization, c.stamp) {
		return c, nil
	}
	above, err := o.chain(tx, organization, nodes[:len(nodes)-1], stamp)
	if err != nil {
		return nil, err
	}
	own, err := o.attached(tx, organization, id)
	if err != nil {
		return nil, err
	}
	c := &chain{stamp: stamp, scp: extend(above.scp, own.scp), rcp: extend(above.rcp, own.rcp)}
	o.chains.Set(id, c)
	return c, nil
}

// extend returns levels with one more, never in the room of the slice that others share.
func extend(levels []policy.Level, more *policy.Level) []policy.Level {
	if more == nil {
		return levels
	}
	return append(levels[:len(levels):len(levels)], *more)
}

// nodesOf names the root and the units of a path, root first (ORG-5).
func nodesOf(path string) []string {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	return parts[1:]
}
