package iam

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/berth-registry/berth/storage/sql"
)

// AccountDetails is a page of everything that an account's users, groups, roles and policies are (IAM-9).
type AccountDetails struct {
	Users    []UserDetail
	Groups   []GroupDetail
	Roles    []RoleDetail
	Policies []PolicyDetail
}

// InlinePolicy is a policy that belongs to one user, group or role.
type InlinePolicy struct{ Name, Document string }

// UserDetail is a user with all that decides what it may do; groups by name.
type UserDetail struct {
	User
	Groups   []string
	Inline   []InlinePolicy
	Attached []AttachedPolicy
}

// GroupDetail is a group with its policies.
type GroupDetail struct {
	Group
	Inline   []InlinePolicy
	Attached []AttachedPolicy
}

// RoleDetail is a role with its policies and the instance profiles that hold it.
type RoleDetail struct {
	Role
	Inline   []InlinePolicy
	Attached []AttachedPolicy
	Profiles []InstanceProfile
}

// PolicyDetail is a managed policy with its versions, newest first, and their documents.
type PolicyDetail struct {
	ManagedPolicy
	Versions []PolicyVersion
}

// DetailFilter says what AccountDetails shows; nothing set is everything.
type DetailFilter struct{ Users, Groups, Roles, Local, AWS bool }

// mostDetailText ends a page whose documents are long, in bytes: an answer is built in memory.
const mostDetailText = 4 << 20

// AccountDetails returns a page of the details of the caller's account: users, groups, roles, its own policies, and those of AWS that it uses.
// A page may be shorter than it could be and yet have another behind it (IAM-10).
func (d *Directory) AccountDetails(ctx context.Context, f DetailFilter, p Page) (*AccountDetails, string, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := d.Authorize(ctx, "iam:GetAccountAuthorizationDetails", &Resource{ARN: "*"}); err != nil {
		return nil, "", err
	}
	if f == (DetailFilter{}) {
		f = DetailFilter{true, true, true, true, true}
	}
	out, next := &AccountDetails{}, ""
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		x := &detailReader{d: d, tx: tx, account: account, roles: d.roleReader(tx), out: out}
		next, err = x.page(f, p)
		return err
	})
	return out, next, err
}

// detailReader reads one page of AccountDetails.
type detailReader struct {
	d       *Directory
	tx      *sql.Tx
	account string
	roles   *roleReader
	out     *AccountDetails
	text    int // bytes of the documents so far
}

// page reads section after section. A cursor is the number of the section and the name, or ARN, after which it goes on.
func (x *detailReader) page(f DetailFilter, p Page) (next string, err error) {
	number, after, _ := strings.Cut(p.After, " ")
	first, _ := strconv.Atoi(number) // "" begins with the first
	left := p.limit()
	for section, s := range []struct {
		wanted bool
		list   func(p Page) ([]entity, error)
		add    func(e *entity) error
	}{
		{f.Users, x.list(KindUser), x.addUser},
		{f.Groups, x.list(KindGroup), x.addGroup},
		{f.Roles, x.list(KindRole), x.addRole},
		{f.Local, x.list(KindPolicy), x.addPolicy},
		{f.AWS, x.usedOfAWS, x.addPolicy},
	} {
		if section < first || !s.wanted {
			continue
		}
		if section > first {
			after = ""
		}
		for { // page by page of what is left, so that a stretch of deleted entries does not end the section
			if left == 0 || x.text > mostDetailText {
				return fmt.Sprintf("%d %s", section, after), nil
			}
			found, err := s.list(Page{After: after, Max: left})
			if err != nil {
				return "", err
			}
			more := len(found) > left
			for i := range found[:min(len(found), left)] {
				if x.text > mostDetailText {
					return fmt.Sprintf("%d %s", section, after), nil
				}
				if err := s.add(&found[i]); err != nil && !errors.Is(err, sql.ErrNoRows) { // deleted since the section was read
					return "", err
				}
				left--
				if after = fold(found[i].name); found[i].account == awsAccount {
					after = found[i].arn()
				}
			}
			if !more {
				break
			}
		}
	}
	return "", nil
}

func (x *detailReader) list(k Kind) func(p Page) ([]entity, error) {
	return func(p Page) ([]entity, error) { return listTx(x.tx, k, x.account, "", p) }
}

