package operator

import (
	"bytes"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// LookUpAuditInput says which records are wanted; absent members do not restrict. Repository is a name. MaxResults is 1000 unless said.
type LookUpAuditInput struct {
	From, To                                                              *time.Time
	Account, Principal, Action, Resource, Repository, RequestId, Decision *string //nolint:revive,staticcheck // see Account
	MaxResults                                                            *int32
}

// LookUpAuditOutput holds the last records that match, in the order of their time, each as one line of JSON.
type LookUpAuditOutput struct{ Records []string }

// LookUpAudit finds audit records. It needs berth:LookUpAudit in the caller's account: the first account gets all records, another those of its principals and of
// what it owns, of which those of other accounts' principals do not name the policies and keys of these.
func (a *API) LookUpAudit(ctx context.Context, in *LookUpAuditInput) (*LookUpAuditOutput, error) {
	first, err := a.Directory.FirstAccount(ctx)
	if err != nil {
		return nil, err
	}
	account := first.ID
	if p := iam.From(ctx).Principal; p != nil && p.Account != "" {
		account = p.Account
	}
	if err := a.Directory.Authorize(ctx, "berth:LookUpAudit", &iam.Resource{ARN: "*", Account: account}); err != nil {
		return nil, err
	}
	f := audit.Filter{
		From: aws.ToTime(in.From), To: aws.ToTime(in.To), Account: aws.ToString(in.Account), Principal: aws.ToString(in.Principal), Action: aws.ToString(in.Action),
		Resource: aws.ToString(in.Resource), Repository: aws.ToString(in.Repository), RequestID: aws.ToString(in.RequestId), Decision: aws.ToString(in.Decision),
	}
	limit := 1000
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	if account != first.ID {
		if f.Account != "" && f.Account != account {
			return nil, iam.From(ctx).Refuse("Account " + account + " may look up its own records only.")
		}
		f.Account = account
	}
	found, err := audit.Last(ctx, a.Logs, f, limit)
	if err != nil {
		return nil, err
	}
	out := &LookUpAuditOutput{Records: make([]string, len(found))}
	for i := range found {
		r := found[i].Public()
		if account != first.ID {
			r = seenBy(account, r)
		}
		out.Records[i] = string(bytes.TrimSpace(r.Line()))
	}
	return out, nil
}

// seenBy leaves out of a record what is another account's own: the key that signed, and the policies that decided.
func seenBy(account string, r audit.Record) audit.Record {
	if r.Account != account {
		r.AccessKeyID, r.CallerPolicy, r.CallerStatement = "", "", ""
	}
	owner := r.Owner
	switch policy.Layer(r.Layer) {
	case policy.LayerIdentity, policy.LayerBoundary, policy.LayerSession:
		owner = r.Account
	case policy.LayerSCP, policy.LayerRCP:
		owner = ""
	}
	if owner != account {
		r.Policy, r.Statement = "", ""
	}
	return r
}
