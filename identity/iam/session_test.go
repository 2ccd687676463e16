package iam_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// H69, API-14: a session is signed with its own key and its own token, whole and unchanged. Whatever else comes with the key is unknown, and so is a token
// that opens but is of another key.
func TestSessionTokens_H69(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ann := w.call(w.user(customer, "ann").ID, "")
	make := func() *iam.TemporaryCredentials {
		s, err := w.dir.SessionToken(ann, iam.SessionToken{Lifetime: time.Hour})
		w.ok(err)
		return s
	}
	one, two := make(), make()
	raw, err := base64.RawURLEncoding.DecodeString(one.Token)
	w.ok(err)
	password := w.password(w.call(one.AccessKeyID, one.Token))
	forged := map[string]string{
		"none": "", "of another session": two.Token, "truncated": one.Token[:len(one.Token)-4], "truncated to the number of the sealing key": one.Token[:11], "twice": one.Token + one.Token,
		"padded": one.Token + "=", "with a line end": one.Token + "\n", "a registry password": password, "a secret": one.Secret, "1 MiB": strings.Repeat("A", 1<<20), "not base64": strings.Repeat("!", 100),
	}
	for range 200 {
		b := append([]byte(nil), raw...)
		bit := rand.IntN(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		forged[fmt.Sprint("bit ", bit)] = base64.RawURLEncoding.EncodeToString(b)
	}
	for _, seen := range []string{"never seen", "seen"} { // what is remembered of the right token opens to no other
		for what, token := range forged {
			c, err := w.dir.Credential(t.Context(), one.AccessKeyID, token, w.now)
			if c != nil || !fault.Is(err, fault.UnknownCredentials) {
				t.Errorf("%s, %s: %v, %v", seen, what, c, err)
			}
		}
		c, err := w.dir.Credential(t.Context(), one.AccessKeyID, one.Token, w.now)
		w.ok(err)
		if c.Secret != one.Secret || c.Session.ID != one.AccessKeyID {
			t.Errorf("%+v", c)
		}
	}
	_, err = w.dir.SignIn(t.Context(), one.Token, "us-east-2", w.now)
	w.refused(err, fault.UnknownCredentials, "") // nor is a session token a password
	w.now = w.now.Add(2 * time.Hour)
	for _, token := range []string{one.Token, two.Token} {
		id := one.AccessKeyID
		if token == two.Token {
			id = two.AccessKeyID // which was never seen before it expired
		}
		_, err = w.dir.Credential(t.Context(), id, token, w.now)
		w.refused(err, fault.ExpiredCredentials, "The security token included in the request is expired")
	}
}

// A session is stored nowhere: another node on the same database knows it, and a restart does not end it.
func TestSessionsNeedNoRow(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann", allow("*", "ecr:GetAuthorizationToken")).ID, "")
		s, err := w.dir.SessionToken(ann, iam.SessionToken{})
		w.ok(err)
		p := w.password(w.call(s.AccessKeyID, s.Token))
		other, err := iam.Open(w.Context(), w.db, w.log, iam.Options{Now: func() time.Time { return w.now }})
		w.ok(err)
		defer other.Close()
		c, err := other.Credential(w.Context(), s.AccessKeyID, s.Token, w.now)
		w.ok(err)
		if c.Secret != s.Secret || c.Principal.ARN != "arn:aws:iam::"+customer+":user/ann" {
			w.Errorf("%+v", c)
		}
		c, err = other.SignIn(w.Context(), p, "us-east-2", w.now)
		w.ok(err)
		if c.Secret != "" || c.Session.ID != s.AccessKeyID {
			w.Errorf("the password stands for %+v", c)
		}
		w.ok(other.UpdateAccessKey(w.asRoot(customer), "ann", iam.From(ann).AccessKeyID, false)) // told by the epoch; on one process at once
		_, err = other.SignIn(w.Context(), p, "us-east-2", w.now)
		w.refused(err, fault.UnknownCredentials, "")
	})
}

