package organizations_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-registry/berth/api/organizations"
	"github.com/berth-registry/berth/berthtest"
)

// ours are the operations that a member account may call too, with what it is answered here; "" is success.
var ours = map[string]string{
	"DescribeOrganization": "", "ListHandshakesForAccount": "", "CreateOrganization": "AlreadyInOrganizationException",
	"AcceptHandshake": "HandshakeNotFoundException", "DeclineHandshake": "HandshakeNotFoundException", "CancelHandshake": "HandshakeNotFoundException",
	"DescribeHandshake":       "HandshakeNotFoundException",
	"DescribeEffectivePolicy": "EffectivePolicyNotFoundException", // of its own account
}

// Only the management account changes and reads: an administrator of a member account is told so, a user without policies what it lacks, and an account in no
// organization that it is in none (ORG-24). The operations come from the service itself, so that a new one is asked without anybody thinking of it.
func TestWhoMay_ORG24(t *testing.T) {
	s := newSite(t)
	id := s.addAccount("team")
	unit := s.addUnit(s.root, "unit")
	member, nobody, outsider := s.enter(id), s.manager.User(t, "nobody", ""), s.Account(t, "555666777888")
	service, err := organizations.Service(&organizations.API{})
	s.must(err)
	for _, op := range service.Operations() {
		if !op.Served {
			continue
		}
		body := s.body(op.Name, id, unit)
		ask := func(c *berthtest.Caller) string {
			_, text := s.Call(t, c, "organizations", "us-east-1", service.Model().TargetPrefix, op.Name, body)
			return string(text)
		}
		if got := ask(nobody); !strings.Contains(got, `"AccessDeniedException"`) || !strings.Contains(got,
			"User: arn:aws:iam::111222333444:user/nobody is not authorized to perform: organizations:"+op.Name+" on resource: ") {
			t.Errorf("%s by a user without policies: %s", op.Name, got)
		}
		want, known := ours[op.Name]
		if !known {
			want = `"AccessDeniedException","Message":"` + noAccess + ` (request id: `
			if got := ask(outsider.Caller); !strings.Contains(got, `"AWSOrganizationsNotInUseException"`) {
				t.Errorf("%s from outside: %s", op.Name, got)
			}
		}
		if op.Name == "LeaveOrganization" { // it would end what the others ask for, and has a test of its own
			continue
		}
		if got := ask(member); want == "" && strings.Contains(got, "__type") || !strings.Contains(got, want) {
			t.Errorf("%s by an administrator of a member: %s", op.Name, got)
		}
	}
}

// body has every member that any operation takes: those that an operation does not have are ignored.
func (s *site) body(operation, account, unit string) string {
	in := map[string]any{
		"ParentId": s.root, "ChildId": unit, "OrganizationalUnitId": unit, "Name": "x", "ChildType": "ACCOUNT", "AccountId": account, "Email": "x@example.com",
		"AccountName": "x", "CreateAccountRequestId": "car-00000000", "SourceParentId": s.root, "DestinationParentId": unit,
		"HandshakeId": "h-00000000", "Target": map[string]string{"Id": account, "Type": "ACCOUNT"}, "PolicyId": "p-00000000", "TargetId": unit, "RootId": s.root,
		"PolicyType": "SERVICE_CONTROL_POLICY", "Type": "SERVICE_CONTROL_POLICY", "Filter": "SERVICE_CONTROL_POLICY", "Description": "x", "ResourceId": unit,
		"Content":          `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}]}`,
		"ServicePrincipal": "ecr.amazonaws.com", "TagKeys": []string{"k"},
	}
	switch operation {
	case "TagResource":
		in["Tags"] = []map[string]string{{"Key": "k", "Value": "v"}}
	case "CreatePolicy":
		in["Content"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ecr:*","Resource":"*"}]}`
	case "DescribeEffectivePolicy":
		in["PolicyType"], in["TargetId"] = "TAG_POLICY", account
	case "ListHandshakesForAccount", "ListHandshakesForOrganization":
		delete(in, "Filter")
	}
	text, err := json.Marshal(in)
	s.must(err)
	return string(text)
}
