package ecr_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// gitRules are the rules of the public guides: what a build is known by goes after a week, and of what has no name five stay.
const gitRules = `{"rules":[
  {"rulePriority":1,"description":"Keep only 5 untagged images","selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}},
  {"rulePriority":2,"selection":{"tagStatus":"tagged","tagPrefixList":["gitsha_"],"countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}},
  {"rulePriority":3,"selection":{"tagStatus":"tagged","tagPrefixList":["gitbranch_"],"countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}},
  {"rulePriority":4,"selection":{"tagStatus":"tagged","tagPrefixList":["gitpr_"],"countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

// ahead signs as somebody does whose clock is as far ahead as the server's.
type ahead struct{ atomic.Int64 }

func (a *ahead) now() time.Time { return time.Now().Add(time.Duration(a.Load())) }

// SignHTTP is the SDK's, at another time.
func (a *ahead) SignHTTP(ctx context.Context, key aws.Credentials, r *http.Request, hash, service, region string, at time.Time, options ...func(*v4.SignerOptions)) error {
	return v4.NewSigner().SignHTTP(ctx, key, r, hash, service, region, at.Add(time.Duration(a.Load())), options...)
}

// previewOf waits for a preview and reads all of it, a page of the size given at a time: "digest by rule, action".
func (c caller) previewOf(t *testing.T, repository string, size int32) (list []string, last *ecr.GetLifecyclePolicyPreviewOutput) {
	t.Helper()
	w := ecr.NewLifecyclePolicyPreviewCompleteWaiter(c.Client, func(o *ecr.LifecyclePolicyPreviewCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	})
	if err := w.Wait(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: &repository}, time.Minute); err != nil {
		t.Fatal(err)
	}
	p := ecr.NewGetLifecyclePolicyPreviewPaginator(c.Client, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: &repository, MaxResults: &size})
	for p.HasMorePages() {
		page := must(p.NextPage(c.ctx))(t)
		if len(page.PreviewResults) > int(size) {
			t.Fatalf("a page of %d results", len(page.PreviewResults))
		}
		for _, r := range page.PreviewResults {
			list = append(list, fmt.Sprintf("%s by %d, %s", *r.ImageDigest, *r.AppliedRulePriority, r.Action.Type))
		}
		last = page
	}
	return list, last
}

// LC-25, LC-26, LC-32: the policies of the public guides do what is said of them; the preview says so before, page by page, and changes nothing.
func TestLifecyclePolicyOfGuides_LC25_LC26_LC32(t *testing.T) {
	var ahead ahead
	c := startAt(t, ahead.now).root(t, vendor, region)
	c.Client = ecr.New(c.Client.Options(), func(o *ecr.Options) { o.HTTPSignerV4, o.AuthSchemes = &ahead, nil })
	c.repository(t, "app")
	get := func() (*ecr.GetLifecyclePolicyPreviewOutput, error) {
		return c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app")})
	}
	start := func(text *string) (*ecr.StartLifecyclePolicyPreviewOutput, error) {
		return c.StartLifecyclePolicyPreview(c.ctx, &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), LifecyclePolicyText: text})
	}
	_, err := get()
	refused(t, err, "LifecyclePolicyPreviewNotFoundException", "Lifecycle policy preview does not exist for the repository with name 'app' in the registry with id '111222333444'")
	_, err = start(nil)
	refused(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name 'app' in the registry with id '111222333444'")

	var untagged []string
	for i := range 7 {
		untagged = append(untagged, c.image(t, "app", fmt.Sprint("untagged", i), ""))
	}
	sha, branch, pr := c.image(t, "app", "a", "gitsha_1"), c.image(t, "app", "b", "gitbranch_main"), c.image(t, "app", "c", "gitpr_7")
	release := c.image(t, "app", "d", "v1")
	ahead.Store(int64(8 * 24 * time.Hour))
	fresh := c.image(t, "app", "e", "gitsha_2")

	if s := must(start(aws.String(gitRules)))(t); s.Status != types.LifecyclePolicyPreviewStatusInProgress || *s.LifecyclePolicyText != gitRules || *s.RegistryId != vendor {
		t.Errorf("%+v", s)
	}
	want := []string{untagged[0] + " by 1, EXPIRE", untagged[1] + " by 1, EXPIRE", sha + " by 2, EXPIRE", branch + " by 3, EXPIRE", pr + " by 4, EXPIRE"}
	for _, size := range []int32{1, 2, 5, 100} {
		list, page := c.previewOf(t, "app", size)
		if !slices.Equal(list, want) {
			t.Errorf("pages of %d: got\n%s\nwant\n%s", size, strings.Join(list, "\n"), strings.Join(want, "\n"))
		}
		if *page.Summary.ExpiringImageTotalCount != 5 || page.Summary.TransitioningImageTotalCounts != nil || *page.LifecyclePolicyText != gitRules {
			t.Errorf("%+v", page)
		}
	}
	byID := must(c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), ImageIds: append(byTag("gitpr_7", "v1"), byDigest(sha)...)}))(t)
	if len(byID.PreviewResults) != 2 || *byID.PreviewResults[0].ImageDigest != sha || byID.PreviewResults[1].ImageTags[0] != "gitpr_7" || byID.PreviewResults[1].StorageClass != types.LifecyclePolicyStorageClassStandard {
		t.Errorf("%+v", byID.PreviewResults)
	}
	tagged := must(c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), Filter: &types.LifecyclePolicyPreviewFilter{TagStatus: types.TagStatusUntagged}}))(t)
	if len(tagged.PreviewResults) != 2 || *tagged.Summary.ExpiringImageTotalCount != 5 {
		t.Errorf("%+v", tagged)
	}
	if n := len(must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds); n != 12 {
		t.Errorf("%d images are left by a preview", n)
	}

	if p := must(c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(gitRules)}))(t); *p.LifecyclePolicyText != gitRules || *p.RepositoryName != "app" {
		t.Errorf("%+v", p)
	}
	l := must(c.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("app")}))(t)
	if *l.LifecyclePolicyText != gitRules || l.LastEvaluatedAt.Unix() != 0 {
		t.Errorf("%+v", l)
	}
	ahead.Add(int64(time.Minute))
	for l.LastEvaluatedAt.Unix() == 0 {
		l = must(c.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("app")}))(t)
	}
	left := map[string]bool{}
	for _, id := range must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds {
		left[*id.ImageDigest] = true
	}
	for _, d := range append(untagged[2:], release, fresh) {
		if !left[d] {
			t.Errorf("%s is gone", d)
		}
	}
	if len(left) != 7 {
		t.Errorf("%d images are left", len(left))
	}
	// Results expire after a day (LC-26).
	ahead.Add(int64(25 * time.Hour))
	if p := must(get())(t); p.Status != types.LifecyclePolicyPreviewStatusExpired || len(p.PreviewResults) != 0 {
		t.Errorf("%+v", p)
	}
	if was := must(c.DeleteLifecyclePolicy(c.ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: aws.String("app")}))(t); *was.LifecyclePolicyText != gitRules || was.LastEvaluatedAt.Unix() == 0 {
		t.Errorf("%+v", was)
	}
	_, err = c.DeleteLifecyclePolicy(c.ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: aws.String("app")})
	refused(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist…")
}

// LC-25, LC-26: a preview without a text is of the policy that is there, and says of an image that is to be archived where it goes; each member of each result.
func TestPreviewOfTheStoredPolicy_LC25_LC26(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	const text = `{"rules":[{"rulePriority":3,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},
		{"rulePriority":7,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"transition","targetStorageClass":"archive"}}]}`
	manifest := c.imageOf(t, "app", `{"of":"cold"}`)
	cold := c.push(t, "app", manifest, "b")
	c.push(t, "app", manifest, "a")
	gone := c.image(t, "app", "gone", "")
	c.image(t, "app", "kept untagged", "")
	c.image(t, "app", "newest", "v1")
	must(c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(text)}))(t)
	if s := must(c.StartLifecyclePolicyPreview(c.ctx, &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("app")}))(t); *s.LifecyclePolicyText != text || *s.RepositoryName != "app" {
		t.Errorf("%+v", s)
	}
	_, out := c.previewOf(t, "app", 100)
	pushed := map[string]time.Time{}
	for _, d := range must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app")}))(t).ImageDetails {
		pushed[*d.ImageDigest] = *d.ImagePushedAt
	}
	archive, standard := types.LifecyclePolicyTargetStorageClassArchive, types.LifecyclePolicyStorageClassStandard
	want := []types.LifecyclePolicyPreviewResult{
		{ImageDigest: &cold, ImageTags: []string{"a", "b"}, ImagePushedAt: aws.Time(pushed[cold]), AppliedRulePriority: aws.Int32(7), StorageClass: standard, Action: &types.LifecyclePolicyRuleAction{Type: types.ImageActionTypeTransition, TargetStorageClass: archive}},
		{ImageDigest: &gone, ImagePushedAt: aws.Time(pushed[gone]), AppliedRulePriority: aws.Int32(3), StorageClass: standard, Action: &types.LifecyclePolicyRuleAction{Type: types.ImageActionTypeExpire}},
	}
	if !reflect.DeepEqual(out.PreviewResults, want) {
		t.Errorf("results %+v, want %+v", out.PreviewResults, want)
	}
	if s := out.Summary; *s.ExpiringImageTotalCount != 1 || len(s.TransitioningImageTotalCounts) != 1 || *s.TransitioningImageTotalCounts[0].ImageTotalCount != 1 || s.TransitioningImageTotalCounts[0].TargetStorageClass != archive {
		t.Errorf("summary %+v", s)
	}
	if out.Status != types.LifecyclePolicyPreviewStatusComplete || *out.RegistryId != vendor || *out.RepositoryName != "app" || *out.LifecyclePolicyText != text {
		t.Errorf("%+v", out)
	}
}

// LC-1, LC-10: a wrong policy is refused in AWS's words, with the place where it is wrong; nothing is stored.
func TestInvalidLifecyclePolicies_LC1_LC10(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	const begin = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: "
	for name, test := range map[string]struct{ text, message string }{
		"no JSON":       {"{", begin + "Could not map policyString into LifecyclePolicy.': line 1, column 2"},
		"no rules":      {"{}", begin + `object has missing required properties (["rules"])': line 1, column 1`},
		"too long":      {`{"rules":[` + strings.Repeat(" ", 30_720) + `]}`, begin + "the policy is longer than 30720 characters': line 1, column 1"},
		"priority of 0": {"{\n \"rules\":[\n  {\"rulePriority\":0,\"selection\":{\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\",\"countNumber\":1},\"action\":{\"type\":\"expire\"}}]}", begin + "numeric instance is lower than the required minimum (minimum: 1, found: 0)': line 3, column 19: rules[0].rulePriority"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: &test.text})
			refused(t, err, "InvalidParameterException", test.message)
			_, err = c.StartLifecyclePolicyPreview(c.ctx, &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), LifecyclePolicyText: &test.text})
			refused(t, err, "InvalidParameterException", test.message)
		})
	}
	_, err := c.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("app")})
	refused(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist…")
	_, err = c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("absent"), LifecyclePolicyText: aws.String(gitRules)})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'absent' does not exist…")
}

// API-81, LC-25: the waiter that the SDKs ship sees a preview complete; while one is being made, another is refused.
func TestPreviewIsWaitedFor_API81_LC25(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	for i := range 3 {
		c.image(t, "app", fmt.Sprint(i), "")
	}
	in := &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}`)}
	var err error
	for err == nil { // it is refused unless the first is complete already
		must(c.StartLifecyclePolicyPreview(c.ctx, in))(t)
		_, err = c.StartLifecyclePolicyPreview(c.ctx, in)
	}
	refused(t, err, "LifecyclePolicyPreviewInProgressException", "The previous lifecycle policy preview request has not completed…")
	waiter := ecr.NewLifecyclePolicyPreviewCompleteWaiter(c, func(o *ecr.LifecyclePolicyPreviewCompleteWaiterOptions) { o.MinDelay = 50 * time.Millisecond })
	done := must(waiter.WaitForOutput(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("app")}, 2*time.Minute))(t)
	if done.Status != types.LifecyclePolicyPreviewStatusComplete || *done.Summary.ExpiringImageTotalCount != 2 {
		t.Errorf("%+v", done)
	}
	must(c.StartLifecyclePolicyPreview(c.ctx, in))(t)
}
