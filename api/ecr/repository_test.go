package ecr_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func TestCreateRepositoryDefaults_API34(t *testing.T) {
	c := start(t).root(t, vendor, region)
	made := must(c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("rake-app")}))(t).Repository
	if made.CreatedAt == nil || time.Since(*made.CreatedAt).Abs() > time.Hour {
		t.Errorf("createdAt %v", made.CreatedAt)
	}
	for _, same := range [][3]string{
		{"repositoryArn (API-23)", "arn:aws:ecr:us-east-2:111222333444:repository/rake-app", aws.ToString(made.RepositoryArn)},
		{"repositoryUri (API-23)", c.berth.Host + "/" + vendor + "/" + region + "/rake-app", aws.ToString(made.RepositoryUri)},
		{"repositoryName", "rake-app", aws.ToString(made.RepositoryName)},
		{"registryId", vendor, aws.ToString(made.RegistryId)},
		{"imageTagMutability", "MUTABLE", string(made.ImageTagMutability)},
		{"encryptionType", "AES256", string(made.EncryptionConfiguration.EncryptionType)},
		{"kmsKey", "", aws.ToString(made.EncryptionConfiguration.KmsKey)},
		{"scanOnPush", "false", fmt.Sprint(made.ImageScanningConfiguration.ScanOnPush)},
		{"filters", "0", fmt.Sprint(len(made.ImageTagMutabilityExclusionFilters))},
	} {
		if same[1] != same[2] {
			t.Errorf("%s: got %q, want %q", same[0], same[2], same[1])
		}
	}
}

func TestCreateRepositoryWithEverything_API34_API37_API38(t *testing.T) {
	c := start(t).root(t, vendor, region)
	filters := []types.ImageTagMutabilityExclusionFilter{
		{FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard, Filter: aws.String("dev-*")},
		{FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard, Filter: aws.String("latest")},
	}
	must(c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{
		RepositoryName: aws.String("team/a_b/c.d"), RegistryId: aws.String(vendor),
		ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion, ImageTagMutabilityExclusionFilters: filters,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
		Tags:                       []types.Tag{{Key: aws.String("team"), Value: aws.String("rake")}, {Key: aws.String("empty"), Value: aws.String("")}},
	}))(t)
	seen := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/a_b/c.d"}}))(t).Repositories[0]
	if seen.ImageTagMutability != types.ImageTagMutabilityImmutableWithExclusion || !seen.ImageScanningConfiguration.ScanOnPush {
		t.Errorf("got %s, scanOnPush %v", seen.ImageTagMutability, seen.ImageScanningConfiguration.ScanOnPush)
	}
	if got := seen.ImageTagMutabilityExclusionFilters; len(got) != 2 || *got[0].Filter != "dev-*" || *got[1].Filter != "latest" || got[0].FilterType != "WILDCARD" {
		t.Errorf("filters %v", got)
	}
	if got, want := tagsOf(t, c, *seen.RepositoryArn), "empty= team=rake"; got != want {
		t.Errorf("tags %q, want %q", got, want)
	}
}

func TestCreateRepositoryTwice_API35(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	_, err := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	refused(t, err, "RepositoryAlreadyExistsException", "The repository with name 'app' already exists in the registry with id '111222333444'")
}

func TestRepositoryNames_API24_API9(t *testing.T) {
	c := start(t).root(t, vendor, region)
	const grammar = `Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*''`
	for _, name := range []string{"A/b", "a/../b", "a//b", "a/", "/a", "a___b", "a..b", "a\x00b", "a b", "ä"} {
		_, err := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
		want := grammar
		if len([]rune(name)) < 2 {
			want = "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'Member must have length greater than or equal to 2'"
		}
		refused(t, err, "InvalidParameterException", want)
	}
	long := strings.Repeat("a", 257)
	_, err := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: &long})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'Member must have length less than or equal to 256'")
	for _, name := range []string{"ab", long[:256], "a-b/c--d/e__f.g"} {
		c.repository(t, name)
	}
}

