package operator

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
)

// ExplainInput names a past request, or asks a question: whether a principal could do an action on a resource.
type ExplainInput struct {
	RequestId, Principal, Action, Resource *string //nolint:revive,staticcheck // see Account
	Context                                []ContextEntry
	At                                     *time.Time
}

// ContextEntry is a condition key of a question.
type ContextEntry struct {
	Key    *string
	Values []string
}

// ExplainOutput holds an iam.Explanation as JSON.
type ExplainOutput struct{ Explanation *string }

// Explain says why a request was allowed or denied, or what would be (IAMP-8). A caller's own requests need no permission, all else needs berth:Explain: see
// iam.Directory.Explain. The faults are AccessDenied, NoSuchEntity and InvalidInput.
func (a *API) Explain(ctx context.Context, in *ExplainInput) (*ExplainOutput, error) {
	var out *iam.Explanation
	var err error
	switch {
	case in.RequestId == nil && in.Principal != nil:
		q := iam.Question{
			Principal: *in.Principal, Action: aws.ToString(in.Action), Resource: aws.ToString(in.Resource), Time: aws.ToTime(in.At), Context: map[string][]string{},
		}
		for _, e := range in.Context {
			q.Context[*e.Key] = e.Values
		}
		out, err = a.Directory.ExplainQuestion(ctx, q)
	default:
		out, err = a.Directory.Explain(ctx, a.Logs, aws.ToString(in.RequestId))
	}
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &ExplainOutput{aws.String(string(text))}, nil
}
