package ecr_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// REP-20, REP-25, REP-26, REP-27: the operations on creation templates, as a client meets them.
func TestCreationTemplates(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	lifecycle := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}`
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`
	in := ecr.CreateRepositoryCreationTemplateInput{
		Prefix: aws.String("team/"), Description: aws.String("what the team pushes"), AppliedFor: []types.RCTAppliedFor{"REPLICATION", "CREATE_ON_PUSH"},
		ImageTagMutability:                 "IMMUTABLE_WITH_EXCLUSION",
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{FilterType: "WILDCARD", Filter: aws.String("dev*")}},
		LifecyclePolicy:                    &lifecycle, RepositoryPolicy: &policy,
	}
	made := must(c.CreateRepositoryCreationTemplate(c.ctx, &in))(t)
	got := made.RepositoryCreationTemplate
	if *made.RegistryId != vendor || *got.Prefix != "team/" || *got.Description != *in.Description || *got.LifecyclePolicy != lifecycle || *got.RepositoryPolicy != policy ||
		got.EncryptionConfiguration.EncryptionType != "AES256" || len(got.AppliedFor) != 2 || got.CustomRoleArn != nil || got.CreatedAt == nil || !got.CreatedAt.Equal(*got.UpdatedAt) {
		t.Errorf("made %+v", got)
	}
	_, err := c.CreateRepositoryCreationTemplate(c.ctx, &in)
	refused(t, err, "TemplateAlreadyExistsException", "The Template with prefix 'team/' already exists in the registry with id '111222333444'")
	_, err = c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: aws.String("x"), AppliedFor: []types.RCTAppliedFor{"SOMETIMES"}})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'appliedFor.1.member' failed to satisfy constraint: 'Member must satisfy enum value set: [REPLICATION, PULL_THROUGH_CACHE, CREATE_ON_PUSH]'")
	for _, prefix := range []string{"../x", "ROOT/x", "Team", "a//b"} { // H88
		_, err = c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}})
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'prefix' failed to satisfy constraint: 'must satisfy regular expression…")
	}

	for member, in := range map[string]*ecr.CreateRepositoryCreationTemplateInput{ // REP-20
		"prefix' failed to satisfy constraint: 'Member must have length less than or equal to 256'":      {Prefix: aws.String(strings.Repeat("a", 257)), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}},
		"description' failed to satisfy constraint: 'Member must have length less than or equal to 256'": {Prefix: aws.String("x"), Description: aws.String(strings.Repeat("a", 257)), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}},
	} {
		_, err = c.CreateRepositoryCreationTemplate(c.ctx, in)
		refused(t, err, "InvalidParameterException", "Invalid parameter at '"+member)
	}
	if there := must(b.root(t, vendor, "us-west-2").DescribeRepositoryCreationTemplates(c.ctx, &ecr.DescribeRepositoryCreationTemplatesInput{}))(t).RepositoryCreationTemplates; len(there) != 0 {
		t.Errorf("another region has %+v", there) // API-27
	}

	// What is not given stays; a text without length takes away.
	changed := must(c.UpdateRepositoryCreationTemplate(c.ctx, &ecr.UpdateRepositoryCreationTemplateInput{
		Prefix: aws.String("team"), ImageTagMutability: "IMMUTABLE", RepositoryPolicy: aws.String(""), ResourceTags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}))(t).RepositoryCreationTemplate
	if changed.ImageTagMutability != "IMMUTABLE" || changed.ImageTagMutabilityExclusionFilters != nil || changed.RepositoryPolicy != nil || *changed.LifecyclePolicy != lifecycle ||
		*changed.Description != *in.Description || len(changed.ResourceTags) != 1 || len(changed.AppliedFor) != 2 || !changed.CreatedAt.Equal(*got.CreatedAt) {
		t.Errorf("changed to %+v", changed)
	}

	for _, prefix := range []string{"ROOT", "a"} {
		must(c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}}))(t)
	}
	var prefixes []string
	pages := ecr.NewDescribeRepositoryCreationTemplatesPaginator(c, &ecr.DescribeRepositoryCreationTemplatesInput{MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, one := range must(pages.NextPage(c.ctx))(t).RepositoryCreationTemplates {
			prefixes = append(prefixes, *one.Prefix)
		}
	}
	if len(prefixes) != 3 || prefixes[2] != "team/" {
		t.Errorf("listed %v", prefixes)
	}
	some := must(c.DescribeRepositoryCreationTemplates(c.ctx, &ecr.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{"team", "none"}}))(t)
	if len(some.RepositoryCreationTemplates) != 1 || *some.RepositoryCreationTemplates[0].Prefix != "team/" {
		t.Errorf("described %+v", some.RepositoryCreationTemplates)
	}
	must(c.DeleteRepositoryCreationTemplate(c.ctx, &ecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("team")}))(t)
	_, err = c.DeleteRepositoryCreationTemplate(c.ctx, &ecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("team")})
	refused(t, err, "TemplateNotFoundException", "The Template with prefix 'team' does not exist in the registry with id '111222333444'")
}

