package ecr

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// DescribeRepositoryCreationTemplates lists the creation templates of the caller's registry in the region by prefix, page by page, or those of the prefixes
// that are named; a prefix without a template is left out (REP-20, API-10). Its fault is InvalidParameter.
func (a *API) DescribeRepositoryCreationTemplates(ctx context.Context, in *ecr.DescribeRepositoryCreationTemplatesInput) (*ecr.DescribeRepositoryCreationTemplatesOutput, error) {
	id := caller(ctx)
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "DescribeRepositoryCreationTemplates", append([]string{id}, in.Prefixes...)...)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.Templates(ctx, id, iam.From(ctx).Region)
	if err != nil {
		return nil, err
	}
	bare := func(prefix string) string { return strings.TrimSuffix(prefix, "/") }
	out := &ecr.DescribeRepositoryCreationTemplatesOutput{RegistryId: aws.String(id)}
	last := ""
	for i := range list {
		prefix := bare(list[i].Prefix)
		if prefix <= p.After || len(in.Prefixes) > 0 && !slices.ContainsFunc(in.Prefixes, func(s string) bool { return bare(s) == prefix }) {
			continue
		}
		if len(out.RepositoryCreationTemplates) == p.limit {
			out.NextToken = p.Next(last)
			break
		}
		out.RepositoryCreationTemplates = append(out.RepositoryCreationTemplates, *showTemplate(&list[i]))
		last = prefix
	}
	return out, nil
}
