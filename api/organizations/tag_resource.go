package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// TagResource tags a root, unit, account or policy (ORG-23).
func (a *API) TagResource(ctx context.Context, in *organizations.TagResourceInput) (*organizations.TagResourceOutput, error) {
	if err := a.Organizations.Tag(ctx, aws.ToString(in.ResourceId), readTags(in.Tags)); err != nil {
		return nil, err
	}
	return &organizations.TagResourceOutput{}, nil
}
