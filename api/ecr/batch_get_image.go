package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// maxManifests is how many bytes of manifests one answer may hold: room for a hundred manifests as they occur, and a bound on what a hundred of the
// largest would take.
const maxManifests = 4 * oci.MaxManifest

// BatchGetImage gives the manifests of images as they were pushed, whatever media types the caller accepts (API-55), and counts as a pull of each
// (API-54). An id that cannot be served is a failure of its own (API-56). Its faults are RepositoryNotFound and LimitExceeded, when the manifests are
// together over 16 MiB, and AccessDenied for all when a policy asks for an image's tag or digest and one of them is refused.
func (a *API) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	r, err := a.openImages(ctx, in.RegistryId, in.RepositoryName, "ecr:BatchGetImage", readImageIDs(in.ImageIds)...)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	var pulled []*registry.Manifest
	size := 0
	for _, id := range in.ImageIds {
		m, failed, err := getImage(ctx, r, id)
		switch {
		case err != nil:
			return nil, err
		case failed != nil:
			out.Failures = append(out.Failures, *failed)
			continue
		}
		if size += len(m.Body); size > maxManifests {
			return nil, fault.New(fault.LimitExceeded, "The manifests of the requested images are together larger than %d bytes; request fewer", maxManifests)
		}
		tag := ""
		if id.ImageTag != nil {
			tag = *id.ImageTag
		}
		out.Images = append(out.Images, showImage(r, m, tag))
		pulled = append(pulled, m)
	}
	for _, m := range pulled {
		r.Pulled(m)
	}
	return out, nil
}

// getImage is the manifest of one id, or the failure to list for it. A tag is looked up by itself, so that one that points elsewhere than the digest
// given with it can be told from one that is not there.
func getImage(ctx context.Context, r *registry.Repo, id types.ImageIdentifier) (*registry.Manifest, *types.ImageFailure, error) {
	ref, failed := readImageID(id)
	if failed != nil {
		return nil, failed, nil
	}
	digest := ref.Digest
	if ref.Tag != "" {
		ref.Digest = ""
	}
	m, err := r.Manifest(ctx, ref)
	switch {
	case fault.Is(err, fault.ImageArchived):
		return nil, failure(id, types.ImageFailureCodeImageInaccessible, "Requested image is archived"), nil
	case fault.Is(err, fault.ImageNotFound):
		return nil, failure(id, types.ImageFailureCodeImageNotFound, reasonNotFound), nil
	case err != nil:
		return nil, nil, err
	case digest != "" && m.Digest != digest:
		return nil, failure(id, types.ImageFailureCodeImageTagDoesNotMatchDigest, reasonMismatch), nil
	}
	return m, nil, nil
}
