package operator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/berthtest"
)

// Repositories are found by their tags, page by page, by those who may, and a tag is compared as it is written (API-10, API-37, H55).
func TestListRepositories(t *testing.T) {
	s := berthtest.Start(t)
	const id, region = "111222333444", "us-east-2"
	a, stranger := s.Account(t, id), s.Account(t, "999888777666")
	reader := a.User(t, "reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"berth:ListRepositories","Resource":"arn:aws:ecr:us-east-2:111222333444:repository/*"}}`)
	nobody := a.User(t, "nobody", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ecr:*","berth:ListInventories"],"Resource":"*"}}`)
	for name, tags := range map[string]string{
		"web": "team=shop env=prod", "api": "team=shop env=test", "plain": "", "other": "team=shopping Env=prod", "odd": `team=a"b<&>{"Key":"env","Value":"prod"}`, "empty": "team=",
	} {
		in := &ecr.CreateRepositoryInput{RepositoryName: &name}
		for _, tag := range strings.Fields(tags) {
			k, v, _ := strings.Cut(tag, "=")
			in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v})
		}
		if _, err := a.ECR(region).CreateRepository(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.ECR("us-east-1").CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("elsewhere"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}}); err != nil {
		t.Fatal(err)
	}
	list := func(c *berthtest.Caller, input map[string]any) (names, next, failed string) {
		t.Helper()
		body, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		resp, text := s.Call(t, c, "berth", region, "Berth_20261122", "ListRepositories", string(body))
		if resp.StatusCode != http.StatusOK {
			return "", "", string(text)
		}
		var out struct {
			Repositories []struct {
				RepositoryName string
				Tags           []struct{ Key, Value string }
			}
			NextToken string
		}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Repositories {
			names += r.RepositoryName + " "
			if r.RepositoryName == "web" && (len(r.Tags) != 2 || r.Tags[0].Key != "env" || r.Tags[1].Value != "shop") {
				t.Errorf("%+v", r)
			}
		}
		return names, out.NextToken, ""
	}
	tag := func(k string, v ...string) map[string]string {
		if v == nil {
			return map[string]string{"Key": k}
		}
		return map[string]string{"Key": k, "Value": v[0]}
	}
	type tags = []map[string]string
	for _, c := range []struct {
		tags tags
		want string
	}{
		{nil, "api empty odd other plain web "},
		{tags{tag("team", "shop")}, "api web "},
		{tags{tag("team")}, "api empty odd other web "},
		{tags{tag("team", "")}, "empty "},
		{tags{tag("env", "prod")}, "web "}, // neither Env, nor what is written in a value
		{tags{tag("team", "shop"), tag("env", "prod")}, "web "},
		{tags{tag("team", `a"b<&>{"Key":"env","Value":"prod"}`)}, "odd "},
		{tags{tag("team", "%"), tag("te_m")}, ""},
	} {
		if got, _, failed := list(reader, map[string]any{"tags": c.tags}); got != c.want || failed != "" {
			t.Errorf("%v: %q %s, not %q", c.tags, got, failed, c.want)
		}
	}
	first, next, failed := list(reader, map[string]any{"tags": tags{tag("team")}, "maxResults": 3})
	if first != "api empty odd " || next == "" || failed != "" {
		t.Error(first, next, failed)
	}
	if rest, end, failed := list(reader, map[string]any{"tags": tags{tag("team")}, "maxResults": 3, "nextToken": next}); rest != "other web " || end != "" || failed != "" {
		t.Error(rest, end, failed)
	}
	if _, _, failed := list(reader, map[string]any{"tags": tags{tag("env")}, "nextToken": next}); !strings.Contains(failed, "InvalidInputException") {
		t.Error(failed)
	}
	many := tags{}
	for range 11 {
		many = append(many, tag("x"))
	}
	for _, wrong := range []tags{many, {tag("")}} {
		if _, _, failed := list(reader, map[string]any{"tags": wrong}); failed == "" || strings.Contains(failed, "InternalFailure") {
			t.Errorf("%d tags: %s", len(wrong), failed)
		}
	}
	for _, c := range []*berthtest.Caller{nobody, stranger.Caller} {
		if got, _, failed := list(c, map[string]any{"registryId": id}); !strings.Contains(failed, "AccessDeniedException") {
			t.Error(got, failed)
		}
	}
	if got, _, failed := list(stranger.Caller, map[string]any{}); got != "" || failed != "" {
		t.Error(got, failed)
	}
}
