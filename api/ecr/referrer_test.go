package ecr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// artifactOf uploads what a manifest of an artifact type needs, and returns the manifest: an artifact that refers to subject.
func (c caller) artifactOf(t *testing.T, repository, subject, artifactType, annotations string) string {
	t.Helper()
	body := c.imageOf(t, repository, `{}`, "content of "+artifactType+annotations)
	return strings.Replace(body, `"config"`, fmt.Sprintf(`"artifactType":"%s","annotations":%s,"subject":{"mediaType":"%s","digest":"%s","size":%d},"config"`,
		artifactType, annotations, ociManifest, digestOf(subject), len(subject)), 1)
}

func TestListImageReferrers_API59_API10(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	subject := c.imageOf(t, "app", `{}`, "layer")
	in := &ecr.ListImageReferrersInput{RepositoryName: aws.String("app"), SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String(digestOf(subject))}}
	if out := must(c.ListImageReferrers(c.ctx, in))(t); len(out.Referrers) != 0 || out.NextToken != nil {
		t.Errorf("an unknown subject has %v", out.Referrers)
	}
	c.push(t, "app", subject, "v1")
	manifests, want := map[string]string{}, map[string][]string{}
	for i := range 25 {
		kind := []string{"application/vnd.example.signature", "application/spdx+json"}[i%2]
		m := c.artifactOf(t, "app", subject, kind, fmt.Sprintf(`{"n":"%d","<&>":"kept"}`, i))
		d := c.push(t, "app", m, "")
		manifests[d] = m
		want[kind] = append(want[kind], d)
		want[""] = append(want[""], d)
	}
	list := func(size *int32, artifactTypes ...string) (got []string, pages []int) {
		t.Helper()
		in := *in
		in.MaxResults, in.Filter = size, &types.ListImageReferrersFilter{ArtifactTypes: artifactTypes}
		for {
			out := must(c.ListImageReferrers(c.ctx, &in))(t)
			pages = append(pages, len(out.Referrers))
			for _, r := range out.Referrers {
				m := manifests[*r.Digest]
				if *r.MediaType != ociManifest || *r.Size != int64(len(m)) || r.ArtifactStatus != types.ArtifactStatusActive || !strings.Contains(m, `"artifactType":"`+*r.ArtifactType+`"`) ||
					len(r.Annotations) != 2 || !strings.Contains(m, `"n":"`+r.Annotations["n"]+`"`) || r.Annotations["<&>"] != "kept" {
					t.Errorf("%+v of %s", r, m)
				}
				got = append(got, *r.Digest)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return got, pages
			}
		}
	}
	for _, test := range []struct {
		size  *int32
		types []string
		want  string
		pages []int
	}{
		{nil, nil, "", []int{20, 5}}, {aws.Int32(50), nil, "", []int{25}}, {aws.Int32(7), nil, "", []int{7, 7, 7, 4}}, {aws.Int32(25), nil, "", []int{25}},
		{nil, []string{"application/spdx+json"}, "application/spdx+json", []int{12}},
		{aws.Int32(12), []string{"application/spdx+json"}, "application/spdx+json", []int{12}},
		{nil, []string{"application/spdx+json", "application/vnd.example.signature", "a/b", "c/d", "e/f"}, "", []int{20, 5}},
		{nil, []string{"application/none"}, "none", []int{0}},
	} {
		got, pages := list(test.size, test.types...)
		slices.Sort(want[test.want])
		if !slices.Equal(got, want[test.want]) || !slices.Equal(pages, test.pages) {
			t.Errorf("%v %v: %d of %d in pages %v, want %v", aws.ToInt32(test.size), test.types, len(got), len(want[test.want]), pages, test.pages)
		}
	}
	// By status: all of them are active.
	for status, n := range map[types.ArtifactStatusFilter]int{"ACTIVE": 20, "ANY": 20, "ARCHIVED": 0, "ACTIVATING": 0} {
		in := *in
		in.Filter = &types.ListImageReferrersFilter{ArtifactStatus: status}
		if out := must(c.ListImageReferrers(c.ctx, &in))(t); len(out.Referrers) != n {
			t.Errorf("%s: %d referrers", status, len(out.Referrers))
		}
	}

	// A token continues only the list that it came from.
	first := must(c.ListImageReferrers(c.ctx, in))(t)
	for _, change := range []func(*ecr.ListImageReferrersInput){
		func(in *ecr.ListImageReferrersInput) {
			in.Filter = &types.ListImageReferrersFilter{ArtifactTypes: []string{"application/spdx+json"}}
		},
		func(in *ecr.ListImageReferrersInput) {
			in.SubjectId = &types.SubjectIdentifier{ImageDigest: aws.String(digestOf("another"))}
		},
		func(in *ecr.ListImageReferrersInput) { in.NextToken = aws.String(*in.NextToken + "AA") },
	} {
		other := *in
		other.NextToken = first.NextToken
		change(&other)
		_, err := c.ListImageReferrers(c.ctx, &other)
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'")
	}

	for _, test := range []struct {
		change             func(*ecr.ListImageReferrersInput)
		exception, message string
	}{
		{func(in *ecr.ListImageReferrersInput) { in.MaxResults = aws.Int32(51) }, "InvalidParameterException",
			"Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 50'"},
		{func(in *ecr.ListImageReferrersInput) {
			in.Filter = &types.ListImageReferrersFilter{ArtifactTypes: []string{"a", "b", "c", "d", "e", "f"}}
		}, "InvalidParameterException", "Invalid parameter at 'filter.artifactTypes' failed to satisfy constraint: 'Member must have length less than or equal to 5'"},
		{func(in *ecr.ListImageReferrersInput) { in.SubjectId.ImageDigest = aws.String("v1") }, "InvalidParameterException", "Invalid parameter at '…"},
		{func(in *ecr.ListImageReferrersInput) { in.RepositoryName = aws.String("absent") }, "RepositoryNotFoundException",
			"The repository with name 'absent' does not exist in the registry with id '111222333444'"},
	} {
		wrong := *in
		wrong.SubjectId = &types.SubjectIdentifier{ImageDigest: in.SubjectId.ImageDigest}
		test.change(&wrong)
		_, err := c.ListImageReferrers(c.ctx, &wrong)
		refused(t, err, test.exception, test.message)
	}

	// It takes the permission to pull, not one of its own.
	puller := b.user(t, vendor, region, "puller", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}]}`)
	must(puller.ListImageReferrers(c.ctx, in))(t)
	other := b.user(t, vendor, region, "other", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:ListImages","ecr:DescribeImages"],"Resource":"*"}]}`)
	_, err := other.ListImageReferrers(c.ctx, in)
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/other is not authorized to perform: ecr:BatchGetImage on resource: "+
		"arn:aws:ecr:us-east-2:111222333444:repository/app because no identity-based policy allows the ecr:BatchGetImage action")
}

// Annotations may make one referrer as large as a manifest; an answer of fifty must not take fifty times that (H41).
func TestPagesOfLargeReferrersEndEarly_API59_H41(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	subject := c.imageOf(t, "app", `{}`, "layer")
	c.push(t, "app", subject, "v1")
	for i := range 4 {
		c.push(t, "app", c.artifactOf(t, "app", subject, "a/b", fmt.Sprintf(`{"%d":"%s"}`, i, strings.Repeat("x", 3<<19))), "")
	}
	in := &ecr.ListImageReferrersInput{RepositoryName: aws.String("app"), SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String(digestOf(subject))}, MaxResults: aws.Int32(50)}
	var pages []int
	for p := 0; p < 10; p++ {
		out := must(c.ListImageReferrers(c.ctx, in))(t)
		pages = append(pages, len(out.Referrers))
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if fmt.Sprint(pages) != "[2 2]" {
		t.Errorf("pages of %v referrers", pages)
	}
}
