package iam

import (
	"context"
	"errors"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Resolve prepares a policy that names principals for storing: the ARNs of users and roles become their unique ids, so that whoever is made later under
// the same name is not meant (IAMP-2.1, H102); everything else stays byte for byte. A user, role or account that does not exist is fault NoSuchEntity,
// whose Detail is the value as the document has it. A document that is no policy is a *policy.SyntaxError.
func (d *Directory) Resolve(ctx context.Context, document []byte) (stored []byte, err error) {
	p, err := policy.Parse(document)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, ref := range p.Principals() {
		if ref.Key != "AWS" {
			continue
		}
		if _, known := ids[ref.Value]; known {
			continue
		}
		id, err := d.resolvePrincipal(ctx, ref.Value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, fault.New(fault.NoSuchEntity, "Principal %s does not exist", ref.Value).With(ref.Value)
		}
		if err != nil {
			return nil, err
		}
		ids[ref.Value] = id
	}
	return p.Rewrite(func(value string) (string, bool) { id := ids[value]; return id, id != "" }), nil
}

// resolvePrincipal returns the unique id of a user's or role's ARN, "" for a value that is stored as it is, and ErrNoRows for one that names nobody.
func (d *Directory) resolvePrincipal(ctx context.Context, value string) (id string, err error) {
	if value == "*" {
		return "", nil
	}
	if arn.IsAccount(value) {
		return "", d.accountExists(ctx, value)
	}
	if e, _, ok := storedPrincipal(value); ok {
		var n int64
		return "", d.db.Row(ctx, `SELECT 1 FROM `+e.kind.table()+` WHERE id = $1`, sql.Args(e.id), &n)
	}
	a, err := arn.Parse(value)
	if err != nil || a.Region != "" || !arn.IsAccount(a.Account) {
		return "", sql.ErrNoRows
	}
	if err := d.accountExists(ctx, a.Account); err != nil {
		return "", err
	}
	kind, rest, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && a.Resource == "root":
		return "", nil
	case a.Service == "iam" && (kind == "user" || kind == "role"):
		k := KindUser
		if kind == "role" {
			k = KindRole
		}
		path, name := "/", rest
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			path, name = "/"+rest[:i+1], rest[i+1:]
		}
		// The ARN must be the principal's own, letter for letter, though names are unique without regard to case.
		err := d.db.Row(ctx, `SELECT id FROM `+k.table()+` WHERE account = $1 AND folded = $2 AND name = $3 AND path = $4`, sql.Args(a.Account, fold(name), name, path), &id)
		return id, err
	case a.Service == "sts" && kind == "assumed-role":
		role, session, ok := strings.Cut(rest, "/")
		if !ok {
			return "", sql.ErrNoRows
		}
		err := d.db.Row(ctx, `SELECT id FROM iam_role WHERE account = $1 AND folded = $2 AND name = $3`, sql.Args(a.Account, fold(role), role), &id)
		return id + ":" + session, err
	case a.Service == "sts" && kind == "federated-user" && rest != "":
		return "", nil
	}
	return "", sql.ErrNoRows
}

func (d *Directory) accountExists(ctx context.Context, id string) error {
	return d.db.Row(ctx, `SELECT id FROM iam_account WHERE id = $1`, sql.Args(id), &id)
}

// kindOfID recognises the unique id of a user or role.
func kindOfID(value string) (Kind, bool) {
	if len(value) != 21 {
		return 0, false
	}
	switch value[:4] {
	case userPrefix:
		return KindUser, true
	case rolePrefix:
		return KindRole, true
	}
	return 0, false
}

// Render turns the unique ids of a stored policy into ARNs again. The id of a principal that was deleted stays: it names nobody any more, and shows
// that it does (IAMP-2.1).
func (d *Directory) Render(ctx context.Context, stored []byte) []byte {
	return render(stored, func(e *entity) error {
		return d.db.Row(ctx, `SELECT account, path, name FROM `+e.kind.table()+` WHERE id = $1`, sql.Args(e.id), &e.account, &e.path, &e.name)
	})
}

// render is Render; find completes an entity of which kind and id are known.
func render(stored []byte, find func(e *entity) error) []byte {
	p, err := policy.Parse(stored)
	if err != nil {
		return stored
	}
	return p.Rewrite(func(value string) (string, bool) {
		e, session, ok := storedPrincipal(value)
		if !ok || find(e) != nil {
			return "", false
		}
		return e.principalARN(session), true
	})
}

// storedPrincipal takes apart what stands in a stored policy for a user or role, and for a session of a role: "AROA…:session". Of the entity kind and id are known.
func storedPrincipal(value string) (e *entity, session string, ok bool) {
	id, session, _ := strings.Cut(value, ":")
	k, ok := kindOfID(id)
	return &entity{kind: k, id: id}, session, ok && (session == "" || k == KindRole)
}

// principalARN is the ARN of a user or role, or of a session of a role.
func (e *entity) principalARN(session string) string {
	if session != "" {
		return sessionARN(e.account, e.name, session)
	}
	return e.arn()
}
