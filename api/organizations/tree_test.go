package organizations_test

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/berth-registry/berth/berthtest"
	directory "github.com/berth-registry/berth/identity/iam"
)

const management = "111222333444"

// site is a berth with an organization that only its management account is in.
type site struct {
	*berthtest.Server
	testing.TB
	manager  *berthtest.Account
	c        *organizations.Client
	id, root string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{Server: berthtest.Start(t), TB: t}
	s.manager = s.Account(t, management)
	s.c = s.manager.Organizations()
	made, err := s.c.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{})
	s.must(err)
	s.id = *made.Organization.Id
	roots, err := s.c.ListRoots(t.Context(), &organizations.ListRootsInput{})
	s.must(err)
	s.root = *roots.Roots[0].Id
	return s
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// fails asserts what the client saw of an error: its code, with its Reason behind a slash if it has one, and its whole message.
func (s *site) fails(what string, err error, code, message string) {
	s.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		s.Errorf("%s: got %v, want %s", what, err, code)
		return
	}
	got := e.ErrorCode()
	var constraint *types.ConstraintViolationException
	var input *types.InvalidInputException
	var handshake *types.HandshakeConstraintViolationException
	switch {
	case errors.As(err, &constraint):
		got += "/" + string(constraint.Reason)
	case errors.As(err, &input):
		got += "/" + string(input.Reason)
	case errors.As(err, &handshake):
		got += "/" + string(handshake.Reason)
	}
	if got != code || e.ErrorMessage() != message {
		s.Errorf("%s: got %s %q, want %s %q", what, got, e.ErrorMessage(), code, message)
	}
}

func (s *site) form(what string, got *string, pattern string) {
	s.Helper()
	if !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(aws.ToString(got)) {
		s.Errorf("%s is %q, want the form %s", what, aws.ToString(got), pattern)
	}
}

func (s *site) addUnit(parent, name string) string {
	s.Helper()
	out, err := s.c.CreateOrganizationalUnit(s.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
	s.must(err)
	return *out.OrganizationalUnit.Id
}

// addAccount makes an account of the organization and waits until it is there.
func (s *site) addAccount(name string) string {
	s.Helper()
	status := s.create(name, name+"@example.com")
	if status.State != types.CreateAccountStateSucceeded {
		s.Fatalf("account %s: %s %s", name, status.State, status.FailureReason)
	}
	return *status.AccountId
}

func (s *site) create(name, email string) *types.CreateAccountStatus {
	s.Helper()
	made, err := s.c.CreateAccount(s.Context(), &organizations.CreateAccountInput{AccountName: &name, Email: &email})
	s.must(err)
	if made.CreateAccountStatus.State != types.CreateAccountStateInProgress || made.CreateAccountStatus.AccountId != nil {
		s.Errorf("the first answer is %s with account %v, want one in progress", made.CreateAccountStatus.State, made.CreateAccountStatus.AccountId)
	}
	out, err := s.c.DescribeCreateAccountStatus(s.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
	s.must(err)
	return out.CreateAccountStatus
}

func (s *site) put(account, from, to string) error {
	_, err := s.c.MoveAccount(s.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &from, DestinationParentId: &to})
	return err
}

// enter gives credentials in an account of the organization, through the role that it was made with.
func (s *site) enter(account string) *berthtest.Caller {
	s.Helper()
	c, err := s.assume(account)
	s.must(err)
	return c
}

func (s *site) assume(account string) (*berthtest.Caller, error) {
	out, err := s.manager.STS().AssumeRole(s.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("admin"),
	})
	if err != nil {
		return nil, err
	}
	return s.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken), nil
}

// alone makes an account outside of the organization, and gives its root user.
func (s *site) alone(id string) *berthtest.Caller {
	s.Helper()
	_, key, err := s.Identity().CreateAccount(s.Context(), directory.NewAccount{ID: id})
	s.must(err)
	return s.As(key.ID, key.Secret, "")
}

const (
	notMember = "Your account is not a member of an organization."
	noAccess  = "You don't have permissions to access this resource."
)

