package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetContextKeysForCustomPolicy lists the condition keys that policies ask for (IAM-9).
func (a *API) GetContextKeysForCustomPolicy(ctx context.Context, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	keys, err := a.Directory.ContextKeys(ctx, "", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: append([]string{}, keys...)}, nil
}
