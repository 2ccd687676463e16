package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListPolicyVersions lists the versions of a managed policy, newest first. There are at most five: one page always (IAM-8, IAM-4).
func (a *API) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	versions, err := a.Directory.PolicyVersions(ctx, aws.ToString(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	out := &iam.ListPolicyVersionsOutput{Versions: []types.PolicyVersion{}}
	for i := range versions {
		out.Versions = append(out.Versions, *showVersion(&versions[i]))
	}
	return out, nil
}
