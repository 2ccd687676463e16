package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
)

// RepositoryCmd is `berth repository`.
type RepositoryCmd struct {
	List RepositoryListCmd `cmd:"" help:"List repositories, all of them or those with certain tags."`
}

// RepositoryListCmd is `berth repository list`.
type RepositoryListCmd struct {
	Target
	Tag        []string `help:"A tag that the repositories must have, KEY=VALUE or, with any value, KEY; several are allowed, and all must be there." sep:"none" placeholder:"KEY=VALUE"`
	RegistryID string   `name:"registry-id" help:"Account that owns the repositories (default: the caller's)." placeholder:"ID"`
}

// Help is the longer text of `berth repository list --help`.
func (c *RepositoryListCmd) Help() string {
	return `Tags are those of aws ecr tag-resource, compared as they are written. The region is that of AWS_REGION or of the caller's profile. It needs berth:ListRepositories on all
repositories of the registry.`
}

// Run prints a line for each repository: its name, when it was made, and its tags.
func (c *RepositoryListCmd) Run(ctx context.Context, cli *CLI) error {
	type tag struct {
		Key   string  `json:"Key"`
		Value *string `json:"Value,omitempty"`
	}
	type repository struct {
		ARN       string  `json:"repositoryArn"`
		Name      string  `json:"repositoryName"`
		CreatedAt float64 `json:"createdAt"`
		Tags      []tag   `json:"tags"`
	}
	in := map[string]any{}
	if c.RegistryID != "" {
		in["registryId"] = c.RegistryID
	}
	var wanted []tag
	for _, text := range c.Tag {
		key, value, has := strings.Cut(text, "=")
		if key == "" {
			return fmt.Errorf("--tag %s: a tag is KEY=VALUE, or KEY", text)
		}
		t := tag{Key: key}
		if has {
			t.Value = &value
		}
		wanted = append(wanted, t)
	}
	if wanted != nil {
		in["tags"] = wanted
	}
	all := []repository{}
	err := pages(ctx, &c.Target, "ListRepositories", in, func(page struct{ Repositories []repository }) error {
		all = append(all, page.Repositories...)
		return nil
	})
	if err != nil {
		return err
	}
	if cli.Output == "json" {
		return printJSON(map[string][]repository{"repositories": all})
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range all {
		tags := make([]string, len(r.Tags))
		for i, t := range r.Tags {
			tags[i] = t.Key + "=" + *t.Value
		}
		fmt.Fprintf(w, "%s\tmade %s\t%s\n", r.Name, moment(r.CreatedAt), strings.Join(tags, " "))
	}
	return w.Flush()
}
