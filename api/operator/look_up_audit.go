package operator

import (
	"bytes"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/storage/audit"
)

// LookUpAuditInput says which records are wanted; absent members do not restrict. Limit is 1000 unless said.
type LookUpAuditInput struct {
	From, To                                                  *time.Time
	Account, Principal, Action, Resource, RequestId, Decision *string //nolint:revive,staticcheck // see Account
	Limit                                                     *int32
}

// LookUpAuditOutput holds the last records that match, in the order of their time, each as one line of JSON.
type LookUpAuditOutput struct{ Records []string }

// LookUpAudit finds audit records. It needs berth:LookUpAudit.
func (a *API) LookUpAudit(ctx context.Context, in *LookUpAuditInput) (*LookUpAuditOutput, error) {
	if err := a.authorize(ctx, "berth:LookUpAudit"); err != nil {
		return nil, err
	}
	f := audit.Filter{
		From: aws.ToTime(in.From), To: aws.ToTime(in.To), Account: aws.ToString(in.Account), Principal: aws.ToString(in.Principal), Action: aws.ToString(in.Action),
		Resource: aws.ToString(in.Resource), RequestID: aws.ToString(in.RequestId), Decision: aws.ToString(in.Decision),
	}
	limit := 1000
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	found, err := audit.Last(ctx, a.Logs, f, limit)
	if err != nil {
		return nil, err
	}
	out := &LookUpAuditOutput{Records: make([]string, len(found))}
	for i := range found {
		out.Records[i] = string(bytes.TrimSpace(found[i].Public().Line()))
	}
	return out, nil
}
