package iam_test

import (
	"context"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// password asks for a registry password for the registries of us-east-2.
func (w *world) password(ctx context.Context) string {
	w.Helper()
	p, _, err := w.dir.Password(ctx, "us-east-2")
	w.ok(err)
	return p
}

// API-31..33: a password is small, holds no colon, stands for who asked for it, and works for half a day in its region.
func TestPassword_API31_API32_API33(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.call(w.user(customer, "ann").ID, "")
		p, expires, err := w.dir.Password(ctx, "us-east-2")
		w.ok(err)
		if len(p) > 1024 || strings.ContainsAny(p, ":/+= ") {
			w.Errorf("%d bytes: %s", len(p), p)
		}
		if !expires.Equal(w.now.Add(12 * time.Hour)) {
			w.Errorf("it expires at %v", expires)
		}
		for _, region := range []string{"us-east-2", ""} {
			c, err := w.dir.SignIn(ctx, p, region, w.now)
			w.ok(err)
			if c.Principal.ARN != "arn:aws:iam::999888777666:user/ann" || c.Session != nil || c.AccessKeyID != iam.From(ctx).AccessKeyID {
				w.Errorf("it stands for %+v", c)
			}
		}
		_, err = w.dir.SignIn(ctx, p, "eu-west-1", w.now)
		w.refused(err, fault.AccessDenied, "User: arn:aws:iam::999888777666:user/ann is not authorized to use a password of region us-east-2 in region eu-west-1")
		_, err = w.dir.SignIn(ctx, p, "us-east-2", w.now.Add(12*time.Hour-time.Second))
		w.ok(err)
		for _, late := range []time.Duration{12 * time.Hour, 12*time.Hour + time.Second} {
			_, err = w.dir.SignIn(ctx, p, "us-east-2", w.now.Add(late))
			w.refused(err, fault.ExpiredCredentials, "Your authorization token has expired. Reauthenticate and try again.") // HTTP-6
		}
	})
}

// API-31, API-33, H57: the password of a role session ends with the session, and carries its session policy, source identity and tags.
func TestPasswordOfSession_API31_API33(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann", allow("*", "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")).ID, "")
		role := w.role(customer, "ci", trusting(customer, ""), allow("*", "ecr:*"), `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ecr:BatchGetImage","Resource":"*",
			"Condition":{"StringNotEqualsIfExists":{"aws:SourceIdentity":"ann","aws:PrincipalTag/Job":"7"}}}]}`)
		got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Policy: allow("*", "ecr:BatchGetImage", "ecr:GetAuthorizationToken"), Tags: []iam.Tag{{Key: "Job", Value: "7"}}, SourceIdentity: "ann"})
		w.ok(err)
		session := w.call(got.AccessKeyID, got.Token)
		p, expires, err := w.dir.Password(session, "us-east-2")
		w.ok(err)
		if !expires.Equal(got.Expires) {
			w.Errorf("the password ends at %v, the session at %v", expires, got.Expires)
		}
		c, err := w.dir.SignIn(session, p, "us-east-2", w.now)
		w.ok(err)
		in := w.signed(c)
		own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
		w.ok(w.dir.Authorize(in, "ecr:BatchGetImage", own))
		w.refused(w.dir.Authorize(in, "ecr:PutImage", own), fault.AccessDenied,
			"User: arn:aws:sts::999888777666:assumed-role/ci/job is not authorized to perform: ecr:PutImage on resource: "+own.ARN+" because no session policy allows the ecr:PutImage action")
		if c.Session.Tags["Job"] != "7" || c.Session.SourceIdentity != "ann" {
			w.Errorf("tags %v, source identity %q", c.Session.Tags, c.Session.SourceIdentity)
		}
	})
}