func TestEncryption_API36(t *testing.T) {
	c := start(t).root(t, vendor, region)
	_, err := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app"), EncryptionConfiguration: &types.EncryptionConfiguration{
		EncryptionType: types.EncryptionTypeAes256, KmsKey: aws.String("alias/mine"),
	}})
	refused(t, err, "InvalidParameterException", "Invalid encryption configuration: Encryption key should not be set for AES256 encryption.")
	_, err = c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app"), EncryptionConfiguration: &types.EncryptionConfiguration{
		EncryptionType: types.EncryptionTypeKms, KmsKey: aws.String("arn:aws:kms:eu-west-1:111222333444:key/0"),
	}})
	refused(t, err, "KmsException", "…")
	if e := (*types.KmsException)(nil); !errors.As(err, &e) || aws.ToString(e.KmsError) == "" {
		t.Errorf("it has no kmsError: %v", err)
	}
	if _, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}}); err == nil {
		t.Error("a repository was made all the same")
	}
}

func TestMutabilityFilters_API38(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	filters := func(list ...string) (f []types.ImageTagMutabilityExclusionFilter) {
		for _, s := range list {
			f = append(f, types.ImageTagMutabilityExclusionFilter{FilterType: "WILDCARD", Filter: &s})
		}
		return f
	}
	const at = "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: "
	for _, test := range []struct {
		mode    types.ImageTagMutability
		filters []types.ImageTagMutabilityExclusionFilter
		message string
	}{
		{"MUTABLE", filters("a"), at + "'ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set to MUTABLE'"},
		{"IMMUTABLE", filters("a"), at + "'ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set to IMMUTABLE'"},
		{"MUTABLE_WITH_EXCLUSION", nil, at + "'ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set to MUTABLE_WITH_EXCLUSION'"},
		{"IMMUTABLE_WITH_EXCLUSION", nil, at + "'ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set to IMMUTABLE_WITH_EXCLUSION'"},
		{"IMMUTABLE_WITH_EXCLUSION", filters("a", "b", "c", "d", "e", "f"), at + "'Member must have length less than or equal to 5'"},
		{"IMMUTABLE_WITH_EXCLUSION", filters("a/b"), "Invalid parameter at 'imageTagMutabilityExclusionFilters.1.member.filter' failed to satisfy constraint: 'must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$''"},
		{"SOMETIMES", nil, "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: […"},
	} {
		_, err := c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{
			RepositoryName: aws.String("app"), ImageTagMutability: test.mode, ImageTagMutabilityExclusionFilters: test.filters,
		})
		refused(t, err, "InvalidParameterException", test.message)
		_, err = c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{
			RepositoryName: aws.String("other"), ImageTagMutability: test.mode, ImageTagMutabilityExclusionFilters: test.filters,
		})
		refused(t, err, "InvalidParameterException", test.message)
	}
	regexps := []types.ImageTagMutabilityExclusionFilter{{FilterType: "REGEXP", Filter: aws.String("a")}}
	_, err := c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("app"), ImageTagMutability: "IMMUTABLE_WITH_EXCLUSION", ImageTagMutabilityExclusionFilters: regexps})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageTagMutabilityExclusionFilters.1.member.filterType' failed to satisfy constraint: 'Member must satisfy enum value set: [WILDCARD]'")
	set := must(c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{
		RepositoryName: aws.String("app"), ImageTagMutability: "MUTABLE_WITH_EXCLUSION", ImageTagMutabilityExclusionFilters: filters("v*", "prod"),
	}))(t)
	if set.ImageTagMutability != "MUTABLE_WITH_EXCLUSION" || len(set.ImageTagMutabilityExclusionFilters) != 2 || *set.RegistryId != vendor || *set.RepositoryName != "app" {
		t.Errorf("answer %+v", set)
	}
}

// openPolicy lets everybody pull.
const openPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:DescribeRepositories"]}]}`

