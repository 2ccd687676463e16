package iam

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
)

// ListPolicies lists the managed policies that the account can use (IAM-8, IAM-10).
func (a *API) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListPolicies", string(in.Scope), strconv.FormatBool(in.OnlyAttached), string(in.PolicyUsageFilter), aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Policies(ctx, directory.PolicyFilter{
		AWS: in.Scope != types.PolicyScopeTypeLocal, Local: in.Scope != types.PolicyScopeTypeAws, OnlyAttached: in.OnlyAttached, PathPrefix: aws.ToString(in.PathPrefix),
		Boundary: in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary, Permissions: in.PolicyUsageFilter == types.PolicyUsageTypePermissionsPolicy,
	}, p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}}
	for i := range found {
		out.Policies = append(out.Policies, *showPolicy(&found[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
