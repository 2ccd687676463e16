package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// DisablePolicyType takes all policies of a type out of the tree (ORG-21).
func (a *API) DisablePolicyType(ctx context.Context, in *organizations.DisablePolicyTypeInput) (*organizations.DisablePolicyTypeOutput, error) {
	root, err := a.Organizations.DisablePolicyType(ctx, aws.ToString(in.RootId), org.PolicyType(in.PolicyType))
	if err != nil {
		return nil, err
	}
	return &organizations.DisablePolicyTypeOutput{Root: showRoot(root)}, nil
}
