package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
)

// graphPage is how many images a page of graphs holds when the caller does not say.
const graphPage = 50

// DescribeImageGraphInput names a repository, of the caller's account unless RegistryId says another, and one of its images by Image: a tag or a digest.
// Without it, all that belong to no other are told, page by page.
type DescribeImageGraphInput struct {
	RegistryId     *string //nolint:revive,staticcheck // see Account
	RepositoryName *string
	Image          *string
	NextToken      *string
	MaxResults     *int32
}

// DescribeImageGraphOutput is one image, or a page of them. With a NextToken there are more.
type DescribeImageGraphOutput struct {
	Images    []ImageNode
	NextToken *string
}

// ImageNode is an image and what belongs to it, as the wire shows it; see registry.ImageNode. Of an image that was never pulled LastPulledAt is left out.
type ImageNode struct {
	Digest            *string
	Tags              []string
	MediaType         *string
	ArtifactMediaType *string
	Purpose           *string
	Platform          *string
	SizeInBytes       *int64
	PushedAt          *time.Time
	LastPulledAt      *time.Time
	LastPulledBy      *string
	Status            *string
	Locks             []string // each as people read it: what is locked, by whom, since when and why
	Children          []ImageNode
	Referrers         []ImageNode
	More              *bool
}

// DescribeImageGraph shows images with what belongs to them: the platforms of an index, signatures, bills of materials and attestations. It is no pull, and needs
// berth:DescribeImageGraph on the repository. The faults are RepositoryNotFound, ImageNotFound, NameInvalid, TagInvalid, DigestInvalid and InvalidParameter.
func (a *API) DescribeImageGraph(ctx context.Context, in *DescribeImageGraphInput) (*DescribeImageGraphOutput, error) {
	call := iam.From(ctx)
	ref := registry.Ref{Account: call.Home(), Region: call.Region, Name: aws.ToString(in.RepositoryName)}
	if in.RegistryId != nil {
		ref.Account = *in.RegistryId
	}
	page, err := a.list(ctx, in.NextToken, "DescribeImageGraph", ref.ARN())
	if err != nil {
		return nil, err
	}
	repo, err := a.Registry.Open(ctx, ref, "berth:DescribeImageGraph")
	if err != nil {
		return nil, err
	}
	if in.Image != nil {
		if in.NextToken != nil || in.MaxResults != nil {
			return nil, fault.New(fault.InvalidParameter, "nextToken and maxResults go with a list of images, not with one")
		}
		image, err := registry.ParseReference(*in.Image)
		if err != nil {
			return nil, err
		}
		n, err := repo.Graph(ctx, image)
		if err != nil {
			return nil, err
		}
		return &DescribeImageGraphOutput{Images: showNodes([]*registry.ImageNode{n})}, nil
	}
	limit := graphPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	list, next, err := repo.Graphs(ctx, page.After, limit)
	if err != nil {
		return nil, err
	}
	return &DescribeImageGraphOutput{Images: append([]ImageNode{}, showNodes(list)...), NextToken: page.Next(next)}, nil
}

// showNodes is a list of nodes as the wire shows them, with all that is below them; nil for none.
func showNodes(list []*registry.ImageNode) []ImageNode {
	if len(list) == 0 {
		return nil
	}
	out := make([]ImageNode, len(list))
	for i, n := range list {
		out[i] = ImageNode{
			Digest: aws.String(string(n.Digest)), Tags: n.Tags, MediaType: &n.MediaType, SizeInBytes: &n.Size, PushedAt: &n.PushedAt,
			ArtifactMediaType: orNil(n.ArtifactMediaType), Purpose: orNil(string(n.Purpose)), Status: aws.String(string(n.Status)), Platform: orNil(n.Platform),
			Children: showNodes(n.Children), Referrers: showNodes(n.Referrers),
		}
		if !n.LastPull.IsZero() {
			out[i].LastPulledAt = &n.LastPull
		}
		out[i].LastPulledBy = orNil(n.LastPuller)
		for k := range n.Locks {
			out[i].Locks = append(out[i].Locks, n.Locks[k].String())
		}
		if n.More {
			out[i].More = &n.More
		}
	}
	return out
}

// orNil leaves out what is "".
func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
