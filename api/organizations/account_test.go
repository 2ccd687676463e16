package organizations_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
)

const (
	where     = "us-east-2"
	noAccount = "You specified an account that doesn't exist."
)

func TestCreateAccount_ORG13_ORG14(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	made := s.create("team a", "a@example.com")
	s.form("request", made.Id, `car-[a-z0-9]{32}`)
	s.form("account", made.AccountId, `[0-9]{12}`)
	if made.State != types.CreateAccountStateSucceeded || *made.AccountName != "team a" || made.CompletedTimestamp == nil || made.FailureReason != "" {
		t.Errorf("%+v", made)
	}
	out, err := s.c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: made.AccountId})
	s.must(err)
	a := out.Account
	s.form("ARN", a.Arn, `arn:aws:organizations::111222333444:account/`+s.id+`/`+*made.AccountId)
	if *a.Name != "team a" || *a.Email != "a@example.com" || a.Status != types.AccountStatusActive || a.State != types.AccountStateActive ||
		a.JoinedMethod != types.AccountJoinedMethodCreated || a.JoinedTimestamp == nil {
		t.Errorf("%+v", a)
	}
	if want := s.id + "/" + s.root + "/" + *a.Id + "/"; len(a.Paths) != 1 || a.Paths[0] != want { // ORG-5
		t.Errorf("paths %v, want %s", a.Paths, want)
	}
	manager, err := s.c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String(management)})
	s.must(err)
	if manager.Account.JoinedMethod != types.AccountJoinedMethodInvited {
		t.Errorf("the management account has joined %s", manager.Account.JoinedMethod)
	}

	// The way in is the role, for the management account alone; no key exists.
	inside := s.enter(*a.Id)
	who, err := inside.STS().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	s.must(err)
	s.form("identity", who.Arn, `arn:aws:sts::`+*a.Id+`:assumed-role/OrganizationAccountAccessRole/admin`)
	_, err = inside.ECR(where).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	s.must(err)
	_, err = inside.IAM().GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForOrganizations")})
	s.must(err)
	other := s.Account(t, "555666777888")
	if _, err := other.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + *a.Id + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("x")}); err == nil {
		t.Error("another account enters")
	}

	// What is wrong with an address is told by the status.
	for email, reason := range map[string]types.CreateAccountFailureReason{
		"A@Example.com": types.CreateAccountFailureReasonEmailAlreadyExists, "111222333444@account.invalid": types.CreateAccountFailureReasonEmailAlreadyExists,
		"a..b@example.com": types.CreateAccountFailureReasonInvalidEmail, "<a>@example.com": types.CreateAccountFailureReasonInvalidEmail,
	} {
		if got := s.create("failing", email); got.State != types.CreateAccountStateFailed || got.FailureReason != reason || got.AccountId != nil {
			t.Errorf("%s: %s %s %v", email, got.State, got.FailureReason, got.AccountId)
		}
	}
	create := func(in *organizations.CreateAccountInput) error {
		_, err := s.c.CreateAccount(ctx, in)
		return err
	}
	const pattern = "You provided a value that does not match the required pattern."
	s.fails("no address", create(&organizations.CreateAccountInput{AccountName: aws.String("x"), Email: aws.String("nobody")}), "InvalidInputException/INVALID_PATTERN", pattern)
	s.fails("a role with a blank", create(&organizations.CreateAccountInput{AccountName: aws.String("x"), Email: aws.String("x@example.com"), RoleName: aws.String("a b")}),
		"InvalidInputException/INVALID_PATTERN", pattern)
	s.must(create(&organizations.CreateAccountInput{AccountName: aws.String("b"), Email: aws.String("b@example.com"), RoleName: aws.String("Admin")}))

	failed, err := s.c.ListCreateAccountStatus(ctx, &organizations.ListCreateAccountStatusInput{States: []types.CreateAccountState{types.CreateAccountStateFailed}})
	s.must(err)
	all, err := s.c.ListCreateAccountStatus(ctx, &organizations.ListCreateAccountStatusInput{})
	s.must(err)
	running, err := s.c.ListCreateAccountStatus(ctx, &organizations.ListCreateAccountStatusInput{States: []types.CreateAccountState{types.CreateAccountStateInProgress}})
	s.must(err)
	if len(failed.CreateAccountStatuses) != 4 || len(all.CreateAccountStatuses) != 6 || len(running.CreateAccountStatuses) != 0 {
		t.Errorf("%d failed, %d in all, %d running", len(failed.CreateAccountStatuses), len(all.CreateAccountStatuses), len(running.CreateAccountStatuses))
	}
	_, err = s.c.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: aws.String("car-00000000000000000000000000000000")})
	s.fails("no request", err, "CreateAccountStatusNotFoundException", "We can't find an create account request with the CreateAccountRequestId that you specified.")
	for _, id := range []string{"000000000000", "555666777888"} {
		_, err = s.c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &id})
		s.fails("account "+id, err, "AccountNotFoundException", noAccount)
	}
	_, err = s.c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String("1")})
	s.fails("account 1", err, "InvalidInputException/INVALID_PATTERN", pattern)
}

