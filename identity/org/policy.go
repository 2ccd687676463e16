package org

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Policy is a policy of an organization, or one that AWS gives to all (ORG-18).
type Policy struct {
	ID, ARN, Name, Description string
	Type                       PolicyType
	AWSManaged                 bool
	Content                    string // as it was given, byte for byte; not in lists
}

// mostPolicies bounds the policies of one type in an organization.
const mostPolicies = 10_000

// policyARN is the ARN of a policy of an organization or of AWS (ORG-3).
func policyARN(f *Organization, t PolicyType, id string) string {
	if awsPolicy(id) != nil {
		return awsARN(t, id)
	}
	r, _ := t.rules()
	return f.arn("policy/" + f.ID + "/" + r.kind + "/" + id)
}

func errNoPolicy() error {
	return fault.New(fault.PolicyNotFound, "We can't find a policy with the PolicyId that you specified.")
}

// The keys of conditions on policy operations.
func ofType(t PolicyType) map[string]string {
	if t == "" {
		return nil
	}
	return map[string]string{"organizations:policytype": string(t)}
}

func scanPolicy(f *Organization, row sql.Scanner) (Policy, error) {
	var p Policy
	var t string
	err := row.Scan(&p.ID, &t, &p.Name, &p.Description)
	p.Type = PolicyType(t)
	p.ARN = policyARN(f, p.Type, p.ID)
	return p, err
}

// findPolicy finds a policy of the organization or of AWS with its content; PolicyNotFound.
func (o *Organizations) findPolicy(ctx context.Context, f *Organization, id string) (*Policy, error) {
	if p := awsPolicy(id); p != nil {
		return p, nil
	}
	p := Policy{ID: id}
	var t string
	err := o.db.Row(ctx, `SELECT type, name, description, content FROM org_policy WHERE id = $1 AND organization = $2`, sql.Args(id, f.ID), &t, &p.Name, &p.Description, &p.Content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoPolicy()
	}
	p.Type = PolicyType(t)
	p.ARN = policyARN(f, p.Type, id)
	return &p, err
}

