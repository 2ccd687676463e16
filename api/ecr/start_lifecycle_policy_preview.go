package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// StartLifecyclePolicyPreview begins to find out what a lifecycle policy would do, without doing it (LC-25). Its faults are RepositoryNotFound, InvalidParameter,
// LifecyclePolicyNotFound without a text and a policy, and PreviewInProgress.
func (a *API) StartLifecyclePolicyPreview(ctx context.Context, in *ecr.StartLifecyclePolicyPreviewInput) (*ecr.StartLifecyclePolicyPreviewOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:StartLifecyclePolicyPreview")
	if err != nil {
		return nil, err
	}
	text, err := r.StartLifecyclePreview(ctx, aws.ToString(in.LifecyclePolicyText))
	if err != nil {
		return nil, err
	}
	return &ecr.StartLifecyclePolicyPreviewOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), LifecyclePolicyText: aws.String(text), Status: types.LifecyclePolicyPreviewStatusInProgress,
	}, nil
}
