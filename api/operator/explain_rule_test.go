package operator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// IAMP-8: what was refused is explained as refused, also where something else than policies did: the explanation and the audit name the rule and no statement, and
// nobody is advised to change a policy.
func TestExplainNamesTheRule_IAMP8(t *testing.T) {
	const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	s := start(t)
	ctx := t.Context()
	manager, member := s.Account(t, partner), s.Account(t, customer)
	if _, err := manager.Organizations().CreateOrganization(ctx, &organizations.CreateOrganizationInput{}); err != nil {
		t.Fatal(err)
	}
	invited, err := manager.Organizations().InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &orgtypes.HandshakeParty{Id: aws.String(customer), Type: orgtypes.HandshakePartyTypeAccount}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Organizations().AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: invited.Handshake.Id}); err != nil {
		t.Fatal(err)
	}
	user := member.User(t, "all", everything)
	got, err := user.STS().GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	session := s.As(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, *got.Credentials.SessionToken)
	fay, err := user.STS().GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("fay"), Policy: aws.String(everything)})
	if err != nil {
		t.Fatal(err)
	}
	federated := s.As(*fay.Credentials.AccessKeyId, *fay.Credentials.SecretAccessKey, *fay.Credentials.SessionToken)
	for name, c := range map[string]struct {
		who                                    *berthtest.Caller
		service, prefix, operation, body, rule string
		layer                                  policy.Layer // that stands for the rule
	}{
		"IAM by a session":           {session, "iam", "", "", "Action=ListUsers&Version=2010-05-08", "GetSessionToken", policy.LayerSession},
		"IAM by a federated user":    {federated, "iam", "", "", "Action=ListUsers&Version=2010-05-08", "Federated users", policy.LayerSession},
		"a session wants a session":  {session, "sts", "", "", "Action=GetSessionToken&Version=2011-06-15", "Cannot call GetSessionToken with session credentials", ""},
		"a member manages":           {user, "organizations", "AWSOrganizationsV20161128", "ListAccounts", "{}", "You don't have permissions to access this resource.", ""},
		"another account's resource": {user, "berth", "Berth_20261122", "WhoCan", `{"action":"ecr:PutImage","resource":"` + rakeApp + `"}`, "Only the account that owns a resource", ""},
		"records of another account": {user, "berth", "Berth_20261122", "LookUpAudit", `{"account":"` + partner + `"}`, "its own records only", ""},
	} {
		where := "us-east-1"
		resp, body := s.Call(t, c.who, c.service, where, c.prefix, c.operation, c.body)
		id := resp.Header.Get("X-Amzn-Requestid")
		if resp.StatusCode < 400 || !strings.Contains(string(body), "(request id: "+id+")") {
			t.Fatalf("%s: %s %s", name, resp.Status, body)
		}
		// By the operator, and by who was refused, as far as it may call berth's own API at all.
		for _, asker := range []*berthtest.Caller{s.Root(t), member.Caller, user} {
			e, failed := s.explain(t, asker, map[string]any{"requestId": id})
			if e == nil {
				t.Fatalf("%s: %s", name, failed)
			}
			if e.Decision != "Deny" || !strings.Contains(e.Rule, c.rule) || e.Message == "" || len(e.Changes) != 0 || e.Note != "" {
				t.Errorf("%s: %+v", name, e)
			}
			for _, l := range e.Layers {
				if l.Deciding != (l.Layer == c.layer) || l.Deciding && l.Result != "deny" {
					t.Errorf("%s: layer %+v", name, l)
				}
				for _, st := range l.Statements {
					if st.Deciding {
						t.Errorf("%s: a statement of %s decides: %+v", name, l.Layer, st)
					}
				}
			}
			if c.layer == "" && e.DecidedBy != nil {
				t.Errorf("%s is decided by %+v", name, e.DecidedBy)
			}
		}
		var out struct{ Records []string }
		if code, message := s.call(t, s.Root(t), "LookUpAudit", `{"requestId":"`+id+`"}`, &out); code != "" || len(out.Records) != 1 {
			t.Fatalf("%s: %s %s %v", name, code, message, out.Records)
		}
		var r audit.Record
		if err := json.Unmarshal([]byte(out.Records[0]), &r); err != nil {
			t.Fatal(err)
		}
		if r.Decision != "Deny" || r.Statement != "" || c.layer == "" && (r.Layer != "" || r.Policy != "" || !strings.Contains(r.Rule, c.rule)) {
			t.Errorf("%s: the audit says %s", name, out.Records[0])
		}
	}
}
