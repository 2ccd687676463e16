package policy

import (
	"fmt"
	"strings"
	"testing"
)

const (
	repo      = "arn:aws:ecr:us-east-1:111122223333:repository/app"
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowPull = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}]}`
	allowIAM  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`
	denyPull  = `{"Version":"2012-10-17","Statement":[{"Sid":"NoPull","Effect":"Deny","Action":"ecr:BatchGetImage","Resource":"*"}]}`
	nothing   = `{"Version":"2012-10-17","Statement":[]}`
)

// grantTo is a resource policy that allows everything to a principal.
func grantTo(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Grant","Effect":"Allow","Principal":%s,"Action":"*"}]}`, principal)
}

func denyTo(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*"},{"Sid":"Ban","Effect":"Deny","Principal":%s,"Action":"*"}]}`, principal)
}

// layered is a set in short: nil slices are absent layers.
type layered struct {
	identity, boundary, session, endpoint []string
	resource, registry                    string
	scp, rcp                              [][]string
	trust, registryV1                     bool
}

func (l layered) set() *Set {
	s := &Set{
		Identity: docs(l.identity...), Boundary: docs(l.boundary...), HasBoundary: l.boundary != nil, Session: docs(l.session...), HasSession: l.session != nil,
		Endpoint: docs(l.endpoint...), HasEndpoint: l.endpoint != nil, Trust: l.trust, RegistryV1: l.registryV1,
	}
	if l.resource != "" {
		a := doc(l.resource)
		s.Resource = &a
	}
	if l.registry != "" {
		a := doc(l.registry)
		s.Registry = &a
	}
	for i, level := range l.scp {
		s.SCP = append(s.SCP, Level{Target: fmt.Sprint("ou", i), Policies: docs(level...)})
	}
	for i, level := range l.rcp {
		s.RCP = append(s.RCP, Level{Target: fmt.Sprint("ou", i), Policies: docs(level...)})
	}
	return s
}

