package ecr_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// post sends a body as it is, signed like a client does, and returns the answer.
func (b *berth) post(t *testing.T, account, target, body string) (int, http.Header, string) {
	t.Helper()
	key := b.rootKey(t, account)
	r, err := http.NewRequest(http.MethodPost, b.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

var requestID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

const prefix = "AmazonEC2ContainerRegistry_V20150921."

func TestAnswersOnTheWire_API1_API3_API6(t *testing.T) {
	b := start(t)
	status, header, body := b.post(t, vendor, prefix+"CreateRepository", `{"repositoryName":"app","someThingNew":{"a":[1]}}`) // API-8: unknown members are ignored
	if status != 200 || header.Get("Content-Type") != "application/x-amz-json-1.1" || !requestID.MatchString(header.Get("X-Amzn-Requestid")) {
		t.Errorf("%d %v", status, header)
	}
	if strings.Contains(body, "null") || strings.Contains(body, "kmsKey") || strings.Contains(body, "imageTagMutabilityExclusionFilters") {
		t.Errorf("absent members are left out: %s", body)
	}
	if !strings.Contains(body, `"createdAt":1`) { // a number
		t.Errorf("createdAt: %s", body)
	}
	for target, want := range map[string]string{
		`TagResource {"resourceArn":"arn:aws:ecr:us-east-2:111222333444:repository/app","tags":[{"Key":"a","Value":"b"}]}`: `{}`,
		`UntagResource {"resourceArn":"arn:aws:ecr:us-east-2:111222333444:repository/app","tagKeys":["a"]}`:                `{}`,
		`ListTagsForResource {"resourceArn":"arn:aws:ecr:us-east-2:111222333444:repository/app"}`:                          `{"tags":[]}`,
		`ListImages {"repositoryName":"app"}`:                                   `{"imageIds":[]}`,
		`DescribeImages {"repositoryName":"app"}`:                               `{"imageDetails":[]}`,
		`DescribeRegistry {}`:                                                   `{"registryId":"111222333444","replicationConfiguration":{"rules":[]}}`,
		`BatchGetImage {"repositoryName":"app","imageIds":[{"imageTag":"v1"}]}`: `{"failures":[{"failureCode":"ImageNotFound","failureReason":"Requested image not found","imageId":{"imageTag":"v1"}}],"images":[]}`,
	} {
		operation, in, _ := strings.Cut(target, " ")
		if status, _, body := b.post(t, vendor, prefix+operation, in); status != 200 || body != want {
			t.Errorf("%s: %d %s, want %s", target, status, body, want)
		}
	}
}

// API-7: a part of a layer is base64, with its padding, in one string; what is none is refused, and nothing is added.
func TestLayerPartsAreBase64_API7(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	u := must(c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String("app")}))(t)
	part := func(first, last int, blob string) (int, string) {
		status, _, body := b.post(t, vendor, prefix+"UploadLayerPart", fmt.Sprintf(`{"repositoryName":"app","uploadId":"%s","partFirstByte":%d,"partLastByte":%d,"layerPartBlob":%s}`, *u.UploadId, first, last, blob))
		return status, body
	}
	for _, wrong := range []string{`"%%%"`, `"AP8+_w=="`, `"AP8"`, `[0,255]`, `7`, `{}`} {
		if status, body := part(0, 1, wrong); status != 400 || !strings.Contains(body, "SerializationException") {
			t.Errorf("%s: %d %s", wrong, status, body)
		}
	}
	if status, body := part(0, 3, `"AP8+/w=="`); status != 200 || !strings.Contains(body, `"lastByteReceived":3`) || strings.Contains(body, "layerPartBlob") {
		t.Errorf("%d %s", status, body)
	}
	must(c.CompleteLayerUpload(c.ctx, &ecr.CompleteLayerUploadInput{RepositoryName: aws.String("app"), UploadId: u.UploadId, LayerDigests: []string{digestOf("\x00\xff>\xff")}}))(t)
}