// H69, H70, API-15, STS-12, H102: what a password stands for can be taken away, each in its own way, and counts at the next request; nothing that is made
// again under the same name brings it back.
func TestPasswordsAreRevoked_H70_H102(t *testing.T) {
	each(t, func(w *world) {
		root := w.asRoot(customer)
		unknown := func(p, after string) {
			w.Helper()
			_, err := w.dir.SignIn(w.Context(), p, "us-east-2", w.now)
			if !fault.Is(err, fault.UnknownCredentials) {
				w.Errorf("after %s: %v", after, err)
			}
		}
		works := func(p, after string) {
			w.Helper()
			if _, err := w.dir.SignIn(w.Context(), p, "us-east-2", w.now); err != nil {
				w.Errorf("after %s: %v", after, err)
			}
		}
		key := w.user(customer, "ann")
		ctx := w.call(key.ID, "")
		p := w.password(ctx)
		works(p, "it was made")
		w.ok(w.dir.UpdateAccessKey(root, "ann", key.ID, false))
		unknown(p, "the key was switched off")
		w.ok(w.dir.UpdateAccessKey(root, "ann", key.ID, true))
		works(p, "the key was switched on")

		session, err := w.dir.SessionToken(ctx, iam.SessionToken{})
		w.ok(err)
		ofSession := w.password(w.call(session.AccessKeyID, session.Token))
		works(ofSession, "GetSessionToken")
		w.ok(w.dir.UpdateAccessKey(root, "ann", key.ID, false))
		unknown(ofSession, "the key of the session was switched off")
		w.ok(w.dir.UpdateAccessKey(root, "ann", key.ID, true))
		works(ofSession, "it was switched on")
		w.ok(w.dir.DeleteAccessKey(root, "ann", key.ID))
		unknown(p, "the key was deleted")
		unknown(ofSession, "the key of the session was deleted")
		_, err = w.dir.Credential(w.Context(), session.AccessKeyID, session.Token, w.now)
		w.refused(err, fault.UnknownCredentials, "The security token included in the request is invalid.")
		_, err = w.dir.Credential(w.Context(), key.ID, "", w.now)
		w.refused(err, fault.UnknownCredentials, "The security token included in the request is invalid.")

		// The user goes and comes back.
		key, err = w.dir.CreateAccessKey(root, "ann")
		w.ok(err)
		ctx = w.call(key.ID, "")
		p = w.password(ctx)
		w.ok(w.dir.DeleteAccessKey(root, "ann", key.ID))
		w.ok(w.dir.DeleteUser(root, "ann"))
		unknown(p, "the user was deleted")
		w.refused(w.dir.Authorize(ctx, "ecr:BatchGetImage", &iam.Resource{ARN: "*"}), fault.UnknownCredentials, "") // a request that was under way
		w.user(customer, "ann", allow("*", "ecr:*"))
		unknown(p, "a user of the same name was made")

		// The role goes and comes back.
		bob := w.call(w.user(customer, "bob", allow("*", "sts:AssumeRole")).ID, "")
		role := w.role(customer, "ci", trusting(customer, ""))
		got, err := w.dir.AssumeRole(bob, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
		w.ok(err)
		p = w.password(w.call(got.AccessKeyID, got.Token))
		works(p, "AssumeRole")
		w.ok(w.dir.DeleteRole(root, "ci"))
		unknown(p, "the role was deleted")
		w.role(customer, "ci", trusting(customer, ""), allow("*", "ecr:*"))
		unknown(p, "a role of the same name was made")
		_, err = w.dir.Credential(w.Context(), got.AccessKeyID, got.Token, w.now)
		w.refused(err, fault.UnknownCredentials, "")
	})
}

// H70, H71: whatever is not exactly what berth made is unknown, whatever it looks like, and costs no more than reading it.
func TestForgedPasswords_H70_H71(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	good := w.password(w.call(w.user(customer, "ann").ID, ""))
	raw, err := base64.RawURLEncoding.DecodeString(good)
	w.ok(err)
	forged := map[string]string{
		"nothing": "", "a colon": ":", "AWS:": "AWS:" + good, "padded": good + "=", "with a line end": good + "\n", "cut": good[:len(good)-2], "twice": good + good,
		"JWT of alg none":    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.",
		"JWT, kid is a path": "eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0.eyJzdWIiOiJhbm4ifQ.c2ln",
		"JSON":               base64.RawURLEncoding.EncodeToString([]byte(`{"k":"` + w.root[customer].ID + `","o":"` + customer + `","r":"us-east-2","e":9999999999}`)),
		"1 MiB":              strings.Repeat("A", 1<<20), "1 MiB of a good one": strings.Repeat(good, 1<<20/len(good)),
		"eight zeros":        base64.RawURLEncoding.EncodeToString(make([]byte, 8)),
		"another key number": base64.RawURLEncoding.EncodeToString(append([]byte{1, 2, 3, 4, 5, 6, 7, 8}, raw[8:]...)),
	}
	for range 200 { // one bit
		b := append([]byte(nil), raw...)
		bit := rand.IntN(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		forged["bit "+string(rune(bit))] = base64.RawURLEncoding.EncodeToString(b)
	}
	for what, p := range forged {
		c, err := w.dir.SignIn(t.Context(), p, "us-east-2", w.now)
		if c != nil || !fault.Is(err, fault.UnknownCredentials) {
			t.Errorf("%s: %v, %v", what, c, err)
		}
	}
	// A sealed secret of another purpose, from the database itself, is no password.
	var sealed []byte
	w.ok(w.db.Row(t.Context(), `SELECT secret FROM iam_access_key WHERE owner = $1`, []any{customer}, &sealed))
	_, err = w.dir.SignIn(t.Context(), base64.RawURLEncoding.EncodeToString(sealed), "us-east-2", w.now)
	w.refused(err, fault.UnknownCredentials, "")
}

// A repeated password is the hot path of pulls: it costs no allocation.
func TestSignInAllocatesNothing(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ctx := w.call(w.user(customer, "ann").ID, "")
	p := w.password(ctx)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := w.dir.SignIn(ctx, p, "us-east-2", w.now); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSignIn(b *testing.B) {
	w := newWorld(b, sqltest.SQLite(b))
	ctx := w.call(w.user(customer, "ann").ID, "")
	p := w.password(ctx)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.dir.SignIn(ctx, p, "us-east-2", w.now); err != nil {
			b.Fatal(err)
		}
	}
}
