package org

import (
	"context"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/arn"
)

// kind is what an id is of, by its form (ORG-2).
type kind uint8

const (
	kindUnit kind = iota // and what has no form of ORG-2
	kindRoot
	kindAccount
	kindPolicy
	kindResourcePolicy
	kindHandshake
)

func kindOf(id string) kind {
	switch {
	case strings.HasPrefix(id, "r-"):
		return kindRoot
	case strings.HasPrefix(id, "p-"):
		return kindPolicy
	case strings.HasPrefix(id, "rp-"):
		return kindResourcePolicy
	case strings.HasPrefix(id, "h-"):
		return kindHandshake
	case arn.IsAccount(id):
		return kindAccount
	}
	return kindUnit
}

// ids are the targets; one that is empty for an action without resource.
func (a *access) ids() []string {
	if len(a.targets) == 0 {
		return []string{""}
	}
	return a.targets
}

// namePolicy finds the policy among the targets of a: its type is a condition key of every target, organizations:PolicyType. One that is not there has none.
func (o *Organizations) namePolicy(ctx context.Context, f *Organization, a *access) error {
	for _, id := range a.targets {
		if kindOf(id) != kindPolicy {
			continue
		}
		p, err := o.findPolicy(ctx, f, id)
		if err != nil && !fault.Is(err, fault.PolicyNotFound) {
			return err
		}
		if p != nil {
			a.policy, a.request.Keys = p, ofType(p.Type)
		}
	}
	return nil
}

// resource is a target of a as the caller's policies see it; "" is all there is.
func (o *Organizations) resource(ctx context.Context, f *Organization, a *access, id string) (r iam.Resource, err error) {
	r = a.request
	if id == "" {
		r.ARN = "*"
		return r, nil
	}
	r.ARN = f.ARNOf(id)
	if a.policy != nil && a.policy.ID == id {
		r.ARN = a.policy.ARN
	}
	r.Tags, err = o.tags(ctx, f, id)
	return r, err
}
