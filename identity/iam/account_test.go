package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Accounts come page by page, by id, each once; the first account is the first that was made, whatever its id.
func TestAccountsArePaged(t *testing.T) {
	each(t, func(w *world) {
		want := []string{vendor, customer, stranger}
		for i := range 5 {
			a, _, err := w.dir.CreateAccount(w.Context(), iam.NewAccount{ID: fmt.Sprintf("00000000000%d", i)})
			w.ok(err)
			want = append(want, a.ID)
		}
		slices.Sort(want)
		var got []string
		for after := ""; ; {
			page, next, err := w.dir.Accounts(w.Context(), iam.Page{After: after, Max: 3})
			w.ok(err)
			for _, a := range page {
				got = append(got, a.ID)
			}
			if after = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			w.Errorf("accounts %v, want %v", got, want)
		}
	})
}

func (w *world) member(name, email, role string) (a *iam.Account, err error) {
	err = w.db.Write(w.Context(), func(tx *sql.Tx) (err error) {
		a, err = w.dir.MakeMember(tx, iam.MemberAccount{Name: name, Email: email, Role: role, Manager: vendor})
		return err
	})
	return a, err
}

// Every account has an address that no other has, without regard to case (ORG-13).
func TestAddressesOfAccounts_ORG13(t *testing.T) {
	each(t, func(w *world) {
		a, err := w.member("one", "One@example.com", "Admin")
		w.ok(err)
		for _, taken := range []string{"one@EXAMPLE.com", vendor + "@account.invalid"} {
			_, err := w.member("two", taken, "Admin")
			w.refused(err, fault.EntityAlreadyExists, "")
		}
		_, err = w.member("two", "two@example.com", "not a name")
		w.refused(err, fault.Validation, "")
		found, err := w.dir.AccountByEmail(w.Context(), "ONE@example.com")
		w.ok(err)
		if found.ID != a.ID || found.Email != "One@example.com" || found.State != iam.AccountActive || found.Name != "one" {
			w.Errorf("%+v", found)
		}
		_, err = w.dir.AccountByEmail(w.Context(), "two@example.com")
		w.refused(err, fault.NoSuchEntity, "")
	})
}

// Nothing of a closed account signs from the next request on, and it serves nobody; opened again, it does (ORG-17).
func TestClosedAccount_ORG17(t *testing.T) {
	each(t, func(w *world) {
		set := func(s iam.AccountState) {
			w.Helper()
			w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error { return w.dir.SetAccountState(tx, vendor, s) }))
		}
		password, _, err := w.dir.Password(w.asRoot(vendor), "us-east-2")
		w.ok(err)
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`))
		w.ok(err)
		open := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + vendor + ":repository/app", Account: vendor, Policy: &policy.Attached{Policy: p}}
		for range 2 {
			w.asRoot(vendor)
			_, err = w.dir.SignIn(w.Context(), password, "us-east-2", w.now)
			w.ok(err)
			w.ok(w.dir.Authorize(w.asRoot(customer), "ecr:BatchGetImage", open))
			set(iam.AccountSuspended)
			_, err = w.dir.Credential(w.Context(), w.root[vendor].ID, "", w.now)
			w.refused(err, fault.UnknownCredentials, "")
			_, err = w.dir.SignIn(w.Context(), password, "us-east-2", w.now)
			w.refused(err, fault.UnknownCredentials, "")
			w.refused(w.dir.Authorize(w.asRoot(customer), "ecr:BatchGetImage", open), fault.AccessDenied, "because the account that owns it is closed")
			if w.dir.May(w.asRoot(customer), "ecr:BatchGetImage", open) {
				w.Error("a closed account may serve")
			}
			set(iam.AccountActive)
		}
	})
}
