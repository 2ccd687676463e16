package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// AttachPolicy hangs a policy on a root, unit or account (ORG-18).
func (a *API) AttachPolicy(ctx context.Context, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	if err := a.Organizations.AttachPolicy(ctx, aws.ToString(in.PolicyId), aws.ToString(in.TargetId)); err != nil {
		return nil, err
	}
	return &organizations.AttachPolicyOutput{}, nil
}
