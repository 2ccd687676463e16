package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/lang/oci"
)

// UpdateImageStorageClass puts an image into the archive, or brings it back (API-75, LC-35..38). What comes back is told as ACTIVATING, as on AWS; DescribeImages
// tells it as ACTIVE as soon as it can be pulled, which is at once unless its layers have to be fetched from the archive's store. Its faults are RepositoryNotFound,
// ImageNotFound, InvalidParameter and StorageClassNotSupported.
func (a *API) UpdateImageStorageClass(ctx context.Context, in *ecr.UpdateImageStorageClassInput) (*ecr.UpdateImageStorageClassOutput, error) {
	id, err := mustImageID(*in.ImageId)
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:UpdateImageStorageClass")
	if err != nil {
		return nil, err
	}
	out := &ecr.UpdateImageStorageClassOutput{RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name)}
	var digest oci.Digest
	if in.TargetStorageClass == types.TargetStorageClassArchive {
		out.ImageStatus = types.ImageStatusArchived
		digest, err = r.Archive(ctx, id)
	} else {
		out.ImageStatus = types.ImageStatusActivating
		digest, err = r.Activate(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	out.ImageId = showImageID(digest, id.Tag)
	return out, nil
}
