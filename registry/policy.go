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
	if utf8.RuneCountInString(text) > policyMost {
		return "", refused(fmt.Sprintf("the policy has %d characters; %d are allowed", utf8.RuneCountInString(text), policyMost))
	}
	if _, f := policy.Refuse([]byte(text), policy.Repository); f != nil {
		return "", refused(fmt.Sprintf("line %d, column %d: %s: %s", f.Line, f.Column, f.Code, f.Message) + hint(f.Hint))
	}
	stored, err := r.g.who.Resolve(ctx, []byte(text))
	if fault.Is(err, fault.NoSuchEntity) {
		return "", fault.New(fault.InvalidParameter, "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found': %s", fault.As(err).Message)
	}
	if err != nil {
		return "", err
	}
	parsed, err := policy.Parse(stored)
	if err != nil {
		return "", refused(err.Error())
	}
	if !force {
		target := r.resource
		target.Policy = &policy.Attached{Name: "repository policy", Policy: parsed}
		if !r.g.who.May(ctx, "ecr:SetRepositoryPolicy", &target) && !r.g.recovers(ctx, r.call, r.Ref, "ecr:SetRepositoryPolicy") {
			return "", refused("the policy would not let you set another one; use force to set it all the same")
		}
	}
	err = r.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE repository SET policy = $1 WHERE id = $2`, string(stored), r.ID); err != nil {
			return err
		}
		return r.g.changed(tx, r.Ref)
	})
	return text, err
}

func refused(why string) error {
	return fault.New(fault.InvalidParameter, "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided': %s", why)
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