// enterChange is enter for changes of a policy, which those of AWS do not take.
func (o *Organizations) enterChange(ctx context.Context, action, id string) (*Organization, *Policy, error) {
	f, err := o.enter(ctx, access{action: action, targets: []string{id}})
	if err != nil {
		return nil, nil, err
	}
	p, err := o.findPolicy(ctx, f, id)
	if err == nil && p.AWSManaged {
		err = invalid("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
	}
	return f, p, err
}

// checkType refuses a type that there is not, and every type in an organization that has no features but the common bill.
func checkType(f *Organization, t PolicyType) error {
	if _, ok := t.rules(); !ok {
		return invalid("INVALID_ENUM_POLICY_TYPE", "You specified an invalid policy type string.")
	}
	if f.Features != FeaturesAll {
		return fault.New(fault.PolicyTypeNotAvailable, "You can't use the specified policy type with the feature set currently enabled for this organization.")
	}
	return nil
}

// checkContent refuses a document that may not be stored, with AWS's text and, behind it, where that is and what is wrong there (IAMP-6.4, ORG-20).
func checkContent(t PolicyType, content string) error {
	r, _ := t.rules()
	if n := utf8.RuneCountInString(content); n > r.longest {
		return violation("POLICY_CONTENT_LIMIT_EXCEEDED", "The policy has %d characters. A policy of the type %s can have at most %d.", n, t, r.longest)
	}
	if t.inherited() {
		var tree map[string]any
		if err := json.Unmarshal([]byte(content), &tree); err != nil || tree == nil {
			return fault.New(fault.MalformedPolicyDocument, "%s", malformedContent)
		}
		return nil
	}
	text, cause := policy.Refuse([]byte(content), t.language())
	if text == "" {
		return nil
	}
	return fault.New(fault.MalformedPolicyDocument, "%s", cause.After(text))
}

const malformedContent = "The provided policy document does not meet the requirements of the specified policy type."

// NewPolicy says what policy to make.
type NewPolicy struct {
	Name, Description, Content string
	Type                       PolicyType
	Tags                       []Tag
}

// CreatePolicy makes a policy, which hangs nowhere yet (ORG-18). Its type need not be enabled. Faults: PolicyAlreadyExists, MalformedPolicyDocument,
// ConstraintViolation, PolicyTypeNotAvailable, InvalidInput, OrganizationsNotInUse.
func (o *Organizations) CreatePolicy(ctx context.Context, n NewPolicy) (*Policy, error) {
	if err := checkTags(n.Tags); err != nil {
		return nil, err
	}
	f, err := o.enterNew(ctx, access{action: "CreatePolicy", request: iam.Resource{Keys: ofType(n.Type), RequestTags: tagMap(n.Tags)}})
	if err != nil {
		return nil, err
	}
	if err := checkType(f, n.Type); err != nil {
		return nil, err
	}
	if err := checkContent(n.Type, n.Content); err != nil {
		return nil, err
	}
	p := &Policy{Name: n.Name, Description: n.Description, Type: n.Type, Content: n.Content}
	now := sql.Micros(o.options.Now())
	err = o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.stands(tx); err != nil {
			return err
		}
		if err := nameFree(tx, f, n.Type, n.Name, ""); err != nil {
			return err
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM org_policy WHERE organization = $1 AND type = $2`, f.ID, string(n.Type)); err != nil || n >= mostPolicies {
			return cmp.Or[error](err, violation("POLICY_NUMBER_LIMIT_EXCEEDED", "You attempted to exceed the number of policies that you can have in an organization."))
		}
		p.ID, err = fresh("p-", 8, func(id string) (int64, error) {
			return tx.Exec(`INSERT INTO org_policy (id, organization, type, name, description, content, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (id) DO NOTHING`, id, f.ID, string(n.Type), n.Name, n.Description, n.Content, now, now)
		})
		if err != nil {
			return err
		}
		return putTags(tx, f.ID, p.ID, n.Tags)
	})
	if err != nil {
		return nil, err
	}
	p.ARN = policyARN(f, p.Type, p.ID)
	return p, nil
}

// nameFree refuses the name of another policy of the same type, of AWS too.
func nameFree(tx *sql.Tx, f *Organization, t PolicyType, name, but string) error {
	taken, err := there(tx, `SELECT COUNT(*) FROM org_policy WHERE organization = $1 AND type = $2 AND name = $3 AND id <> $4`, f.ID, string(t), name, but)
	if err != nil {
		return err
	}
	if p := awsPolicy(t.given()); taken || p != nil && p.Name == name {
		return fault.New(fault.PolicyAlreadyExists, "A policy with the same name already exists.")
	}
	return nil
}

// Policy returns a policy with its content; PolicyNotFound.
func (o *Organizations) Policy(ctx context.Context, id string) (*Policy, error) {
	f, err := o.enter(ctx, access{action: "DescribePolicy", by: readers, targets: []string{id}})
	if err != nil {
		return nil, err
	}
	return o.findPolicy(ctx, f, id)
}

// PolicyChange says what of a policy shall be otherwise; nil stays.
type PolicyChange struct{ Name, Description, Content *string }

// UpdatePolicy changes a policy; what it says binds the very next request. Faults: PolicyNotFound, PolicyAlreadyExists, MalformedPolicyDocument, ConstraintViolation,
// InvalidInput for a policy of AWS.
func (o *Organizations) UpdatePolicy(ctx context.Context, id string, change PolicyChange) (*Policy, error) {
	f, p, err := o.enterChange(ctx, "UpdatePolicy", id)
	if err != nil {
		return nil, err
	}
	if change.Content != nil {
		if err := checkContent(p.Type, *change.Content); err != nil {
			return nil, err
		}
	}
	err = o.commit(ctx, func(tx *sql.Tx) error {
		err := tx.Row(`SELECT name, description, content FROM org_policy WHERE id = $1 AND organization = $2`, sql.Args(id, f.ID), &p.Name, &p.Description, &p.Content)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoPolicy()
		}
		if err != nil {
			return err
		}
		for _, part := range []struct{ to, from *string }{{&p.Name, change.Name}, {&p.Description, change.Description}, {&p.Content, change.Content}} {
			if part.from != nil {
				*part.to = *part.from
			}
		}
		if err := nameFree(tx, f, p.Type, p.Name, id); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE org_policy SET name = $1, description = $2, content = $3, updated = $4 WHERE id = $5`,
			p.Name, p.Description, p.Content, sql.Micros(o.options.Now()), id)
		return err
	}, f.ID)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// DeletePolicy deletes a policy that hangs nowhere. Faults: PolicyNotFound, PolicyInUse, InvalidInput for a policy of AWS.
func (o *Organizations) DeletePolicy(ctx context.Context, id string) error {
	f, _, err := o.enterChange(ctx, "DeletePolicy", id)
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if used, err := there(tx, `SELECT COUNT(*) FROM org_attachment WHERE organization = $1 AND policy = $2`, f.ID, id); err != nil || used {
			return cmp.Or[error](err, fault.New(fault.PolicyInUse, "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation."))
		}
		if n, err := tx.Exec(`DELETE FROM org_policy WHERE id = $1 AND organization = $2`, id, f.ID); err != nil || n == 0 {
			return cmp.Or[error](err, errNoPolicy())
		}
		_, err := tx.Exec(`DELETE FROM org_tag WHERE organization = $1 AND resource = $2`, f.ID, id)
		return err
	}, f.ID)
}

// Policies returns a page of the policies of one type by id, those of AWS among them (ORG-18).
func (o *Organizations) Policies(ctx context.Context, t PolicyType, p Page) ([]Policy, string, error) {
	f, err := o.enter(ctx, access{action: "ListPolicies", by: readers, request: iam.Resource{Keys: ofType(t)}})
	if err != nil {
		return nil, "", err
	}
	out, err := sql.Gather(o.db.In(ctx), `SELECT id, type, name, description FROM org_policy WHERE organization = $1 AND type = $2 AND id > $3 ORDER BY id LIMIT $4`,
		sql.Args(f.ID, string(t), p.After, p.limit()+1), func(row sql.Scanner) (Policy, error) { return scanPolicy(f, row) })
	if err != nil {
		return nil, "", err
	}
	if aws := awsPolicy(t.given()); aws != nil && aws.ID > p.After {
		out = append(out, *aws)
		slices.SortFunc(out, func(a, b Policy) int { return strings.Compare(a.ID, b.ID) })
	}
	out, next := cut(p, out, func(x *Policy) string { return x.ID })
	return out, next, nil
}

// invalid is InvalidInput with AWS's reason.
func invalid(reason, format string, args ...any) error {
	return fault.New(fault.InvalidInput, format, args...).With(fault.Reason{Reason: reason})
}

// violation is ConstraintViolation with AWS's reason.
func violation(reason, format string, args ...any) error {
	return fault.New(fault.ConstraintViolation, format, args...).With(fault.Reason{Reason: reason})
}
