package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
	engine "github.com/berth-registry/berth/lang/policy"
)

// simulate runs a simulation with either operation's method of the directory, and shows its page (IAM-9, IAM-10).
func (a *API) simulate(ctx context.Context, operation string, marker *string, size *int32, in directory.Simulation,
	run func(context.Context, directory.Simulation, directory.Page) ([]directory.SimulatedDecision, string, error),
) (results []types.EvaluationResult, next *string, truncated bool, err error) {
	p, err := a.page(ctx, marker, size, operation, in.SourceARN, strings.Join(in.Actions, " "), strings.Join(in.Resources, " "))
	if err != nil {
		return nil, nil, false, err
	}
	found, cursor, err := run(ctx, in, p.Page)
	if err != nil {
		return nil, nil, false, err
	}
	results = []types.EvaluationResult{}
	for i := range found {
		results = append(results, showDecision(&found[i]))
	}
	next, truncated = p.next(cursor)
	return results, next, truncated, nil
}

func readContextEntries(entries []types.ContextEntry) []directory.ContextEntry {
	var out []directory.ContextEntry
	for _, e := range entries {
		out = append(out, directory.ContextEntry{Key: aws.ToString(e.ContextKeyName), Type: string(e.ContextKeyType), Values: e.ContextKeyValues})
	}
	return out
}

// showDecision shows a decision once for the whole and, where a resource was named, once for the resource, as the simulator of AWS does: what is missing then
// stands with the resource.
func showDecision(x *directory.SimulatedDecision) types.EvaluationResult {
	decision := types.PolicyEvaluationDecisionType(x.Outcome)
	out := types.EvaluationResult{
		EvalActionName: aws.String(x.Action), EvalResourceName: aws.String(x.Resource), EvalDecision: decision,
		MatchedStatements: showMatched(x.Matched), MissingContextValues: []string{},
	}
	missing := append([]string{}, x.Missing...)
	if x.Organization {
		out.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: x.ByOrganization}
	}
	if x.Bounded {
		out.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: x.ByBoundary}
	}
	if x.Resource == "*" {
		out.MissingContextValues = missing
		return out
	}
	specific := types.ResourceSpecificResult{
		EvalResourceName: out.EvalResourceName, EvalResourceDecision: decision, MatchedStatements: out.MatchedStatements,
		MissingContextValues: missing, PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
	}
	if !x.Organization || x.ByOrganization { // the simulation ends where the organization denies
		out.EvalDecisionDetails = map[string]types.PolicyEvaluationDecisionType{}
		if x.CrossAccount {
			out.EvalDecisionDetails[sourceType(engine.LayerIdentity)] = types.PolicyEvaluationDecisionType(x.IdentitySide)
			out.EvalDecisionDetails[sourceType(engine.LayerResource)] = types.PolicyEvaluationDecisionType(x.ResourceSide)
			specific.EvalDecisionDetails = out.EvalDecisionDetails
		}
	}
	out.ResourceSpecificResults = []types.ResourceSpecificResult{specific}
	return out
}

func showMatched(matched []directory.MatchedStatement) []types.Statement {
	out := []types.Statement{}
	for _, m := range matched {
		out = append(out, types.Statement{
			SourcePolicyId: aws.String(m.Policy), SourcePolicyType: types.PolicySourceType(sourceType(m.Layer)),
			StartPosition: &types.Position{Line: int32(m.Line), Column: int32(m.Column)}, EndPosition: &types.Position{Line: int32(m.EndLine), Column: int32(m.EndColumn)},
		})
	}
	return out
}

// sourceType is what the simulator calls a kind of policy; the names are those that AWS answers, not those of the model.
func sourceType(layer engine.Layer) string {
	switch layer {
	case engine.LayerIdentity:
		return "IAM Policy"
	case engine.LayerBoundary:
		return "Permissions Boundary Policy"
	}
	return "Resource Policy"
}
