package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetAccountSummary counts what the account has, and what it may have (IAM-9).
func (a *API) GetAccountSummary(ctx context.Context, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	summary, err := a.Directory.AccountSummary(ctx)
	if err != nil {
		return nil, err
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: summary}, nil
}