func TestMoveAccount_ORG15_ORG16(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	a, b, account := s.addUnit(s.root, "a"), s.addUnit(s.root, "b"), s.addAccount("team")
	nowhere := a[:len(a)-8] + "00000000"
	s.must(s.put(account, s.root, a))
	parents, err := s.c.ListParents(ctx, &organizations.ListParentsInput{ChildId: &account})
	s.must(err)
	if len(parents.Parents) != 1 || *parents.Parents[0].Id != a || parents.Parents[0].Type != types.ParentTypeOrganizationalUnit {
		t.Errorf("parents %+v", parents.Parents)
	}
	const noSource = "We can't find a source root or OU with the ParentId that you specified."
	s.fails("from where it is not", s.put(account, s.root, b), "SourceParentNotFoundException", noSource)
	s.fails("from nowhere", s.put(account, nowhere, b), "SourceParentNotFoundException", noSource)
	s.fails("to nowhere", s.put(account, a, nowhere), "DestinationParentNotFoundException", "We can't find the destination container (a root or OU) with the ParentId that you specified.")
	s.fails("to where it is", s.put(account, a, a), "DuplicateAccountException", "You specified an account that is already present in the destination.")
	s.fails("nobody", s.put("000000000000", s.root, a), "AccountNotFoundException", noAccount)
	s.must(s.put(account, a, b))
	s.must(s.put(account, b, s.root))
	s.must(s.put(management, s.root, a)) // the management account is an account like others

	list, err := s.c.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &a})
	s.must(err)
	if len(list.Accounts) != 1 || *list.Accounts[0].Id != management || list.Accounts[0].Paths[0] != s.id+"/"+s.root+"/"+a+"/"+management+"/" {
		t.Errorf("accounts of the unit: %+v", list.Accounts)
	}
	_, err = s.c.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &nowhere})
	s.fails("accounts of nothing", err, "ParentNotFoundException", "You specified parent that doesn't exist.")
	_, err = s.c.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &a})
	if err == nil || !strings.Contains(err.Error(), "OrganizationalUnitNotEmptyException") {
		t.Errorf("delete a unit with an account in it: %v", err)
	}
}

// An account that is closed signs nothing at the next request, by keys, sessions or registry passwords, and nobody reaches what is in it (ORG-17).
func TestClosedAccount_ORG17(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	account := s.addAccount("team")
	session := s.enter(account)
	_, err := session.IAM().CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")})
	s.must(err)
	_, err = session.IAM().AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
	s.must(err)
	key, err := session.IAM().CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	s.must(err)
	user := s.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	_, err = user.ECR(where).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	s.must(err)
	_, err = user.ECR(where).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111222333444"},"Action":"ecr:*"}]}`)})
	s.must(err)
	image := berthtest.NewImage([]byte("layer"))
	path := account + "/" + where + "/app"
	passwords := []string{user.Login(t, where), session.Login(t, where)}
	reader := s.manager.Login(t, where)
	s.Push(t, passwords[0], path, "1", image)
	s.Pull(t, reader, path, "1", image)
	s.Pull(t, passwords[1], path, "1", image)

	_, err = s.c.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &account})
	s.must(err)
	for name, c := range map[string]*berthtest.Caller{"the user": user, "the session": session} {
		_, err := c.STS().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") {
			t.Errorf("%s still signs: %v", name, err)
		}
	}
	for _, p := range passwords {
		if resp, body := s.Do(t, p, "GET", path+"/manifests/1", nil); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("a registry password still works: %s %s", resp.Status, body)
		}
	}
	if resp, body := s.Do(t, reader, "GET", path+"/manifests/1", nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the repository still serves others: %s %s", resp.Status, body)
	}
	if _, err := s.assume(account); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("a role in it can still be assumed: %v", err)
	}
	out, err := s.c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &account})
	s.must(err)
	if out.Account.Status != types.AccountStatusSuspended || out.Account.State != types.AccountStateSuspended {
		t.Errorf("status %s, state %s", out.Account.Status, out.Account.State)
	}
	_, err = s.c.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &account})
	s.fails("close again", err, "AccountAlreadyClosedException", "You attempted to close an account that is already closed.")
	_, err = s.c.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: aws.String(management)})
	s.fails("close the management account", err, "ConstraintViolationException/CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account of an organization with this operation.")
	_, err = s.c.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: aws.String("555666777888")})
	s.fails("close a stranger", err, "AccountNotFoundException", noAccount)
	s.manager.Login(t, where) // nobody else is touched
}

