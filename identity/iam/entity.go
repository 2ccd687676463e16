package iam

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Kind is a kind of thing that has a name in an account.
type Kind uint8

// The kinds. Users, groups and roles take policies; all but groups take tags.
const (
	KindUser Kind = iota
	KindGroup
	KindRole
	KindPolicy
	KindInstanceProfile
	KindProvider // OpenID Connect
)

// String is the kind as it stands in ARNs and messages.
func (k Kind) String() string {
	return [...]string{"user", "group", "role", "policy", "instance-profile", "oidc-provider"}[k]
}

// title is the kind as it stands in the names of actions: iam:AttachUserPolicy.
func (k Kind) title() string {
	return [...]string{"User", "Group", "Role", "Policy", "InstanceProfile", "OpenIDConnectProvider"}[k]
}

// member is what the name of such a thing is called in messages about it: userName.
func (k Kind) member() string {
	return [...]string{"userName", "groupName", "roleName", "policyName", "instanceProfileName", "url"}[k]
}

func (k Kind) table() string {
	return [...]string{"iam_user", "iam_group", "iam_role", "iam_policy", "iam_instance_profile", "iam_oidc_provider"}[k]
}

func (k Kind) idPrefix() string {
	return [...]string{userPrefix, groupPrefix, rolePrefix, policyPrefix, profilePrefix, providerPrefix}[k]
}

// longestName is in characters (IAM-3).
func (k Kind) longestName() int { return [...]int{64, 128, 64, 128, 128, 255}[k] }

// inlineQuota bounds the inline policies of one owner together, in characters without white space (IAM-4).
func (k Kind) inlineQuota() int { return [...]int{2048, 5120, 10240, 0, 0, 0}[k] }

// Ref names a user, group, role or instance profile of the caller's account by its name, or a managed policy or an identity provider by its ARN.
type Ref struct {
	Kind Kind
	Name string
}

// The limits of IAM-4.
const (
	mostKeysPerUser     = 2
	mostGroupsPerUser   = 10
	mostPolicies        = 10 // managed policies attached to one user, group or role
	mostVersions        = 5
	mostPolicyLength    = 6144 // characters without white space
	mostTrustLength     = 2048
	mostTags            = 50
	mostSessionPolicies = 10
)

// entity is the row of a user, group, role, policy or instance profile, as far as they are alike.
type entity struct {
	kind                    Kind
	id, account, name, path string
	created                 time.Time
}

func (e *entity) arn() string { return arn.IAM(e.account, e.kind.String()+e.path+e.name) }

func fold(name string) string { return strings.ToLower(name) }

var (
	nameForm = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathForm = regexp.MustCompile(`^(/|/[!-\x7e]+/)$`)
)

// checkName holds a name to IAM-3.
func checkName(k Kind, name string) error {
	if len(name) > k.longestName() || !nameForm.MatchString(name) {
		return invalidValue(name, k.member(), `Member must satisfy regular expression pattern: [\w+=,.@-]+ and have length less than or equal to `+strconv.Itoa(k.longestName()))
	}
	return nil
}

