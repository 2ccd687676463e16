package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// CreatePolicy makes a policy, which hangs nowhere yet (ORG-18).
func (a *API) CreatePolicy(ctx context.Context, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	p, err := a.Organizations.CreatePolicy(ctx, org.NewPolicy{
		Name: aws.ToString(in.Name), Description: aws.ToString(in.Description), Content: aws.ToString(in.Content), Type: org.PolicyType(in.Type), Tags: readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreatePolicyOutput{Policy: showPolicy(p)}, nil
}