func (s *site) invite(target string, kind types.HandshakePartyType) (*types.Handshake, error) {
	out, err := s.c.InviteAccountToOrganization(s.Context(), &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: &target, Type: kind}, Notes: aws.String("join us")})
	if err != nil {
		return nil, err
	}
	return out.Handshake, nil
}

func TestInvitations_ORG17(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	const guest = "222333444555"
	const none = "We can't find a handshake with the HandshakeId that you specified."
	invited, third := s.alone(guest).Organizations(), s.alone("333444555666").Organizations()
	h, err := s.invite(guest, types.HandshakePartyTypeAccount)
	s.must(err)
	s.form("handshake", h.Id, `h-[0-9a-z]{32}`)
	s.form("ARN", h.Arn, `arn:aws:organizations::111222333444:handshake/`+s.id+`/invite/`+*h.Id)
	if h.State != types.HandshakeStateOpen || h.Action != types.ActionTypeInviteAccountToOrganization || len(h.Parties) != 2 || *h.Parties[0].Id != s.id || *h.Parties[1].Id != guest ||
		len(h.Resources) != 3 || *h.Resources[0].Value != s.id || len(h.Resources[0].Resources) != 3 || *h.Resources[2].Value != "join us" {
		t.Errorf("%+v", h)
	}
	if life := h.ExpirationTimestamp.Sub(*h.RequestedTimestamp); life.Hours() != 15*24 {
		t.Errorf("it can be accepted for %v", life)
	}
	_, err = s.invite(guest, types.HandshakePartyTypeAccount)
	s.fails("invite twice", err, "DuplicateHandshakeException", "A handshake with the same action and target already exists.")
	_, err = s.invite("000000000000", types.HandshakePartyTypeAccount)
	s.fails("invite nobody", err, "InvalidInputException/INVALID_PATTERN_TARGET_ID", "You specified an account ID that is invalid.")
	_, err = s.invite("nobody@example.com", types.HandshakePartyTypeEmail)
	s.fails("invite an unknown address", err, "InvalidInputException/INVALID_EMAIL_ADDRESS_TARGET", "You specified an email address that is invalid for the invited account owner.")
	_, err = s.invite(s.id, types.HandshakePartyTypeOrganization)
	s.fails("invite an organization", err, "InvalidInputException/INVALID_PARTY_TYPE_TARGET", "You specified the wrong type of entity (account, organization, or email) as a party.")
	_, err = s.invite(management, types.HandshakePartyTypeAccount)
	s.fails("invite a member", err, "HandshakeConstraintViolationException/ALREADY_IN_AN_ORGANIZATION", "The provided account is already a member of an organization.")

	// Both parties see it, and nobody else.
	for name, c := range map[string]*organizations.Client{"inviter": s.c, "invited": invited} {
		if _, err := c.DescribeHandshake(ctx, &organizations.DescribeHandshakeInput{HandshakeId: h.Id}); err != nil {
			t.Errorf("the %s sees it not: %v", name, err)
		}
	}
	_, err = third.DescribeHandshake(ctx, &organizations.DescribeHandshakeInput{HandshakeId: h.Id})
	s.fails("a third", err, "HandshakeNotFoundException", none)
	_, err = third.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	s.fails("a third accepts", err, "HandshakeNotFoundException", none)
	_, err = s.c.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	s.fails("the inviter accepts", err, "HandshakeNotFoundException", none)
	_, err = invited.CancelHandshake(ctx, &organizations.CancelHandshakeInput{HandshakeId: h.Id})
	s.fails("the invited cancels", err, "HandshakeNotFoundException", none)
	mine, err := invited.ListHandshakesForAccount(ctx, &organizations.ListHandshakesForAccountInput{})
	s.must(err)
	sent, err := s.c.ListHandshakesForOrganization(ctx, &organizations.ListHandshakesForOrganizationInput{})
	s.must(err)
	other := &types.HandshakeFilter{ActionType: types.ActionTypeApproveAllFeatures}
	if none, err := invited.ListHandshakesForAccount(ctx, &organizations.ListHandshakesForAccountInput{Filter: other}); err != nil || len(none.Handshakes) > 0 || none.NextToken != nil {
		t.Errorf("handshakes for something else than an invitation: %v %v", none, err)
	}
	if none, err := s.c.ListHandshakesForOrganization(ctx, &organizations.ListHandshakesForOrganizationInput{Filter: other}); err != nil || len(none.Handshakes) > 0 {
		t.Errorf("handshakes for something else than an invitation: %v %v", none, err)
	}
	others, err := third.ListHandshakesForAccount(ctx, &organizations.ListHandshakesForAccountInput{})
	s.must(err)
	if len(mine.Handshakes) != 1 || len(sent.Handshakes) != 1 || len(others.Handshakes) != 0 {
		t.Errorf("%d invitations of the invited, %d sent, %d of a third", len(mine.Handshakes), len(sent.Handshakes), len(others.Handshakes))
	}

	_, err = invited.DeclineHandshake(ctx, &organizations.DeclineHandshakeInput{HandshakeId: h.Id})
	s.must(err)
	_, err = invited.DeclineHandshake(ctx, &organizations.DeclineHandshakeInput{HandshakeId: h.Id})
	s.fails("decline twice", err, "HandshakeAlreadyInStateException", "The specified handshake is already in the requested state.")
	_, err = invited.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	s.fails("accept what was declined", err, "InvalidHandshakeTransitionException", "You can't perform the operation on the handshake in its current state.")

	h, err = s.invite(guest+"@ACCOUNT.invalid", types.HandshakePartyTypeEmail)
	s.must(err)
	_, err = s.c.CancelHandshake(ctx, &organizations.CancelHandshakeInput{HandshakeId: h.Id})
	s.must(err)
	_, err = invited.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	s.fails("accept what was taken back", err, "InvalidHandshakeTransitionException", "You can't perform the operation on the handshake in its current state.")
	_, err = invited.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	s.fails("not yet a member", err, "AWSOrganizationsNotInUseException", notMember)

	h, err = s.invite(guest, types.HandshakePartyTypeAccount)
	s.must(err)
	accepted, err := invited.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	s.must(err)
	if accepted.Handshake.State != types.HandshakeStateAccepted {
		t.Errorf("accepted: %s", accepted.Handshake.State)
	}
	a, err := s.c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String(guest)})
	s.must(err)
	if a.Account.JoinedMethod != types.AccountJoinedMethodInvited || a.Account.Paths[0] != s.id+"/"+s.root+"/"+guest+"/" {
		t.Errorf("%+v", a.Account)
	}
	_, err = invited.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	s.fails("a member's own organization", err, "AlreadyInOrganizationException", "The provided account is already a member of an organization.")

	// Who is in an organization cannot accept another's invitation; after it has left, it can.
	_, err = third.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	s.must(err)
	_, err = invited.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{})
	s.must(err)
	rival, err := third.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: aws.String(guest), Type: types.HandshakePartyTypeAccount}})
	s.must(err)
	h, err = s.invite(guest, types.HandshakePartyTypeAccount)
	s.must(err)
	_, err = invited.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	s.must(err)
	_, err = invited.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: rival.Handshake.Id})
	s.fails("join a second organization", err, "HandshakeConstraintViolationException/ALREADY_IN_AN_ORGANIZATION", "The provided account is already a member of an organization.")

	_, err = s.c.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{})
	s.fails("the management account leaves", err, "MasterCannotLeaveOrganizationException", "The management account can't leave the organization: delete the organization instead.")
	_, err = s.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(management)})
	s.fails("the management account is removed", err, "MasterCannotLeaveOrganizationException", "You can't remove a management account from an organization.")
	_, err = s.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(guest)})
	s.must(err)
	_, err = s.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(guest)})
	s.fails("removed again", err, "AccountNotFoundException", noAccount)
	if _, err := s.Identity().Account(ctx, guest); err != nil {
		t.Errorf("an account that was removed from the organization is gone: %v", err)
	}
}
