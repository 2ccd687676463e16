package operator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
)

// Locks, removed images and tag patterns over the wire: what is asked of whom, and how wrong input is refused.
func TestKeepImages(t *testing.T) {
	s := berthtest.Start(t)
	a := s.Account(t, "111222333444")
	const region = "us-east-2"
	if _, err := a.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	image := berthtest.NewImage([]byte("one"))
	s.Push(t, a.Login(t, region), "111222333444/us-east-2/app", "1", image)
	for _, step := range []struct{ operation, input, want string }{
		{"LockImage", `{"repositoryName":"app","image":"2","reason":"x"}`, "ImageNotFoundException"},
		{"LockImage", `{"repositoryName":"app","image":"sha256:x","reason":"x"}`, "InvalidInputException"},
		{"LockImage", `{"repositoryName":"none","image":"1","reason":"x"}`, "RepositoryNotFoundException"},
		{"LockImage", `{"repositoryName":"app","image":"1","reason":"audit of 2026"}`, `"reason":"audit of 2026"`},
		{"LockImage", `{"repositoryName":"app","image":"1","reason":"again"}`, "InvalidInputException"},
		{"ListImageLocks", `{"repositoryName":"app"}`, `"image":"1"`},
		{"ListImageLocks", `{"repositoryName":"app","nextToken":"forged"}`, "InvalidInputException"}, // H55
		{"UnlockImage", `{"repositoryName":"app","image":"` + image.Digest() + `"}`, "ImageNotFoundException"},
		{"UnlockImage", `{"repositoryName":"app","image":"1"}`, `"reason":"audit of 2026"`},
		{"ListImageLocks", `{"repositoryName":"app"}`, `"locks":[]`},
		{"ListRemovedImages", `{"repositoryName":"app"}`, `"images":[]`},
		{"RestoreImage", `{"repositoryName":"app","image":"1"}`, "ImageNotFoundException"},
		{"PutTagPattern", `{"repositoryName":"app","tagPattern":"("}`, "InvalidInputException"},
		{"PutTagPattern", `{"repositoryName":"app","tagPattern":"v.*"}`, `"tagPattern":"v.*"`},
		{"GetTagPattern", `{"repositoryName":"app"}`, `"tagPattern":"v.*"`},
	} {
		resp, body := s.Call(t, a.Caller, "berth", region, "Berth_20261122", step.operation, step.input)
		if !strings.Contains(string(body), step.want) || (resp.StatusCode == http.StatusOK) == strings.Contains(step.want, "Exception") {
			t.Errorf("%s %s: %d %s, want %s", step.operation, step.input, resp.StatusCode, body, step.want)
		}
	}
}
