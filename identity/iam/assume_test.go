package iam_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// H57, STS-7, IAMP-3: who may assume a role. The trust policy must speak; naming an account asks for an identity policy too, and so does another account.
func TestWhoMayAssume_H57_STS7(t *testing.T) {
	each(t, func(w *world) {
		mayAssume := allow("*", "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
		plain := w.call(w.user(customer, "plain").ID, "")
		allowed := w.call(w.user(customer, "allowed", mayAssume).ID, "")
		foreign := w.call(w.user(stranger, "foreign", mayAssume).ID, "")
		foreignPlain := w.call(w.user(stranger, "plain").ID, "")
		denied := w.call(w.user(customer, "denied", strings.Replace(mayAssume, "Allow", "Deny", 1)).ID, "")

		user := func(account, name string) string { return "arn:aws:iam::" + account + ":user/" + name }
		for n, c := range []struct {
			trust string
			who   context.Context
			ok    bool
		}{
			{trusting(user(customer, "plain"), ""), plain, true}, // named directly: enough in the same account
			{trusting(user(customer, "plain"), ""), allowed, false},
			{trusting(customer, ""), plain, false}, // named by account: the identity policy decides
			{trusting(customer, ""), allowed, true},
			{trusting("arn:aws:iam::"+customer+":root", ""), allowed, true},
			{trusting(customer, ""), foreign, false},
			{trusting(user(stranger, "foreign"), ""), foreign, true}, // across accounts: both sides
			{trusting(user(stranger, "plain"), ""), foreignPlain, false},
			{trusting(stranger, ""), foreign, true},
			{trusting("*", ""), foreignPlain, false},
			{trusting("*", ""), foreign, true},
			{trusting(user(customer, "denied"), ""), denied, false}, // an explicit Deny wins
			{trusting(customer, `,"Condition":{"StringEquals":{"sts:ExternalId":"x"}}`), allowed, false},
			{trusting(customer, `,"Condition":{"StringEquals":{"sts:RoleSessionName":"job"}}`), allowed, true},
			{trusting(customer, `,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), allowed, false},
		} {
			name := "role-" + string(rune('a'+n))
			role := w.role(customer, name, c.trust)
			_, err := w.dir.AssumeRole(c.who, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
			arn := iam.From(c.who).Principal.ARN
			switch f := fault.As(err); {
			case c.ok && err != nil:
				w.Errorf("%s: %s: %v", c.trust, arn, err)
			case !c.ok && (f == nil || f.Code != fault.AccessDenied || f.Message != "User: "+arn+" is not authorized to perform: sts:AssumeRole on resource: "+role.ARN+" (request id: r-1)"):
				w.Errorf("%s: %s: %v", c.trust, arn, err)
			}
		}
	})
}

// H57, IAMP-3: a session policy narrows and never widens; nor does a boundary.
func TestSessionsAreIntersections_H57(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann").ID, "")
		role := w.role(customer, "ci", trusting("arn:aws:iam::"+customer+":user/ann", ""), allow("*", "ecr:BatchGetImage", "ecr:PutImage", "iam:GetUser"))
		ref := iam.Ref{Kind: iam.KindRole, Name: "ci"}
		can := func(in iam.AssumeRole) string {
			w.Helper()
			in.RoleARN, in.SessionName = role.ARN, "job"
			got, err := w.dir.AssumeRole(ann, in)
			w.ok(err)
			var can []string
			for _, action := range []string{"ecr:BatchGetImage", "ecr:PutImage", "ecr:DeleteRepository"} {
				if w.dir.May(w.call(got.AccessKeyID, got.Token), action, &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}) {
					can = append(can, strings.TrimPrefix(action, "ecr:"))
				}
			}
			return strings.Join(can, " ")
		}
		expect := func(what, got, want string) {
			w.Helper()
			if got != want {
				w.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		expect("no session policy", can(iam.AssumeRole{}), "BatchGetImage PutImage")
		expect("a wider session policy", can(iam.AssumeRole{Policy: allow("*", "*")}), "BatchGetImage PutImage")
		expect("a narrower one", can(iam.AssumeRole{Policy: allow("*", "ecr:BatchGetImage", "ecr:DeleteRepository")}), "BatchGetImage")
		expect("one that denies", can(iam.AssumeRole{Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:PutImage","Resource":"*"}]}`}), "BatchGetImage")
		expect("a managed one", can(iam.AssumeRole{PolicyARNs: []string{"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}}), "BatchGetImage")
		p, err := w.dir.CreatePolicy(w.asRoot(customer), "narrow", "", "", allow("*", "ecr:PutImage"), nil)
		w.ok(err)
		expect("one of the account", can(iam.AssumeRole{PolicyARNs: []string{p.ARN}}), "PutImage")
		w.ok(w.dir.PutBoundary(w.asRoot(customer), ref, p.ARN))
		expect("a boundary", can(iam.AssumeRole{}), "PutImage")
		expect("a boundary and a session policy", can(iam.AssumeRole{Policy: allow("*", "ecr:BatchGetImage")}), "")

		_, err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", PolicyARNs: []string{"arn:aws:iam::" + vendor + ":policy/theirs"}})
		w.refused(err, fault.Validation, "does not exist or is not attachable")
		_, err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Policy: allow("*", strings.Repeat("a", 3000)+":b")})
		if !fault.Is(err, fault.PackedPolicyTooLarge) && !fault.Is(err, fault.MalformedPolicyDocument) {
			w.Errorf("a session policy of 3000 characters: %v", err)
		}
	})
}

// H57, STS-8: tags of a session are only what the trust policy lets through; transitive ones go on and cannot be changed; so does a source identity.
func TestSessionTags_H57_STS8(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(customer, "ann").ID, "")
		byTag := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}},{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
		named := "arn:aws:iam::" + customer + ":user/ann"
		role := w.role(customer, "ci", trusting(named, ""), byTag)
		strict := w.role(customer, "strict", strings.Replace(trusting(named, ""), `,"sts:TagSession"`, "", 1), byTag)
		next := w.role(customer, "next", trusting(role.ARN, ""), byTag)
		push := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
		blue := []iam.Tag{{Key: "Team", Value: "blue"}}

		_, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: strict.ARN, SessionName: "job", Tags: blue})
		w.refused(err, fault.AccessDenied, "is not authorized to perform: sts:TagSession on resource: "+strict.ARN)

		w.ok(w.dir.Tag(w.asRoot(customer), iam.Ref{Kind: iam.KindRole, Name: "ci"}, []iam.Tag{{Key: "team", Value: "red"}}))
		got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
		w.ok(err)
		if w.dir.May(w.call(got.AccessKeyID, got.Token), "ecr:PutImage", push) {
			w.Error("red pushes")
		}
		got, err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Tags: blue, TransitiveTagKeys: []string{"Team"}, SourceIdentity: "ann"})
		w.ok(err)
		session := w.call(got.AccessKeyID, got.Token)
		w.ok(w.dir.Authorize(session, "ecr:PutImage", push)) // the session's tag wins over the role's (IAMP-1.2)

		_, err = w.dir.AssumeRole(session, iam.AssumeRole{RoleARN: next.ARN, SessionName: "job", Tags: []iam.Tag{{Key: "TEAM", Value: "red"}}})
		w.refused(err, fault.InvalidInput, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		_, err = w.dir.AssumeRole(session, iam.AssumeRole{RoleARN: next.ARN, SessionName: "job", SourceIdentity: "bob"})
		w.refused(err, fault.AccessDenied, "")
		_, err = w.dir.AssumeRole(session, iam.AssumeRole{RoleARN: next.ARN, SessionName: "job", Lifetime: 2 * time.Hour})
		w.refused(err, fault.Validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
		chained, err := w.dir.AssumeRole(session, iam.AssumeRole{RoleARN: next.ARN, SessionName: "job"})
		w.ok(err)
		in := w.call(chained.AccessKeyID, chained.Token)
		w.ok(w.dir.Authorize(in, "ecr:PutImage", push))
		if s := iam.From(in).Session; s.SourceIdentity != "ann" || s.Tags["Team"] != "blue" {
			w.Errorf("the chained session has %+v", s)
		}
		_, err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job", Tags: append(blue, iam.Tag{Key: "team", Value: "red"})})
		w.refused(err, fault.InvalidInput, "Duplicate tag keys found.")
	})
}

