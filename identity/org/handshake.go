package org

import (
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Handshake is an invitation of an account into an organization (ORG-17).
type Handshake struct {
	ID, ARN      string
	Organization Organization // who invites, with all that the invited is shown of it
	Name         string       // of the management account
	Account      string       // who is invited
	// Kind and Target say how the inviter named the account: ACCOUNT and its id, or EMAIL and its address.
	Kind, Target, Notes string
	State               string
	Requested, Expires  time.Time
}

// The states of a handshake. One that is open and past its time is expired.
const (
	handshakeOpen     = "OPEN"
	handshakeAccepted = "ACCEPTED"
	handshakeDeclined = "DECLINED"
	handshakeCanceled = "CANCELED"
	handshakeExpired  = "EXPIRED"
)

// handshakeLife is how long an invitation can be accepted.
const handshakeLife = 15 * 24 * time.Hour

// Invitation says whom to invite: Kind is ACCOUNT with an id as Target, or EMAIL with an address.
type Invitation struct {
	Kind, Target, Notes string
	Tags                []Tag
}

func constraint(reason, text string) error {
	return fault.New(fault.HandshakeConstraintViolation, "%s", text).With(fault.Reason{Reason: reason})
}

// Invite invites an account of this installation into the caller's organization (ORG-17). Faults: InvalidInput, HandshakeAlreadyExists, and
// HandshakeConstraintViolation with ALREADY_IN_AN_ORGANIZATION.
func (o *Organizations) Invite(ctx context.Context, n Invitation) (*Handshake, error) {
	if err := checkTags(n.Tags); err != nil {
		return nil, err
	}
	a := access{action: "InviteAccountToOrganization", request: iam.Resource{RequestTags: tagMap(n.Tags)}}
	if n.Kind == "ACCOUNT" {
		a.targets = []string{n.Target}
	}
	f, err := o.enterNew(ctx, a)
	if err != nil {
		return nil, err
	}
	find, text, reason := o.directory.Account, "You specified an account ID that is invalid.", "INVALID_PATTERN_TARGET_ID"
	switch {
	case n.Kind == "EMAIL":
		find, text, reason = o.directory.AccountByEmail, "You specified an email address that is invalid for the invited account owner.", "INVALID_EMAIL_ADDRESS_TARGET"
	case n.Kind != "ACCOUNT":
		return nil, invalid("INVALID_PARTY_TYPE_TARGET", "You specified the wrong type of entity (account, organization, or email) as a party.")
	}
	invited, err := find(ctx, n.Target)
	if fault.Is(err, fault.NoSuchEntity) {
		return nil, invalid(reason, "%s", text)
	}
	if err != nil {
		return nil, err
	}
	now := o.options.Now()
	var id string
	err = o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.stands(tx); err != nil {
			return err
		}
		if in, err := there(tx, `SELECT COUNT(*) FROM org_account WHERE account = $1`, invited.ID); err != nil {
			return err
		} else if in {
			return constraint("ALREADY_IN_AN_ORGANIZATION", "The provided account is already a member of an organization.")
		}
		if open, err := there(tx, `SELECT COUNT(*) FROM org_handshake WHERE organization = $1 AND account = $2 AND state = $3 AND expires > $4`,
			f.ID, invited.ID, handshakeOpen, sql.Micros(now)); err != nil {
			return err
		} else if open {
			return fault.New(fault.HandshakeAlreadyExists, "A handshake with the same action and target already exists.")
		}
		id, err = fresh("h-", 32, func(id string) (int64, error) {
			return tx.Exec(`INSERT INTO org_handshake (id, organization, management, account, kind, target, notes, state, requested, expires)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
				id, f.ID, f.Management, invited.ID, n.Kind, n.Target, n.Notes, handshakeOpen, sql.Micros(now), sql.Micros(now.Add(handshakeLife)))
		})
		if err != nil {
			return err
		}
		return putTags(tx, f.ID, id, n.Tags)
	})
	if err != nil {
		return nil, err
	}
	return o.handshake(ctx, id, f.Management)
}

const handshakeQuery = `SELECT h.id, h.organization, h.management, i.name, i.email, COALESCE(o.features, ''), h.account, h.kind, h.target, h.notes, h.state, h.requested, h.expires
	FROM org_handshake h JOIN iam_account i ON i.id = h.management LEFT JOIN org_organization o ON o.id = h.organization WHERE `

func (o *Organizations) handshakes(ctx context.Context, where string, args ...any) ([]Handshake, error) {
	now := o.options.Now()
	return sql.Gather(o.db.In(ctx), handshakeQuery+where, args,
		func(row sql.Scanner) (h Handshake, err error) {
			f := &h.Organization
			var requested, expires int64
			err = row.Scan(&h.ID, &f.ID, &f.Management, &h.Name, &f.Email, &f.Features, &h.Account, &h.Kind, &h.Target, &h.Notes, &h.State, &requested, &expires)
			h.ARN, h.Requested, h.Expires = f.ARNOf(h.ID), sql.Time(requested), sql.Time(expires)
			if h.State == handshakeOpen && !now.Before(h.Expires) {
				h.State = handshakeExpired
			}
			return h, err
		})
}

// handshake returns a handshake that the account takes part in: as inviter or as invited. For everybody else there is none.
func (o *Organizations) handshake(ctx context.Context, id, account string) (*Handshake, error) {
	found, err := o.handshakes(ctx, `h.id = $1 AND (h.management = $2 OR h.account = $2)`, id, account)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.HandshakeNotFound, "We can't find a handshake with the HandshakeId that you specified.")
	}
	return &found[0], nil
}

// enterHandshake authorises an operation on a handshake. It needs no organization: who is invited is in none.
func (o *Organizations) enterHandshake(ctx context.Context, action, id string) (*Handshake, error) {
	c, err := iam.Caller(ctx)
	if err != nil {
		return nil, err
	}
	h, missing := o.handshake(ctx, id, c.Principal.Account)
	if missing != nil && !fault.Is(missing, fault.HandshakeNotFound) {
		return nil, missing
	}
	r := iam.Resource{ARN: "*"}
	if h != nil {
		r.ARN = h.ARN
	}
	if err := o.directory.Authorize(ctx, "organizations:"+action, &r); err != nil {
		return nil, err
	}
	return h, missing
}

// DescribeHandshake returns a handshake that the caller's account takes part in. Faults: HandshakeNotFound.
func (o *Organizations) DescribeHandshake(ctx context.Context, id string) (*Handshake, error) {
	return o.enterHandshake(ctx, "DescribeHandshake", id)
}

// AcceptHandshake brings the caller's account into the organization that invited it, directly under the root. Faults: HandshakeNotFound, also for the inviter;
// HandshakeAlreadyInState, InvalidHandshakeTransition, and HandshakeConstraintViolation with ALREADY_IN_AN_ORGANIZATION.
func (o *Organizations) AcceptHandshake(ctx context.Context, id string) (*Handshake, error) {
	return o.settleHandshake(ctx, "AcceptHandshake", id, handshakeAccepted, func(tx *sql.Tx, h *Handshake) error {
		if in, err := there(tx, `SELECT COUNT(*) FROM org_account WHERE account = $1`, h.Account); err != nil {
			return err
		} else if in {
			return constraint("ALREADY_IN_AN_ORGANIZATION", "The provided account is already a member of an organization.")
		}
		f := &Organization{ID: h.Organization.ID, Management: h.Organization.Management}
		err := tx.Row(`SELECT root FROM org_organization WHERE id = $1`, sql.Args(f.ID), &f.Root)
		if errors.Is(err, sql.ErrNoRows) { // deleted meanwhile
			return fault.New(fault.InvalidHandshakeTransition, "You can't perform the operation on the handshake in its current state.")
		}
		if err != nil {
			return err
		}
		return o.join(tx, f, h.Account, joinedInvited)
	})
}

// DeclineHandshake refuses an invitation of the caller's account. Faults as those of AcceptHandshake.
func (o *Organizations) DeclineHandshake(ctx context.Context, id string) (*Handshake, error) {
	return o.settleHandshake(ctx, "DeclineHandshake", id, handshakeDeclined, nil)
}

// CancelHandshake takes an invitation back, as the account that invited. Faults: HandshakeNotFound, also for the invited; HandshakeAlreadyInState,
// InvalidHandshakeTransition.
func (o *Organizations) CancelHandshake(ctx context.Context, id string) (*Handshake, error) {
	return o.settleHandshake(ctx, "CancelHandshake", id, handshakeCanceled, nil)
}

// settleHandshake brings an open handshake into another state.
func (o *Organizations) settleHandshake(ctx context.Context, action, id, state string, f func(tx *sql.Tx, h *Handshake) error) (*Handshake, error) {
	h, err := o.enterHandshake(ctx, action, id)
	if err != nil {
		return nil, err
	}
	by := h.Account
	if state == handshakeCanceled {
		by = h.Organization.Management
	}
	if iam.From(ctx).Principal.Account != by {
		return nil, fault.New(fault.HandshakeNotFound, "We can't find a handshake with the HandshakeId that you specified.")
	}
	err = o.commit(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE org_handshake SET state = $1 WHERE id = $2 AND state = $3 AND expires > $4`, state, id, handshakeOpen, sql.Micros(o.options.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			var now string
			if err := tx.Row(`SELECT state FROM org_handshake WHERE id = $1`, sql.Args(id), &now); err != nil {
				return err
			}
			if now == state {
				return fault.New(fault.HandshakeAlreadyInState, "The specified handshake is already in the requested state.")
			}
			return fault.New(fault.InvalidHandshakeTransition, "You can't perform the operation on the handshake in its current state.")
		}
		if f == nil {
			return nil
		}
		return f(tx, h)
	})
	if err != nil {
		return nil, err
	}
	h.State = state
	return h, nil
}

// invite is the action of every handshake here: there are none for anything else.
const invite = "INVITE"

// HandshakesForAccount returns a page of the invitations of the caller's account, by id. action restricts them to handshakes for one thing; "" is all.
func (o *Organizations) HandshakesForAccount(ctx context.Context, action string, p Page) ([]Handshake, string, error) {
	if err := o.directory.Authorize(ctx, "organizations:ListHandshakesForAccount", &iam.Resource{ARN: "*"}); err != nil {
		return nil, "", err
	}
	return o.listHandshakes(ctx, action, p, `h.account = $1`, iam.From(ctx).Principal.Account)
}

// HandshakesForOrganization returns a page of the invitations into the caller's organization, by id. action is as in HandshakesForAccount. Faults:
// OrganizationsNotInUse.
func (o *Organizations) HandshakesForOrganization(ctx context.Context, action string, p Page) ([]Handshake, string, error) {
	f, err := o.enter(ctx, access{action: "ListHandshakesForOrganization", by: readers})
	if err != nil {
		return nil, "", err
	}
	return o.listHandshakes(ctx, action, p, `h.organization = $1`, f.ID)
}

// listHandshakes is a page of the handshakes for an action whose where has the given value.
func (o *Organizations) listHandshakes(ctx context.Context, action string, p Page, where, value string) ([]Handshake, string, error) {
	if action != "" && action != invite {
		return nil, "", nil
	}
	list, err := o.handshakes(ctx, where+` AND h.id > $2 ORDER BY h.id LIMIT $3`, value, p.After, p.limit()+1)
	list, next := cut(p, list, func(h *Handshake) string { return h.ID })
	return list, next, err
}
