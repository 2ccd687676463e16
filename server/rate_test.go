package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/server"
)

// API-80, HTTP-31: over its rate a call is refused by AWS's name for it, with the time after which another is taken and the operation that it counted as; for that
// account, region and operation only, and until the time has come.
func TestRates(t *testing.T) {
	var ahead atomic.Int64
	ahead.Store(int64(time.Second))
	start := time.Now()
	clock := func() time.Time { return start.Add(time.Duration(ahead.Load())) } // it stands, until the test moves it
	s := berthtest.StartWith(t, server.Options{Now: clock}, func(c *server.Config) {
		c.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Rate = []string{"ecr", "BatchGetImage=2", "ecr:DescribeRepositories=0.5"}
	})
	vendor, other := s.Account(t, vendor), s.Account(t, "555666777888")
	describe := func(a *berthtest.Account, region string) error {
		_, err := a.ECR(region).DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}, func(o *ecr.Options) { o.Retryer = aws.NopRetryer{} })
		return err
	}
	if err := describe(vendor, region); err != nil {
		t.Fatal(err)
	}
	err := describe(vendor, region)
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "ThrottlingException" || e.ErrorMessage() != "Rate exceeded" {
		t.Fatalf("over the rate: %v", err)
	}
	for who, err := range map[string]error{"another region": describe(vendor, "us-east-1"), "another account": describe(other, region)} {
		if err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	ahead.Add(int64(2 * time.Second))
	if err := describe(vendor, region); err != nil {
		t.Errorf("after its time: %v", err)
	}

	if _, err := vendor.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	login := vendor.Login(t, region)
	image := berthtest.NewImage([]byte("a layer"))
	s.Push(t, login, there, "1", image)
	get := func() *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/"+there+"/manifests/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", login)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	ahead.Add(int64(time.Minute))
	for range 2 {
		if resp := get(); resp.StatusCode != http.StatusOK {
			t.Fatalf("within the rate: %s", resp.Status)
		}
	}
	resp := get()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" ||
		!strings.Contains(string(body), `{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded","detail":{"operation":"ecr:BatchGetImage","perSecond":2}}]}`) {
		t.Errorf("over the rate: %s %v %s", resp.Status, resp.Header, body)
	}
	ahead.Add(int64(time.Second))
	if resp := get(); resp.StatusCode != http.StatusOK {
		t.Errorf("after its time: %s", resp.Status)
	}
	metrics, err := http.Get(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Body.Close()
	text, _ := io.ReadAll(metrics.Body)
	for _, want := range []string{`berth_throttled_total{operation="ecr:BatchGetImage"} 1`, `berth_throttled_total{operation="ecr:DescribeRepositories"} 1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// API-80: the rates that `ecr` stands for.
func TestRatesOfECR_API80(t *testing.T) {
	want := map[string]float64{
		"ecr:GetAuthorizationToken": 500, "ecr:BatchGetImage": 2000, "ecr:GetDownloadUrlForLayer": 3000, "ecr:BatchCheckLayerAvailability": 1000,
		"ecr:InitiateLayerUpload": 100, "ecr:UploadLayerPart": 500, "ecr:CompleteLayerUpload": 100, "ecr:PutImage": 10,
	}
	if got := front.DefaultRates(); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What is no rate or quota is refused at the start, with what it should be.
func TestLimitsAreRead(t *testing.T) {
	for _, c := range []struct {
		limits server.Limits
		want   string
	}{
		{server.Limits{Rate: []string{"PutImage"}}, `--rate: "PutImage" is not OPERATION=N`},
		{server.Limits{Rate: []string{"PutImage=0"}}, "N above 0"},
		{server.Limits{Rate: []string{"PutImage=NaN"}}, "N above 0"},
		{server.Limits{Quota: []string{"layers=5"}}, `--quota: there is none for "layers"`},
		{server.Limits{Quota: []string{"images=-1"}}, "NAME=N"},
		{server.Limits{Quota: []string{"rules=51"}}, "at most 50 rules"},
		{server.Limits{Quota: []string{"layer-bytes=54525952001"}}, "at most 54525952000 bytes"},
		{server.Limits{Quota: []string{"layer-parts=0"}}, "NAME=N"},
		{server.Limits{Quota: []string{"part-bytes=5242879"}}, "from 5242880 to 20971520 bytes"},
		{server.Limits{Quota: []string{"part-bytes=20971521"}}, "from 5242880 to 20971520 bytes"},
	} {
		if err := c.limits.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.limits, err)
		}
	}
	_, err := server.Open(t.Context(), server.Config{
		Folder: server.Folder{Data: t.TempDir()}, Listen: []string{"127.0.0.1:0"}, Names: server.Names{Regions: []string{region}}, Limits: server.Limits{Rate: []string{"PutImages=1"}},
	}, server.Options{})
	if err == nil || !strings.Contains(err.Error(), "there is no operation ecr:PutImages") {
		t.Error(err)
	}
}

// The help says of every quota what it is when nobody sets it.
func TestQuotasAreInTheHelp(t *testing.T) {
	field, _ := reflect.TypeFor[server.Limits]().FieldByName("Quota")
	help := field.Tag.Get("help")
	for _, q := range registry.Quotas() {
		if what := strings.Split(q.Name, "-")[0]; !strings.Contains(help, what) || !strings.Contains(help, fmt.Sprintf("(%d)", q.Usual)) {
			t.Errorf("%s, of which there are %d: %s", q.Name, q.Usual, help)
		}
	}
}

// once is a client that tries nothing again: the SDK takes a LimitExceededException for a passing one.
func once(c *ecr.Client) *ecr.Client {
	return ecr.New(c.Options(), func(o *ecr.Options) { o.Retryer = aws.NopRetryer{} })
}

// API-79: the repositories of a registry have a limit, of its own in each region.
func TestQuotaOfRepositories(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) { c.Quota = []string{"repositories=2"} })
	a := s.Account(t, vendor)
	create := func(region, name string) error {
		_, err := once(a.ECR(region)).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
		return err
	}
	if err := errors.Join(create(region, "one"), create(region, "two"), create("us-east-1", "one")); err != nil {
		t.Fatal(err)
	}
	var e smithy.APIError
	if err := create(region, "three"); !errors.As(err, &e) || e.ErrorCode() != "LimitExceededException" || !strings.Contains(e.ErrorMessage(), "has 2 repositories, which is the limit") {
		t.Errorf("over the limit: %v", err)
	}
}

// API-77, API-79: what a registry may have of each thing is configured, and a refusal says which limit it was.
func TestQuotas(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) {
		c.Quota = []string{"images=1", "tags=1", "rules=1", "templates=1", "exclusions=1"}
	})
	a := s.Account(t, vendor)
	c, ctx := once(a.ECR(region)), t.Context()
	if _, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	const index = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"n":"%s"}}`
	const rule = `{"rulePriority":%s,"selection":{"tagStatus":"tagged","tagPrefixList":["%s"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}`
	put := func(n, tag string) error {
		_, err := c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: aws.String(strings.Replace(index, "%s", n, 1)), ImageTag: &tag})
		return err
	}
	rules := func(n int) error {
		list := make([]string, n)
		for i := range list {
			list[i] = strings.ReplaceAll(rule, "%s", string(rune('1'+i)))
		}
		_, err := c.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(`{"rules":[` + strings.Join(list, ",") + `]}`)})
		return err
	}
	template := func(prefix string) error {
		_, err := c.CreateRepositoryCreationTemplate(ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush}})
		return err
	}
	exclude := func(user string) error {
		_, err := c.RegisterPullTimeUpdateExclusion(ctx, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: aws.String("arn:aws:iam::" + vendor + ":user/" + user)})
		return err
	}
	if err := errors.Join(put("1", "one"), rules(1), template("one"), exclude("one")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err        error
		code, text string
	}{
		{put("2", "two"), "LimitExceededException", "holds 1 images, which is the limit"},
		{put("1", "two"), "LimitExceededException", "has 1 tags, which is the limit"},
		{rules(2), "InvalidParameterException", "array is too long': rules: there are 2, and 1 is the limit"},
		{template("two"), "LimitExceededException", "has 1 creation templates, which is the limit"},
		{exclude("two"), "LimitExceededException", "excludes 1 principals from pull time updates, which is the limit"},
	} {
		var e smithy.APIError
		if !errors.As(c.err, &e) || e.ErrorCode() != c.code || !strings.Contains(e.ErrorMessage(), c.text) {
			t.Errorf("got %v, want %s with %q", c.err, c.code, c.text)
		}
	}
}

