package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// InviteAccountToOrganization invites an account into the organization (ORG-17).
func (a *API) InviteAccountToOrganization(ctx context.Context, in *organizations.InviteAccountToOrganizationInput) (*organizations.InviteAccountToOrganizationOutput, error) {
	n := org.Invitation{Notes: aws.ToString(in.Notes), Tags: readTags(in.Tags)}
	if in.Target != nil {
		n.Kind, n.Target = string(in.Target.Type), aws.ToString(in.Target.Id)
	}
	x, err := a.Organizations.Invite(ctx, n)
	if err != nil {
		return nil, err
	}
	return &organizations.InviteAccountToOrganizationOutput{Handshake: showHandshake(x)}, nil
}