// IAMP-3: how layers combine, in one account, across accounts, for roles, services and strangers. want is the layer that decided, after
// + (allowed), - (implicit deny) or ! (explicit deny).
func TestCombination(t *testing.T) {
	user, role := `{"AWS":"arn:aws:iam::111122223333:user/dev/ann"}`, `{"AWS":"arn:aws:iam::111122223333:role/ci/builder"}`
	session, federated := `{"AWS":"arn:aws:sts::111122223333:assumed-role/builder/run-1"}`, `{"AWS":"arn:aws:sts::111122223333:federated-user/fay"}`
	account, stranger := `{"AWS":"111122223333"}`, `{"AWS":"arn:aws:iam::777788889999:user/eve"}`
	pull := []string{allowPull}
	other := []string{allowIAM}
	registryGrant := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"777788889999"},"Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:111122223333:repository/*"}]}`
	service := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"ecr:BatchGetImage","Condition":{"StringEquals":{"aws:SourceAccount":"444455556666"},"ArnLike":{"aws:sourceArn":"arn:aws:codebuild:us-east-1:444455556666:project/*"}}}]}`
	source := values{"aws:sourceaccount": one("444455556666"), "aws:sourcearn": one("arn:aws:codebuild:us-east-1:444455556666:project/p")}
	type vector struct {
		rule, caller string
		in           layered
		want         string
		action       string
		resource     string
		account      string
		context      Context
	}
	vectors := []vector{
		// Same account, no resource policy.
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull}, want: "+identity"},
		{rule: "IAMP-3", caller: "user", in: layered{}, want: "-identity"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: other}, want: "-identity"},
		{rule: "H82", caller: "user", in: layered{identity: []string{allowPull, denyPull}}, want: "!identity"},
		{rule: "H82", caller: "user", in: layered{identity: []string{denyPull, allowAll}}, want: "!identity"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, boundary: pull}, want: "+identity"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, boundary: other}, want: "-boundary"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, boundary: []string{}}, want: "-boundary"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, boundary: []string{allowAll, denyPull}}, want: "!boundary"},
		{rule: "IAMP-3", caller: "user", in: layered{boundary: pull}, want: "-identity"},
		{rule: "IAMP-3", caller: "session", in: layered{identity: pull, session: other}, want: "-session"},
		{rule: "IAMP-3", caller: "session", in: layered{identity: pull, session: pull}, want: "+identity"},
		{rule: "IAMP-3", caller: "session", in: layered{session: pull}, want: "-identity"},
		{rule: "IAMP-3", caller: "session", in: layered{identity: pull, session: []string{denyPull}}, want: "!session"},
		{rule: "IAMP-3", caller: "federated", in: layered{identity: pull}, want: "-session"},
		{rule: "IAMP-3", caller: "federated", in: layered{identity: pull, session: pull}, want: "+identity"},
		{rule: "IAMP-3", caller: "root", in: layered{}, want: "+identity"},
		{rule: "IAMP-3", caller: "root", in: layered{resource: denyTo(account)}, want: "!resource"},
		{rule: "H84", caller: "root", in: layered{resource: denyTo(`"*"`)}, action: "ecr:SetRepositoryPolicy", want: "+identity"},
		{rule: "H84", caller: "user", in: layered{identity: []string{allowAll}, resource: denyTo(`"*"`)}, action: "ecr:SetRepositoryPolicy", want: "!resource"},
		{rule: "H84", caller: "root", in: layered{resource: denyTo(`"*"`), scp: [][]string{{nothing}}}, action: "ecr:SetRepositoryPolicy", want: "-scp"},

		// The table of IAMP-3, line by line: identity silent, boundary silent, session policy silent.
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(user)}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(user), boundary: other}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(role)}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(role), boundary: other}, want: "-boundary"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(role), session: other}, want: "-session"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(role), boundary: pull, session: pull}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(session)}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(session), boundary: other}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(session), session: other}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "federated", in: layered{resource: grantTo(federated)}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "federated", in: layered{resource: grantTo(federated), boundary: other}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "federated", in: layered{resource: grantTo(federated), session: other}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "federated", in: layered{resource: grantTo(user)}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "federated", in: layered{resource: grantTo(user), boundary: other}, want: "-boundary"},
		{rule: "IAMP-3 table", caller: "federated", in: layered{resource: grantTo(user), session: other}, want: "-session"},
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(account)}, want: "-identity"},
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(account), identity: pull, boundary: other}, want: "-boundary"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(account), identity: pull, session: other}, want: "-session"},
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(account), identity: pull}, want: "+identity"},
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(`"*"`)}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "user", in: layered{resource: grantTo(`"*"`), boundary: other}, want: "+resource"},
		{rule: "IAMP-3 table", caller: "session", in: layered{resource: grantTo(`"*"`), session: other}, want: "+resource"},
		{rule: "IAMP-3", caller: "user", in: layered{resource: grantTo(user), identity: []string{denyPull}}, want: "!identity"},
		{rule: "IAMP-3", caller: "session", in: layered{resource: grantTo(session), session: []string{denyPull}}, want: "!session"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, resource: denyTo(user)}, want: "!resource"},
		{rule: "IAMP-3", caller: "session", in: layered{identity: pull, resource: denyTo(role)}, want: "!resource"},
		{rule: "IAMP-2", caller: "user", in: layered{resource: `{"Statement":[{"Effect":"Allow","Action":"*"}]}`}, want: "-identity"},
		{rule: "IAMP-2.1", caller: "user", in: layered{identity: pull, resource: `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/dev/ann"},"Action":"*"}]}`}, want: "+identity"},
		{rule: "IAMP-2.1", caller: "user", in: layered{identity: pull, boundary: pull, resource: `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/dev/ann"},"Action":"*"}]}`}, want: "!resource"},
		{rule: "IAMP-2", caller: "user", in: layered{identity: []string{`{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`}}, want: "-identity"},

		// Cross account: both sides.
		{rule: "H83", caller: "stranger", in: layered{identity: pull}, want: "-resource"},
		{rule: "H83", caller: "stranger", in: layered{resource: grantTo(stranger)}, want: "-identity"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, resource: grantTo(stranger)}, want: "+resource"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, resource: grantTo(`{"AWS":"777788889999"}`)}, want: "+resource"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, resource: grantTo(`"*"`)}, want: "+resource"},
		{rule: "H83", caller: "stranger", in: layered{resource: grantTo(`"*"`)}, want: "-identity"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, resource: grantTo(account)}, want: "-resource"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, boundary: other, resource: grantTo(stranger)}, want: "-boundary"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, session: other, resource: grantTo(stranger)}, want: "-session"},
		{rule: "H83", caller: "stranger", in: layered{identity: []string{denyPull, allowAll}, resource: grantTo(stranger)}, want: "!identity"},
		{rule: "H83", caller: "stranger", in: layered{identity: pull, resource: denyTo(stranger)}, want: "!resource"},
		{rule: "H83", caller: "session", account: "999900001111", in: layered{identity: pull, resource: grantTo(session), session: other}, want: "-session"},
		{rule: "H83", caller: "root", account: "999900001111", in: layered{resource: grantTo(account)}, want: "+resource"},
		{rule: "H83", caller: "root", account: "999900001111", in: layered{}, want: "-resource"},

		// Registry policies count together with repository policies.
		{rule: "IAMP-4.4", caller: "stranger", in: layered{identity: pull, registry: registryGrant}, want: "+registry"},
		{rule: "IAMP-4.4", caller: "stranger", in: layered{identity: pull, registry: registryGrant, resource: denyTo(stranger)}, want: "!resource"},
		{rule: "IAMP-4.4", caller: "stranger", in: layered{identity: pull, registry: strings.Replace(registryGrant, "Allow", "Deny", 1), resource: grantTo(stranger)}, want: "!registry"},
		{rule: "IAMP-4.4", caller: "stranger", in: layered{identity: pull, registry: registryGrant, registryV1: true}, want: "-resource"}, // V1 speaks of no pulls
		{rule: "IAMP-4.4", caller: "stranger", in: layered{identity: pull, registry: strings.Replace(registryGrant, "Allow", "Deny", 1), resource: grantTo(stranger), registryV1: true}, want: "+resource"},
		{rule: "IAMP-4.4", caller: "stranger", in: layered{identity: pull, registry: grantTo(stranger)}, want: "-resource"}, // no Resource: nothing

		// A registry password is granted by identity policies only.
		{rule: "IAM-21", caller: "user", in: layered{resource: grantTo(user)}, action: "ecr:GetAuthorizationToken", resource: "*", want: "-identity"},
		{rule: "IAM-21", caller: "user", in: layered{identity: []string{allowAll}, resource: denyTo(`"*"`)}, action: "ecr:GetAuthorizationToken", resource: "*", want: "+identity"},
		{rule: "IAMP-2", caller: "user", in: layered{identity: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:*"}}`}}, action: "ecr:GetAuthorizationToken", resource: "*", want: "-identity"},

		// Service principals.
		{rule: "H83", caller: "service", in: layered{resource: service}, context: source, want: "+resource"},
		{rule: "H83", caller: "service", in: layered{resource: service}, want: "-resource"},
		{rule: "H83", caller: "service", in: layered{resource: service}, context: values{"aws:sourceaccount": one("444455556666"), "aws:sourcearn": one("arn:aws:codebuild:us-east-1:555555555555:project/p")}, want: "-resource"},
		{rule: "IAMP-3", caller: "service", in: layered{identity: []string{allowAll}}, want: "-resource"},
		{rule: "IAMP-3", caller: "service", in: layered{resource: grantTo(`"*"`), scp: [][]string{{nothing}}}, want: "+resource"},
		{rule: "IAMP-3", caller: "service", in: layered{resource: grantTo(`"*"`), rcp: [][]string{{allowAll, denyPull}}}, want: "!rcp"},
		{rule: "IAMP-3", caller: "service", in: layered{resource: denyTo(`{"Service":"codebuild.amazonaws.com"}`)}, want: "!resource"},

		// Anonymous.
		{rule: "IAMP-3", caller: "anonymous", in: layered{resource: grantTo(`"*"`)}, want: "+resource"},
		{rule: "IAMP-3", caller: "anonymous", in: layered{resource: grantTo(account)}, want: "-resource"},
		{rule: "IAMP-3", caller: "anonymous", in: layered{identity: []string{allowAll}}, want: "-resource"},
		{rule: "IAMP-3", caller: "anonymous", in: layered{resource: grantTo(`"*"`), rcp: [][]string{{nothing}}}, want: "-rcp"},

		// SCPs and RCPs, level by level.
		{rule: "ORG-27", caller: "user", in: layered{identity: pull, scp: [][]string{{allowAll}, {allowAll}, {allowPull}}}, want: "+identity"},
		{rule: "ORG-27", caller: "user", in: layered{identity: pull, scp: [][]string{{allowAll}, {allowIAM}, {allowAll}}}, want: "-scp"},
		{rule: "ORG-27", caller: "user", in: layered{identity: pull, scp: [][]string{{allowAll}, {}, {allowAll}}}, want: "-scp"},
		{rule: "ORG-27", caller: "user", in: layered{identity: pull, scp: [][]string{{allowAll}, {allowAll, denyPull}}}, want: "!scp"},
		{rule: "ORG-27", caller: "user", in: layered{identity: pull, scp: [][]string{{allowIAM}, {denyPull}}}, want: "!scp"},
		{rule: "ORG-27", caller: "user", in: layered{scp: [][]string{{allowAll}}}, want: "-identity"},
		{rule: "ORG-27", caller: "root", in: layered{scp: [][]string{{denyPull}}}, want: "!scp"},
		{rule: "ORG-27", caller: "slr", in: layered{identity: pull, scp: [][]string{{denyPull}}, rcp: [][]string{{denyPull}}}, want: "+identity"},
		{rule: "ORG-27", caller: "stranger", in: layered{identity: pull, resource: grantTo(stranger), scp: [][]string{{denyPull}}}, want: "!scp"},
		{rule: "ORG-27", caller: "user", in: layered{resource: grantTo(user), scp: [][]string{{allowIAM}}}, want: "-scp"},
		{rule: "ORG-28", caller: "user", in: layered{identity: pull, rcp: [][]string{{allowAll}, {allowAll, denyPull}}}, want: "!rcp"},
		{rule: "ORG-28", caller: "stranger", in: layered{identity: pull, resource: grantTo(stranger), rcp: [][]string{{allowAll, denyPull}}}, want: "!rcp"},
		{rule: "ORG-28", caller: "user", in: layered{identity: []string{allowAll}, rcp: [][]string{{nothing}}}, action: "iam:GetUser", resource: "arn:aws:iam::111122223333:user/dev/ann", want: "+identity"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: []string{denyPull}, scp: [][]string{{denyPull}}, rcp: [][]string{{denyPull}}, resource: denyTo(user)}, want: "!scp"},
		{rule: "IAMP-5", caller: "user", in: layered{identity: []string{denyPull}, rcp: [][]string{{denyPull}}, resource: denyTo(user)}, want: "!rcp"},
		{rule: "IAMP-5", caller: "user", in: layered{identity: []string{denyPull}, resource: denyTo(user)}, want: "!resource"},
		{rule: "IAMP-5", caller: "user", in: layered{identity: []string{denyPull}, boundary: []string{denyPull}}, want: "!identity"},
		{rule: "IAMP-5", caller: "user", in: layered{identity: pull, boundary: []string{denyPull}, session: []string{denyPull}}, want: "!boundary"},
		{rule: "IAMP-5", caller: "user", in: layered{scp: [][]string{{nothing}}, session: []string{denyPull}}, want: "!session"},
		{rule: "IAMP-5", caller: "stranger", in: layered{boundary: other, session: other}, want: "-resource"},
		{rule: "IAMP-5", caller: "user", in: layered{boundary: other, session: other}, want: "-identity"},
		{rule: "IAMP-5", caller: "user", in: layered{identity: pull, boundary: other, session: other}, want: "-boundary"},

		// Endpoint policies.
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, endpoint: []string{allowAll}}, want: "+identity"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, endpoint: []string{grantTo(`"*"`)}}, want: "-endpoint"}, // no Resource: nothing
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, endpoint: []string{allowIAM}}, want: "-endpoint"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: pull, endpoint: []string{allowAll, denyPull}}, want: "!endpoint"},

		// Trust policies.
		{rule: "STS-7", caller: "user", in: layered{trust: true, resource: grantTo(user)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, resource: grantTo(account)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-identity"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, identity: []string{allowAll}, resource: grantTo(account)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, identity: []string{allowAll}, resource: grantTo(role)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, identity: []string{allowAll}}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},
		{rule: "STS-7", caller: "session", in: layered{trust: true, resource: grantTo(role)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "STS-7", caller: "session", in: layered{trust: true, identity: []string{allowAll}}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/ci/builder", want: "-trust"},
		{rule: "STS-7", caller: "stranger", in: layered{trust: true, resource: grantTo(stranger)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-identity"},
		{rule: "STS-7", caller: "stranger", in: layered{trust: true, identity: []string{allowAll}, resource: grantTo(stranger)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "STS-7", caller: "stranger", in: layered{trust: true, identity: []string{allowAll}, resource: denyTo(stranger)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "!trust"},
		{rule: "STS-7", caller: "root", in: layered{trust: true, resource: grantTo(`{"AWS":"111122223333"}`)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},
		{rule: "STS-10", caller: "web", in: layered{trust: true, resource: grantTo(`{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example"}`)}, action: "sts:AssumeRoleWithWebIdentity", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "STS-10", caller: "web", in: layered{trust: true, identity: []string{allowAll}, resource: grantTo(account)}, action: "sts:AssumeRoleWithWebIdentity", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},
		{rule: "IAMP-3", caller: "service", in: layered{trust: true, resource: grantTo(`{"Service":"codebuild.amazonaws.com"}`)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},

		{rule: "STS-10", caller: "web", in: layered{trust: true, resource: grantTo(`{"Federated":"arn:aws:iam::111122223333:oidc-provider/other"}`)}, action: "sts:AssumeRoleWithWebIdentity", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},
		{rule: "IAMP-3", caller: "web", in: layered{trust: true, resource: grantTo(`{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example"}`), scp: [][]string{{nothing}}}, action: "sts:AssumeRoleWithWebIdentity", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "IAMP-3", caller: "web", in: layered{trust: true, resource: grantTo(`{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example"}`), rcp: [][]string{{nothing}}}, action: "sts:AssumeRoleWithWebIdentity", resource: "arn:aws:iam::111122223333:role/r", want: "-rcp"},
		{rule: "STS-7", caller: "session", in: layered{trust: true, resource: grantTo(role), boundary: other}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-boundary"},
		{rule: "STS-7", caller: "session", in: layered{trust: true, resource: grantTo(role), session: other}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-session"},
		{rule: "STS-7", caller: "session", in: layered{trust: true, resource: grantTo(session), session: other}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "+trust"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, resource: grantTo(user), identity: []string{`{"Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}`}}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "!identity"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, identity: []string{allowAll}, resource: grantTo(account), scp: [][]string{{allowPull}}}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-scp"},
		{rule: "STS-7", caller: "service", in: layered{trust: true, identity: []string{allowAll}, resource: grantTo(account)}, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},
		{rule: "STS-7", caller: "user", in: layered{trust: true, identity: []string{allowAll}, resource: `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`}, action: "sts:TagSession", resource: "arn:aws:iam::111122223333:role/r", want: "-trust"},

		// Unique ids: a user made again under the old name is somebody else; conditions by name still meet them.
		{rule: "IAMP-2.1", caller: "user", in: layered{resource: grantTo(`{"AWS":"AIDAANNANNANNANNANNAN"}`)}, want: "+resource"},
		{rule: "IAMP-2.1", caller: "deleted", in: layered{resource: grantTo(`{"AWS":"AIDAANNANNANNANNANNAN"}`)}, want: "-identity"},
		{rule: "IAMP-2.1", caller: "deleted", context: values{"aws:principalarn": one("arn:aws:iam::111122223333:user/dev/ann")}, in: layered{resource: `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/dev/ann"}}}}`}, want: "+resource"},
		{rule: "IAMP-2.1", caller: "session", in: layered{resource: grantTo(`{"AWS":"AROABUILDERBUILDERBUI"}`), session: other}, want: "-session"},
		{rule: "IAMP-2.1", caller: "federated", in: layered{resource: grantTo(`{"AWS":"AIDAANNANNANNANNANNAN"}`)}, want: "+resource"},

		// NotPrincipal: Allow lets everybody else in, strangers and nobody in particular too.
		{rule: "IAMP-2.1", caller: "anonymous", in: layered{resource: `{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"*"}}`}, want: "+resource"},
		{rule: "IAMP-2.1", caller: "user", in: layered{resource: `{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"*"}}`}, want: "-identity"},
		{rule: "IAMP-2.1", caller: "session", in: layered{identity: pull, boundary: pull, resource: `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/ci/builder"},"Action":"*"}}`}, want: "!resource"},
		{rule: "IAMP-2.1", caller: "stranger", in: layered{identity: pull, boundary: pull, resource: `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"777788889999"},"Action":"*"}]}`}, want: "!resource"},

		// GetFederationToken.
		{rule: "IAMP-3", caller: "federated", in: layered{identity: pull, resource: grantTo(account)}, want: "-session"},
		{rule: "IAMP-3", caller: "federated", account: "999900001111", in: layered{identity: pull, resource: grantTo(federated)}, want: "-session"},
		{rule: "IAMP-3", caller: "federated", account: "999900001111", in: layered{identity: pull, session: pull, resource: grantTo(federated)}, want: "+resource"},
		{rule: "IAMP-3", caller: "federated", in: layered{session: pull}, want: "-identity"},

		// Root: SCPs and RCPs bind it, resource policies deny it, and it needs no Allow of its own.
		{rule: "IAMP-3", caller: "root", in: layered{scp: [][]string{{allowIAM}}}, want: "-scp"},
		{rule: "IAMP-3", caller: "root", in: layered{rcp: [][]string{{allowAll, denyPull}}}, want: "!rcp"},
		{rule: "IAMP-3", caller: "root", in: layered{boundary: []string{}}, want: "+identity"},
		{rule: "H84", caller: "root", account: "999900001111", in: layered{resource: denyTo(`"*"`)}, action: "ecr:SetRepositoryPolicy", want: "!resource"},
		{rule: "H84", caller: "root", in: layered{resource: denyTo(`"*"`)}, action: "ecr:DeleteRepository", want: "!resource"},

		// Actions without resource.
		{rule: "IAMP-2", caller: "user", in: layered{resource: grantTo(`"*"`)}, action: "ecr:DescribeRegistry", resource: "*", want: "-identity"},
		{rule: "IAMP-2", caller: "user", in: layered{identity: []string{`{"Statement":{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b"}}`}}, action: "ecr:DescribeRegistry", resource: "*", want: "+identity"},
		{rule: "IAMP-2", caller: "user", in: layered{identity: []string{allowAll}, scp: [][]string{{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:*"}}`}}}, action: "ecr:DescribeRegistry", resource: "*", want: "-scp"},

		// What needs no Allow.
		{rule: "IAMP-3", caller: "user", in: layered{boundary: []string{}}, action: "sts:GetSessionToken", resource: "*", want: "+identity"},
		{rule: "IAMP-3", caller: "anonymous", in: layered{resource: nothing}, action: "sts:GetCallerIdentity", resource: "*", want: "-resource"},
		{rule: "STS-5", caller: "user", in: layered{identity: []string{`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`}, scp: [][]string{{nothing}}}, action: "sts:GetCallerIdentity", resource: "*", want: "+identity"},
		{rule: "IAMP-3", caller: "user", in: layered{}, action: "sts:GetSessionToken", resource: "*", want: "+identity"},
		{rule: "IAMP-3", caller: "user", in: layered{identity: []string{`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`}}, action: "sts:GetSessionToken", resource: "*", want: "!identity"},
	}
	for i, v := range vectors {
		r := &Request{Principal: callers()[v.caller], Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333", Context: v.context}
		if v.action != "" {
			r.Action = v.action
		}
		if v.account != "" {
			r.ResourceAccount = v.account
		}
		if v.resource != "" {
			if r.Resource = v.resource; r.Resource == "*" {
				r.ResourceAccount = ""
			}
		}
		set := v.in.set()
		d := Evaluate(r, set)
		got := "-"
		switch {
		case d.Allowed:
			got = "+"
		case d.Explicit:
			got = "!"
		}
		if got += string(d.Layer); got != v.want {
			t.Errorf("%d %s: %s: got %s, want %s: %+v", i, v.rule, v.caller, got, v.want, d)
		}
		if d.Explicit && d.Statement < 0 || !d.Explicit && !d.Allowed && d.Statement >= 0 || d.Allowed != (d.Message(r) == "") {
			t.Errorf("%d %s: %+v with message %q", i, v.rule, d, d.Message(r))
		}
		layers := Explain(r, set)
		if d.Explicit {
			deciding := 0
			for _, l := range layers {
				for _, s := range l.Statements {
					if s.Deciding {
						deciding++
					}
				}
			}
			if deciding == 0 {
				t.Errorf("%d %s: no statement is marked as deciding: %+v", i, v.rule, layers)
			}
		}
	}
	t.Logf("%d vectors", len(vectors))
}

// IAMP-5: refusals word for word.
func TestMessages(t *testing.T) {
	denied := func(arn string) *Set {
		return &Set{Identity: []Attached{{Name: "n", ARN: arn, Policy: mustParse(denyPull)}}}
	}
	user, stranger := callers()["user"], callers()["stranger"]
	trust := Attached{Policy: mustParse(denyTo(`"*"`))}
	role := "arn:aws:iam::111122223333:role/r"
	const u, s = "User: arn:aws:iam::111122223333:user/dev/ann", "User: arn:aws:iam::777788889999:user/eve"
	const what = " is not authorized to perform: ecr:BatchGetImage on resource: " + repo
	org := values{"aws:principalorgid": one("o-1"), "aws:resourceorgid": one("o-1")}
	for _, c := range []struct {
		principal *Principal
		set       *Set
		action    string
		resource  string
		context   Context
		want      string
	}{
		{user, layered{}.set(), "", "", nil, u + what + " because no identity-based policy allows the ecr:BatchGetImage action"},
		{stranger, layered{identity: []string{allowAll}}.set(), "", "", nil, s + what + " because no resource-based policy allows the ecr:BatchGetImage action"},
		{user, layered{identity: []string{allowAll}, boundary: []string{}}.set(), "", "", nil, u + what + " because no permissions boundary allows the ecr:BatchGetImage action"},
		{user, layered{identity: []string{allowAll}, session: []string{}}.set(), "", "", nil, u + what + " because no session policy allows the ecr:BatchGetImage action"},
		{user, layered{identity: []string{allowAll}, endpoint: []string{}}.set(), "", "", nil, u + what + " because no VPC endpoint policy allows the ecr:BatchGetImage action"},
		{user, layered{identity: []string{allowAll}, trust: true}.set(), "sts:AssumeRole", role, nil, u + " is not authorized to perform: sts:AssumeRole on resource: " + role + " because no role trust policy allows the sts:AssumeRole action"},
		{user, &Set{Trust: true, Resource: &trust}, "sts:AssumeRole", role, nil, u + " is not authorized to perform: sts:AssumeRole on resource: " + role + " with an explicit deny in the role trust policy"},
		{user, layered{identity: []string{allowAll}, scp: [][]string{{nothing}}}.set(), "", "", nil, u + what + " with an explicit deny in a service control policy"},
		{user, layered{identity: []string{allowAll}, scp: [][]string{{denyPull}}}.set(), "", "", nil, u + what + " with an explicit deny in a service control policy"},
		{user, layered{identity: []string{allowAll}, rcp: [][]string{{denyPull}}}.set(), "", "", nil, u + what + " with an explicit deny in a resource control policy"},
		{user, layered{identity: []string{allowAll}, resource: denyTo(`"*"`)}.set(), "", "", nil, u + what + " with an explicit deny in a resource-based policy"},
		{user, layered{identity: []string{denyPull}}.set(), "", "", nil, u + what + " with an explicit deny in an identity-based policy"},
		{user, layered{identity: []string{allowAll}, boundary: []string{denyPull}}.set(), "", "", nil, u + what + " with an explicit deny in a permissions boundary"},
		{user, layered{identity: []string{allowAll}, session: []string{denyPull}}.set(), "", "", nil, u + what + " with an explicit deny in a session policy"},
		{user, layered{identity: []string{allowAll}, endpoint: []string{denyPull}}.set(), "", "", nil, u + what + " with an explicit deny in a VPC endpoint policy"},
		{user, layered{}.set(), "ecr:GetAuthorizationToken", "*", nil, u + " is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action"},
		{user, denied("arn:aws:iam::111122223333:policy/x"), "", "", nil, u + what + " with an explicit deny in an identity-based policy: arn:aws:iam::111122223333:policy/x"},
		{stranger, denied("arn:aws:iam::777788889999:policy/x"), "", "", nil, s + what + " with an explicit deny in an identity-based policy"},
		{stranger, denied("arn:aws:iam::777788889999:policy/x"), "", "", org, s + what + " with an explicit deny in an identity-based policy: arn:aws:iam::777788889999:policy/x"},
		{callers()["session"], layered{}.set(), "", "", nil, "User: arn:aws:sts::111122223333:assumed-role/builder/run-1" + what + " because no identity-based policy allows the ecr:BatchGetImage action"},
		{callers()["service"], layered{}.set(), "", "", nil, "User: codebuild.amazonaws.com" + what + " because no resource-based policy allows the ecr:BatchGetImage action"},
		{callers()["anonymous"], layered{}.set(), "", "", nil, "User: anonymous" + what + " because no resource-based policy allows the ecr:BatchGetImage action"},
	} {
		r := &Request{Principal: c.principal, Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333", Context: c.context}
		if c.action != "" {
			r.Action, r.Resource = c.action, c.resource
		}
		if r.Resource == "*" {
			r.ResourceAccount = ""
		}
		if got := Evaluate(r, c.set).Message(r); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// IAMP-2.3: variables are plain text before version 2012-10-17.
func TestVariablesNeedTheVersion(t *testing.T) {
	for version, want := range map[string]bool{`"Version":"2012-10-17",`: true, `"Version":"2008-10-17",`: false, "": false} {
		p := mustParse(`{` + version + `"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"${aws:username}"}}}}`)
		got := p.statements[0].conditions[0].holds(values{"aws:x": one("ann"), "aws:username": one("ann")})
		if got != want {
			t.Errorf("version %q: %v, want %v", version, got, want)
		}
	}
}

// IAMP-2.2: AND over operators and keys; duplicate operators: the last counts, as for every reader of JSON.
func TestConditionsAllHold(t *testing.T) {
	p := mustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
		"StringEquals":{"aws:a":"1","aws:b":["2","3"]},"StringLike":{"aws:c":"x*"}}}}`)
	for _, c := range []struct {
		context values
		want    bool
	}{
		{values{"aws:a": one("1"), "aws:b": one("3"), "aws:c": one("xy")}, true},
		{values{"aws:a": one("1"), "aws:b": one("4"), "aws:c": one("xy")}, false},
		{values{"aws:a": one("1"), "aws:b": one("2"), "aws:c": one("y")}, false},
		{values{"aws:a": one("1"), "aws:b": one("2")}, false},
	} {
		r := &Request{Principal: callers()["user"], Action: "ecr:PutImage", Resource: repo, Context: c.context}
		if d := Evaluate(r, &Set{Identity: []Attached{{Name: "p", Policy: p}}}); d.Allowed != c.want {
			t.Errorf("%v: %+v", c.context, d)
		}
	}
}
