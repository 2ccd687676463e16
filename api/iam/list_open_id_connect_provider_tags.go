package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListOpenIDConnectProviderTags lists the tags of an identity provider (IAM-9, IAM-10).
func (a *API) ListOpenIDConnectProviderTags(ctx context.Context, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListOpenIDConnectProviderTags", aws.ToString(in.OpenIDConnectProviderArn))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Tags(ctx, provider(in.OpenIDConnectProviderArn), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListOpenIDConnectProviderTagsOutput{Tags: showTags(found)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