// usedOfAWS lists the policies of AWS that something in the account uses, by ARN.
func (x *detailReader) usedOfAWS(p Page) ([]entity, error) {
	var out []entity
	for _, aws := range x.d.managed.list {
		if aws.ARN <= p.After {
			continue
		}
		attachments, boundaries, err := policyUses(x.tx, x.account, aws.ID)
		if err != nil {
			return nil, err
		}
		if attachments+boundaries > 0 {
			out = append(out, entity{kind: KindPolicy, id: aws.ID, account: awsAccount, name: aws.Name, path: aws.Path, created: aws.Created})
		}
	}
	return out, nil
}

func (x *detailReader) addUser(e *entity) (err error) {
	u := UserDetail{User: *e.user()}
	if u.Boundary, u.Tags, err = x.d.boundaryAndTags(x.tx, e); err != nil {
		return err
	}
	groups, err := groupsOf(x.tx, e)
	if err != nil {
		return err
	}
	for i := range groups {
		u.Groups = append(u.Groups, groups[i].name)
	}
	if u.Inline, u.Attached, err = x.policies(e); err != nil {
		return err
	}
	x.out.Users = append(x.out.Users, u)
	return nil
}

func (x *detailReader) addGroup(e *entity) (err error) {
	g := GroupDetail{Group: *e.group()}
	if g.Inline, g.Attached, err = x.policies(e); err != nil {
		return err
	}
	x.out.Groups = append(x.out.Groups, g)
	return nil
}

func (x *detailReader) addRole(e *entity) error {
	role, err := x.roles.read(e)
	if err != nil {
		return err
	}
	r := RoleDetail{Role: *role}
	x.text += len(r.Trust)
	if r.Boundary, r.Tags, err = x.d.boundaryAndTags(x.tx, e); err != nil {
		return err
	}
	if r.Inline, r.Attached, err = x.policies(e); err != nil {
		return err
	}
	profiles, err := sql.Gather(x.tx.Rows, `SELECT id, name, path, created FROM iam_instance_profile WHERE role = $1 ORDER BY folded LIMIT $2`, sql.Args(e.id, mostProfilesShown), scanEntity(KindInstanceProfile, e.account))
	for i := range profiles {
		p := profiles[i].instanceProfile()
		p.Role = role
		r.Profiles = append(r.Profiles, *p)
		x.text += len(r.Trust)
	}
	x.out.Roles = append(x.out.Roles, r)
	return err
}

// mostProfilesShown bounds the instance profiles that the details of one role show; ListInstanceProfilesForRole has them all.
const mostProfilesShown = 100

// policies reads the inline and attached policies of a user, group or role.
func (x *detailReader) policies(e *entity) ([]InlinePolicy, []AttachedPolicy, error) {
	inline, err := sql.Gather(x.tx.Rows, `SELECT name, document FROM iam_inline WHERE owner = $1 ORDER BY name`, sql.Args(e.id), func(row sql.Scanner) (p InlinePolicy, err error) {
		err = row.Scan(&p.Name, &p.Document)
		x.text += len(p.Document)
		return p, err
	})
	if err != nil {
		return nil, nil, err
	}
	attached, err := x.d.attachedTo(x.tx, e.id)
	return inline, attached, err
}

func (x *detailReader) addPolicy(e *entity) error {
	p, err := x.d.policyInList(x.tx, x.account, e)
	if err != nil {
		return err
	}
	out := PolicyDetail{ManagedPolicy: *p}
	if aws := x.d.managed.byID[e.id]; aws != nil {
		out.Versions = []PolicyVersion{{Version: aws.Version, Document: aws.document, Default: true, Created: aws.Created}}
	} else {
		out.Versions, err = sql.Gather(x.tx.Rows, `SELECT version, document, created FROM iam_policy_version WHERE policy = $1 ORDER BY version DESC`, sql.Args(e.id), func(row sql.Scanner) (v PolicyVersion, err error) {
			var number, created int64
			err = row.Scan(&number, &v.Document, &created)
			v.Version, v.Created = versionName(number), sql.Time(created)
			v.Default = v.Version == p.Version
			x.text += len(v.Document)
			return v, err
		})
	}
	x.out.Policies = append(x.out.Policies, out)
	return err
}