// Every member of what DescribeRepositories says of repositories of every kind, the same by name, in the list, to another account and as they were made (API-23, API-34, API-39,
// REP-20).
func TestDescribeRepositoriesOfEveryKind_API34_API39(t *testing.T) {
	b := start(t)
	c, other := b.root(t, vendor, region), b.root(t, customer, region)
	const fields = "CreatedAt EncryptionConfiguration ImageScanningConfiguration ImageTagMutability RegistryId RepositoryArn RepositoryName RepositoryUri"
	const withFilters = "CreatedAt EncryptionConfiguration ImageScanningConfiguration ImageTagMutability ImageTagMutabilityExclusionFilters RegistryId RepositoryArn RepositoryName RepositoryUri"
	dev := []types.ImageTagMutabilityExclusionFilter{{FilterType: "WILDCARD", Filter: aws.String("dev-*")}, {FilterType: "WILDCARD", Filter: aws.String("latest")}}
	must(c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{
		Prefix: aws.String("made"), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}, ImageTagMutability: "MUTABLE_WITH_EXCLUSION", ImageTagMutabilityExclusionFilters: dev[:1],
		EncryptionConfiguration: &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "AES256"},
	}))(t)
	long := strings.Repeat("long/", 50) + "a-name"
	made := map[string]*types.Repository{}
	for _, in := range []ecr.CreateRepositoryInput{
		{RepositoryName: aws.String("plain")},
		{RepositoryName: &long},
		{RepositoryName: aws.String("immutable"), ImageTagMutability: "IMMUTABLE"},
		{RepositoryName: aws.String("excluded"), ImageTagMutability: "IMMUTABLE_WITH_EXCLUSION", ImageTagMutabilityExclusionFilters: dev},
		{RepositoryName: aws.String("encrypted"), EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: "AES256"}},
		{RepositoryName: aws.String("scanned"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}},
		{RepositoryName: aws.String("tagged"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}},
		{RepositoryName: aws.String("made/by-hand")}, // REP-22: for which no template is
	} {
		made[*in.RepositoryName] = must(c.CreateRepository(c.ctx, &in))(t).Repository
	}
	c.image(t, "made/by-push", "a", "v1")
	b.root(t, vendor, "us-west-2").repository(t, "elsewhere")
	other.repository(t, "theirs")

	want := map[string]string{ // mutability, filters, scan on push, encryption
		"plain": "MUTABLE [] false AES256", long: "MUTABLE [] false AES256", "immutable": "IMMUTABLE [] false AES256",
		"excluded": "IMMUTABLE_WITH_EXCLUSION [WILDCARD dev-* WILDCARD latest] false AES256", "encrypted": "MUTABLE [] false AES256", "scanned": "MUTABLE [] true AES256",
		"tagged": "MUTABLE [] false AES256", "made/by-hand": "MUTABLE [] false AES256", "made/by-push": "MUTABLE_WITH_EXCLUSION [WILDCARD dev-*] false AES256",
	}
	check := func(at string, list []types.Repository, n int) {
		t.Helper()
		if len(list) != n {
			t.Errorf("%s: %d repositories, want %d", at, len(list), n)
		}
		for i := range list {
			r := &list[i]
			name := *r.RepositoryName
			var filters []string
			for _, f := range r.ImageTagMutabilityExclusionFilters {
				filters = append(filters, string(f.FilterType), *f.Filter)
			}
			if got := fmt.Sprint(r.ImageTagMutability, filters, r.ImageScanningConfiguration.ScanOnPush, r.EncryptionConfiguration.EncryptionType); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want[name], " ", "") {
				t.Errorf("%s: %s is %s, want %s", at, name, got, want[name])
			}
			members := fields
			if len(filters) > 0 {
				members = withFilters
			}
			if got := set(*r); got != members {
				t.Errorf("%s: %s has %s", at, name, got)
			}
			if *r.RegistryId != vendor || *r.RepositoryArn != "arn:aws:ecr:us-east-2:111222333444:repository/"+name || *r.RepositoryUri != b.Host+"/111222333444/us-east-2/"+name || time.Since(*r.CreatedAt).Abs() > time.Hour {
				t.Errorf("%s: %s is %s, %s, of %s, from %s", at, name, *r.RepositoryArn, *r.RepositoryUri, *r.RegistryId, *r.CreatedAt)
			}
			if m := made[name]; m != nil && !reflect.DeepEqual(m, r) {
				t.Errorf("%s: %s was made as %+v and is %+v", at, name, m, r)
			}
		}
	}
	check("listed", must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{}))(t).Repositories, len(want))
	for name := range want {
		check("by name", must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}, RegistryId: aws.String(vendor)}))(t).Repositories, 1)
	}
	must(c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("excluded"), PolicyText: aws.String(openPolicy)}))(t)
	check("for another account", must(other.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"excluded"}, RegistryId: aws.String(vendor)}))(t).Repositories, 1)
	_, err := other.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"excluded", "plain"}, RegistryId: aws.String(vendor)})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::999888777666:root is not authorized to perform: ecr:DescribeRepositories on resource: arn:aws:ecr:us-east-2:111222333444:repository/plain because…")
}

