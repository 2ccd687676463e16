package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	directory "github.com/berth-registry/berth/identity/iam"
)

// SimulateCustomPolicy decides actions by the policies that it is given, without doing them (IAM-9).
func (a *API) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	results, marker, truncated, err := a.simulate(ctx, "SimulateCustomPolicy", in.Marker, in.MaxItems, directory.Simulation{
		Policies: in.PolicyInputList, Boundary: in.PermissionsBoundaryPolicyInputList, Actions: in.ActionNames, Resources: in.ResourceArns,
		ResourcePolicy: aws.ToString(in.ResourcePolicy), Owner: aws.ToString(in.ResourceOwner), CallerARN: aws.ToString(in.CallerArn), Context: readContextEntries(in.ContextEntries),
	}, a.Directory.SimulateCustom)
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: results, Marker: marker, IsTruncated: truncated}, nil
}
