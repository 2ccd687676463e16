package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/registry"
)

// CreateRepository makes a repository, in the caller's registry or, where that registry's policy allows it, in another (API-34, API-35). Its faults are
// RepositoryAlreadyExists, InvalidParameter (API-36, API-38), InvalidTagParameter, TooManyTags (API-37), EncryptionKeyUnusable and LimitExceeded.
func (a *API) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	n := registry.NewRepository{
		Mutability: readMutability(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters),
		Encryption: registry.Encryption{Type: string(types.EncryptionTypeAes256)},
		Tags:       readTags(in.Tags),
	}
	if in.ImageScanningConfiguration != nil {
		n.ScanOnPush = in.ImageScanningConfiguration.ScanOnPush
	}
	if e := in.EncryptionConfiguration; e != nil {
		n.Encryption = registry.Encryption{Type: string(e.EncryptionType), KMSKey: aws.ToString(e.KmsKey)}
	}
	r, err := a.Registry.CreateRepository(ctx, reference(ctx, in.RegistryId, in.RepositoryName), n)
	if f := fault.As(err); f != nil && f.Code == fault.EncryptionKeyUnusable && f.Detail == nil {
		return nil, f.With(kmsException{KmsError: "NotFoundException"})
	}
	if err != nil {
		return nil, err
	}
	made := a.describe(ctx, r.Repository)
	return &ecr.CreateRepositoryOutput{Repository: &made}, nil
}

// kmsException is what KmsException says besides its message: the key service's own name for what is wrong (API-36).
type kmsException struct{ KmsError string }