// checkPath holds a path to IAM-2; an empty one is "/".
func checkPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	if len(path) > 512 || !pathForm.MatchString(path) {
		return "", fault.New(fault.Validation, "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return path, nil
}

// invalidValue words a value that breaks its constraint (STS-4).
func invalidValue(value, member, constraint string) error {
	return fault.New(fault.Validation, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

func noSuch(k Kind, name string) error {
	switch k {
	case KindInstanceProfile:
		return fault.New(fault.NoSuchEntity, "Instance Profile %s cannot be found.", name)
	case KindProvider:
		return fault.New(fault.NoSuchEntity, "OpenIDConnect Provider not found for %s", name)
	}
	return fault.New(fault.NoSuchEntity, "The %s with name %s cannot be found.", k, name)
}

func alreadyThere(k Kind, name string) error {
	switch k {
	case KindPolicy:
		return fault.New(fault.EntityAlreadyExists, "A policy called %s already exists. Duplicate names are not allowed.", name)
	case KindInstanceProfile:
		return fault.New(fault.EntityAlreadyExists, "Instance Profile %s already exists.", name)
	}
	return fault.New(fault.EntityAlreadyExists, "%s with name %s already exists.", k.title(), name)
}

// find reads the user, group or role that is called name; NoSuchEntity.
func (d *Directory) find(ctx context.Context, k Kind, account, name string) (*entity, error) {
	e := &entity{kind: k, account: account}
	var created int64
	err := d.db.Row(ctx, `SELECT id, name, path, created FROM `+k.table()+` WHERE account = $1 AND folded = $2`, sql.Args(account, fold(name)),
		&e.id, &e.name, &e.path, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noSuch(k, name)
	}
	e.created = sql.Time(created)
	return e, err
}

// stands fails unless the row that was found before is still there: a transaction begins with it, so that nothing hangs on what was deleted meanwhile.
func (e *entity) stands(tx *sql.Tx) error {
	var n int64
	if err := tx.Row(`SELECT COUNT(*) FROM `+e.kind.table()+` WHERE id = $1`, sql.Args(e.id), &n); err != nil {
		return err
	}
	if n == 0 {
		return noSuch(e.kind, e.name)
	}
	return nil
}

// reach finds what ref names and asks whether the caller may do action on it, noting the decision. r may bring more condition keys. The question comes before
// the answer that there is no such entity: who may not look does not learn what is there.
func (d *Directory) reach(ctx context.Context, action string, ref Ref, r Resource) (*entity, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	e, missing := d.lookup(ctx, account, ref)
	if missing != nil && !fault.Is(missing, fault.NoSuchEntity) {
		return nil, missing
	}
	switch {
	case e != nil:
		r.ARN = e.arn()
		if r.Tags, err = d.tags(ctx, e.id); err != nil {
			return nil, err
		}
		if asksBoundary(action) {
			if err := d.addBoundary(ctx, e, &r); err != nil {
				return nil, err
			}
		}
	case ref.Kind == KindPolicy || ref.Kind == KindProvider:
		r.ARN = ref.Name
	default:
		r.ARN = arn.IAM(account, ref.Kind.String()+"/"+ref.Name)
	}
	if err := d.Authorize(ctx, action, &r); err != nil {
		return nil, err
	}
	return e, missing
}

// asksBoundary reports whether an action changes what a user or role may do: a policy can allow it only for those within a certain boundary, by the condition
// key iam:PermissionsBoundary. So an administrator of a part makes users and roles, and gives them policies, that can never exceed his boundary.
func asksBoundary(action string) bool {
	switch action {
	case "iam:AttachUserPolicy", "iam:DetachUserPolicy", "iam:PutUserPolicy", "iam:DeleteUserPolicy", "iam:DeleteUserPermissionsBoundary",
		"iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRolePermissionsBoundary":
		return true
	}
	return false
}

// addBoundary gives r the boundary that e has, if it has one.
func (d *Directory) addBoundary(ctx context.Context, e *entity, r *Resource) error {
	return d.db.View(ctx, func(tx *sql.Tx) error {
		var id string
		if err := tx.Row(`SELECT boundary FROM `+e.kind.table()+` WHERE id = $1`, sql.Args(e.id), &id); errors.Is(err, sql.ErrNoRows) {
			return noSuch(e.kind, e.name) // deleted since it was found
		} else if err != nil {
			return err
		}
		boundary, err := d.policyARN(tx, id)
		if err != nil || boundary == "" {
			return err
		}
		keys := map[string]string{"iam:permissionsboundary": boundary}
		maps.Copy(keys, r.Keys)
		r.Keys = keys
		return nil
	})
}

func (d *Directory) lookup(ctx context.Context, account string, ref Ref) (*entity, error) {
	if ref.Kind == KindPolicy {
		return d.findPolicy(ctx, account, ref.Name)
	}
	if ref.Kind == KindProvider {
		return d.findProvider(ctx, account, ref.Name)
	}
	return d.find(ctx, ref.Kind, account, ref.Name)
}

// callerAccount is the account that a caller manages: its own.
func callerAccount(ctx context.Context) (string, error) {
	c, err := Caller(ctx)
	if err != nil {
		return "", err
	}
	if c.Principal.Account == "" {
		return "", c.Refuse("User: " + c.Principal.ARN + " manages no account")
	}
	return c.Principal.Account, nil
}

// callerUser is the user that a request means when it names none; "" means the root user.
func (d *Directory) callerUser(ctx context.Context) (string, error) {
	c, err := Caller(ctx)
	if err != nil {
		return "", err
	}
	switch p := c.Principal; p.Type {
	case policy.Root:
		return "", nil
	case policy.User:
		m, err := d.member(ctx, p)
		if err != nil {
			return "", err
		}
		return m.name, nil
	}
	return "", fault.New(fault.Validation, "Must specify userName when calling with non-User credentials")
}

// commit runs a mutation that is authorised: its changes and its audit record become durable together, and what caches hold of the account is stale
// from then on.
func (d *Directory) commit(ctx context.Context, account string, f func(tx *sql.Tx) error) error {
	c := From(ctx)
	return d.db.Write(ctx, func(tx *sql.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if err := tx.Changed(d.epoch, account); err != nil {
			return err
		}
		return c.Record(tx, d.log)
	})
}