// The largest session that there is: its token and its password keep their bounds (H71), work, and a second use of the password allocates nothing.
func TestLargestSession_H71(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ann := w.call(w.user(customer, "ann").ID, "")
	role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""), allow("*", "ecr:*"))
	actions := []string{"ecr:BatchGetImage"}
	for len(strings.Join(actions, `","`)) < 1900 {
		actions = append(actions, fmt.Sprintf("ecr:X%d", len(actions)))
	}
	in := iam.AssumeRole{RoleARN: role.ARN, SessionName: strings.Repeat("j", 64), SourceIdentity: strings.Repeat("s", 64), Policy: allow("*", actions...)}
	room := 4096 - len(in.Policy)
	for i := range 50 {
		tag := iam.Tag{Key: fmt.Sprintf("key-%02d", i), Value: strings.Repeat("v", room/50-6)}
		in.Tags, in.TransitiveTagKeys = append(in.Tags, tag), append(in.TransitiveTagKeys, tag.Key)
	}
	got, err := w.dir.AssumeRole(ann, in)
	w.ok(err)
	session := w.call(got.AccessKeyID, got.Token)
	p := w.password(session)
	t.Logf("a token of %d bytes, a password of %d, %d%% packed", len(got.Token), len(p), got.Packed)
	if len(got.Token) > 8192 || len(p) > 8192 || got.Packed > 100 {
		t.Error("too large")
	}
	c, err := w.dir.SignIn(session, p, "us-east-2", w.now)
	w.ok(err)
	app := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
	w.ok(w.dir.Authorize(w.signed(c), "ecr:BatchGetImage", app))
	w.refused(w.dir.Authorize(w.signed(c), "ecr:PutImage", app), fault.AccessDenied, "no session policy")
	if len(c.Session.Tags) != 50 || c.Session.SourceIdentity != in.SourceIdentity {
		t.Errorf("%+v", c.Session)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := w.dir.SignIn(session, p, "us-east-2", w.now); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	in.Tags[0].Value += strings.Repeat("v", 100)
	_, err = w.dir.AssumeRole(ann, in)
	w.refused(err, fault.PackedPolicyTooLarge, "please use smaller policy")
	plain := w.password(ann)
	if len(plain) > 1024 {
		t.Errorf("the password of a key has %d bytes", len(plain))
	}
}

// STS-12, IAMP-1.2: a Deny on aws:TokenIssueTime, as AWSRevokeOlderSessions has it, ends the sessions of before and their registry passwords, at the next
// request, and none of later.
func TestOlderSessionsAreRevoked_STS12(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann").ID, "")
		role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""), allow("*", "ecr:*"))
		app := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
		assume := func() (signed, byPassword context.Context) {
			got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
			w.ok(err)
			signed = w.call(got.AccessKeyID, got.Token)
			c, err := w.dir.SignIn(signed, w.password(signed), "us-east-2", w.now)
			w.ok(err)
			return signed, w.signed(c)
		}
		oldSigned, oldPassword := assume()
		w.ok(w.dir.Authorize(oldSigned, "ecr:BatchGetImage", app))
		w.ok(w.dir.Authorize(oldPassword, "ecr:BatchGetImage", app))
		w.now = w.now.Add(time.Minute)
		w.ok(w.dir.PutInlinePolicy(w.asRoot(customer), iam.Ref{Kind: iam.KindRole, Name: "ci"}, "AWSRevokeOlderSessions",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+w.now.UTC().Format(time.RFC3339)+`"}}}]}`))
		const text = "is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-2:" + customer + ":repository/app with an explicit deny in an identity-based policy"
		w.refused(w.dir.Authorize(oldSigned, "ecr:BatchGetImage", app), fault.AccessDenied, text)
		w.refused(w.dir.Authorize(oldPassword, "ecr:BatchGetImage", app), fault.AccessDenied, text)
		newSigned, newPassword := assume()
		w.ok(w.dir.Authorize(newSigned, "ecr:BatchGetImage", app))
		w.ok(w.dir.Authorize(newPassword, "ecr:BatchGetImage", app))
	})
}

// STS-12: the sessions of a role go on when who assumed it is gone, and end with the role.
func TestSessionsOfRolesFallWithTheRole_STS12(t *testing.T) {
	each(t, func(w *world) {
		key := w.user(customer, "ann")
		role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""))
		got, err := w.dir.AssumeRole(w.call(key.ID, ""), iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
		w.ok(err)
		root := w.asRoot(customer)
		w.ok(w.dir.DeleteAccessKey(root, "ann", key.ID))
		w.ok(w.dir.DeleteUser(root, "ann"))
		_, err = w.dir.Credential(w.Context(), got.AccessKeyID, got.Token, w.now)
		w.ok(err)
		w.ok(w.dir.UpdateAssumeRolePolicy(root, "ci", trusting(stranger, "")))
		_, err = w.dir.Credential(w.Context(), got.AccessKeyID, got.Token, w.now)
		w.ok(err)
		w.ok(w.dir.DeleteRole(root, "ci"))
		_, err = w.dir.Credential(w.Context(), got.AccessKeyID, got.Token, w.now)
		w.refused(err, fault.UnknownCredentials, "")
	})
}

// IAMP-3: a role may assume itself only if its trust policy says so, whatever its own policies allow.
func TestRoleAssumesItself_IAMP3(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann").ID, "")
		named := "arn:aws:iam::" + customer + ":user/ann"
		role := w.role(customer, "ci", trusting(named, ""), allow("*", "sts:AssumeRole"))
		again := func() error {
			w.Helper()
			got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "first"})
			w.ok(err)
			_, err = w.dir.AssumeRole(w.call(got.AccessKeyID, got.Token), iam.AssumeRole{RoleARN: role.ARN, SessionName: "second"})
			return err
		}
		w.refused(again(), fault.AccessDenied, "User: arn:aws:sts::999888777666:assumed-role/ci/first is not authorized to perform: sts:AssumeRole on resource: "+role.ARN)
		both := strings.Replace(trusting(named, ""), `"`+named+`"`, `["`+named+`","`+role.ARN+`"]`, 1)
		w.ok(w.dir.UpdateAssumeRolePolicy(w.asRoot(customer), "ci", both))
		w.ok(again())
	})
}

