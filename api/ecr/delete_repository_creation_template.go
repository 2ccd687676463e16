package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// DeleteRepositoryCreationTemplate removes a creation template; the repositories that it made stay (REP-22). Its fault is TemplateNotFound (REP-25).
func (a *API) DeleteRepositoryCreationTemplate(ctx context.Context, in *ecr.DeleteRepositoryCreationTemplateInput) (*ecr.DeleteRepositoryCreationTemplateOutput, error) {
	id := caller(ctx)
	t, err := a.Registry.DeleteTemplate(ctx, id, iam.From(ctx).Region, aws.ToString(in.Prefix))
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryCreationTemplateOutput{RegistryId: aws.String(id), RepositoryCreationTemplate: showTemplate(t)}, nil
}
