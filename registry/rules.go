package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// rules are what holds for the whole registry of an account in a region. They are shared between requests and must not be changed.
type rules struct {
	policy   string           // of the registry, with principals as unique ids; "" without
	attached *policy.Attached // the same for decisions; nil without
	settings map[string]string
	signing  []SigningRule

	templates []Template // by prefix
	excluded  []string   // ARNs of those whose pulls are not recorded, in order
}

// scope is a registry: of one account in one region (API-27).
type scope struct{ account, region string }

type cachedRules struct {
	stamp sql.Stamp
	rules *rules
}

// rulesOf reads what holds for a registry, from memory when it has not changed since: every decision about a repository needs it.
func (g *Registry) rulesOf(ctx context.Context, account, region string) (*rules, error) {
	stamp := g.registry.Stamp(account)
	if c, ok := g.rules.GetIfPresent(scope{account, region}); ok && stamp != 0 && c.stamp == stamp {
		return c.rules, nil
	}
	var r *rules
	err := g.db.View(ctx, func(tx *sql.Tx) (err error) {
		r, err = readRules(tx, account, region)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("registry of %s in %s: %w", account, region, err)
	}
	// The account is a part of a request, which what is kept must not hold in memory.
	g.rules.Set(scope{strings.Clone(account), strings.Clone(region)}, cachedRules{stamp, r})
	return r, nil
}

func readRules(tx *sql.Tx, account, region string) (*rules, error) {
	r := &rules{settings: map[string]string{}}
	err := tx.Row(`SELECT policy FROM registry_policy WHERE account = $1 AND region = $2`, sql.Args(account, region), &r.policy)
	if err == nil {
		p, err := policy.Parse([]byte(r.policy))
		if err != nil {
			return nil, fmt.Errorf("its policy: %w", err)
		}
		r.attached = &policy.Attached{Name: "registry policy", Policy: p}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if r.signing, err = readSigning(tx, account, region); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if r.templates, err = readTemplates(tx, account, region); err != nil {
		return nil, err
	}
	err = tx.Rows(`SELECT principal FROM pull_exclusion WHERE account = $1 AND region = $2`, sql.Args(account, region), func(row sql.Scanner) error {
		var principal string
		err := row.Scan(&principal)
		r.excluded = append(r.excluded, principal)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(r.excluded) // by bytes, which no database promises
	return r, tx.Rows(`SELECT name, value FROM account_setting WHERE account = $1 AND region = $2`, sql.Args(account, region), func(row sql.Scanner) error {
		var name, value string
		err := row.Scan(&name, &value)
		r.settings[name] = value
		return err
	})
}

// size is about how many bytes the rules take in memory.
func (r *rules) size() uint32 {
	n := 500 + 8*len(r.policy) // it is there as text and as tables
	for i := range r.templates {
		n += 1000 + len(r.templates[i].Policy) + len(r.templates[i].Lifecycle)
	}
	return uint32(n)
}

// setting is an account setting (API-49).
func (r *rules) setting(name string) string {
	if v := r.settings[name]; v != "" {
		return v
	}
	return settingValues[name][0]
}

// scopeV1 says that the registry's policy speaks only of three actions (API-48).
func (r *rules) scopeV1() bool { return r.setting(RegistryPolicyScope) == "V1" }

// repository is a repository that does not exist, as policies see it: without policy and tags of its own.
func (r *rules) repository(ref Ref) *iam.Resource { return r.resource(ref.ARN(), ref.Account) }

// resource is something of the registry, as the registry's policy sees it.
func (r *rules) resource(arn, account string) *iam.Resource {
	return &iam.Resource{ARN: arn, Account: account, Registry: r.attached, RegistryV1: r.scopeV1()}
}

// authorize decides on an action that is about the whole registry of an account in a region (API-29): the registry's policy speaks of it too (API-48).
func (g *Registry) authorize(ctx context.Context, action, account, region string, keys map[string]string) error {
	r, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return err
	}
	target := r.resource("*", account)
	target.Keys = keys
	return g.who.Authorize(ctx, action, target)
}

// writeRules runs a mutation of what holds for a registry of the account, with its audit record, and tells every node of it.
func (g *Registry) writeRules(ctx context.Context, account string, f func(tx *sql.Tx) error) error {
	call := iam.From(ctx)
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errors.Join(tx.Changed(g.registry, account), g.record(tx, call))
	})
}
