package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// DescribeImageSigningStatus tells of an image how far its signatures are, by profile (API-78). Its faults are RepositoryNotFound, ImageNotFound and
// InvalidParameter.
func (a *API) DescribeImageSigningStatus(ctx context.Context, in *ecr.DescribeImageSigningStatusInput) (*ecr.DescribeImageSigningStatusOutput, error) {
	ref, err := mustImageID(*in.ImageId)
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:DescribeImageSigningStatus")
	if err != nil {
		return nil, err
	}
	digest, list, err := r.SigningStatuses(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImageSigningStatusOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), ImageId: showImageID(digest, ref.Tag), SigningStatuses: []types.ImageSigningStatus{},
	}
	for _, s := range list {
		status := types.ImageSigningStatus{SigningProfileArn: aws.String(s.Profile), Status: types.SigningStatus(s.Status)}
		if s.FailureCode != "" {
			status.FailureCode, status.FailureReason = aws.String(s.FailureCode), aws.String(s.FailureReason)
		}
		out.SigningStatuses = append(out.SigningStatuses, status)
	}
	return out, nil
}
