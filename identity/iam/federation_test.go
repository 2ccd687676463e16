package iam_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
)

// STS-9, IAMP-3: what a federated user may is what its user and its session policy both allow; without a session policy nothing but what resource-based
// policies give to it.
func TestFederatedUser_STS9_IAMP3(t *testing.T) {
	each(t, func(w *world) {
		key := w.user(customer, "ann", allow("*", "ecr:BatchGetImage", "ecr:PutImage", "sts:*", "iam:*"))
		ann := w.call(key.ID, "")
		app := func(principal string) *iam.Resource {
			r := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app", Account: customer}
			if principal != "" {
				r.Policy = w.repository(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"ecr:*"}]}`).Policy
			}
			return r
		}
		federate := func(in iam.FederationToken) context.Context {
			w.Helper()
			in.Name = "fay"
			got, err := w.dir.FederationToken(ann, in)
			w.ok(err)
			if got.ARN != "arn:aws:sts::999888777666:federated-user/fay" || got.ID != "999888777666:fay" || !strings.HasPrefix(got.AccessKeyID, "ASIA") {
				w.Errorf("%+v", got)
			}
			return w.call(got.AccessKeyID, got.Token)
		}
		bare, wide := federate(iam.FederationToken{}), federate(iam.FederationToken{Policy: allow("*", "*")})
		narrow := federate(iam.FederationToken{Policy: allow("*", "ecr:BatchGetImage", "ecr:DeleteRepository")})
		managed := federate(iam.FederationToken{PolicyARNs: []string{"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}})
		for n, c := range []struct {
			who    context.Context
			action string
			on     *iam.Resource
			denied string // "" is allowed
		}{
			{bare, "ecr:BatchGetImage", app(""), "no session policy allows"},
			{bare, "ecr:BatchGetImage", app(customer), "no session policy allows"}, // naming the account is not naming it
			{bare, "ecr:BatchGetImage", app("arn:aws:sts::999888777666:federated-user/fay"), ""},
			{bare, "ecr:BatchGetImage", app("arn:aws:sts::999888777666:federated-user/bob"), "no session policy allows"},
			{bare, "ecr:BatchGetImage", app("arn:aws:iam::999888777666:user/ann"), ""},
			{wide, "ecr:BatchGetImage", app(""), ""},
			{wide, "ecr:PutImage", app(""), ""},
			{wide, "ecr:DeleteRepository", app(""), "no identity-based policy allows"}, // a session policy only narrows
			{narrow, "ecr:BatchGetImage", app(""), ""},
			{narrow, "ecr:PutImage", app(""), "no session policy allows"},
			{narrow, "ecr:DeleteRepository", app(""), "no identity-based policy allows"},
			{narrow, "ecr:PutImage", app("arn:aws:iam::999888777666:user/ann"), "no session policy allows"},
			{managed, "ecr:BatchGetImage", app(""), ""},
			{managed, "ecr:PutImage", app(""), "no session policy allows"},
		} {
			err := w.dir.Authorize(c.who, c.action, c.on)
			switch {
			case c.denied == "" && err != nil:
				w.Errorf("%d: %v", n, err)
			case c.denied != "":
				w.refused(err, fault.AccessDenied, "User: arn:aws:sts::999888777666:federated-user/fay is not authorized to perform: "+c.action)
				w.refused(err, fault.AccessDenied, c.denied)
			}
		}

		// It may call nothing of IAM, and of STS only GetCallerIdentity, whatever its policies say.
		_, err := w.dir.CreateAccessKey(wide, "ann")
		w.refused(err, fault.AccessDenied, "not authorized to perform: iam:CreateAccessKey")
		_, err = w.dir.SessionToken(wide, iam.SessionToken{})
		w.refused(err, fault.AccessDenied, "not authorized to perform: sts:GetSessionToken")
		_, err = w.dir.FederationToken(wide, iam.FederationToken{Name: "bob", Policy: allow("*", "*")})
		w.refused(err, fault.AccessDenied, "not authorized to perform: sts:GetFederationToken")
		role := w.role(customer, "ci", trusting("arn:aws:sts::999888777666:federated-user/fay", ""))
		_, err = w.dir.AssumeRole(wide, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
		w.refused(err, fault.AccessDenied, "not authorized to perform: sts:AssumeRole")
		who, err := w.dir.CallerIdentity(wide)
		w.ok(err)
		if *who != (iam.Identity{ARN: "arn:aws:sts::999888777666:federated-user/fay", UserID: "999888777666:fay", Account: customer}) {
			w.Errorf("it is %+v", who)
		}

		// Its registry password is it, and both fall with the key of the user.
		c, err := w.dir.SignIn(narrow, w.password(narrow), "us-east-2", w.now)
		w.ok(err)
		w.ok(w.dir.Authorize(w.signed(c), "ecr:BatchGetImage", app("")))
		w.refused(w.dir.Authorize(w.signed(c), "ecr:PutImage", app("")), fault.AccessDenied, "no session policy allows")
		password := w.password(narrow)
		w.ok(w.dir.UpdateAccessKey(w.asRoot(customer), "ann", key.ID, false))
		_, err = w.dir.SignIn(w.Context(), password, "us-east-2", w.now)
		w.refused(err, fault.UnknownCredentials, "")
	})
}

// STS-9: who may federate whom, for how long, and with which tags.
func TestFederationToken_STS9(t *testing.T) {
	each(t, func(w *world) {
		fay := "arn:aws:sts::" + customer + ":federated-user/fay"
		ann := w.call(w.user(customer, "ann", allow(fay, "sts:GetFederationToken")).ID, "")
		lasts := func(who context.Context, in iam.FederationToken, want time.Duration) {
			w.Helper()
			in.Name = "fay"
			got, err := w.dir.FederationToken(who, in)
			w.ok(err)
			if lifetime := got.Expires.Sub(w.now); lifetime != want {
				w.Errorf("it lasts %v, not %v", lifetime, want)
			}
		}
		lasts(ann, iam.FederationToken{}, 12*time.Hour)
		lasts(ann, iam.FederationToken{Lifetime: 15 * time.Minute}, 15*time.Minute)
		lasts(ann, iam.FederationToken{Lifetime: 36 * time.Hour}, 36*time.Hour)
		root := w.asRoot(customer)
		lasts(root, iam.FederationToken{}, time.Hour)
		lasts(root, iam.FederationToken{Lifetime: 36 * time.Hour}, time.Hour)
		for _, wrong := range []time.Duration{time.Second, 15*time.Minute - time.Second, 36*time.Hour + time.Second} {
			_, err := w.dir.FederationToken(ann, iam.FederationToken{Name: "fay", Lifetime: wrong})
			w.refused(err, fault.Validation, "'durationSeconds' failed to satisfy constraint")
		}
		for _, name := range []string{"", "f", strings.Repeat("f", 33), "fay/root", "fa y"} {
			_, err := w.dir.FederationToken(ann, iam.FederationToken{Name: name})
			w.refused(err, fault.Validation, "'name' failed to satisfy constraint")
		}
		_, err := w.dir.FederationToken(ann, iam.FederationToken{Name: "bob"})
		w.refused(err, fault.AccessDenied, "User: arn:aws:iam::999888777666:user/ann is not authorized to perform: sts:GetFederationToken on resource: arn:aws:sts::999888777666:federated-user/bob because no identity-based policy")
		_, err = w.dir.FederationToken(ann, iam.FederationToken{Name: "fay", Tags: []iam.Tag{{Key: "team", Value: "blue"}}})
		w.refused(err, fault.AccessDenied, "sts:TagSession")
		_, err = w.dir.FederationToken(ann, iam.FederationToken{Name: "fay", Policy: "{"})
		w.refused(err, fault.MalformedPolicyDocument, "This policy contains invalid Json")
		_, err = w.dir.FederationToken(ann, iam.FederationToken{Name: "fay", Tags: []iam.Tag{{Key: "a", Value: "1"}, {Key: "A", Value: "2"}}})
		w.refused(err, fault.InvalidInput, "Duplicate tag keys found.")

		session, err := w.dir.SessionToken(ann, iam.SessionToken{})
		w.ok(err)
		_, err = w.dir.FederationToken(w.call(session.AccessKeyID, session.Token), iam.FederationToken{Name: "fay"})
		w.refused(err, fault.AccessDenied, "Cannot call GetFederationToken with session credentials")

		// Tags of the session are tags of the principal; a root user's federated user may what its session policy allows.
		byTag := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}]}`
		for team, ok := range map[string]bool{"blue": true, "red": false} {
			got, err := w.dir.FederationToken(root, iam.FederationToken{Name: "fay", Policy: byTag, Tags: []iam.Tag{{Key: "Team", Value: team}}})
			w.ok(err)
			who := w.call(got.AccessKeyID, got.Token)
			if w.dir.May(who, "ecr:PutImage", &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}) != ok {
				w.Errorf("%s may: %v", team, !ok)
			}
			if w.dir.May(who, "s3:GetObject", &iam.Resource{ARN: "*"}) {
				w.Error("it may more than its session policy allows")
			}
		}
	})
}
