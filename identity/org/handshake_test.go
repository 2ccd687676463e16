package org_test

import (
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
)

// An invitation can be accepted for fifteen days; then another can be sent (ORG-17).
func TestInvitationsExpire_ORG17(t *testing.T) {
	each(t, func(w *world) {
		invitation := org.Invitation{Kind: "ACCOUNT", Target: stranger}
		h, err := w.orgs.Invite(w.as(manager), invitation)
		w.ok(err)
		w.now = w.now.Add(15*24*time.Hour - time.Second)
		_, err = w.orgs.Invite(w.as(manager), invitation)
		w.refused(err, fault.HandshakeAlreadyExists, "A handshake with the same action and target already exists.")
		w.now = w.now.Add(time.Second)
		_, err = w.orgs.AcceptHandshake(w.as(stranger), h.ID)
		w.refused(err, fault.InvalidHandshakeTransition, "")
		for who, account := range map[string]string{"the inviter": manager, "the invited": stranger} {
			if seen, err := w.orgs.DescribeHandshake(w.as(account), h.ID); err != nil || seen.State != "EXPIRED" {
				w.Errorf("%s sees %+v, %v", who, seen, err)
			}
		}
		again, err := w.orgs.Invite(w.as(manager), invitation)
		w.ok(err)
		_, err = w.orgs.AcceptHandshake(w.as(stranger), again.ID)
		w.ok(err)
	})
}

// With the organization its invitations end: they lead nowhere.
func TestInvitationsOfADeletedOrganization_ORG17(t *testing.T) {
	each(t, func(w *world) {
		f, err := w.orgs.CreateOrganization(w.as(stranger), "")
		w.ok(err)
		_, key, err := w.dir.CreateAccount(w.Context(), iam.NewAccount{ID: "666666666666"})
		w.ok(err)
		w.keys["666666666666"] = key
		h, err := w.orgs.Invite(w.as(stranger), org.Invitation{Kind: "ACCOUNT", Target: "666666666666"})
		w.ok(err)
		w.ok(w.orgs.DeleteOrganization(w.as(stranger)))
		_, err = w.orgs.AcceptHandshake(w.as("666666666666"), h.ID)
		w.refused(err, fault.InvalidHandshakeTransition, "")
		if m, err := w.orgs.DescribeOrganization(w.as(stranger)); err == nil {
			w.Errorf("organization %s is still there: %+v", f.ID, m)
		}
	})
}
