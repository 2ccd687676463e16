package iam_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/oidc"
	"github.com/berth-registry/berth/identity/oidc/oidctest"
	"github.com/berth-registry/berth/storage/audit"
)

// STS-10, on every kind of database: a token of the account's provider brings a session, other accounts' providers bring none, and the audit says who it was.
func TestWebIdentity_STS10(t *testing.T) {
	issuer := oidctest.Start(t, "/realms/ci")
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, issuer.KeySet(), 0o600); err != nil {
		t.Fatal(err)
	}
	each(t, func(w *world) {
		tokens, err := oidc.New(oidc.Options{Keys: map[string]string{issuer.URL: keys}, Now: func() time.Time { return w.now }})
		w.ok(err)
		w.dir.Close()
		w.dir, err = iam.Open(w.Context(), w.db, w.log, iam.Options{Now: func() time.Time { return w.now }, Tokens: tokens})
		w.ok(err)
		w.Cleanup(w.dir.Close)
		p, err := w.dir.CreateOIDCProvider(w.asRoot(vendor), issuer.URL, []string{"other", "sts.amazonaws.com"}, nil, []iam.Tag{{Key: "team", Value: "core"}})
		w.ok(err)
		name := strings.TrimPrefix(issuer.URL, "https://")
		role := w.role(vendor, "build", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"`+p.ARN+`"},"Action":"sts:AssumeRoleWithWebIdentity",
			"Condition":{"StringLike":{"`+name+`:sub":"repo:octo-org/*"}}}]}`, allow("*", "ecr:*"))
		assume := func(roleARN string, claims map[string]any) (*iam.WebIdentityRole, *iam.Call, error) {
			c := &iam.Call{RequestID: "r-2", Time: w.now, Region: "us-east-2", SourceIP: netip.MustParseAddr("203.0.113.7"), Secure: true}
			got, err := w.dir.AssumeRoleWithWebIdentity(iam.With(context.Background(), c), iam.AssumeRoleWithWebIdentity{
				RoleARN: roleARN, SessionName: "job", Token: issuer.Token(t, w.now, claims),
			})
			return got, c, err
		}
		claims := oidctest.GitHub("octo-org/app", "refs/heads/main")
		got, c, err := assume(role.ARN, claims)
		w.ok(err)
		if got.Provider != p.ARN || got.Subject != claims["sub"] || got.Audience != "sts.amazonaws.com" || !c.Recorded {
			w.Errorf("%+v", got)
		}
		w.ok(w.dir.Authorize(w.call(got.AccessKeyID, got.Token), "ecr:ListImages", &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + vendor + ":repository/app", Account: vendor}))
		var found []audit.Record
		w.ok(w.log.Find(w.Context(), audit.Filter{Account: vendor}, func(r *audit.Record) error {
			if r.Action == "sts:AssumeRoleWithWebIdentity" {
				found = append(found, *r)
			}
			return nil
		}))
		if len(found) != 1 || found[0].Decision != "Allow" || found[0].Resource != role.ARN || found[0].Principal != p.ARN+":sts.amazonaws.com:repo:octo-org/app:ref:refs/heads/main" {
			w.Errorf("%+v", found)
		}

		_, c, err = assume(role.ARN, oidctest.GitHub("mallory/app", "refs/heads/main"))
		w.refused(err, fault.AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
		if c.Audit.Decision != "Deny" || c.Audit.Owner != vendor {
			w.Errorf("%+v", c.Audit)
		}
		theirs := w.role(customer, "build", role.Trust, allow("*", "ecr:*")) // it trusts a provider of another account, which helps nobody
		_, c, err = assume(theirs.ARN, claims)
		w.refused(err, fault.InvalidIdentityToken, "No OpenIDConnect provider found in your account for "+issuer.URL)
		if c.Audit.Decision != "Deny" {
			w.Errorf("%+v", c.Audit)
		}
		w.ok(w.dir.AddClientID(w.asRoot(vendor), p.ARN, "third"))
		w.ok(w.dir.RemoveClientID(w.asRoot(vendor), p.ARN, "sts.amazonaws.com"))
		shown, err := w.dir.OIDCProvider(w.asRoot(vendor), p.ARN)
		w.ok(err)
		if strings.Join(shown.Clients, " ") != "other third" || len(shown.Tags) != 1 {
			w.Errorf("%+v", shown)
		}
		_, _, err = assume(role.ARN, claims)
		w.refused(err, fault.InvalidIdentityToken, "Incorrect token audience")
		w.ok(w.dir.DeleteOIDCProvider(w.asRoot(vendor), p.ARN))
		_, _, err = assume(role.ARN, claims)
		w.refused(err, fault.InvalidIdentityToken, "No OpenIDConnect provider found")
	})
}