// H102, IAMP-2.1: a policy that names a session of a role does not name that of a later role of the same name.
func TestSessionsInPoliciesFallWithTheRole_H102(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann", allow("*", "sts:AssumeRole")).ID, "")
		build := func() context.Context {
			role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""))
			got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "build"})
			w.ok(err)
			return w.call(got.AccessKeyID, got.Token)
		}
		first := build()
		const named = "arn:aws:sts::" + customer + ":assumed-role/ci/build"
		stored, err := w.dir.Resolve(w.Context(), []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+named+`"},"Action":"ecr:BatchGetImage"}}`))
		w.ok(err)
		compiled, err := policy.Parse(stored)
		w.ok(err)
		r := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app", Account: customer, Policy: &policy.Attached{Name: "repository policy", Policy: compiled}}
		w.ok(w.dir.Authorize(first, "ecr:BatchGetImage", r))
		if shown := string(w.dir.Render(w.Context(), stored)); !strings.Contains(shown, named) {
			t.Errorf("the policy is shown as %s", shown)
		}
		w.ok(w.dir.DeleteRole(w.asRoot(customer), "ci"))
		w.refused(w.dir.Authorize(build(), "ecr:BatchGetImage", r), fault.AccessDenied, "no identity-based policy allows")
		if shown := string(w.dir.Render(w.Context(), stored)); strings.Contains(shown, named) {
			t.Errorf("the policy is shown as %s", shown)
		}
	})
}

// STS-9: a session that an access key was exchanged for manages no identities, even of a user who may; the role that it assumes may.
func TestSessionsManageNoIdentities_STS9(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann", allow("*", "*")).ID, "")
		got, err := w.dir.SessionToken(ann, iam.SessionToken{})
		w.ok(err)
		session := w.call(got.AccessKeyID, got.Token)
		_, err = w.dir.CreateUser(session, iam.NewUser{Name: "mine"})
		w.refused(err, fault.AccessDenied, "with an explicit deny in a session policy")
		_, err = w.dir.User(session, "")
		w.refused(err, fault.AccessDenied, "")
		w.ok(w.dir.Authorize(session, "ecr:CreateRepository", &iam.Resource{ARN: "*"}))
		_, err = w.dir.CallerIdentity(session)
		w.ok(err)
		role := w.role(customer, "admin", trusting("arn:aws:iam::"+customer+":user/ann", ""), allow("*", "*"))
		assumed, err := w.dir.AssumeRole(session, iam.AssumeRole{RoleARN: role.ARN, SessionName: "first"})
		w.ok(err)
		_, err = w.dir.CreateUser(w.call(assumed.AccessKeyID, assumed.Token), iam.NewUser{Name: "theirs"})
		w.ok(err)
	})
}

// STS-8: a session policy of the calling session also says which roles it may assume.
func TestSessionPolicyLimitsAssumeRole_STS8(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann").ID, "")
		role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""), allow("*", "sts:AssumeRole"))
		next := w.role(customer, "next", trusting(role.ARN, ""))
		got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Policy: allow("*", "ecr:*")})
		w.ok(err)
		_, err = w.dir.AssumeRole(w.call(got.AccessKeyID, got.Token), iam.AssumeRole{RoleARN: next.ARN, SessionName: "job"})
		w.refused(err, fault.AccessDenied, "sts:AssumeRole")
		got, err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Policy: allow(next.ARN, "sts:AssumeRole")})
		w.ok(err)
		_, err = w.dir.AssumeRole(w.call(got.AccessKeyID, got.Token), iam.AssumeRole{RoleARN: next.ARN, SessionName: "job"})
		w.ok(err)
	})
}

func BenchmarkOpenToken(b *testing.B) {
	w := newWorld(b, sqltest.SQLite(b))
	ann := w.call(w.user(customer, "ann").ID, "")
	role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""))
	var tokens [2]*iam.AssumedRole
	for i := range tokens {
		var err error
		tokens[i], err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Policy: allow("*", "ecr:BatchGetImage"), Tags: []iam.Tag{{Key: "job", Value: "7"}}})
		w.ok(err)
	}
	b.Run("seen", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.dir.Credential(b.Context(), tokens[0].AccessKeyID, tokens[0].Token, w.now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("refused after opening", func(b *testing.B) { // of another key: opened each time, without a look into the database
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.dir.Credential(b.Context(), tokens[0].AccessKeyID, tokens[1].Token, w.now); err == nil {
				b.Fatal("it is good")
			}
		}
	})
}