func TestOrganization_ORG9_ORG10_ORG11(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	out, err := s.c.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	s.must(err)
	o := out.Organization
	s.form("organization", o.Id, `o-[a-z0-9]{10}`)
	s.form("ARN", o.Arn, `arn:aws:organizations::111222333444:organization/`+s.id)
	s.form("management account's ARN", o.MasterAccountArn, `arn:aws:organizations::111222333444:account/`+s.id+`/111222333444`)
	s.form("management account", o.MasterAccountId, management)
	s.form("management account's address", o.MasterAccountEmail, `111222333444@account\.invalid`)
	if o.FeatureSet != types.OrganizationFeatureSetAll {
		t.Errorf("features %s", o.FeatureSet)
	}
	roots, err := s.c.ListRoots(ctx, &organizations.ListRootsInput{})
	s.must(err)
	s.form("root", roots.Roots[0].Id, `r-[0-9a-z]{4}`)
	s.form("root's ARN", roots.Roots[0].Arn, `arn:aws:organizations::111222333444:root/`+s.id+`/`+s.root)
	if len(roots.Roots) != 1 || *roots.Roots[0].Name != "Root" || len(roots.Roots[0].PolicyTypes) != 0 {
		t.Errorf("roots %+v", roots.Roots)
	}
	if _, err := s.manager.IAM().GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForOrganizations")}); err != nil {
		t.Error(err)
	}
	_, err = s.c.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	s.fails("a second organization", err, "AlreadyInOrganizationException", "The provided account is already a member of an organization.")

	other := s.alone("555666777888").Organizations()
	_, err = other.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	s.fails("outside", err, "AWSOrganizationsNotInUseException", notMember)
	_, err = other.ListRoots(ctx, &organizations.ListRootsInput{})
	s.fails("roots, outside", err, "AWSOrganizationsNotInUseException", notMember)
	billing, err := other.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling})
	s.must(err)
	if billing.Organization.FeatureSet != types.OrganizationFeatureSetConsolidatedBilling || *billing.Organization.Id == s.id {
		t.Errorf("%+v", billing.Organization)
	}

	const notEmpty = "To delete an organization you must first remove all member accounts (except the master)."
	unit, member := s.addUnit(s.root, "Dev"), s.addAccount("dev")
	_, err = s.c.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{})
	s.fails("with a unit and an account", err, "OrganizationNotEmptyException", notEmpty)
	_, err = s.c.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &unit})
	s.must(err)
	_, err = s.c.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{})
	s.fails("with an account", err, "OrganizationNotEmptyException", notEmpty)
	_, err = s.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &member})
	s.must(err)
	_, err = s.c.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{})
	s.must(err)
	_, err = s.c.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	s.fails("deleted", err, "AWSOrganizationsNotInUseException", notMember)
	again, err := s.c.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	s.must(err)
	if *again.Organization.Id == s.id {
		t.Error("the new organization has the id of the deleted one")
	}
}