func TestDescribeRepositoriesByName_API39(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "one")
	c.repository(t, "two")
	got := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"two", "one"}}))(t)
	if len(got.Repositories) != 2 || got.NextToken != nil {
		t.Errorf("got %d repositories, token %v", len(got.Repositories), got.NextToken)
	}
	_, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"one", "three"}})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'three' does not exist in the registry with id '111222333444'")

	// API-10: what is named is answered whole.
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"one"}, MaxResults: aws.Int32(1)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults'…")
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"one"}, NextToken: aws.String("x")})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken'…")
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: make([]string, 101)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'repositoryNames…")
}

func TestDescribeRepositoriesInPages_API10_API11(t *testing.T) {
	c := start(t).root(t, vendor, region)
	var want []string
	for i := range 103 {
		want = append(want, c.repository(t, fmt.Sprintf("app-%03d", 102-i)))
	}
	slices.Sort(want)

	first := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{}))(t)
	if len(first.Repositories) != 100 || first.NextToken == nil {
		t.Fatalf("without maxResults a page holds 100: got %d, token %v", len(first.Repositories), first.NextToken)
	}
	var got []string
	pages := ecr.NewDescribeRepositoriesPaginator(c, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(40)})
	for n := 0; pages.HasMorePages(); n++ {
		page := must(pages.NextPage(c.ctx))(t)
		if n < 2 && len(page.Repositories) != 40 {
			t.Errorf("page %d holds %d", n, len(page.Repositories))
		}
		for _, r := range page.Repositories {
			got = append(got, *r.RepositoryName)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d names, want %d: %v", len(got), len(want), got)
	}
	for size, message := range map[int32]string{
		0:    "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value greater than or equal to 1'",
		1001: "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'",
	} {
		_, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{MaxResults: &size})
		refused(t, err, "InvalidParameterException", message)
	}
}

func TestTokensContinueOnlyTheirOwnList_API10_H55(t *testing.T) {
	b := start(t)
	c, other := b.root(t, vendor, region), b.root(t, stranger, region)
	elsewhere := b.root(t, vendor, "us-west-2")
	for _, name := range []string{"one", "two"} {
		c.repository(t, name)
		other.repository(t, name)
		elsewhere.repository(t, name)
		c.image(t, name, "a", "a")
		c.image(t, name, "b", "b")
	}
	const message = "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'"
	token := *must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1)}))(t).NextToken
	images := *must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("one"), MaxResults: aws.Int32(1)}))(t).NextToken

	altered := []byte(token)
	altered[len(altered)/2] ^= 1
	for _, forged := range []string{"", "x", string(altered), token + "A", images} {
		_, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{NextToken: &forged})
		refused(t, err, "InvalidParameterException", message)
	}
	_, err := other.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{NextToken: &token}) // another account
	refused(t, err, "InvalidParameterException", message)
	neighbour := b.user(t, vendor, region, "neighbour", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
	_, err = neighbour.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{NextToken: &token}) // another user of the account
	refused(t, err, "InvalidParameterException", message)
	_, err = elsewhere.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{NextToken: &token}) // another region
	refused(t, err, "InvalidParameterException", message)
	_, err = c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("two"), NextToken: &images}) // another repository
	refused(t, err, "InvalidParameterException", message)
	_, err = c.ListImages(c.ctx, &ecr.ListImagesInput{ // another filter
		RepositoryName: aws.String("one"), NextToken: &images, Filter: &types.ListImagesFilter{TagStatus: types.TagStatusTagged},
	})
	refused(t, err, "InvalidParameterException", message)
	_, err = c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("one"), NextToken: &images}) // another operation
	refused(t, err, "InvalidParameterException", message)

	rest := must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("one"), NextToken: &images}))(t)
	if len(rest.ImageIds) != 1 || *rest.ImageIds[0].ImageTag != "a" || rest.NextToken != nil {
		t.Errorf("the list itself goes on with %v", showIDs(nil, rest.ImageIds))
	}
}

