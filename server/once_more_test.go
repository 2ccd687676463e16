package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/berthtest"
)

// H65: whoever has seen a signed request can send it again for a quarter of an hour, as with AWS: the second one is answered by what the first has done, and does nothing more, to images, tags, layers or
// repositories.
func TestSignedRequestsOnceMore(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	i := berthtest.NewImage([]byte("a layer"))
	s.Push(t, login, there, "pushed", i)
	upload := s.StartUpload(t, login, there)
	upload = upload[strings.LastIndex(upload, "/")+1:]
	quoted, err := json.Marshal(string(i.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now() // of all of them: what is signed twice is the same request
	send := func(operation, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921."+operation)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: v.Key, SecretAccessKey: v.Secret}, r, hex.EncodeToString(sum[:]), "ecr", region, at); err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Type     string `json:"__type"`
			Failures []struct{ FailureCode string }
		}
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, f := range e.Failures {
			e.Type += f.FailureCode
		}
		return e.Type
	}
	for _, c := range []struct{ operation, body, again string }{
		{"CreateRepository", `{"repositoryName":"new"}`, "RepositoryAlreadyExistsException"},
		{"PutImage", `{"repositoryName":"app","imageManifest":` + string(quoted) + `,"imageTag":"v1"}`, "ImageAlreadyExistsException"},
		{"UploadLayerPart", `{"repositoryName":"app","uploadId":"` + upload + `","partFirstByte":0,"partLastByte":4,"layerPartBlob":"aGVsbG8="}`, "InvalidLayerPartException"},
		{"CompleteLayerUpload", `{"repositoryName":"app","uploadId":"` + upload + `","layerDigests":["` + berthtest.Digest([]byte("hello")) + `"]}`, "UploadNotFoundException"},
		{"BatchDeleteImage", `{"repositoryName":"app","imageIds":[{"imageTag":"pushed"}]}`, "ImageNotFound"},
		{"DeleteRepository", `{"repositoryName":"new"}`, "RepositoryNotFoundException"},
	} {
		for n, want := range []string{"", c.again, c.again} {
			if got := send(c.operation, c.body); got != want {
				t.Errorf("%s, time %d: %q, want %q", c.operation, n+1, got, want)
			}
		}
	}
	images, err := v.ECR(region).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("app")})
	if err != nil || len(images.ImageDetails) != 1 || fmt.Sprint(images.ImageDetails[0].ImageTags) != "[v1]" {
		t.Errorf("%+v, %v", images, err)
	}
	s.Pull(t, login, there, "v1", i)
}

// H47: who may push only some tags pushes no other, and who may not create repositories makes none by pushing to one that a template would create; no row is left of it.
func TestPushesThatMakeNoRepository(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	client, ctx := v.ECR(region), t.Context()
	repository(t, v, "app")
	if _, err := client.CreateRepositoryCreationTemplate(ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: aws.String("made"), AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush}}); err != nil {
		t.Fatal(err)
	}
	const layers = `{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload"],"Resource":"*"}`
	dev := v.User(t, "dev", `{"Version":"2012-10-17","Statement":[`+layers+`,{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*","Condition":{"StringLike":{"ecr:ImageTag":"dev-*"}}}]}`).Login(t, region)
	i := berthtest.NewImage([]byte("a layer"))
	s.Push(t, dev, there, "dev-1", i)
	refused := func(method, path string, body []byte) {
		t.Helper()
		if r, text := s.Do(t, dev, method, path, bytes.NewReader(body), "Content-Type", berthtest.ManifestType); r.StatusCode != http.StatusForbidden || !strings.Contains(string(text), `"DENIED"`) {
			t.Errorf("%s %s: %s %s", method, path, r.Status, text)
		}
	}
	refused("PUT", there+"/manifests/v1", i.Manifest)
	made := strings.TrimSuffix(there, "app") + "made/by-push"
	refused("POST", made+"/blobs/uploads/", nil)
	refused("POST", made+"/blobs/uploads/?digest="+berthtest.Digest([]byte("x")), []byte("x"))
	for _, tag := range []string{"dev-1", "v1", i.Digest()} {
		if r, text := s.Do(t, dev, "PUT", made+"/manifests/"+tag, bytes.NewReader(i.Manifest), "Content-Type", berthtest.ManifestType); r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusNotFound {
			t.Errorf("PUT %s: %s %s", tag, r.Status, text)
		}
	}
	all, err := client.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	if err != nil || len(all.Repositories) != 1 || *all.Repositories[0].RepositoryName != "app" {
		t.Errorf("%+v, %v", all, err)
	}
	images, err := client.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")})
	if err != nil || len(images.ImageIds) != 1 || *images.ImageIds[0].ImageTag != "dev-1" {
		t.Errorf("%+v, %v", images, err)
	}
}

// H26: the address of an upload holds nothing but its id, so that there is no state in it to forge: with any letter of it changed it is nobody's upload, and the upload itself goes on.
func TestAddressesOfUploadsAltered(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	at := s.StartUpload(t, login, there)
	path, query, _ := strings.Cut(at, "?")
	if query != "" {
		t.Errorf("the address has a query: %s", at)
	}
	id := strings.LastIndex(path, "/") + 1
	for n := id; n < len(path); n++ {
		letter := byte('0')
		if path[n] == letter {
			letter = '1'
		}
		altered := path[:n] + string(letter) + path[n+1:]
		for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
			if r, text := s.Do(t, login, method, altered+"?digest="+berthtest.Digest(nil), nil); r.StatusCode != http.StatusNotFound || !strings.Contains(string(text), "BLOB_UPLOAD_UNKNOWN") {
				t.Errorf("%s %s: %s %s", method, altered, r.Status, text)
			}
		}
	}
	if r, text := s.Do(t, login, "PUT", path+"?digest="+berthtest.Digest([]byte("x")), strings.NewReader("x")); r.StatusCode != http.StatusCreated {
		t.Errorf("%s %s", r.Status, text)
	}
}
