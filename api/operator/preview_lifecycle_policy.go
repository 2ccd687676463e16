package operator

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
)

// PreviewLifecyclePolicyInput names a repository, of the caller's account unless RegistryId says another; a policy, the repository's own unless a text is given; and a
// time, now unless one is given. Limit is 1000 images a page unless said.
type PreviewLifecyclePolicyInput struct {
	RegistryId          *string //nolint:revive,staticcheck // see Account
	RepositoryName      *string
	LifecyclePolicyText *string
	At                  *time.Time
	Limit               *int32
	NextToken           *string
}

// PreviewLifecyclePolicyOutput holds a registry.Forecast as JSON, and registry.ForecastImages as JSON. Later pages have no summary.
type PreviewLifecyclePolicyOutput struct {
	Summary   *string
	Images    []string
	NextToken *string
}

// PreviewLifecyclePolicy says what a lifecycle policy would do with each image of a repository at a time, and why. It changes nothing, and needs
// berth:PreviewLifecyclePolicy on the repository. The faults are RepositoryNotFound, LifecyclePolicyNotFound and InvalidParameter.
func (a *API) PreviewLifecyclePolicy(ctx context.Context, in *PreviewLifecyclePolicyInput) (*PreviewLifecyclePolicyOutput, error) {
	call := iam.From(ctx)
	ref := registry.Ref{Account: call.Home(), Region: call.Region, Name: aws.ToString(in.RepositoryName)}
	if in.RegistryId != nil {
		ref.Account = *in.RegistryId
	}
	at := aws.ToTime(in.At)
	list, err := a.list(ctx, in.NextToken, "PreviewLifecyclePolicy", ref.ARN(), aws.ToString(in.LifecyclePolicyText), strconv.FormatInt(at.Unix(), 10))
	if err != nil {
		return nil, err
	}
	limit := 1000
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	repo, err := a.Registry.Open(ctx, ref, "berth:PreviewLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	forecast, next, err := repo.Forecast(ctx, aws.ToString(in.LifecyclePolicyText), at, list.After, limit)
	if err != nil {
		return nil, err
	}
	out := &PreviewLifecyclePolicyOutput{Images: make([]string, len(forecast.List)), NextToken: list.Next(next)}
	if list.After == "" {
		text, err := json.Marshal(forecast)
		if err != nil {
			return nil, err
		}
		out.Summary = aws.String(string(text))
	}
	for i := range forecast.List {
		text, err := json.Marshal(&forecast.List[i])
		if err != nil {
			return nil, err
		}
		out.Images[i] = string(text)
	}
	return out, nil
}