func TestDeleteRepository_API40(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	c.image(t, "app", "untagged", "")
	c.image(t, "app", "tagged", "v1")
	resource := aws.String("arn:aws:ecr:us-east-2:111222333444:repository/app")
	must(c.TagResource(c.ctx, &ecr.TagResourceInput{ResourceArn: resource, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}))(t)
	must(c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(openPolicy)}))(t)
	must(c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(gitRules)}))(t)
	must(c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("app"), ImageTagMutability: "IMMUTABLE"}))(t)
	_, err := c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app")})
	refused(t, err, "RepositoryNotEmptyException",
		"The repository with name 'app' in registry with id '111222333444' cannot be deleted because it still contains images")

	was := must(c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app"), Force: true}))(t).Repository
	if *was.RepositoryName != "app" || *was.RegistryId != vendor || *was.RepositoryArn != *resource || was.ImageTagMutability != "IMMUTABLE" || was.CreatedAt == nil {
		t.Errorf("answer %+v", was)
	}
	_, err = c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app")})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'app' does not exist in the registry with id '111222333444'")

	// Made again under the same name, it inherits nothing.
	c.repository(t, "app")
	if left := must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds; len(left) > 0 {
		t.Errorf("it has images: %v", left)
	}
	if tags := tagsOf(t, c, *resource); tags != "" {
		t.Errorf("it has the tags %s", tags)
	}
	_, err = c.GetRepositoryPolicy(c.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("app")})
	refused(t, err, "RepositoryPolicyNotFoundException", "…")
	_, err = c.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("app")})
	refused(t, err, "LifecyclePolicyNotFoundException", "…")
	if r := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{}))(t).Repositories[0]; r.ImageTagMutability != "MUTABLE" || !r.CreatedAt.After(*was.CreatedAt) {
		t.Errorf("it is %+v", r)
	}
	must(c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app")}))(t)
}

func TestRegions_API27(t *testing.T) {
	b := start(t)
	east, west := b.root(t, vendor, region), b.root(t, vendor, "us-west-2")
	east.repository(t, "app")
	_, err := west.DescribeRepositories(west.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}})
	refused(t, err, "RepositoryNotFoundException", "…")
	west.repository(t, "app")
	digest := east.image(t, "app", "east", "v1")
	_, err = west.DescribeImages(west.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: byDigest(digest)})
	refused(t, err, "ImageNotFoundException", "…")
}

