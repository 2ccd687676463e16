package ecr_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// catalogue is a repository with an image of each kind: tagged and untagged, an index with its part, a referrer, an archived one and one that was brought back from the archive.
type catalogue struct {
	caller
	names map[string]string // what the test calls a digest
}

func newCatalogue(t *testing.T) *catalogue {
	c := &catalogue{start(t).root(t, vendor, region), map[string]string{}}
	c.repository(t, "app")
	add := func(name, manifest, tag string) string {
		digest := c.push(t, "app", manifest, tag)
		c.names[digest] = name
		return manifest
	}
	manifest := func(of string) string { return c.imageOf(t, "app", `{"of":"`+of+`"}`, "layer of "+of) }
	class := func(tag string, class types.TargetStorageClass) {
		must(c.UpdateImageStorageClass(c.ctx, &ecr.UpdateImageStorageClassInput{RepositoryName: aws.String("app"), ImageId: &byTag(tag)[0], TargetStorageClass: class}))(t)
	}
	tagged := add("tagged", manifest("tagged"), "a")
	add("tagged", tagged, "b")
	add("untagged", manifest("untagged"), "")
	add("index", indexOf(add("part", manifest("part"), "")), "index")
	add("referrer", strings.Replace(manifest("referrer"), `"layers"`, fmt.Sprintf(`"artifactType":"application/spdx+json","subject":{"mediaType":"%s","digest":"%s","size":%d},"layers"`,
		ociManifest, digestOf(tagged), len(tagged)), 1), "")
	add("archived", manifest("archived"), "cold")
	class("cold", types.TargetStorageClassArchive)
	add("restored", manifest("restored"), "warm")
	class("warm", types.TargetStorageClassArchive)
	class("warm", types.TargetStorageClassStandard)
	return c
}

// set are the members of a structure that have a value.
func set(v any) string {
	var names []string
	s := reflect.ValueOf(v)
	for i := range s.NumField() {
		if name := s.Type().Field(i).Name; s.Type().Field(i).IsExported() && !s.Field(i).IsZero() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// The fields, filters, order and pages of DescribeImages and ListImages: every member of the model, each filter with each other.
func TestImagesByEveryFilter_API10_API11_API50_API51_API53(t *testing.T) {
	c := newCatalogue(t)
	const details = "ArtifactMediaType ImageDigest ImageManifestMediaType ImagePushedAt ImageSizeInBytes ImageStatus RegistryId RepositoryName"
	fields := map[string]string{
		"tagged": details + " ImageTags", "untagged": details, "part": details, "index": strings.TrimPrefix(details, "ArtifactMediaType ") + " ImageTags", "referrer": details + " SubjectManifestDigest",
		"archived": details + " ImageTags LastArchivedAt", "restored": details + " ImageTags LastActivatedAt LastArchivedAt",
	}
	for _, test := range []struct {
		tags   types.TagStatus
		status types.ImageStatusFilter
		want   string // the newest first
	}{
		{"", "", "restored referrer index part untagged tagged"},
		{"ANY", "ACTIVE", "restored referrer index part untagged tagged"},
		{"TAGGED", "ACTIVE", "restored index tagged"},
		{"UNTAGGED", "ACTIVE", "referrer part untagged"},
		{"ANY", "ARCHIVED", "archived"}, {"TAGGED", "ARCHIVED", "archived"}, {"UNTAGGED", "ARCHIVED", ""},
		{"ANY", "ACTIVATING", ""}, {"TAGGED", "ACTIVATING", ""}, {"UNTAGGED", "ACTIVATING", ""},
		{"ANY", "ANY", "restored archived referrer index part untagged tagged"},
		{"TAGGED", "ANY", "restored archived index tagged"},
		{"UNTAGGED", "ANY", "referrer part untagged"},
	} {
		for _, size := range []int32{1, 2, 1000} {
			at := fmt.Sprintf("%s, %s, pages of %d", test.tags, test.status, size)
			var described, listed []string
			in := &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), RegistryId: aws.String(vendor), Filter: &types.DescribeImagesFilter{TagStatus: test.tags, ImageStatus: test.status}, MaxResults: &size}
			for pages := ecr.NewDescribeImagesPaginator(c, in); pages.HasMorePages(); {
				for _, d := range must(pages.NextPage(c.ctx))(t).ImageDetails {
					name := c.names[*d.ImageDigest]
					described = append(described, name)
					want := strings.Fields(fields[name])
					slices.Sort(want)
					if got := strings.Fields(set(d)); !slices.Equal(got, want) {
						t.Errorf("%s has %v, want %v", name, got, want)
					}
					if status := map[bool]types.ImageStatus{true: "ARCHIVED", false: "ACTIVE"}[name == "archived"]; d.ImageStatus != status {
						t.Errorf("%s is %s", name, d.ImageStatus)
					}
				}
			}
			list := &ecr.ListImagesInput{RepositoryName: aws.String("app"), RegistryId: aws.String(vendor), Filter: &types.ListImagesFilter{TagStatus: test.tags, ImageStatus: test.status}, MaxResults: &size}
			for pages := ecr.NewListImagesPaginator(c, list); pages.HasMorePages(); {
				for _, id := range must(pages.NextPage(c.ctx))(t).ImageIds {
					if name := c.names[*id.ImageDigest]; len(listed) == 0 || listed[len(listed)-1] != name { // an entry for each tag
						listed = append(listed, name)
					}
				}
			}
			if is := strings.Join(described, " "); is != test.want {
				t.Errorf("DescribeImages of %s: %s, want %s", at, is, test.want)
			}
			if is := strings.Join(listed, " "); is != test.want {
				t.Errorf("ListImages of %s: %s, want %s", at, is, test.want)
			}
		}
	}
}

