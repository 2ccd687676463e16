package registry

import (
	"context"
	"errors"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// PutRegistryPolicy gives the account's registry in region a policy, in place of the one it may have (API-48). It speaks of every request for the registry, of the
// repositories that it holds and of those that are yet to be made; in the scope V1 only of what the scope allows, and nothing else can be named then. What a
// repository's policy is held to holds for it too: see SetPolicy. The faults are AccessDenied and InvalidParameter, with AWS's text and then what is wrong, where.
//
// A policy that shuts out everybody can still be replaced and deleted by the root user of the account (IAMP-4.3, H84).
func (g *Registry) PutRegistryPolicy(ctx context.Context, account, region, text string) (string, error) {
	if err := g.authorize(ctx, "ecr:PutRegistryPolicy", account, region, nil); err != nil {
		return "", err
	}
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return "", err
	}
	kind := policy.Registry
	if rules.scopeV1() {
		kind = policy.RegistryV1
	}
	stored, _, err := g.readPolicy(ctx, text, kind)
	if err != nil {
		return "", err
	}
	return text, g.writeRules(ctx, account, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO registry_policy (account, region, policy) VALUES ($1, $2, $3) ON CONFLICT (account, region) DO UPDATE SET policy = excluded.policy`,
			account, region, stored)
		return err
	})
}

// RegistryPolicy is the text as it was put, but that a user or role who is gone shows as the unique id. The faults are AccessDenied and RegistryPolicyNotFound (API-48).
func (g *Registry) RegistryPolicy(ctx context.Context, account, region string) (string, error) {
	if err := g.authorize(ctx, "ecr:GetRegistryPolicy", account, region, nil); err != nil {
		return "", err
	}
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return "", err
	}
	if rules.policy == "" {
		return "", noRegistryPolicy(account)
	}
	return string(g.who.Render(ctx, []byte(rules.policy))), nil
}

// DeleteRegistryPolicy removes the policy and returns its text. The faults are AccessDenied and RegistryPolicyNotFound (API-48).
func (g *Registry) DeleteRegistryPolicy(ctx context.Context, account, region string) (string, error) {
	if err := g.authorize(ctx, "ecr:DeleteRegistryPolicy", account, region, nil); err != nil {
		return "", err
	}
	var stored string
	err := g.writeRules(ctx, account, func(tx *sql.Tx) error {
		err := tx.Row(`DELETE FROM registry_policy WHERE account = $1 AND region = $2 RETURNING policy`, sql.Args(account, region), &stored)
		if errors.Is(err, sql.ErrNoRows) {
			return noRegistryPolicy(account)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return string(g.who.Render(ctx, []byte(stored))), nil
}

func noRegistryPolicy(account string) error {
	return fault.New(fault.RegistryPolicyNotFound, "Registry policy does not exist in the registry with id '%s'", account)
}