func TestResourceTags_API42_API37_H58(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	const resource = "arn:aws:ecr:us-east-2:111222333444:repository/app"
	tag := func(pairs ...string) error {
		in := &ecr.TagResourceInput{ResourceArn: aws.String(resource)}
		for _, p := range pairs {
			key, value, _ := strings.Cut(p, "=")
			in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
		}
		_, err := c.TagResource(c.ctx, in)
		return err
	}
	if err := tag("a=1", "b=2"); err != nil {
		t.Fatal(err)
	}
	if err := tag("b=3", "c="); err != nil {
		t.Fatal(err)
	}
	must(c.UntagResource(c.ctx, &ecr.UntagResourceInput{ResourceArn: aws.String(resource), TagKeys: []string{"a", "never"}}))(t)
	const want = "b=3 c="
	if got := tagsOf(t, c, resource); got != want {
		t.Errorf("tags %q, want %q", got, want)
	}

	var many []string
	for i := range 49 {
		many = append(many, fmt.Sprintf("k%d=v", i))
	}
	refused(t, tag(many...), "TooManyTagsException", "…") // 2 are there
	refused(t, tag("aws:x=1"), "InvalidTagParameterException", "…")
	refused(t, tag("d=1", "d=2"), "InvalidTagParameterException", "…")
	refused(t, tag("=1"), "InvalidTagParameterException", "…")
	refused(t, tag(strings.Repeat("k", 129)+"=1"), "InvalidTagParameterException", "…")
	refused(t, tag("d="+strings.Repeat("v", 257)), "InvalidTagParameterException", "…")
	_, err := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("other"), Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("1")}}})
	refused(t, err, "InvalidTagParameterException", "…")
	_, err = c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("other"), Tags: func() (tags []types.Tag) {
		for i := range 51 {
			tags = append(tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
		}
		return tags
	}()})
	refused(t, err, "TooManyTagsException", "…")
	if got := tagsOf(t, c, resource); got != want {
		t.Errorf("refused tags changed them to %q", got)
	}
	if err := tag(strings.Repeat("k", 128) + "=" + strings.Repeat("v", 256)); err != nil {
		t.Error(err)
	}
}

func TestResourceARNs_API42_H58(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	b.root(t, stranger, region).repository(t, "app")
	call := func(resource string) []error {
		_, tag := c.TagResource(c.ctx, &ecr.TagResourceInput{ResourceArn: &resource, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
		_, untag := c.UntagResource(c.ctx, &ecr.UntagResourceInput{ResourceArn: &resource, TagKeys: []string{"a"}})
		_, list := c.ListTagsForResource(c.ctx, &ecr.ListTagsForResourceInput{ResourceArn: &resource})
		return []error{tag, untag, list}
	}
	for _, resource := range []string{
		"", "app", "arn:aws:ecr", "arn:aws:ecr:us-east-2:111222333444:app", "arn:aws:s3:us-east-2:111222333444:repository/app",
		"arn:aws-cn:ecr:us-east-2:111222333444:repository/app", "arn:aws:ecr:us-west-2:111222333444:repository/app",
		"arn:aws:ecr:us-east-2:11122233344:repository/app", "arn:aws:ecr:us-east-2:111222333444:repository/x/../app",
		"arn:aws:ecr:us-east-2:111222333444:repository/app/", "arn:aws:ecr:us-east-2:111222333444:repository/*",
		"arn:aws:ecr:us-east-2:111222333444:repository/" + strings.Repeat("a", 1<<16),
	} {
		for _, err := range call(resource) {
			refused(t, err, "InvalidParameterException", "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'")
		}
	}
	for _, err := range call("arn:aws:ecr:us-east-2:111222333444:repository/absent") {
		refused(t, err, "RepositoryNotFoundException", "The repository with name 'absent' does not exist in the registry with id '111222333444'")
	}
	for _, name := range []string{"app", "absent"} { // another account's: the same for what is there and what is not (API-28)
		for _, err := range call("arn:aws:ecr:us-east-2:123123123123:repository/" + name) {
			refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:root is not authorized to perform: ecr:…")
		}
	}
}

func TestScanningConfiguration_API76(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	for _, on := range []bool{true, false} {
		set := must(c.PutImageScanningConfiguration(c.ctx, &ecr.PutImageScanningConfigurationInput{
			RepositoryName: aws.String("app"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: on},
		}))(t)
		if set.ImageScanningConfiguration.ScanOnPush != on || *set.RegistryId != vendor || *set.RepositoryName != "app" {
			t.Errorf("answer %+v", set)
		}
		seen := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{}))(t).Repositories[0]
		if seen.ImageScanningConfiguration.ScanOnPush != on {
			t.Errorf("scanOnPush is %v, want %v", !on, on)
		}
	}
}

// tagsOf is the tags of a repository as "key=value", sorted.
func tagsOf(t *testing.T, c caller, resource string) string {
	t.Helper()
	var list []string
	for _, tag := range must(c.ListTagsForResource(c.ctx, &ecr.ListTagsForResourceInput{ResourceArn: &resource}))(t).Tags {
		list = append(list, *tag.Key+"="+*tag.Value)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
