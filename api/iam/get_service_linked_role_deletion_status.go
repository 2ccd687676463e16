package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// GetServiceLinkedRoleDeletionStatus tells how a deletion ended: here it is over when DeleteServiceLinkedRole answers (IAM-12).
func (a *API) GetServiceLinkedRoleDeletionStatus(ctx context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	reason, err := a.Directory.DeletionOfServiceLinkedRole(ctx, aws.ToString(in.DeletionTaskId))
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeFailed, Reason: &types.DeletionTaskFailureReasonType{Reason: aws.String(reason)}}, nil
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}, nil
}
