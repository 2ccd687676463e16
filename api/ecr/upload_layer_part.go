package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// UploadLayerPart adds the next part of a layer (API-60). Parts come in order, without gap or overlap, of up to 20 MiB (API-61). Its faults are
// InvalidParameter, RepositoryNotFound, UploadNotFound, UploadBusy, LimitExceeded, and InvalidLayerPart, which says where to go on.
func (a *API) UploadLayerPart(ctx context.Context, in *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	if len(in.LayerPartBlob) == 0 { // it would count as the last part, and the short one before it as one that is too small
		return nil, invalidParameter("layerPartBlob", "Member must have length greater than or equal to 1")
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:UploadLayerPart")
	if err != nil {
		return nil, err
	}
	last, err := r.AppendPart(ctx, aws.ToString(in.UploadId), aws.ToInt64(in.PartFirstByte), aws.ToInt64(in.PartLastByte), in.LayerPartBlob)
	if err != nil {
		return nil, err
	}
	return &ecr.UploadLayerPartOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), UploadId: in.UploadId, LastByteReceived: aws.Int64(last),
	}, nil
}
