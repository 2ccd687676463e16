package iam

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// DecodeMessage tells of a refused request what STS tells of an encoded authorization message, as the JSON that AWS documents for DecodeAuthorizationMessage. The
// message is the id of the request, which ends the refusal's text: there is nothing in it to be kept from anybody, for what it stands for is in the audit. It shows the
// layers of the caller's account, as Explain does, and no others to the operator either, whose sight berth:Explain gives. It needs sts:DecodeAuthorizationMessage. Faults: AccessDenied; NoSuchEntity for what is no refused request, or none
// that the caller's account has a part in.
func (d *Directory) DecodeMessage(ctx context.Context, message string) (string, error) {
	account, _, err := d.asker(ctx, "sts:DecodeAuthorizationMessage", false)
	if err != nil {
		return "", err
	}
	undecoded := fault.New(fault.NoSuchEntity, "The message %s could not be decoded: it is not the id of a request that was refused.", message)
	r, log, err := recordOf(ctx, []*audit.Log{d.log}, message)
	if err != nil {
		return "", err
	}
	if r == nil {
		return "", undecoded
	}
	e, err := d.explainPast(ctx, log, r, account, false)
	if err != nil && !fault.Is(err, fault.NoSuchEntity) {
		return "", err
	}
	if err != nil || e.Decision != "Deny" || len(e.Layers) == 0 {
		return "", undecoded
	}
	type list struct {
		Items []any `json:"items"`
	}
	type statement struct {
		ID     string `json:"statementId"`
		Effect string `json:"effect"`
		Policy string `json:"policy"`
		Layer  string `json:"layer"`
	}
	type value struct {
		Value string `json:"value"`
	}
	type condition struct {
		Key    string `json:"key"`
		Values list   `json:"values"`
	}
	var out struct {
		Allowed      bool `json:"allowed"`
		ExplicitDeny bool `json:"explicitDeny"`
		Matched      list `json:"matchedStatements"`
		Failures     list `json:"failures"`
		Context      struct {
			Principal struct {
				ID   string `json:"id"`
				Name string `json:"name"`
				ARN  string `json:"arn"`
			} `json:"principal"`
			Action     string `json:"action"`
			Resource   string `json:"resource"`
			Conditions list   `json:"conditions"`
		} `json:"context"`
	}
	out.ExplicitDeny = e.Explicit
	out.Matched.Items, out.Failures.Items, out.Context.Conditions.Items = []any{}, []any{}, []any{}
	known := map[string]bool{}
	for i := range e.Layers {
		for _, s := range e.Layers[i].Statements {
			if s.Applies {
				out.Matched.Items = append(out.Matched.Items, statement{s.Sid, strings.ToUpper(s.Effect), s.Policy, string(e.Layers[i].Layer)})
			}
			for _, c := range s.Conditions {
				if known[c.Key] || c.Absent {
					continue
				}
				known[c.Key] = true
				one := condition{c.Key, list{[]any{}}}
				for _, v := range c.Request {
					one.Values.Items = append(one.Values.Items, value{v})
				}
				out.Context.Conditions.Items = append(out.Context.Conditions.Items, one)
			}
		}
	}
	p := &out.Context
	p.Principal.ID, p.Principal.ARN, p.Principal.Name = e.principalID, e.Principal, e.Principal[strings.LastIndexByte(e.Principal, '/')+1:]
	p.Action, p.Resource = e.Action, e.Resource
	text, err := json.Marshal(out)
	return string(text), err
}

// userID is what aws:userid has of a principal.
func userID(p *policy.Principal) string {
	v, _ := policy.PrincipalValue(p, "aws:userid")
	return v.One
}
