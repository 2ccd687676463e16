package iam_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

const goodPassword, otherPassword = "correct Horse 1", "battery Staple 2"

// knock is the context of a request that nobody signed.
func (w *world) knock(address string) context.Context {
	call := &iam.Call{RequestID: "r-2", Time: w.now, Region: "us-east-2", SourceIP: netip.MustParseAddr(address), Secure: true}
	call.Audit.Action = "berth:SignIn"
	return iam.With(w.Context(), call)
}

func (w *world) enter(name, password string) (*iam.SignedIn, error) {
	return w.dir.SignInByPassword(w.knock("203.0.113.9"), iam.SignInPassword{Account: vendor, UserName: name, Password: password})
}

// withPassword makes a user who may look at itself, with a password.
func (w *world) withPassword(name string) {
	w.Helper()
	w.user(vendor, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GetUser","ecr:*"],"Resource":"*"}]}`)
	_, err := w.dir.CreateLoginProfile(w.asRoot(vendor), name, goodPassword, false)
	w.ok(err)
}

// A user has one count of failures, whichever way the account is called, and a user of a closed account cannot sign in, as if there were none (ORG-17).
func TestSignInsOfAliasesAndClosedAccounts(t *testing.T) {
	each(t, func(w *world) {
		w.ok(w.dir.CreateAccountAlias(w.asRoot(vendor), "rake"))
		w.withPassword("ann")
		var last error
		for i := range 8 {
			_, last = w.dir.SignInByPassword(w.knock("203.0.113."+strconv.Itoa(i)), iam.SignInPassword{Account: []string{vendor, "rake"}[i%2], UserName: "ann", Password: "a guess"})
		}
		w.refused(last, fault.Throttled, "Too many sign-ins have failed")
		w.now = w.now.Add(25 * time.Hour)
		_, err := w.enter("ann", goodPassword)
		w.ok(err)
		w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error { return w.dir.SetAccountState(tx, vendor, iam.AccountSuspended) }))
		_, err = w.enter("ann", goodPassword)
		w.refused(err, fault.AccessDenied, "The account, the user name or the password is wrong.")
	})
}

// A user signs in with a password, by the account's id or alias, and gets a session of its own that may do what it may; the session and its registry password end when
// the password changes, and when the profile, or the user, is deleted (IAM-5).
func TestSignInByPassword(t *testing.T) {
	each(t, func(w *world) {
		root := w.asRoot(vendor)
		w.ok(w.dir.CreateAccountAlias(root, "rake"))
		w.withPassword("Ann")
		session := func() (context.Context, string) {
			t.Helper()
			got, err := w.dir.SignInByPassword(w.knock("203.0.113.9"), iam.SignInPassword{Account: "rake", UserName: "ANN", Password: goodPassword})
			w.ok(err)
			if got.ARN != "arn:aws:iam::"+vendor+":user/Ann" || !got.Credentials.Expires.Equal(w.now.Add(12*time.Hour)) || !strings.HasPrefix(got.Credentials.AccessKeyID, "ASIA") {
				t.Fatalf("%+v %+v", got, got.Credentials)
			}
			ctx := w.call(got.Credentials.AccessKeyID, got.Credentials.Token)
			password, _, err := w.dir.Password(ctx, "us-east-2")
			w.ok(err)
			_, err = w.dir.SignIn(w.Context(), password, "us-east-2", w.now)
			w.ok(err)
			w.ok(w.dir.Authorize(ctx, "ecr:BatchGetImage", &iam.Resource{ARN: rakeApp, Account: vendor}))
			w.refused(w.dir.Authorize(ctx, "iam:CreateUser", &iam.Resource{ARN: "*"}), fault.AccessDenied, "user/Ann is not authorized")
			_, err = w.dir.SessionToken(ctx, iam.SessionToken{})
			w.refused(err, fault.AccessDenied, "Cannot call GetSessionToken with session credentials")
			u, err := w.dir.User(ctx, "")
			w.ok(err)
			if !u.PasswordUsed.Equal(w.now) {
				t.Errorf("last used %v", u.PasswordUsed)
			}
			return ctx, password
		}
		ended := func(what string, ctx context.Context, password string) {
			t.Helper()
			c := iam.From(ctx)
			if _, err := w.dir.SignIn(w.Context(), password, "us-east-2", w.now); !fault.Is(err, fault.UnknownCredentials) {
				t.Errorf("%s: the registry password still works: %v", what, err)
			}
			_, err := w.dir.Credential(w.Context(), c.AccessKeyID, "", w.now)
			w.refused(err, fault.UnknownCredentials, "")
		}
		ctx, password := session()
		w.now = w.now.Add(time.Second)
		reset := false
		w.ok(w.dir.UpdateLoginProfile(root, "Ann", "", &reset)) // the same password
		if _, err := w.dir.SignIn(w.Context(), password, "us-east-2", w.now); err != nil {
			t.Error(err)
		}
		w.ok(w.dir.UpdateLoginProfile(root, "Ann", goodPassword, nil))
		ended("the password was set", ctx, password)
		ctx, password = session()
		w.ok(w.dir.DeleteLoginProfile(root, "Ann"))
		ended("the profile was deleted", ctx, password)
		_, err := w.enter("Ann", goodPassword)
		w.refused(err, fault.AccessDenied, "The account, the user name or the password is wrong.")
		_, err = w.dir.CreateLoginProfile(root, "Ann", goodPassword, false)
		w.ok(err)
		w.refused(w.dir.DeleteUser(root, "Ann"), fault.DeleteConflict, "must delete login profile first")
		ctx, password = session()
		state := func(to iam.AccountState) {
			w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error { return w.dir.SetAccountState(tx, vendor, to) }))
		}
		state(iam.AccountSuspended) // ORG-17
		ended("the account was closed", ctx, password)
		_, err = w.enter("Ann", goodPassword)
		w.refused(err, fault.AccessDenied, "The account, the user name or the password is wrong.")
		state(iam.AccountActive)
		_, password = session()
		w.now = w.now.Add(12 * time.Hour)
		_, err = w.dir.SignIn(w.Context(), password, "us-east-2", w.now)
		w.refused(err, fault.ExpiredCredentials, "")
	})
}

