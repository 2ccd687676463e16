package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// EnablePolicyType lets policies of a type hang in the tree (ORG-21).
func (a *API) EnablePolicyType(ctx context.Context, in *organizations.EnablePolicyTypeInput) (*organizations.EnablePolicyTypeOutput, error) {
	root, err := a.Organizations.EnablePolicyType(ctx, aws.ToString(in.RootId), org.PolicyType(in.PolicyType))
	if err != nil {
		return nil, err
	}
	return &organizations.EnablePolicyTypeOutput{Root: showRoot(root)}, nil
}
