package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// UpdatePolicy changes name, description or content of a policy (ORG-18).
func (a *API) UpdatePolicy(ctx context.Context, in *organizations.UpdatePolicyInput) (*organizations.UpdatePolicyOutput, error) {
	p, err := a.Organizations.UpdatePolicy(ctx, aws.ToString(in.PolicyId), org.PolicyChange{Name: in.Name, Description: in.Description, Content: in.Content})
	if err != nil {
		return nil, err
	}
	return &organizations.UpdatePolicyOutput{Policy: showPolicy(p)}, nil
}
