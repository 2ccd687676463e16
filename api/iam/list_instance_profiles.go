package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListInstanceProfiles lists the instance profiles of the account under a path (IAM-7, IAM-10).
func (a *API) ListInstanceProfiles(ctx context.Context, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListInstanceProfiles", aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.InstanceProfiles(ctx, aws.ToString(in.PathPrefix), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfilesOutput{InstanceProfiles: showProfiles(found)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
