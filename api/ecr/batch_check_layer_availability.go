package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// BatchCheckLayerAvailability says which layers a repository holds. One that another repository holds is UNAVAILABLE in this one (API-57, API-63). What is
// no digest is a failure of its own and spoils nothing else. Its fault is RepositoryNotFound.
func (a *API) BatchCheckLayerAvailability(
	ctx context.Context, in *ecr.BatchCheckLayerAvailabilityInput,
) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:BatchCheckLayerAvailability")
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []types.Layer{}, Failures: []types.LayerFailure{}}
	for _, digest := range in.LayerDigests {
		switch {
		case digest == "":
			out.Failures = append(out.Failures, types.LayerFailure{
				FailureCode:   types.LayerFailureCodeMissingLayerDigest,
				FailureReason: aws.String("Invalid request parameters: layer digest cannot be null"),
			})
			continue
		case !hasDigestShape(digest):
			out.Failures = append(out.Failures, types.LayerFailure{
				LayerDigest:   aws.String(digest),
				FailureCode:   types.LayerFailureCodeInvalidLayerDigest,
				FailureReason: aws.String("Invalid request parameters: layer digest should satisfy the regex '" + digestPattern + "'"),
			})
			continue
		}
		layer, err := availability(ctx, r, digest)
		if err != nil {
			return nil, err
		}
		out.Layers = append(out.Layers, layer)
	}
	return out, nil
}

// availability is what is said of one layer: its size where it is there, ARCHIVED if only archived images use it; UNAVAILABLE and no more where it is not.
func availability(ctx context.Context, r *registry.Repo, digest string) (types.Layer, error) {
	absent := types.Layer{LayerDigest: aws.String(digest), LayerAvailability: types.LayerAvailabilityUnavailable}
	d, err := oci.ParseDigest(digest)
	if err != nil {
		return absent, nil // of an algorithm that nothing here is stored under
	}
	layer, err := r.Layer(ctx, d)
	switch {
	case fault.Is(err, fault.LayerNotFound):
		return absent, nil
	case err != nil:
		return types.Layer{}, err
	}
	out := types.Layer{LayerDigest: aws.String(digest), LayerAvailability: types.LayerAvailabilityAvailable, LayerSize: aws.Int64(layer.Size)}
	if layer.Archived {
		out.LayerAvailability = types.LayerAvailabilityArchived
	}
	mediaType, used, err := r.LayerMediaType(ctx, d)
	if used && mediaType != "" {
		out.MediaType = aws.String(mediaType)
	}
	return out, err
}
