package iam

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Role is a set of permissions that whom its trust policy names may assume.
type Role struct {
	ID, Account, Name, Path, ARN, Description string
	Created                                   time.Time
	Trust                                     string // the trust policy, with ARNs for who exists
	MaxSession                                time.Duration
	Boundary                                  string // ARN of the permissions boundary; "" without; not in lists
	Tags                                      []Tag  // not in lists
}

// serviceRolePath is where service-linked roles are (IAM-12).
const serviceRolePath = "/aws-service-role/"

func (e *entity) role() *Role {
	return &Role{ID: e.id, Account: e.account, Name: e.name, Path: e.path, ARN: e.arn(), Created: e.created}
}

// NewRole says what role to make.
type NewRole struct {
	Name, Path, Description, Trust, Boundary string
	MaxSession                               time.Duration // 0 is an hour
	Tags                                     []Tag
}

// CreateRole makes a role. Faults: EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, InvalidInput, NoSuchEntity for the boundary.
func (d *Directory) CreateRole(ctx context.Context, n NewRole) (*Role, error) {
	e, err := d.newEntity(ctx, KindRole, n.Name, n.Path, n.Tags)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(e.path, serviceRolePath) { // such a role stands outside the policies of the organization: nobody may make one for himself
		return nil, fault.New(fault.InvalidInput, "Roles with the path %s are made by AWS services and cannot be created with this operation.", serviceRolePath)
	}
	if err := checkNotLinked(n.Name); err != nil {
		return nil, err
	}
	if n.MaxSession == 0 {
		n.MaxSession = time.Hour
	}
	if err := checkMaxSession(n.MaxSession); err != nil {
		return nil, err
	}
	if err := d.authorizeNew(ctx, "iam:CreateRole", "iam:TagRole", creation(e, n.Boundary, n.Tags)); err != nil {
		return nil, err
	}
	boundary, err := d.boundaryID(ctx, e.account, n.Boundary)
	if err != nil {
		return nil, err
	}
	trust, err := d.checkTrust(ctx, n.Trust)
	if err != nil {
		return nil, err
	}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.free(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO iam_role (id, account, name, folded, path, boundary, trust, description, max_session, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			e.id, e.account, e.name, fold(e.name), e.path, boundary, trust, n.Description, int64(n.MaxSession/time.Second), sql.Micros(e.created)); err != nil {
			return err
		}
		return putTags(tx, e.id, n.Tags)
	})
	if err != nil {
		return nil, err
	}
	r := e.role()
	r.Description, r.Trust, r.MaxSession, r.Boundary, r.Tags = n.Description, n.Trust, n.MaxSession, n.Boundary, n.Tags
	return r, nil
}

func checkMaxSession(m time.Duration) error {
	if m < time.Hour || m > 12*time.Hour {
		return invalidValue(strconv.Itoa(int(m/time.Second)), "maxSessionDuration", "Member must have value between 3600 and 43200")
	}
	return nil
}

// checkTrust returns a trust policy as it is stored: with unique ids (IAMP-2.1).
func (d *Directory) checkTrust(ctx context.Context, document string) (string, error) {
	if err := checkDocument(document, policy.Trust); err != nil {
		return "", err
	}
	trust, err := d.Resolve(ctx, []byte(document))
	if f := fault.As(err); f != nil && f.Code == fault.NoSuchEntity {
		return "", fault.New(fault.MalformedPolicyDocument, `Invalid principal in policy: "AWS":"%s"`, f.Detail)
	}
	if err != nil {
		return "", err
	}
	if length(document) > mostTrustLength {
		return "", fault.New(fault.LimitExceeded, "Cannot exceed quota for ACLSizePerRole: %d", mostTrustLength)
	}
	return string(trust), nil
}

// Role returns a role. Faults: NoSuchEntity.
func (d *Directory) Role(ctx context.Context, name string) (*Role, error) {
	e, err := d.reach(ctx, "iam:GetRole", Ref{KindRole, name}, Resource{})
	if err != nil {
		return nil, err
	}
	return d.readRole(ctx, e)
}

