package operator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
)

// The graph is told to who may see it, page by page, and looking is no pull (API-54).
func TestDescribeImageGraph(t *testing.T) {
	s := berthtest.Start(t)
	a := s.Account(t, "111222333444")
	const region = "us-east-2"
	if _, err := a.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	login := a.Login(t, region)
	image := berthtest.NewImage([]byte("one"))
	s.Push(t, login, "111222333444/us-east-2/app", "1", image)
	s.Push(t, login, "111222333444/us-east-2/app", "2", berthtest.NewImage([]byte("two")))
	signature := strings.Replace(string(berthtest.NewImage([]byte("one")).Manifest), `"schemaVersion":2`, fmt.Sprintf(
		`"schemaVersion":2,"artifactType":"application/vnd.cncf.notary.signature","subject":{"mediaType":"%s","digest":"%s","size":%d}`, berthtest.ManifestType, image.Digest(), len(image.Manifest)), 1)
	resp, body := s.Do(t, login, http.MethodPut, "111222333444/us-east-2/app/manifests/"+berthtest.Digest([]byte(signature)), bytes.NewReader([]byte(signature)), "Content-Type", berthtest.ManifestType)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", resp.Status, body)
	}
	type node struct {
		Digest, Purpose string
		Tags            []string
		SizeInBytes     int64
		LastPulledAt    *float64
		Referrers       []node
	}
	call := func(c *berthtest.Caller, input string) (status int, text string, out struct {
		Images    []node
		NextToken string
	}) {
		t.Helper()
		resp, body := s.Call(t, c, "berth", region, "Berth_20261122", "DescribeImageGraph", input)
		if resp.StatusCode == http.StatusOK {
			if err := json.Unmarshal(body, &out); err != nil {
				t.Fatal(err)
			}
		}
		return resp.StatusCode, string(body), out
	}
	status, text, out := call(a.Caller, `{"repositoryName":"app","maxResults":1}`)
	if status != 200 || len(out.Images) != 1 || fmt.Sprint(out.Images[0].Tags) != "[2]" || out.NextToken == "" {
		t.Fatal(status, text)
	}
	status, text, out = call(a.Caller, `{"repositoryName":"app","nextToken":"`+out.NextToken+`"}`)
	if status != 200 || len(out.Images) != 1 || out.NextToken != "" {
		t.Fatal(status, text)
	}
	if n := out.Images[0]; n.Digest != image.Digest() || n.Purpose != "" || n.LastPulledAt != nil || len(n.Referrers) != 1 || n.Referrers[0].Purpose != "signature" || n.SizeInBytes == 0 {
		t.Error(text)
	}
	for _, reference := range []string{"1", image.Digest()} {
		if status, text, out := call(a.Caller, `{"repositoryName":"app","image":"`+reference+`"}`); status != 200 || len(out.Images) != 1 || len(out.Images[0].Referrers) != 1 {
			t.Error(status, text)
		}
	}
	looker := a.User(t, "looker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"berth:DescribeImageGraph","Resource":"arn:aws:ecr:us-east-2:111222333444:repository/app"}]}`)
	if status, text, _ := call(looker, `{"repositoryName":"app","image":"1"}`); status != 200 {
		t.Error(status, text)
	}
	for _, test := range []struct {
		caller      *berthtest.Caller
		input, want string
	}{
		{a.Caller, `{"repositoryName":"absent"}`, "RepositoryNotFoundException"},
		{a.Caller, `{"repositoryName":"app","image":"3"}`, "ImageNotFoundException"},
		{a.Caller, `{"repositoryName":"app","image":"sha256:12"}`, "InvalidInputException"},
		{a.Caller, `{"repositoryName":"app","image":"..."}`, "InvalidInputException"},
		{a.Caller, `{"repositoryName":"app","nextToken":"forged"}`, "InvalidInputException"},
		{a.Caller, `{"repositoryName":"app","image":"1","maxResults":3}`, "InvalidInputException"},
		{a.Caller, `{}`, "ValidationException"},
		{a.User(t, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`), `{"repositoryName":"app"}`,
			"not authorized to perform: berth:DescribeImageGraph on resource: arn:aws:ecr:us-east-2:111222333444:repository/app"},
		{looker, `{"repositoryName":"app2"}`, "not authorized"},
		{s.Account(t, "999888777666").Caller, `{"repositoryName":"app","registryId":"111222333444"}`, "not authorized"},
	} {
		if status, text, _ := call(test.caller, test.input); status != 400 || !strings.Contains(text, test.want) {
			t.Errorf("%s: %d %s, want %s", test.input, status, text, test.want)
		}
	}
}