// What is wrong does not show, and neither does what is there (H68); nothing of a password is kept but its hash.
func TestSignInTellsNothing(t *testing.T) {
	each(t, func(w *world) {
		w.withPassword("ann")
		w.user(vendor, "keys-only")
		for _, in := range []iam.SignInPassword{
			{Account: vendor, UserName: "ann", Password: "wrong"}, {Account: vendor, UserName: "ann", Password: ""}, {Account: vendor, UserName: "keys-only", Password: goodPassword},
			{Account: vendor, UserName: "nobody", Password: goodPassword}, {Account: customer, UserName: "ann", Password: goodPassword}, {Account: "000000000000", UserName: "ann", Password: goodPassword},
			{Account: "no-alias", UserName: "ann", Password: goodPassword}, {Account: "", UserName: "", Password: ""}, {Account: vendor, UserName: "ann", Password: goodPassword + "\x00"},
		} {
			ctx := w.knock("203.0.113.9")
			_, err := w.dir.SignInByPassword(ctx, in)
			if f := fault.As(err); f == nil || f.Code != fault.AccessDenied || f.Message != "The account, the user name or the password is wrong. (request id: r-2)" {
				t.Errorf("%+v: %v", in, err)
			}
			if a := iam.From(ctx).Audit; a.Decision != "Deny" || a.Principal != "" || in.UserName == "nobody" && a.Resource != "" {
				t.Errorf("%+v: audit %+v", in, a)
			}
		}
		var hash string
		w.ok(w.db.Row(w.Context(), `SELECT hash FROM iam_login`, nil, &hash))
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, goodPassword) {
			t.Errorf("stored %s", hash)
		}
		ctx := w.knock("203.0.113.9")
		_, err := w.dir.SignInByPassword(ctx, iam.SignInPassword{Account: vendor, UserName: "ann", Password: goodPassword})
		w.ok(err)
		a := iam.From(ctx).Audit
		text, _ := json.Marshal(a)
		if a.Decision != "Allow" || a.Principal != "arn:aws:iam::"+vendor+":user/ann" || a.Action != "berth:SignIn" || !iam.From(ctx).Recorded || strings.Contains(string(text), "Horse") {
			t.Errorf("audit %s", text)
		}
	})
}