// API-14: a session ends, and is told so as long as its token is shown.
func TestSessionsExpire_API14(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ann := w.call(w.user(customer, "ann").ID, "")
	got, err := w.dir.SessionToken(ann, iam.SessionToken{Lifetime: 15 * time.Minute})
	w.ok(err)
	_, err = w.dir.Credential(t.Context(), got.AccessKeyID, got.Token, w.now.Add(15*time.Minute-time.Second))
	w.ok(err)
	_, err = w.dir.Credential(t.Context(), got.AccessKeyID, got.Token, w.now.Add(15*time.Minute))
	w.refused(err, fault.ExpiredCredentials, "The security token included in the request is expired")
	_, err = w.dir.Credential(t.Context(), got.AccessKeyID, "guess", w.now.Add(15*time.Minute))
	w.refused(err, fault.UnknownCredentials, "") // who does not know the token does not learn that it is over
	_, err = w.dir.Credential(t.Context(), iam.From(ann).AccessKeyID, got.Token, w.now)
	w.refused(err, fault.UnknownCredentials, "") // a long-term key takes no token
	for _, id := range []string{"", "AKIA", "AKIAIOSFODNN7EXAMPLE", "ASIA" + strings.Repeat("7", 16), strings.Repeat("A", 1<<16)} {
		_, err = w.dir.Credential(t.Context(), id, "", w.now)
		w.refused(err, fault.UnknownCredentials, "")
	}
}

