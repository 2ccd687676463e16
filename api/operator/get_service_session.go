package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
)

// GetServiceSessionInput names a service principal and on whose behalf it shall act. DurationSeconds is one hour unless said.
type GetServiceSessionInput struct {
	Name, SourceArn, SourceAccount *string
	DurationSeconds                *int32
}

// GetServiceSessionOutput holds temporary credentials of the service.
type GetServiceSessionOutput struct {
	AccessKeyId, SecretAccessKey, SessionToken *string //nolint:revive,staticcheck // see Account
	Expiration                                 *time.Time
}

// GetServiceSession makes temporary credentials of a service that act for one source (H83). It needs berth:GetServiceSession, or the service's own access key. The
// faults are NoSuchEntity and Validation.
func (a *API) GetServiceSession(ctx context.Context, in *GetServiceSessionInput) (*GetServiceSessionOutput, error) {
	if err := a.authorizeFor(ctx, "berth:GetServiceSession", *in.Name); err != nil {
		return nil, err
	}
	source, err := iam.NewSource(aws.ToString(in.SourceArn), aws.ToString(in.SourceAccount))
	if err != nil {
		return nil, err
	}
	t, err := a.Directory.ServiceSession(ctx, *in.Name, source, time.Duration(aws.ToInt32(in.DurationSeconds))*time.Second)
	if err != nil {
		return nil, err
	}
	return &GetServiceSessionOutput{&t.AccessKeyID, &t.Secret, &t.Token, &t.Expires}, nil
}