func (d *Directory) readRole(ctx context.Context, e *entity) (*Role, error) {
	var r *Role
	err := d.db.View(ctx, func(tx *sql.Tx) (err error) {
		if r, err = d.roleReader(tx).read(e); err != nil {
			return err
		}
		r.Boundary, r.Tags, err = d.boundaryAndTags(tx, e)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuch(KindRole, e.name)
	}
	return r, err
}

// roleReader reads roles as lists show them, in one transaction. It looks up only once whom their trust policies name: roles often trust the same.
type roleReader struct {
	tx   *sql.Tx
	arns map[string]entity // of principals, by unique id
}

func (d *Directory) roleReader(tx *sql.Tx) *roleReader {
	return &roleReader{tx: tx, arns: map[string]entity{}}
}

// read reads what a role shows of itself in lists; ErrNoRows for one that was deleted.
func (x *roleReader) read(e *entity) (*Role, error) {
	r := e.role()
	var seconds int64
	if err := x.tx.Row(`SELECT trust, description, max_session FROM iam_role WHERE id = $1`, sql.Args(e.id), &r.Trust, &r.Description, &seconds); err != nil {
		return nil, err
	}
	r.Trust, r.MaxSession = string(render([]byte(r.Trust), x.find)), time.Duration(seconds)*time.Second
	return r, nil
}

// byID reads the role with a unique id; nil for "".
func (x *roleReader) byID(account, id string) (*Role, error) {
	if id == "" {
		return nil, nil
	}
	e := entity{kind: KindRole, id: id, account: account}
	var created int64
	if err := x.tx.Row(`SELECT name, path, created FROM iam_role WHERE id = $1`, sql.Args(id), &e.name, &e.path, &created); err != nil {
		return nil, err
	}
	e.created = sql.Time(created)
	return x.read(&e)
}

func (x *roleReader) find(e *entity) error {
	if known, ok := x.arns[e.id]; ok {
		*e = known
		return nil
	}
	err := x.tx.Row(`SELECT account, path, name FROM `+e.kind.table()+` WHERE id = $1`, sql.Args(e.id), &e.account, &e.path, &e.name)
	if err == nil {
		x.arns[e.id] = *e
	}
	return err
}

// Roles returns a page of the roles of the caller's account whose path begins with prefix (IAM-10).
func (d *Directory) Roles(ctx context.Context, prefix string, p Page) ([]Role, string, error) {
	found, next, err := d.list(ctx, KindRole, "iam:ListRoles", prefix, p)
	if err != nil {
		return nil, "", err
	}
	out := make([]Role, 0, len(found))
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		reader := d.roleReader(tx)
		for i := range found {
			r, err := reader.read(&found[i])
			if errors.Is(err, sql.ErrNoRows) {
				continue // deleted since the page was read
			}
			if err != nil {
				return err
			}
			out = append(out, *r)
		}
		return nil
	})
	return out, next, err
}

// UpdateRole changes what is not nil. Faults: NoSuchEntity.
func (d *Directory) UpdateRole(ctx context.Context, name string, description *string, maxSession *time.Duration) error {
	_, err := d.updateRole(ctx, "iam:UpdateRole", name, description, maxSession)
	return err
}

// UpdateRoleDescription changes the description and returns the role. Faults: NoSuchEntity.
func (d *Directory) UpdateRoleDescription(ctx context.Context, name, description string) (*Role, error) {
	e, err := d.updateRole(ctx, "iam:UpdateRoleDescription", name, &description, nil)
	if err != nil {
		return nil, err
	}
	return d.readRole(ctx, e)
}

func (d *Directory) updateRole(ctx context.Context, action, name string, description *string, maxSession *time.Duration) (*entity, error) {
	e, err := d.reach(ctx, action, Ref{KindRole, name}, Resource{})
	if err != nil {
		return nil, err
	}
	if maxSession != nil { // the description of a service-linked role may change, and nothing else
		if err := d.changeable(e); err != nil {
			return nil, err
		}
		if err := checkMaxSession(*maxSession); err != nil {
			return nil, err
		}
	}
	return e, d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if description != nil {
			if _, err := tx.Exec(`UPDATE iam_role SET description = $1 WHERE id = $2`, *description, e.id); err != nil {
				return err
			}
		}
		if maxSession == nil {
			return nil
		}
		_, err := tx.Exec(`UPDATE iam_role SET max_session = $1 WHERE id = $2`, int64(*maxSession/time.Second), e.id)
		return err
	})
}

// reachOwnRole is reach for changes, which service-linked roles do not take.
func (d *Directory) reachOwnRole(ctx context.Context, action, name string, r Resource) (*entity, error) {
	e, err := d.reach(ctx, action, Ref{KindRole, name}, r)
	if err != nil {
		return nil, err
	}
	return e, d.changeable(e)
}

// UpdateAssumeRolePolicy replaces a role's trust policy. Sessions that it has go on. Faults: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
func (d *Directory) UpdateAssumeRolePolicy(ctx context.Context, name, document string) error {
	e, err := d.reachOwnRole(ctx, "iam:UpdateAssumeRolePolicy", name, Resource{})
	if err != nil {
		return err
	}
	trust, err := d.checkTrust(ctx, document)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE iam_role SET trust = $1 WHERE id = $2`, trust, e.id)
		if err == nil && n == 0 {
			err = noSuch(KindRole, name)
		}
		return err
	})
}

// DeleteRole deletes a role without policies; its sessions and their registry passwords are unknown at the next request (STS-12).
// Faults: NoSuchEntity, DeleteConflict.
func (d *Directory) DeleteRole(ctx context.Context, name string) error {
	e, err := d.reachOwnRole(ctx, "iam:DeleteRole", name, Resource{})
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_instance_profile WHERE role = $1`, e.id); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.DeleteConflict, "Cannot delete entity, must remove roles from instance profile first."))
		}
		if err := e.bare(tx); err != nil {
			return err
		}
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_tag WHERE owner = $1`, `DELETE FROM iam_role WHERE id = $1`)
	})
}
