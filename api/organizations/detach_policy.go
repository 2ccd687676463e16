package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DetachPolicy takes a policy off a root, unit or account (ORG-18, ORG-20).
func (a *API) DetachPolicy(ctx context.Context, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	if err := a.Organizations.DetachPolicy(ctx, aws.ToString(in.PolicyId), aws.ToString(in.TargetId)); err != nil {
		return nil, err
	}
	return &organizations.DetachPolicyOutput{}, nil
}
