package registry

import (
	"context"
	"slices"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// ExcludeFromPullTimes makes the pulls of a user or role, by its ARN, leave no trace in the times of images: a scanner's, that looks at everything (API-54, API-77).
// The faults are AccessDenied, ExclusionAlreadyExists and LimitExceeded.
func (g *Registry) ExcludeFromPullTimes(ctx context.Context, account, region, principal string) (since time.Time, err error) {
	if err := g.authorize(ctx, "ecr:RegisterPullTimeUpdateExclusion", account, region, nil); err != nil {
		return time.Time{}, err
	}
	since = g.now()
	return since, g.writeRules(ctx, account, func(tx *sql.Tx) error {
		var n int64
		if err := tx.Row(`SELECT count(*) FROM pull_exclusion WHERE account = $1 AND region = $2`, sql.Args(account, region), &n); err != nil {
			return err
		}
		made, err := tx.Exec(`INSERT INTO pull_exclusion (account, region, principal, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			account, region, principal, sql.Micros(since))
		switch {
		case err != nil:
			return err
		case made == 0:
			return fault.New(fault.ExclusionAlreadyExists, "The principal '%s' is already excluded from pull time updates in the registry with id '%s'", principal, account)
		case n >= g.limits.Exclusions:
			return fault.New(fault.LimitExceeded, "The registry with id '%s' excludes %d principals from pull time updates, which is the limit", account, n)
		}
		return nil
	})
}

// IncludeInPullTimes takes an exclusion back. The faults are AccessDenied and ExclusionNotFound (API-77).
func (g *Registry) IncludeInPullTimes(ctx context.Context, account, region, principal string) error {
	if err := g.authorize(ctx, "ecr:DeregisterPullTimeUpdateExclusion", account, region, nil); err != nil {
		return err
	}
	return g.writeRules(ctx, account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM pull_exclusion WHERE account = $1 AND region = $2 AND principal = $3`, account, region, principal)
		if err == nil && n == 0 {
			err = fault.New(fault.ExclusionNotFound, "The principal '%s' is not excluded from pull time updates in the registry with id '%s'", principal, account)
		}
		return err
	})
}

// ExcludedFromPullTimes lists the principals whose pulls leave no trace, by ARN. The fault is AccessDenied.
func (g *Registry) ExcludedFromPullTimes(ctx context.Context, account, region string) ([]string, error) {
	if err := g.authorize(ctx, "ecr:ListPullTimeUpdateExclusions", account, region, nil); err != nil {
		return nil, err
	}
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return nil, err
	}
	return slices.Clone(rules.excluded), nil
}

// recordsPulls reports whether pulls of the principal are recorded. A role stands for its sessions.
func (r *rules) recordsPulls(p *policy.Principal) bool {
	for _, arn := range [...]string{p.ARN, p.RoleARN, p.UserARN} {
		if arn != "" {
			if _, excluded := slices.BinarySearch(r.excluded, arn); excluded {
				return false
			}
		}
	}
	return true
}
