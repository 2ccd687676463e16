package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	directory "github.com/berth-registry/berth/identity/iam"
)

// SimulatePrincipalPolicy decides actions by the policies of a user, group or role, without doing them (IAM-9).
func (a *API) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	results, marker, truncated, err := a.simulate(ctx, "SimulatePrincipalPolicy", in.Marker, in.MaxItems, directory.Simulation{
		SourceARN: aws.ToString(in.PolicySourceArn), Policies: in.PolicyInputList, Boundary: in.PermissionsBoundaryPolicyInputList, Actions: in.ActionNames, Resources: in.ResourceArns,
		ResourcePolicy: aws.ToString(in.ResourcePolicy), Owner: aws.ToString(in.ResourceOwner), CallerARN: aws.ToString(in.CallerArn), Context: readContextEntries(in.ContextEntries),
	}, a.Directory.SimulatePrincipal)
	if err != nil {
		return nil, err
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: results, Marker: marker, IsTruncated: truncated}, nil
}