// What the three lists refuse, in the same words, and what a page holds when nobody says (API-10).
func TestPagesOfTheLists_API10_H55(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", "{}")
	for n := range 101 {
		c.push(t, "app", strings.Replace(manifest, `"layers"`, fmt.Sprintf(`"annotations":{"n":"%d"},"layers"`, n), 1), "")
		if n > 0 {
			c.repository(t, fmt.Sprintf("r%03d", n))
		}
	}
	lists := map[string]func(c caller, size *int32, token *string) (int, *string, error){
		"DescribeImages": func(c caller, size *int32, token *string) (int, *string, error) {
			out, err := c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), MaxResults: size, NextToken: token})
			if err != nil {
				return 0, nil, err
			}
			return len(out.ImageDetails), out.NextToken, nil
		},
		"ListImages": func(c caller, size *int32, token *string) (int, *string, error) {
			out, err := c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app"), MaxResults: size, NextToken: token})
			if err != nil {
				return 0, nil, err
			}
			return len(out.ImageIds), out.NextToken, nil
		},
		"DescribeRepositories": func(c caller, size *int32, token *string) (int, *string, error) {
			out, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{MaxResults: size, NextToken: token})
			if err != nil {
				return 0, nil, err
			}
			return len(out.Repositories), out.NextToken, nil
		},
	}
	const at = "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value "
	tokens := map[string]*string{}
	for name, list := range lists {
		for size, message := range map[int32]string{-1: "greater than or equal to 1'", 0: "greater than or equal to 1'", 1001: "less than or equal to 1000'"} {
			_, _, err := list(c, &size, nil)
			refused(t, err, "InvalidParameterException", at+message)
		}
		for _, size := range []*int32{nil, aws.Int32(100)} {
			n, next, err := list(c, size, nil)
			if err != nil || n != 100 || next == nil {
				t.Errorf("%s: a page of %d, %v", name, n, err)
			}
			tokens[name] = next
		}
		if n, next, err := list(c, aws.Int32(1000), nil); err != nil || n != 101 || next != nil {
			t.Errorf("%s: a page of %d, then %v, %v", name, n, next, err)
		}
		// Another size of the page is no other list.
		if n, next, err := list(c, aws.Int32(7), tokens[name]); err != nil || n != 1 || next != nil {
			t.Errorf("%s: the page after has %d, then %v, %v", name, n, next, err)
		}
	}
	other := b.root(t, stranger, region)
	other.repository(t, "app")
	for name, list := range lists {
		for of, token := range tokens {
			if of != name {
				_, _, err := list(c, nil, token)
				refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'")
			}
		}
		for _, token := range []*string{tokens[name], aws.String(""), aws.String("AAAA"), aws.String(strings.Repeat("A", 5000))} {
			_, _, err := list(other, nil, token)
			refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'")
		}
	}
	_, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}, MaxResults: aws.Int32(10)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must not be given together with repositoryNames'")
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}, NextToken: tokens["DescribeRepositories"]})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must not be given together with repositoryNames'")
	r := must(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}, RegistryId: aws.String(vendor)}))(t).Repositories[0]
	if got := set(r); got != "CreatedAt EncryptionConfiguration ImageScanningConfiguration ImageTagMutability RegistryId RepositoryArn RepositoryName RepositoryUri" {
		t.Errorf("a repository has %s", got)
	}
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{}})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'repositoryNames' failed to satisfy constraint: 'Member must have length greater than or equal to 1'")
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: make([]string, 101)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'repositoryNames…")
}

