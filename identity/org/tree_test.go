package org_test

import "github.com/berth-registry/berth/identity/org"

func (w *world) unit(parent, name string) string {
	w.Helper()
	u, err := w.orgs.CreateUnit(w.as(manager), parent, name, nil)
	w.ok(err)
	return u.ID
}

// enroll invites an account, has it accept, and moves it under a unit.
func (w *world) enroll(account, parent string) {
	w.Helper()
	h, err := w.orgs.Invite(w.as(manager), org.Invitation{Target: account, Kind: "ACCOUNT"})
	w.ok(err)
	_, err = w.orgs.AcceptHandshake(w.as(account), h.ID)
	w.ok(err)
	w.ok(w.orgs.MoveAccount(w.as(manager), account, w.f.Root, parent))
}
