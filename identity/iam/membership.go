package iam

import (
	"context"

	"github.com/berth-registry/berth/lang/policy"
)

// Membership is what the organization of an account says of it. It is shared between requests and must not be changed.
type Membership struct {
	// Organization is the id of the organization (o-…): aws:PrincipalOrgID, aws:ResourceOrgID.
	Organization string
	// Management is the account that manages it.
	Management string
	// Paths has one entry: the way from the root to the account's parent, "o-x/r-y/ou-a/" (ORG-5): aws:PrincipalOrgPaths, aws:ResourceOrgPaths.
	Paths []string
	// SCP and RCP are the levels from the root to the account itself (ORG-27, ORG-28). They are nil for the management account, which neither binds, and
	// while the type is not enabled.
	SCP, RCP []policy.Level

	evidence kept
}

// Govern tells d how to find the organization of an account: membership answers nil for an account that is in none. It is asked once or twice for each
// decision, so it must keep its answers in memory, and a change of the organization must be seen by the next decision (ORG-8). Govern is called once, before
// anything is decided.
func (d *Directory) Govern(membership func(ctx context.Context, account string) (*Membership, error)) {
	d.organization = membership
}

// memberOf is the membership of an account, nil without an organization.
func (d *Directory) memberOf(ctx context.Context, account string) (*Membership, error) {
	if d.organization == nil || account == "" {
		return nil, nil
	}
	return d.organization(ctx, account)
}

// Endpoint is the private endpoint through which a request came: a listener that the configuration declares as one (IAMP-1.2: aws:SourceVpce).
type Endpoint struct {
	ID  string // vpce-…
	VPC string // vpc-…; "" if none was declared
	// Policies is the endpoint's policy, which every request through it must pass; Limited is false for an endpoint without one.
	Policies []policy.Attached
	Limited  bool

	evidence kept
}