// REP-23, HTTP-13: the first request of a push over the API makes the repository, where a template is for it.
func TestCreateOnPush(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	begin := func(name string) error {
		_, err := c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: &name})
		return err
	}
	refused(t, begin("team/app"), "RepositoryNotFoundException", "The repository with name 'team/app' does not exist in the registry with id '111222333444'")
	must(c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{
		Prefix: aws.String("team"), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}, ImageTagMutability: "IMMUTABLE",
	}))(t)
	c.image(t, "team/app", "first", "v1")
	made := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/app"}}))(t).Repositories[0]
	if made.ImageTagMutability != "IMMUTABLE" {
		t.Errorf("made %+v", made)
	}
	if err := begin("other/app"); err == nil {
		t.Error("a repository was made without a template")
	}
	must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/app"}}))(t)
}

// API-77: exclusions from pull times.
func TestPullTimeUpdateExclusions(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	arns := []string{"arn:aws:iam::111222333444:role/ci/scanner", "arn:aws:iam::111222333444:user/scanner"}
	for _, arn := range arns {
		made := must(c.RegisterPullTimeUpdateExclusion(c.ctx, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: &arn}))(t)
		if *made.PrincipalArn != arn || made.CreatedAt == nil {
			t.Errorf("registered %+v", made)
		}
	}
	_, err := c.RegisterPullTimeUpdateExclusion(c.ctx, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: &arns[0]})
	refused(t, err, "ExclusionAlreadyExistsException", "The principal '"+arns[0]+"' is already excluded…")
	_, err = c.RegisterPullTimeUpdateExclusion(c.ctx, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: aws.String("arn:aws:iam::111222333444:root")})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'principalArn' failed to satisfy constraint: …")
	first := must(c.ListPullTimeUpdateExclusions(c.ctx, &ecr.ListPullTimeUpdateExclusionsInput{MaxResults: aws.Int32(1)}))(t)
	rest := must(c.ListPullTimeUpdateExclusions(c.ctx, &ecr.ListPullTimeUpdateExclusionsInput{MaxResults: aws.Int32(1), NextToken: first.NextToken}))(t)
	if list := append(first.PullTimeUpdateExclusions, rest.PullTimeUpdateExclusions...); len(list) != 2 || list[0] != arns[0] || list[1] != arns[1] || rest.NextToken != nil {
		t.Errorf("listed %v", list)
	}
	if there := must(b.root(t, vendor, "us-west-2").ListPullTimeUpdateExclusions(c.ctx, &ecr.ListPullTimeUpdateExclusionsInput{}))(t).PullTimeUpdateExclusions; len(there) != 0 {
		t.Errorf("another region has %v", there) // API-27
	}
	must(c.DeregisterPullTimeUpdateExclusion(c.ctx, &ecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: &arns[0]}))(t)
	_, err = c.DeregisterPullTimeUpdateExclusion(c.ctx, &ecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: &arns[0]})
	refused(t, err, "ExclusionNotFoundException", "The principal '"+arns[0]+"' is not excluded…")
}

// API-48: the registry's policy, as a client meets it.
func TestRegistryPolicy(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	other := b.root(t, customer, region)
	missing := "Registry policy does not exist in the registry with id '111222333444'"
	_, err := c.GetRegistryPolicy(c.ctx, &ecr.GetRegistryPolicyInput{})
	refused(t, err, "RegistryPolicyNotFoundException", missing)
	_, err = c.DeleteRegistryPolicy(c.ctx, &ecr.DeleteRegistryPolicyInput{})
	refused(t, err, "RegistryPolicyNotFoundException", missing)
	_, err = c.PutRegistryPolicy(c.ctx, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(`{"Statement":[]`)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided': line 1, column …")
	text := `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"999888777666"},"Action":["ecr:CreateRepository","ecr:DescribeImages"],"Resource":"arn:aws:ecr:us-east-2:111222333444:repository/*"}]}`
	put := must(c.PutRegistryPolicy(c.ctx, &ecr.PutRegistryPolicyInput{PolicyText: &text}))(t)
	if got := must(c.GetRegistryPolicy(c.ctx, &ecr.GetRegistryPolicyInput{}))(t); *got.PolicyText != text || *got.RegistryId != vendor || *put.PolicyText != text {
		t.Errorf("got %s", *got.PolicyText)
	}
	// API-35: another account makes a repository here.
	made := must(other.CreateRepository(other.ctx, &ecr.CreateRepositoryInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("guest")}))(t)
	if *made.Repository.RegistryId != vendor {
		t.Errorf("made %+v", made.Repository)
	}
	must(other.DescribeImages(other.ctx, &ecr.DescribeImagesInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("guest")}))(t)
	must(c.DeleteRegistryPolicy(c.ctx, &ecr.DeleteRegistryPolicyInput{}))(t)
	_, err = other.DescribeImages(other.ctx, &ecr.DescribeImagesInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("guest")})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::999888777666:root is not authorized to perform: ecr:DescribeImages on resource: …")
}
