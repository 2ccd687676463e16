// Package sts is the door of the STS API: the operations of the service model "sts" over the query protocol (STS-1).
//
// It decides nothing. Each operation is one file with one method, named as the model names it, that takes and returns the shapes of the AWS SDK and asks
// the directory, which authorises the caller itself. awswire finds the methods by name; errors.go names each fault on this wire.
package sts

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/policy"
)

// API answers the operations of STS. Its exported methods are operations and nothing else.
type API struct{ Directory *iam.Directory }

// mostTokens is how many tokens of identity providers are checked at a time: anybody may ask for it, and it may have to wait for the provider.
const mostTokens = 256

// Service binds a to the service model, so that the front door can dispatch to it. It fails when a method and the model do not fit each other.
func Service(a *API) (*awswire.Service, error) {
	model, err := awswire.Load("sts")
	if err != nil {
		return nil, err
	}
	return awswire.Bind(model, a, exceptions(), awswire.Reaches(awswire.Global), awswire.UnsignedAtOnce(mostTokens),
		awswire.Remark("sessionPolicyDocumentType", policy.RemarkUnwritable), awswire.Remark("unrestrictedSessionPolicyDocumentType", policy.RemarkUnwritable))
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }

func showCredentials(t *iam.TemporaryCredentials) *types.Credentials {
	return &types.Credentials{AccessKeyId: aws.String(t.AccessKeyID), SecretAccessKey: aws.String(t.Secret), SessionToken: aws.String(t.Token), Expiration: aws.Time(t.Expires)}
}

func policyARNs(in []types.PolicyDescriptorType) (arns []string) {
	for _, p := range in {
		arns = append(arns, aws.ToString(p.Arn))
	}
	return arns
}

func tags(in []types.Tag) (tags []iam.Tag) {
	for _, t := range in {
		tags = append(tags, iam.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return tags
}