// API-60, API-61, API-79: how large layers and their parts may be is configured within what ECR takes, clients are told before they begin, and what came before a refusal stays.
func TestQuotasOfLayers(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) {
		c.Quota = []string{"part-bytes=5242880", "layer-parts=2", "layer-bytes=5242890"}
	})
	a := s.Account(t, vendor)
	c, ctx, app := once(a.ECR(region)), t.Context(), aws.String("app")
	if _, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: app}); err != nil {
		t.Fatal(err)
	}
	u, err := c.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RepositoryName: app})
	if err != nil || *u.PartSize != 5<<20 {
		t.Fatalf("%+v, %v", u, err)
	}
	layer := bytes.Repeat([]byte("layer"), 1<<20+3)[:5<<20+11]
	part := func(first, last int, code, text string) {
		t.Helper()
		_, err := c.UploadLayerPart(ctx, &ecr.UploadLayerPartInput{RepositoryName: app, UploadId: u.UploadId, PartFirstByte: aws.Int64(int64(first)), PartLastByte: aws.Int64(int64(last - 1)), LayerPartBlob: layer[first:last]})
		var e smithy.APIError
		if code == "" && err != nil || code != "" && (!errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text)) {
			t.Errorf("bytes %d to %d: %v, want %s %q", first, last, err, code, text)
		}
	}
	part(0, 5<<20+1, "InvalidLayerPartException", "The layer part has 5242881 bytes; 5242880 are allowed")
	part(0, 5<<20, "", "")
	part(5<<20, 5<<20+11, "LimitExceededException", "A layer can have at most 5242890 bytes")
	part(5<<20, 5<<20+9, "", "")
	part(5<<20+9, 5<<20+10, "LimitExceededException", "The layer has 2 parts, which is the limit")
	if _, err := c.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{RepositoryName: app, UploadId: u.UploadId, LayerDigests: []string{berthtest.Digest(layer[:5<<20+9])}}); err != nil {
		t.Error(err)
	}

	// A container client meets the same limit of a layer, and none of parts.
	login := a.Login(t, region)
	resp, body := s.Do(t, login, http.MethodPut, s.StartUpload(t, login, there)+"?digest="+berthtest.Digest(layer), bytes.NewReader(layer))
	if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(string(body), "A layer can have at most 5242890 bytes") {
		t.Errorf("%s %s", resp.Status, body)
	}
	s.PushBlob(t, login, there, layer[:5<<20+10])
}
