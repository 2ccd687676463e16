package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// UntagResource takes tags away (ORG-23).
func (a *API) UntagResource(ctx context.Context, in *organizations.UntagResourceInput) (*organizations.UntagResourceOutput, error) {
	if err := a.Organizations.Untag(ctx, aws.ToString(in.ResourceId), in.TagKeys); err != nil {
		return nil, err
	}
	return &organizations.UntagResourceOutput{}, nil
}
