package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// PutResourcePolicy makes or replaces the resource policy of the organization, which delegates policy operations (ORG-23).
func (a *API) PutResourcePolicy(ctx context.Context, in *organizations.PutResourcePolicyInput) (*organizations.PutResourcePolicyOutput, error) {
	p, err := a.Organizations.PutResourcePolicy(ctx, aws.ToString(in.Content), readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &organizations.PutResourcePolicyOutput{ResourcePolicy: showResourcePolicy(p)}, nil
}