// IAMP-2.1, H102: policies keep ids, not names; and what is not there cannot be named.
func TestResolveAndRender_IAMP21_H102(t *testing.T) {
	each(t, func(w *world) {
		w.user(customer, "ann")
		role := w.role(customer, "ci", trusting(customer, ""))
		text := `{ "Version":"2012-10-17", "Statement":[ {"Effect":"Allow",  "Principal":{"AWS":["arn:aws:iam::999888777666:user/ann","` + role.ARN + `","999888777666","arn:aws:iam::111222333444:root","*","arn:aws:sts::999888777666:assumed-role/ci/job"],"Service":"codebuild.amazonaws.com"},"Action":"ecr:*"}]}`
		stored, err := w.dir.Resolve(w.Context(), []byte(text))
		w.ok(err)
		if s := string(stored); !strings.Contains(s, `["AIDA`) || !strings.Contains(s, `,"AROA`) || strings.Contains(s, "user/ann") {
			w.Errorf("stored %s", s)
		}
		if got := string(w.dir.Render(w.Context(), stored)); got != text {
			w.Errorf("shown\n%s\nwant\n%s", got, text)
		}
		again, err := w.dir.Resolve(w.Context(), stored)
		w.ok(err)
		if string(again) != string(stored) {
			w.Error("a stored policy changes when it is stored again")
		}
		for _, nobody := range []string{
			"arn:aws:iam::999888777666:user/bob", "arn:aws:iam::999888777666:user/Ann", "arn:aws:iam::999888777666:user/div/ann", "arn:aws:iam::123456789012:root", "123456789012",
			"arn:aws:iam::999888777666:role/*", "arn:aws:iam::999888777666:group/g", "arn:aws:s3:::bucket", "ann", "AIDAAAAAAAAAAAAAAAAAA", "arn:aws:sts::999888777666:assumed-role/none/job",
		} {
			_, err := w.dir.Resolve(w.Context(), []byte(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"`+nobody+`"},"Action":"ecr:*"}}`))
			w.refused(err, fault.NoSuchEntity, nobody)
		}

		// The same name again is somebody else.
		key := w.user(customer, "tmp")
		repo := w.repository(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999888777666:user/tmp"},"Action":"ecr:*"}]}`)
		repo.ARN, repo.Account = "arn:aws:ecr:us-east-2:"+customer+":repository/app", customer
		w.ok(w.dir.Authorize(w.call(key.ID, ""), "ecr:BatchGetImage", repo))
		root := w.asRoot(customer)
		w.ok(w.dir.DeleteAccessKey(root, "tmp", key.ID))
		w.ok(w.dir.DeleteUser(root, "tmp"))
		key = w.user(customer, "tmp")
		w.refused(w.dir.Authorize(w.call(key.ID, ""), "ecr:BatchGetImage", repo), fault.AccessDenied, "no identity-based policy")
		shown := string(w.dir.Render(w.Context(), repo.Policy.Policy.Text()))
		if !strings.Contains(shown, `{"AWS":"AIDA`) {
			w.Errorf("shown %s", shown)
		}
	})
}
