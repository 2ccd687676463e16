package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
)

// CreateRepositoryCreationTemplate makes a creation template of the caller's registry in the region (REP-20, REP-25). Its faults are TemplateAlreadyExists,
// LimitExceeded, Validation and InvalidParameter.
func (a *API) CreateRepositoryCreationTemplate(ctx context.Context, in *ecr.CreateRepositoryCreationTemplateInput) (*ecr.CreateRepositoryCreationTemplateOutput, error) {
	parts := templateParts{
		in.Description, in.RepositoryPolicy, in.LifecyclePolicy, in.CustomRoleArn, in.AppliedFor, in.EncryptionConfiguration, in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters, in.ResourceTags,
	}
	t := registry.Template{Prefix: aws.ToString(in.Prefix)}
	parts.apply(&t)
	id := caller(ctx)
	made, err := a.Registry.CreateTemplate(ctx, id, iam.From(ctx).Region, t)
	if err != nil {
		return nil, err
	}
	return &ecr.CreateRepositoryCreationTemplateOutput{RegistryId: aws.String(id), RepositoryCreationTemplate: showTemplate(made)}, nil
}
