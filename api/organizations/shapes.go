package organizations

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/berth-registry/berth/identity/org"
)

func showOrganization(f *org.Organization) *types.Organization {
	out := &types.Organization{
		Id: aws.String(f.ID), Arn: aws.String(f.ARN()), FeatureSet: types.OrganizationFeatureSet(f.Features), AvailablePolicyTypes: []types.PolicyTypeSummary{},
		MasterAccountId: aws.String(f.Management), MasterAccountArn: aws.String(f.ARNOf(f.Management)), MasterAccountEmail: aws.String(f.Email),
	}
	if f.Features == org.FeaturesAll { // AWS shows this one type here whatever is enabled; ListRoots tells the truth (ORG-11)
		out.AvailablePolicyTypes = append(out.AvailablePolicyTypes, types.PolicyTypeSummary{Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled})
	}
	return out
}

func showUnit(u *org.Unit) *types.OrganizationalUnit {
	return &types.OrganizationalUnit{Id: aws.String(u.ID), Arn: aws.String(u.ARN), Name: aws.String(u.Name), Path: aws.String(u.Path)}
}

func showAccount(a *org.Account) *types.Account {
	return &types.Account{
		Id: aws.String(a.ID), Arn: aws.String(a.ARN), Name: aws.String(a.Name), Email: aws.String(a.Email), Status: types.AccountStatus(a.State),
		State: types.AccountState(a.State), JoinedMethod: types.AccountJoinedMethod(a.Method), JoinedTimestamp: aws.Time(a.Joined), Paths: []string{a.Path},
	}
}

func showCreation(c *org.Creation) *types.CreateAccountStatus {
	out := &types.CreateAccountStatus{
		Id: aws.String(c.ID), AccountName: aws.String(c.Name), State: types.CreateAccountState(c.State), FailureReason: types.CreateAccountFailureReason(c.Reason),
		RequestedTimestamp: aws.Time(c.Requested),
	}
	if c.Account != "" {
		out.AccountId = aws.String(c.Account)
	}
	if !c.Completed.IsZero() {
		out.CompletedTimestamp = aws.Time(c.Completed)
	}
	return out
}

// showHandshake shows an invitation: its parties, and as its resources what the invited needs to know of the inviter.
func showHandshake(h *org.Handshake) *types.Handshake {
	f := &h.Organization
	resource := func(t types.HandshakeResourceType, value string) types.HandshakeResource {
		return types.HandshakeResource{Type: t, Value: aws.String(value)}
	}
	organization := resource(types.HandshakeResourceTypeOrganization, f.ID)
	organization.Resources = []types.HandshakeResource{
		resource(types.HandshakeResourceTypeMasterEmail, f.Email), resource(types.HandshakeResourceTypeMasterName, h.Name),
		resource(types.HandshakeResourceTypeOrganizationFeatureSet, f.Features),
	}
	out := &types.Handshake{
		Id: aws.String(h.ID), Arn: aws.String(h.ARN), Action: types.ActionTypeInviteAccountToOrganization, State: types.HandshakeState(h.State),
		RequestedTimestamp: aws.Time(h.Requested), ExpirationTimestamp: aws.Time(h.Expires),
		Parties: []types.HandshakeParty{
			{Id: aws.String(f.ID), Type: types.HandshakePartyTypeOrganization}, {Id: aws.String(h.Target), Type: types.HandshakePartyType(h.Kind)},
		},
		Resources: []types.HandshakeResource{organization, resource(types.HandshakeResourceType(h.Kind), h.Target)},
	}
	if h.Notes != "" {
		out.Resources = append(out.Resources, resource(types.HandshakeResourceTypeNotes, h.Notes))
	}
	return out
}

func showHandshakes(list []org.Handshake) []types.Handshake {
	out := make([]types.Handshake, len(list))
	for i := range list {
		out[i] = *showHandshake(&list[i])
	}
	return out
}

// actionOf is what the handshakes of a list are for; "" is anything.
func actionOf(f *types.HandshakeFilter) string {
	if f == nil {
		return ""
	}
	return string(f.ActionType)
}
