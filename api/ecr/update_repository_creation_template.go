package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// UpdateRepositoryCreationTemplate changes what is given of a creation template, and nothing else (REP-26). Its faults are TemplateNotFound, Validation and
// InvalidParameter.
func (a *API) UpdateRepositoryCreationTemplate(ctx context.Context, in *ecr.UpdateRepositoryCreationTemplateInput) (*ecr.UpdateRepositoryCreationTemplateOutput, error) {
	parts := templateParts{
		in.Description, in.RepositoryPolicy, in.LifecyclePolicy, in.CustomRoleArn, in.AppliedFor, in.EncryptionConfiguration, in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters, in.ResourceTags,
	}
	id := caller(ctx)
	t, err := a.Registry.UpdateTemplate(ctx, id, iam.From(ctx).Region, aws.ToString(in.Prefix), parts.apply)
	if err != nil {
		return nil, err
	}
	return &ecr.UpdateRepositoryCreationTemplateOutput{RegistryId: aws.String(id), RepositoryCreationTemplate: showTemplate(t)}, nil
}
