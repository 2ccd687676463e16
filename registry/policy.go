package registry

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// policyMost is the length in characters that a repository policy may have (API-43).
const policyMost = 10240

// SetPolicy replaces the repository's policy (API-43..46). The text is kept byte for byte; the users and roles that it names are kept as their unique
// ids, so that somebody made later under the same name inherits nothing. The fault is InvalidParameter, with AWS's text and then what is wrong, where;
// without force also when the caller could not set another policy afterwards (API-45, H84).
func (r *Repo) SetPolicy(ctx context.Context, text string, force bool) (string, error) {
	stored, parsed, err := r.g.readPolicy(ctx, text, policy.Repository)
	if err != nil {
		return "", err
	}
	if !force {
		target := r.resource
		target.Policy = &policy.Attached{Name: "repository policy", Policy: parsed}
		if !r.g.who.May(ctx, "ecr:SetRepositoryPolicy", &target) {
			return "", refused(policy.Repository, "the policy would not let you set another one; use force to set it all the same")
		}
	}
	err = r.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE repository SET policy = $1 WHERE id = $2`, stored, r.ID); err != nil {
			return err
		}
		return r.g.changed(tx, r.Ref)
	})
	return text, err
}

// readPolicy checks the text of a policy of ECR, and answers it as it is stored, with the unique ids of the users and roles that it names, and as decisions take it. The
// fault is InvalidParameter (API-43, API-48).
func (g *Registry) readPolicy(ctx context.Context, text string, kind policy.Kind) (stored string, parsed *policy.Policy, err error) {
	if n := utf8.RuneCountInString(text); n > policyMost {
		return "", nil, refused(kind, fmt.Sprintf("the policy has %d characters; %d are allowed", n, policyMost))
	}
	if _, f := policy.Refuse([]byte(text), kind); f != nil {
		return "", nil, refused(kind, fmt.Sprintf("line %d, column %d: %s: %s", f.Line, f.Column, f.Code, f.Message)+hint(f.Hint))
	}
	withIDs, err := g.who.Resolve(ctx, []byte(text))
	if fault.Is(err, fault.NoSuchEntity) {
		return "", nil, fault.New(fault.InvalidParameter, "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found': %s", fault.As(err).Message)
	}
	if err != nil {
		return "", nil, err
	}
	if parsed, err = policy.Parse(withIDs); err != nil {
		return "", nil, refused(kind, err.Error())
	}
	return string(withIDs), parsed, nil
}

func refused(kind policy.Kind, why string) error {
	what := "repository"
	if kind != policy.Repository {
		what = "registry"
	}
	return fault.New(fault.InvalidParameter, "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid %s policy provided': %s", what, why)
}

func hint(h string) string {
	if h == "" {
		return ""
	}
	return " (" + h + ")"
}

// Policy is the text as it was set, but that a user or role who is gone shows as the unique id (API-46). The fault is RepositoryPolicyNotFound (API-47).
func (r *Repo) Policy(ctx context.Context) (string, error) {
	if r.policy == "" {
		return "", r.noPolicy()
	}
	return string(r.g.who.Render(ctx, []byte(r.policy))), nil
}

// DeletePolicy removes the policy and returns its text. The fault is RepositoryPolicyNotFound (API-47).
func (r *Repo) DeletePolicy(ctx context.Context) (string, error) {
	var stored *string
	err := r.write(ctx, func(tx *sql.Tx) error {
		if err := tx.Row(`SELECT policy FROM repository WHERE id = $1`, sql.Args(r.ID), &stored); err != nil {
			return err
		}
		if stored == nil {
			return r.noPolicy()
		}
		_, err := tx.Exec(`UPDATE repository SET policy = NULL WHERE id = $1`, r.ID)
		return errors.Join(err, r.g.changed(tx, r.Ref))
	})
	if err != nil {
		return "", err
	}
	return string(r.g.who.Render(ctx, []byte(*stored))), nil
}

func (r *Repo) noPolicy() error {
	return fault.New(fault.RepositoryPolicyNotFound, "Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", r.Name, r.Account)
}