// The same of the lists that are seldom long: results of a preview, creation templates, and exclusions from pull times (API-10).
func TestPagesOfTheOtherLists_API10_H55(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	for n := range 102 { // of which the newest stays
		c.push(t, "app", strings.Replace(indexOf(), `"manifests"`, fmt.Sprintf(`"annotations":{"n":"%d"},"manifests"`, n), 1), "")
	}
	must(c.StartLifecyclePolicyPreview(c.ctx, &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"),
		LifecyclePolicyText: aws.String(`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}`)}))(t)
	c.previewOf(t, "app", 100)
	for _, prefix := range []string{"a", "a-b/", "a/b"} {
		must(c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}}))(t)
		must(c.RegisterPullTimeUpdateExclusion(c.ctx, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: aws.String("arn:aws:iam::111222333444:role/" + strings.Trim(prefix, "/"))}))(t)
	}
	type list func(c caller, size *int32, token *string) ([]string, *string, error)
	lists := map[string]struct {
		read       list
		most, page int32
		all        int
	}{
		"GetLifecyclePolicyPreview": {func(c caller, size *int32, token *string) (names []string, next *string, err error) {
			out, err := c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), RegistryId: aws.String(vendor), MaxResults: size, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, r := range out.PreviewResults {
				names = append(names, *r.ImageDigest)
			}
			return names, out.NextToken, nil
		}, 100, 100, 101},
		"DescribeRepositoryCreationTemplates": {func(c caller, size *int32, token *string) (names []string, next *string, err error) {
			out, err := c.DescribeRepositoryCreationTemplates(c.ctx, &ecr.DescribeRepositoryCreationTemplatesInput{MaxResults: size, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, r := range out.RepositoryCreationTemplates {
				names = append(names, *r.Prefix)
			}
			return names, out.NextToken, nil
		}, 1000, 3, 3},
		"ListPullTimeUpdateExclusions": {func(c caller, size *int32, token *string) (names []string, next *string, err error) {
			out, err := c.ListPullTimeUpdateExclusions(c.ctx, &ecr.ListPullTimeUpdateExclusionsInput{MaxResults: size, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.PullTimeUpdateExclusions, out.NextToken, nil
		}, 1000, 3, 3},
	}
	const invalid = "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'"
	tokens := map[string]*string{}
	for name, l := range lists {
		for size, message := range map[int32]string{-1: "greater than or equal to 1'", 0: "greater than or equal to 1'", l.most + 1: fmt.Sprintf("less than or equal to %d'", l.most)} {
			_, _, err := l.read(c, &size, nil)
			refused(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value "+message)
		}
		if first, next, err := l.read(c, nil, nil); err != nil || len(first) != int(l.page) || (next != nil) != (int(l.page) < l.all) {
			t.Errorf("%s: a page of %d, then %v, %v", name, len(first), next, err)
		}
		for _, size := range []int32{1, 2, min(l.most, 100)} {
			var all []string
			for token, first := (*string)(nil), true; first || token != nil; first = false {
				some, next, err := l.read(c, &size, token)
				if err != nil || len(some) > int(size) || len(some) == 0 {
					t.Fatalf("%s in pages of %d: %d, %v", name, size, len(some), err)
				}
				if all, token = append(all, some...), next; token != nil {
					tokens[name] = token
				}
			}
			if unique := slices.Compact(slices.Sorted(slices.Values(all))); len(all) != l.all || len(unique) != l.all {
				t.Errorf("%s in pages of %d: %d, of which %d are different", name, size, len(all), len(unique))
			}
		}
	}
	neighbour := b.user(t, vendor, region, "neighbour", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
	for name, l := range lists {
		for of, token := range tokens {
			who := c
			if of == name {
				who = neighbour
			}
			_, _, err := l.read(who, nil, token)
			refused(t, err, "InvalidParameterException", invalid)
		}
		altered := []byte(*tokens[name])
		altered[len(altered)/2] ^= 1
		_, _, err := l.read(c, nil, aws.String(string(altered)))
		refused(t, err, "InvalidParameterException", invalid)
	}
	_, err := c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), NextToken: tokens["GetLifecyclePolicyPreview"], Filter: &types.LifecyclePolicyPreviewFilter{TagStatus: "TAGGED"}})
	refused(t, err, "InvalidParameterException", invalid)
	ids := byDigest(digestOf(indexOf()))
	_, err = c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), ImageIds: ids, MaxResults: aws.Int32(1)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must not be given together with imageIds'")
	_, err = c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), ImageIds: ids, NextToken: tokens["GetLifecyclePolicyPreview"]})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must not be given together with imageIds'")
}