// Failures of a user lock it for times that grow, from whatever address, known or not; those of an address lock the address; a success resets the user. Many tries
// at once are no way around.
func TestSignInsAreThrottled(t *testing.T) {
	each(t, func(w *world) {
		w.withPassword("ann")
		try := func(address, user, password string) error {
			_, err := w.dir.SignInByPassword(w.knock(address), iam.SignInPassword{Account: vendor, UserName: user, Password: password})
			return err
		}
		for _, user := range []string{"ann", "nobody"} { // both alike
			for i := range 5 {
				w.refused(try("203.0.113.9", user, "wrong"), fault.AccessDenied, "")
				_ = i
			}
			w.refused(try("198.51.100.1", user, goodPassword), fault.Throttled, "Try again in 1 seconds.")
			w.now = w.now.Add(time.Second)
			w.refused(try("198.51.100.1", user, "wrong"), fault.AccessDenied, "")
			w.refused(try("198.51.100.1", user, goodPassword), fault.Throttled, "Try again in 2 seconds.")
			w.now = w.now.Add(2 * time.Second)
		}
		w.ok(try("198.51.100.1", "ANN", goodPassword)) // the right one, and all is forgotten
		for range 5 {
			w.refused(try("203.0.113.9", "Ann", "wrong"), fault.AccessDenied, "")
		}
		w.refused(try("203.0.113.9", "ann", goodPassword), fault.Throttled, "Try again in 1 seconds.")
		w.now = w.now.Add(24 * time.Hour)
		for range 5 {
			w.refused(try("203.0.113.9", "ann", "wrong"), fault.AccessDenied, "")
		}
		var all sync.WaitGroup
		var heard sync.Map
		w.now = w.now.Add(time.Second)
		for i := range 10 {
			all.Go(func() {
				if err := try("203.0.113.9", "ann", "wrong"); !fault.Is(err, fault.Throttled) {
					heard.Store(i, err)
				}
			})
		}
		all.Wait()
		n := 0
		heard.Range(func(_, _ any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d of ten tries at once were heard, want 1", n)
		}
		// An address that tries many names; its whole IPv6 network counts as one.
		w.ok(w.dir.DeleteLoginProfile(w.asRoot(vendor), "ann"))
		for i := range 50 {
			if err := w.count("2001:db8:0:1::"+string(rune('a'+i%6)), "user"+string(rune('a'+i%26))+string(rune('a'+i/26))); err != nil {
				t.Fatal(i, err)
			}
		}
		w.refused(w.count("2001:db8:0:1::ff", "fresh"), fault.Throttled, "")
		w.ok(w.count("2001:db8:0:2::1", "fresh"))
	})
}

// count makes a try that fails.
func (w *world) count(address, user string) error {
	_, err := w.dir.SignInByPassword(w.knock(address), iam.SignInPassword{Account: customer, UserName: user, Password: "wrong"})
	if fault.Is(err, fault.AccessDenied) {
		return nil
	}
	return err
}

// A password that must be changed opens nothing until it is; the policy of the account is kept, and the age of passwords (IAM-5, IAM-11).
func TestPasswordsThatMustChange(t *testing.T) {
	each(t, func(w *world) {
		root := w.asRoot(vendor)
		w.user(vendor, "ann")
		_, err := w.dir.CreateLoginProfile(root, "ann", goodPassword, true)
		w.ok(err)
		got, err := w.enter("ann", goodPassword)
		w.ok(err)
		if got.Credentials != nil || got.MustChange == "" {
			t.Fatalf("%+v", got)
		}
		change := func(old, new string) (*iam.SignedIn, error) {
			return w.dir.SignInByPassword(w.knock("203.0.113.9"), iam.SignInPassword{Account: vendor, UserName: "ann", Password: old, NewPassword: new})
		}
		_, err = change("wrong", otherPassword)
		w.refused(err, fault.AccessDenied, "is wrong")
		_, err = change(goodPassword, "short1A")
		w.refused(err, fault.PasswordPolicyViolation, "Password should have a minimum length of 8")
		_, err = change(goodPassword, goodPassword)
		w.refused(err, fault.PasswordPolicyViolation, "")
		w.now = w.now.Add(time.Second)
		got, err = change(goodPassword, otherPassword)
		w.ok(err)
		w.call(got.Credentials.AccessKeyID, got.Credentials.Token)
		_, err = w.enter("ann", goodPassword)
		w.refused(err, fault.AccessDenied, "")
		p, err := w.dir.LoginProfile(root, "ann")
		w.ok(err)
		if p.ResetRequired || p.UserName != "ann" {
			t.Errorf("%+v", p)
		}
		// A new password that nobody asked for is not set.
		_, err = change(otherPassword, goodPassword)
		w.ok(err)
		_, err = w.enter("ann", otherPassword)
		w.ok(err)

		w.ok(w.dir.UpdatePasswordPolicy(root, iam.PasswordPolicy{MinimumLength: 6, MaxAgeDays: 90, Reuse: 2}))
		w.now = w.now.AddDate(0, 0, 91)
		root = w.asRoot(vendor)
		got, err = w.enter("ann", otherPassword)
		w.ok(err)
		if got.Credentials != nil || !strings.Contains(got.MustChange, "expired") {
			t.Fatalf("%+v", got)
		}
		_, err = change(otherPassword, goodPassword) // the one before
		w.refused(err, fault.PasswordPolicyViolation, "Policy constraint violation with password reuse prevention during password change.")
		_, err = change(otherPassword, "a third one")
		w.ok(err)
		w.ok(w.dir.UpdatePasswordPolicy(root, iam.PasswordPolicy{MinimumLength: 6, MaxAgeDays: 90, HardExpiry: true}))
		w.now = w.now.AddDate(0, 0, 91)
		root = w.asRoot(vendor)
		_, err = change("a third one", otherPassword)
		w.refused(err, fault.AccessDenied, "Your password has expired")
		w.ok(w.dir.UpdateLoginProfile(root, "ann", otherPassword, nil))
		_, err = w.enter("ann", otherPassword)
		w.ok(err)
	})
}

// ChangePassword is for the user itself, with permission or where the account lets everybody (IAM-5).
func TestChangePassword(t *testing.T) {
	each(t, func(w *world) {
		root := w.asRoot(vendor)
		key := w.user(vendor, "ann")
		_, err := w.dir.CreateLoginProfile(root, "ann", goodPassword, false)
		w.ok(err)
		ann := func() context.Context { return w.call(key.ID, "") }
		w.refused(w.dir.ChangePassword(root, goodPassword, otherPassword), fault.InvalidUserType, "")
		w.refused(w.dir.ChangePassword(ann(), goodPassword, otherPassword), fault.AccessDenied, "not authorized to perform: iam:ChangePassword")
		w.ok(w.dir.UpdatePasswordPolicy(root, iam.PasswordPolicy{MinimumLength: 12, Symbols: true, Uppercase: true, Lowercase: true, Numbers: true, AllowUsersToChange: true}))
		for password, text := range map[string]string{
			"Short 1!": "minimum length of 12", "no uppercase 1!": "one uppercase letter", "NO LOWERCASE 1!": "one lowercase letter", "No numbers here!": "one number", "No symbols here 1": "one symbol",
			"Long Enough 1!" + strings.Repeat("x", 120): "maximum length of 128",
		} {
			w.refused(w.dir.ChangePassword(ann(), goodPassword, password), fault.PasswordPolicyViolation, text)
		}
		w.refused(w.dir.ChangePassword(ann(), "wrong", "Long Enough 1!"), fault.AccessDenied, "The old password was incorrect.")
		w.now = w.now.Add(time.Second)
		ctx := ann()
		w.ok(w.dir.ChangePassword(ctx, goodPassword, "Long Enough 1!"))
		if a := iam.From(ctx); !a.Recorded || a.Audit.Decision != "Allow" {
			t.Errorf("audit %+v", a.Audit)
		}
		_, err = w.enter("ann", "Long Enough 1!")
		w.ok(err)
		for range 5 {
			w.refused(w.dir.ChangePassword(ann(), "wrong", "Long Enough 2!"), fault.AccessDenied, "")
		}
		w.refused(w.dir.ChangePassword(ann(), "Long Enough 1!", "Long Enough 2!"), fault.Throttled, "")
		// A Deny is not overruled by the password policy.
		w.now = w.now.Add(24 * time.Hour)
		w.ok(w.dir.PutInlinePolicy(w.asRoot(vendor), iam.Ref{Kind: iam.KindUser, Name: "ann"}, "no", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}]}`))
		w.refused(w.dir.ChangePassword(ann(), "Long Enough 1!", "Long Enough 2!"), fault.AccessDenied, "explicit deny")
	})
}