func TestUnits_ORG12_ORG16(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	out, err := s.c.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &s.root, Name: aws.String("Sales & Co")})
	s.must(err)
	u := out.OrganizationalUnit
	s.form("unit", u.Id, `ou-`+strings.TrimPrefix(s.root, "r-")+`-[a-z0-9]{8}`)
	s.form("ARN", u.Arn, `arn:aws:organizations::111222333444:ou/`+s.id+`/`+*u.Id)
	s.form("path", u.Path, s.id+`/`+s.root+`/`+*u.Id+`/`)

	create := func(parent, name string) error {
		_, err := s.c.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
		return err
	}
	const duplicate = "An OU with the same name already exists."
	s.fails("same name", create(s.root, "Sales & Co"), "DuplicateOrganizationalUnitException", duplicate)
	s.must(create(*u.Id, "Sales & Co")) // elsewhere the name is free
	nowhere := "ou-" + strings.TrimPrefix(s.root, "r-") + "-00000000"
	s.fails("no parent", create(nowhere, "X"), "ParentNotFoundException", "You specified parent that doesn't exist.")
	s.fails("a parent in no form", create("ou-1", "X"), "InvalidInputException/INVALID_PATTERN", "You provided a value that does not match the required pattern.")
	s.fails("no name", create(s.root, ""), "InvalidInputException/MIN_LENGTH_EXCEEDED", "You provided a string parameter that is shorter than allowed.")
	s.fails("a long name", create(s.root, strings.Repeat("x", 129)), "InvalidInputException/MAX_LENGTH_EXCEEDED", "You provided a string parameter that is longer than allowed.")

	parent := s.root
	for level := range 5 { // ORG-4
		parent = s.addUnit(parent, "level "+strconv.Itoa(level+1))
	}
	s.fails("six levels", create(parent, "too deep"), "ConstraintViolationException/OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the maximum nested level of organizational units.")

	rename := func(id, name string) error {
		_, err := s.c.UpdateOrganizationalUnit(ctx, &organizations.UpdateOrganizationalUnitInput{OrganizationalUnitId: &id, Name: &name})
		return err
	}
	const noUnit = "You specified an organizational unit that doesn't exist."
	s.fails("rename to a name that is taken", rename(*u.Id, "level 1"), "DuplicateOrganizationalUnitException", duplicate)
	s.fails("rename nothing", rename(nowhere, "X"), "OrganizationalUnitNotFoundException", noUnit)
	s.must(rename(*u.Id, "Sales"))
	s.must(rename(*u.Id, "Sales")) // its own name is free to it
	described, err := s.c.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: u.Id})
	s.must(err)
	if *described.OrganizationalUnit.Name != "Sales" || *described.OrganizationalUnit.Id != *u.Id {
		t.Errorf("%+v", described.OrganizationalUnit)
	}
	_, err = s.c.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &nowhere})
	s.fails("describe nothing", err, "OrganizationalUnitNotFoundException", noUnit)

	parents, err := s.c.ListParents(ctx, &organizations.ListParentsInput{ChildId: u.Id})
	s.must(err)
	if len(parents.Parents) != 1 || *parents.Parents[0].Id != s.root || parents.Parents[0].Type != types.ParentTypeRoot {
		t.Errorf("parents %+v", parents.Parents)
	}
	_, err = s.c.ListParents(ctx, &organizations.ListParentsInput{ChildId: &nowhere})
	s.fails("parents of nothing", err, "ChildNotFoundException", "You specified an organizational unit (OU) or AWS account ID that isn't associated with this organization.")
	children, err := s.c.ListChildren(ctx, &organizations.ListChildrenInput{ParentId: &s.root, ChildType: types.ChildTypeOrganizationalUnit})
	s.must(err)
	if len(children.Children) != 2 || children.Children[0].Type != types.ChildTypeOrganizationalUnit {
		t.Errorf("children %+v", children.Children)
	}
	_, err = s.c.ListChildren(ctx, &organizations.ListChildrenInput{ParentId: &nowhere, ChildType: types.ChildTypeAccount})
	s.fails("children of nothing", err, "ParentNotFoundException", "You specified parent that doesn't exist.")
	_, err = s.c.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &nowhere})
	s.fails("units of nothing", err, "ParentNotFoundException", "You specified parent that doesn't exist.")

	remove := func(id string) error {
		_, err := s.c.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &id})
		return err
	}
	var e *types.OrganizationalUnitNotEmptyException
	if err := remove(*u.Id); !errors.As(err, &e) {
		t.Errorf("delete a unit with a unit in it: %v", err)
	}
	s.fails("delete nothing", remove(nowhere), "OrganizationalUnitNotFoundException", noUnit)
	s.fails("delete the root", remove(s.root), "InvalidInputException/INVALID_PATTERN", "You provided a value that does not match the required pattern.")
	s.must(remove(parent))
	s.fails("delete again", remove(parent), "OrganizationalUnitNotFoundException", noUnit)

	// An organization sees nothing of another.
	foreign := s.alone("555666777888").Organizations()
	_, err = foreign.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	s.must(err)
	_, err = foreign.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: u.Id})
	s.fails("another organization's unit", err, "OrganizationalUnitNotFoundException", noUnit)
	_, err = foreign.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &s.root, Name: aws.String("X")})
	s.fails("a unit in another organization", err, "ParentNotFoundException", "You specified parent that doesn't exist.")
	_, err = foreign.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: u.Id})
	s.fails("delete another organization's unit", err, "OrganizationalUnitNotFoundException", noUnit)
	_, err = foreign.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String(management)})
	s.fails("another organization's account", err, "AccountNotFoundException", "You specified an account that doesn't exist.")
}

// Lists come page by page, each entry once (ORG-25).
func TestPages_ORG25(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	want := []string{management}
	for i := range 23 {
		s.addUnit(s.root, "unit "+strconv.Itoa(i))
		want = append(want, s.addAccount("account-"+strconv.Itoa(i)))
	}
	var units, accounts, below []string
	for p := organizations.NewListOrganizationalUnitsForParentPaginator(s.c, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &s.root, MaxResults: aws.Int32(7)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		s.must(err)
		for _, u := range page.OrganizationalUnits {
			units = append(units, *u.Id)
		}
	}
	if slices.Sort(units); len(units) != 23 || len(slices.Compact(units)) != 23 {
		t.Errorf("units %v", units)
	}
	for p := organizations.NewListAccountsPaginator(s.c, &organizations.ListAccountsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		s.must(err)
		if len(page.Accounts) > 20 {
			t.Errorf("a page of %d", len(page.Accounts))
		}
		for _, a := range page.Accounts {
			accounts = append(accounts, *a.Id)
		}
	}
	for p := organizations.NewListChildrenPaginator(s.c, &organizations.ListChildrenInput{ParentId: &s.root, ChildType: types.ChildTypeAccount, MaxResults: aws.Int32(5)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		s.must(err)
		for _, c := range page.Children {
			below = append(below, *c.Id)
		}
	}
	slices.Sort(want)
	if !slices.Equal(accounts, want) || !slices.Equal(below, want) {
		t.Errorf("accounts %v, under the root %v, want %v", accounts, below, want)
	}
	first, err := s.c.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: aws.Int32(1)})
	s.must(err)
	_, err = s.c.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &s.root, NextToken: first.NextToken})
	s.fails("the token of another list", err, "InvalidInputException/INVALID_NEXT_TOKEN", "You provided an invalid NextToken.")
	_, err = s.c.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: aws.Int32(21)})
	s.fails("a large page", err, "InvalidInputException/MAX_VALUE_EXCEEDED", "You provided a numeric parameter that has a larger value than allowed.")
}
