package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListAccessKeys lists the access keys of a user, the caller when none is named (IAM-5).
func (a *API) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListAccessKeys", aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.AccessKeys(ctx, aws.ToString(in.UserName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{}}
	for i := range found {
		out.AccessKeyMetadata = append(out.AccessKeyMetadata, showKey(&found[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
