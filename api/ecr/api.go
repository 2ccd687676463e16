package ecr

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// API answers the operations of the private ECR API. Its exported methods are operations and nothing else: awswire.Bind refuses any other.
type API struct {
	Registry  *registry.Registry
	Directory *iam.Directory
	Names     Names
	// Pages seals the tokens of lists, so that a token continues only the list that it came from (H55).
	Pages *awswire.Pages
}

// Names is how this installation is reached: what clients are told to log in to, to push to and to download from.
type Names struct {
	// Endpoint is the URL of the registry of account in region: scheme and host, and a path only where registries have no host of their own (API-31).
	Endpoint func(ctx context.Context, account, region string) string
	// URI is what an image reference begins with: a host, perhaps a path, and the name of the repository, without a scheme (API-23).
	URI func(ctx context.Context, account, region, name string) string
	// LayerURL is a signed URL from which anyone may GET the layer d of the repository until expires (API-58). The repository's id is signed too, so
	// that the URL dies with the repository.
	LayerURL func(ctx context.Context, account, region string, repositoryID int64, name string, d oci.Digest, expires time.Time) (string, error)
}

// Service binds a to the service model, so that the front door can dispatch to it. It fails when a method and the model do not fit each other.
func Service(a *API) (*awswire.Service, error) {
	model, err := awswire.Load("ecr")
	if err != nil {
		return nil, err
	}
	// The registry itself says what is wrong with a lifecycle policy; how short it may be is the client's own rule (LC-1).
	return awswire.Bind(model, a, exceptions(), awswire.Unchecked("PutLifecyclePolicy.lifecyclePolicyText", "StartLifecyclePolicyPreview.lifecyclePolicyText"))
}

// open asks for a handle on a repository of the registry that registryID names, the caller's own when it is nil (API-26). Another account's is
// authorised as cross-account: the handle sees to it (H53).
func (a *API) open(ctx context.Context, registryID, name *string, actions ...string) (*registry.Repo, error) {
	return a.Registry.Open(ctx, reference(ctx, registryID, name), actions...)
}

// openImages is open for an action on images.
func (a *API) openImages(ctx context.Context, registryID, name *string, action string, images ...registry.Reference) (*registry.Repo, error) {
	return a.Registry.OpenImages(ctx, reference(ctx, registryID, name), action, images...)
}

// reference names a repository in the region whose endpoint was called (API-27).
func reference(ctx context.Context, registryID, name *string) registry.Ref {
	return registry.Ref{Account: account(ctx, registryID), Region: iam.From(ctx).Region, Name: aws.ToString(name)}
}

// account is the registry that a call is about (API-26).
func account(ctx context.Context, registryID *string) string {
	if registryID != nil {
		return *registryID
	}
	return caller(ctx)
}

// caller is the account of who is calling, or for whom a service calls: whose registry is meant where an operation has no registryId.
func caller(ctx context.Context) string { return iam.From(ctx).Home() }

// invalidParameter is the refusal of one member of the input, worded as ECR does (API-9).
func invalidParameter(member, constraint string) error {
	return fault.New(fault.InvalidParameter, "Invalid parameter at '%s' failed to satisfy constraint: '%s'", member, constraint)
}
