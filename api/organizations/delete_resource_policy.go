package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DeleteResourcePolicy takes back what the resource policy of the organization delegated (ORG-23).
func (a *API) DeleteResourcePolicy(ctx context.Context, _ *organizations.DeleteResourcePolicyInput) (*organizations.DeleteResourcePolicyOutput, error) {
	if err := a.Organizations.DeleteResourcePolicy(ctx); err != nil {
		return nil, err
	}
	return &organizations.DeleteResourcePolicyOutput{}, nil
}
