package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

const (
	// referrersPage is how many referrers a page holds when the caller does not say (API-10).
	referrersPage = 20
	// referrersAtOnce is how many are read from the registry at once: annotations may make each as large as a manifest.
	referrersAtOnce = 10
)

// ListImageReferrers lists what refers to an image as its subject, such as signatures and SBOMs, by digest, page by page (API-59). An image that nothing refers
// to, or that is not there, has none. A page may end early: where its annotations would make it larger than a manifest may be. It needs ecr:BatchGetImage. Its
// faults are RepositoryNotFound and InvalidParameter.
func (a *API) ListImageReferrers(ctx context.Context, in *ecr.ListImageReferrersInput) (*ecr.ListImageReferrersOutput, error) {
	subject := aws.ToString(in.SubjectId.ImageDigest)
	if !hasDigestShape(subject) {
		return nil, invalidParameter("imageDigest", "must satisfy regular expression '"+digestPattern+"'")
	}
	var artifactTypes []string
	var status types.ArtifactStatusFilter
	if in.Filter != nil {
		artifactTypes, status = in.Filter.ArtifactTypes, in.Filter.ArtifactStatus
	}
	binding := append([]string{account(ctx, in.RegistryId), aws.ToString(in.RepositoryName), subject, string(status)}, artifactTypes...)
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListImageReferrers", binding...)
	if err != nil {
		return nil, err
	}
	if in.MaxResults == nil {
		p.limit = referrersPage
	}
	r, err := a.openImages(ctx, in.RegistryId, in.RepositoryName, "ecr:BatchGetImage", registry.Reference{Digest: oci.Digest(subject)})
	if err != nil {
		return nil, err
	}
	out := &ecr.ListImageReferrersOutput{Referrers: []types.ImageReferrer{}}
	size, more := 0, true
	for more && len(out.Referrers) < p.limit {
		var list []registry.Referrer
		if list, more, err = r.Referrers(ctx, oci.Digest(subject), artifactTypes, referrerStatus(status), oci.Digest(p.After), min(referrersAtOnce, p.limit-len(out.Referrers))); err != nil {
			return nil, err
		}
		for _, one := range list {
			for key, value := range one.Annotations {
				size += len(key) + len(value)
			}
			if size > oci.MaxManifest && len(out.Referrers) > 0 {
				out.NextToken = p.Next(p.After)
				return out, nil
			}
			out.Referrers = append(out.Referrers, showReferrer(one))
			p.After = string(one.Digest)
		}
	}
	if more {
		out.NextToken = p.Next(p.After)
	}
	return out, nil
}

// referrerStatus is the status that a filter asks for: ACTIVE unless it says another one.
func referrerStatus(f types.ArtifactStatusFilter) registry.ImageStatus {
	switch f {
	case types.ArtifactStatusFilterAny:
		return ""
	case "":
		return registry.Active
	}
	return registry.ImageStatus(f)
}

func showReferrer(r registry.Referrer) types.ImageReferrer {
	out := types.ImageReferrer{
		Digest: aws.String(string(r.Digest)), MediaType: aws.String(r.MediaType), Size: aws.Int64(r.Size), Annotations: r.Annotations, ArtifactStatus: types.ArtifactStatus(r.Status),
	}
	if r.ArtifactType != "" {
		out.ArtifactType = aws.String(r.ArtifactType)
	}
	return out
}
