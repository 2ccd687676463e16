package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DeletePolicy deletes a policy that hangs nowhere (ORG-18).
func (a *API) DeletePolicy(ctx context.Context, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	if err := a.Organizations.DeletePolicy(ctx, aws.ToString(in.PolicyId)); err != nil {
		return nil, err
	}
	return &organizations.DeletePolicyOutput{}, nil
}