func TestErrorsOnTheWire_API4_API8_H51_H54(t *testing.T) {
	b := start(t)
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	must(io.WriteString(zip, `{"repositoryName":"app"}`))(t)
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ target, body, exception, message string }{
		{prefix + "DeleteRepository", `{"repositoryName":"app"}`, "RepositoryNotFoundException", "The repository with name 'app' does not exist in the registry with id '111222333444'"},
		{prefix + "DeleteRepository", `{}`, "InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must not be null'"},
		{prefix + "DeleteRepository", `{"repositoryName":null}`, "InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must not be null'"},
		{prefix + "PutImageScanningConfiguration", `{"repositoryName":"app"}`, "InvalidParameterException", "Invalid parameter at 'imageScanningConfiguration' failed to satisfy constraint: 'must not be null'"},
		{prefix + "PutImageTagMutability", `{"repositoryName":"app"}`, "InvalidParameterException", "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'must not be null'"},
		{prefix + "UploadLayerPart", `{"repositoryName":"app","uploadId":"8f3c2a54-6a64-4e8c-9d0f-0a6a1f2b3c4d"}`, "InvalidParameterException", ""},
		{prefix + "BatchGetImage", `{"repositoryName":"app"}`, "InvalidParameterException", "Invalid parameter at 'imageIds' failed to satisfy constraint: 'must not be null'"},
		{prefix + "BatchGetImage", `{"repositoryName":"app","imageIds":[null]}`, "SerializationException", ""},
		{prefix + "BatchGetImage", `{"repositoryName":"app","imageIds":[{"imageTag":1}]}`, "SerializationException", ""},
		{prefix + "ListImages", `{"repositoryName":"app","maxResults":NaN}`, "SerializationException", ""},
		{prefix + "ListImages", `{"repositoryName":"app","maxResults":"1"}`, "SerializationException", ""},
		{prefix + "ListImages", `{"repositoryName":"app","maxResults":99999999999999999999}`, "SerializationException", ""},
		{prefix + "ListImages", `{"repositoryName":"app","repositoryName":"other"}`, "SerializationException", ""},
		{prefix + "ListImages", `{"repositoryName":"app"} {}`, "SerializationException", ""},
		{prefix + "ListImages", zipped.String(), "SerializationException", ""},
		{prefix + "ListImages", `null`, "SerializationException", ""},
		{prefix + "ListImages", `[]`, "SerializationException", ""},
		{prefix + "ListImages", ``, "SerializationException", ""},
		{prefix + "ListImages", strings.Repeat(`{"a":`, 10000), "SerializationException", ""},
		{prefix + "ListImages", `{"repositoryName":"app","a":"` + strings.Repeat("a", 20<<20) + `"}`, "SerializationException", ""},
		{prefix + "UploadLayerPart", `{"layerPartBlob":"%%%"}`, "SerializationException", ""},
		{prefix + "DoWhatIWant", `{}`, "UnknownOperationException", "There is no such operation."},
		{prefix + "ListImagesInternal", `{}`, "UnknownOperationException", "There is no such operation."},
		{prefix + "Service", `{}`, "UnknownOperationException", "There is no such operation."},
		{prefix + "StartImageScan", `{}`, "UnknownOperationException", ""}, // known, not served
	} {
		status, header, body := b.post(t, vendor, test.target, test.body)
		if status != 400 || header.Get("Content-Type") != "application/x-amz-json-1.1" || !requestID.MatchString(header.Get("X-Amzn-Requestid")) || header.Get("X-Amzn-Errortype") != test.exception || !strings.HasPrefix(body, `{"__type":"`+test.exception+`","message":"`+test.message) {
			t.Errorf("%s %.60s:\n got %d %s\nwant %s %s", test.target, test.body, status, body, test.exception, test.message)
		}
	}
}

// An operation that is not served answers well, and changes nothing.
func TestUnservedOperations(t *testing.T) {
	c := start(t).root(t, vendor, region)
	_, err := c.DescribePullThroughCacheRules(c.ctx, &ecr.DescribePullThroughCacheRulesInput{})
	refused(t, err, "UnknownOperationException", "berth does not serve the operation DescribePullThroughCacheRules of ecr yet…")
}

// A call is routed by its signature's scope and its target, by whatever name of an endpoint it comes: those that SDKs build, of AWS or of this installation,
// and that of --endpoint-url.
func TestEndpoints_API2(t *testing.T) {
	b := start(t)
	b.root(t, vendor, region).repository(t, "app")
	key := b.rootKey(t, vendor)
	for _, host := range []string{
		"api.ecr.us-east-2.amazonaws.com", "ecr.us-east-2.amazonaws.com", "api.ecr-fips.us-east-2.amazonaws.com", "ecr-fips.us-east-2.amazonaws.com",
		"ecr.us-east-2.api.aws", "ecr-fips.us-east-2.api.aws", "api.ecr.us-east-2.registry.example", b.Host,
	} {
		r, err := http.NewRequest(http.MethodPost, b.URL+"/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("X-Amz-Target", prefix+"DescribeRepositories")
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		sum := sha256.Sum256([]byte("{}"))
		if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || !strings.Contains(string(text), `"repositoryName":"app"`) {
			t.Errorf("%s: %s %s %v", host, answer.Status, text, err)
		}
	}
}
