package awswire

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/fault"
)

func jsonRequest() *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	return r
}

func decodeECR(t testing.TB, s *Service, operation, body string) (any, error) {
	t.Helper()
	op, ok := s.Operation(operation)
	if !ok {
		t.Fatal("no operation ", operation)
	}
	return op.Decode(jsonRequest(), []byte(body))
}

// H54: what is not the JSON object that the operation takes is refused, with a reason.
func TestMalformedJSON(t *testing.T) {
	s := bind(t, "ecr", &toyECR{}, nil)
	for _, c := range []struct{ name, operation, body, message string }{
		{"empty", "DescribeRepositories", ``, "byte 0: the body must be a JSON object"},
		{"null", "DescribeRepositories", `null`, "byte 0: the body must be a JSON object"},
		{"list", "DescribeRepositories", `[]`, "byte 0: the body must be a JSON object"},
		{"gzip", "DescribeRepositories", "\x1f\x8b\x08\x00", "byte 0: the body must be a JSON object"},
		{"BOM", "DescribeRepositories", "\xef\xbb\xbf{}", "byte 0: the body must be a JSON object"},
		{"trailing", "DescribeRepositories", `{} {}`, "byte 3: text after the end of the object"},
		{"truncated", "DescribeRepositories", `{"maxResults":1`, "expected '}'"},
		{"trailing comma", "DescribeRepositories", `{"maxResults":1,}`, "expected a name"},
		{"NaN", "DescribeRepositories", `{"maxResults":NaN}`, "byte 14 in 'maxResults': expected a number, found no JSON value"},
		{"string for number", "DescribeRepositories", `{"maxResults":"5"}`, "in 'maxResults': expected a number, found a string"},
		{"fraction for integer", "DescribeRepositories", `{"maxResults":1.5}`, "in 'maxResults': expected an integer of 32 bits"},
		{"integer too large", "DescribeRepositories", `{"maxResults":4294967297}`, "in 'maxResults': expected an integer of 32 bits"},
		{"leading zero", "DescribeRepositories", `{"maxResults":01}`, "expected '}'"},
		{"number for string", "DescribeRepositories", `{"registryId":111122223333}`, "in 'registryId': expected a string, found a number"},
		{"string for list", "DescribeRepositories", `{"repositoryNames":"a"}`, "in 'repositoryNames': expected a list, found a string"},
		{"null in list", "DescribeRepositories", `{"repositoryNames":[null]}`, "in 'repositoryNames.1.member': expected a string, found null"},
		{"object for list", "DescribeRepositories", `{"repositoryNames":{"a":"b"}}`, "expected a list, found an object"},
		{"list for object", "CreateRepository", `{"encryptionConfiguration":[]}`, "in 'encryptionConfiguration': expected an object, found a list"},
		{"string for boolean", "CreateRepository", `{"imageScanningConfiguration":{"scanOnPush":"true"}}`, "in 'imageScanningConfiguration.scanOnPush': expected a boolean, found a string"},
		{"twice", "DescribeRepositories", `{"registryId":"111122223333","registryId":"444455556666"}`, "'registryId' is there twice"},
		{"twice by escape", "DescribeRepositories", `{"registryId":"111122223333","registry\u0049d":"444455556666"}`, "'registryId' is there twice"},
		{"unknown twice", "DescribeRepositories", `{"x":1,"x":2}`, "a member is there twice"},
		{"not UTF-8", "DescribeRepositories", "{\"registryId\":\"\xff\"}", "the string is not UTF-8"},
		{"lone surrogate", "DescribeRepositories", `{"nextToken":"\ud800"}`, `a bad \u escape`},
		{"control character", "DescribeRepositories", "{\"nextToken\":\"a\nb\"}", "a control character in a string"},
		{"bad unknown", "DescribeRepositories", `{"x":{"y":[tru]}}`, "not JSON"},
		{"deep unknown", "DescribeRepositories", `{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, "nested too deeply"},
		{"not base64", "UploadLayerPart", `{"layerPartBlob":"!"}`, "in 'layerPartBlob': not base64"},
		{"line in base64", "UploadLayerPart", "{\"layerPartBlob\":\"YW\nJj\"}", "in 'layerPartBlob': not base64"},
		{"open base64", "UploadLayerPart", `{"layerPartBlob":"YWJj`, "the string does not end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := decodeECR(t, s, c.operation, c.body)
			if !fault.Is(err, fault.MalformedRequest) || !strings.Contains(fault.As(err).Message, c.message) || s.WireCode(err) != "SerializationException" {
				t.Errorf("%.100s\ngot  %v %v\nwant %s", c.body, in, err, c.message)
			}
		})
	}
}

// API-3, API-6..8: what is accepted, and what it means.
func TestDecodeJSON(t *testing.T) {
	s := bind(t, "ecr", &toyECR{}, nil)
	for _, c := range []struct {
		name, operation, body string
		want                  any
	}{
		{"empty", "DescribeRepositories", ` { } `, &ecr.DescribeRepositoriesInput{}},
		{"null is absence", "DescribeRepositories", `{"registryId":null,"repositoryNames":null,"maxResults":null}`, &ecr.DescribeRepositoriesInput{}},
		{"unknown members are ignored, another case is unknown", "DescribeRepositories", `{"RegistryId":"x","x":{"a":[1,-2.5e3,true,false,null,"\u00e9\"",{}]}}`, &ecr.DescribeRepositoriesInput{}},
		{"escapes", "DescribeRepositories", `{"nextToken":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, &ecr.DescribeRepositoriesInput{NextToken: aws.String("\"\\/\b\f\n\r\té😀")}},
		{"member names of the model, not lower camel", "CreateRepository", `{"repositoryName":"aa","tags":[{"Key":"k","Value":""}]}`,
			&ecr.CreateRepositoryInput{RepositoryName: aws.String("aa"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("")}}}},
		{"enums and booleans", "CreateRepository", `{"repositoryName":"aa","imageTagMutability":"IMMUTABLE","imageScanningConfiguration":{"scanOnPush":true}}`,
			&ecr.CreateRepositoryInput{RepositoryName: aws.String("aa"), ImageTagMutability: types.ImageTagMutabilityImmutable, ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}}},
		{"blob", "UploadLayerPart", `{"repositoryName":"aa","uploadId":"01234567-89ab-cdef-0123-456789abcdef","partFirstByte":0,"partLastByte":2,"layerPartBlob":"YWJj"}`,
			&ecr.UploadLayerPartInput{RepositoryName: aws.String("aa"), UploadId: aws.String("01234567-89ab-cdef-0123-456789abcdef"), PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(2), LayerPartBlob: []byte("abc")}},
		{"many items", "DescribeRepositories", `{"repositoryNames":["aa","bb","cc","dd","ee","ff"]}`, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"aa", "bb", "cc", "dd", "ee", "ff"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if in, err := decodeECR(t, s, c.operation, c.body); err != nil || !reflect.DeepEqual(in, c.want) {
				t.Errorf("%v\ngot  %s\nwant %s", err, show(reflect.ValueOf(in)), show(reflect.ValueOf(c.want)))
			}
		})
	}
}

// API-8, API-9: ECR's words for a broken constraint.
func TestValidationECR(t *testing.T) {
	s := bind(t, "ecr", &toyECR{}, nil, Unchecked("BatchGetImage.imageIds.imageTag"))
	const name = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`
	for _, c := range []struct{ operation, body, message string }{
		{"CreateRepository", `{}`, "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must not be null'"},
		{"CreateRepository", `{"repositoryName":null}`, "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must not be null'"},
		{"CreateRepository", `{"repositoryName":"A/b"}`, "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '" + name + "''"},
		{"CreateRepository", `{"repositoryName":"a"}`, "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'Member must have length greater than or equal to 2'"},
		{"CreateRepository", `{"repositoryName":"` + strings.Repeat("a", 257) + `"}`, "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'Member must have length less than or equal to 256'"},
		{"CreateRepository", `{"repositoryName":"aa","imageTagMutability":"maybe"}`, "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: " +
			"'Member must satisfy enum value set: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]'"},
		{"CreateRepository", `{"repositoryName":"aa","tags":[{"Key":"k","Value":"v"},{"Key":"k"}]}`, "Invalid parameter at 'tags.2.member.value' failed to satisfy constraint: 'must not be null'"},
		{"DescribeRepositories", `{"maxResults":1001}`, "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'"},
		{"DescribeRepositories", `{"maxResults":0}`, "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value greater than or equal to 1'"},
		{"DescribeRepositories", `{"repositoryNames":[]}`, "Invalid parameter at 'repositoryNames' failed to satisfy constraint: 'Member must have length greater than or equal to 1'"},
		{"DescribeRepositories", `{"registryId":"1"}`, "Invalid parameter at 'registryId' failed to satisfy constraint: 'must satisfy regular expression '[0-9]{12}''"},                                                     // API-26
		{"BatchGetImage", `{"repositoryName":"aa","imageIds":[` + strings.Repeat(`{},`, 100) + `{}]}`, "Invalid parameter at 'imageIds' failed to satisfy constraint: 'Member must have length less than or equal to 100'"}, // H50
		{"BatchGetImage", `{"repositoryName":"aa","imageIds":[{"imageTag":""},{"imageDigest":"rubbish"}]}`, ""},                                                                                                             // API-56: answered in failures
	} {
		_, err := decodeECR(t, s, c.operation, c.body)
		if c.message == "" && err == nil {
			continue
		}
		if !fault.Is(err, fault.InvalidParameter) || fault.As(err).Message != c.message || s.WireCode(err) != "InvalidParameterException" {
			t.Errorf("%.100s\ngot  %v\nwant %s", c.body, err, c.message)
		}
	}
}

func decodeForm(t testing.TB, s *Service, operation, query, form string) (any, error) {
	t.Helper()
	op, ok := s.Operation(operation)
	if !ok {
		t.Fatal("no operation ", operation)
	}
	r := httptest.NewRequest("POST", "/?"+query, nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return op.Decode(r, []byte(form))
}

// STS-4: the query services' words, for all that is wrong at once; what is secret is not repeated.
func TestValidationQuery(t *testing.T) {
	iamService, stsService := bind(t, "iam", &toyIAM{}, nil), bind(t, "sts", &toySTS{}, nil)
	const role = "RoleArn=arn:aws:iam::111122223333:role/r&"
	for _, c := range []struct {
		service                  *Service
		operation, form, message string
	}{
		{stsService, "AssumeRole", role + "RoleSessionName=v", "1 validation error detected: Value 'v' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{stsService, "AssumeRole", role + "RoleSessionName=", "1 validation error detected: Value '' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{stsService, "AssumeRole", role, "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"},
		{stsService, "AssumeRole", "RoleSessionName=a*b&DurationSeconds=1000000000&" + role, "2 validation errors detected: " + // H57
			"Value '1000000000' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200; " +
			`Value 'a*b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{stsService, "AssumeRole", role + "RoleSessionName=ab&DurationSeconds=soon", "1 validation error detected: Value 'soon' at 'durationSeconds' failed to satisfy constraint: Member must be an integer"},
		{stsService, "AssumeRole", role + "RoleSessionName=ab&Tags.member.1.Key=k", "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{iamService, "ListUsers", "MaxItems=1001", "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"}, // IAM-10
		{iamService, "CreateLoginProfile", "UserName=bob&Password=" + strings.Repeat("hunter2", 20) + "&PasswordResetRequired=maybe", "2 validation errors detected: " +
			"Value at 'password' failed to satisfy constraint: Member must have length less than or equal to 128; " +
			"Value 'maybe' at 'passwordResetRequired' failed to satisfy constraint: Member must be a boolean"},
	} {
		_, err := decodeForm(t, c.service, c.operation, "", c.form)
		if !fault.Is(err, fault.Validation) || fault.As(err).Message != c.message || c.service.WireCode(err) != "ValidationError" {
			t.Errorf("%.100s\ngot  %v\nwant %s", c.form, err, c.message)
		}
	}
	// What is reported is bounded, however much is wrong.
	_, err := decodeForm(t, stsService, "AssumeRole", "", role+"RoleSessionName="+strings.Repeat("*", 100000))
	if n := len(fault.As(err).Message); n > 2000 {
		t.Errorf("a message of %d bytes", n)
	}
}

// STS-1, H56: lists, maps and structures of a form; parameters in the query and the body are one set.
func TestDecodeForm(t *testing.T) {
	s := bind(t, "sts", &toySTS{}, nil)
	in, err := decodeForm(t, s, "AssumeRole", "Action=AssumeRole&RoleArn=arn:aws:iam::111122223333:role/r",
		"RoleSessionName=ab&Unknown=1&TransitiveTagKeys=&Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.1.Key=a&Tags.member.1.Value=%C3%A9+%40&Tags.member.10.Key=c&Tags.member.10.Value=3")
	if err != nil {
		t.Fatal(err)
	}
	got := in.(*sts.AssumeRoleInput)
	if *got.RoleArn != "arn:aws:iam::111122223333:role/r" || *got.RoleSessionName != "ab" || got.TransitiveTagKeys == nil || len(got.TransitiveTagKeys) != 0 ||
		len(got.Tags) != 3 || *got.Tags[0].Key != "a" || *got.Tags[0].Value != "é @" || *got.Tags[1].Key != "b" || *got.Tags[2].Key != "c" {
		t.Errorf("%s", show(reflect.ValueOf(in)))
	}
	for _, c := range []struct{ name, query, form, message string }{
		{"twice", "", "RoleArn=a&RoleArn=b", "'RoleArn' is there more than once"},
		{"in another case", "", "RoleArn=a&rolearn=b", "is there more than once"},
		{"query and body", "RoleArn=a", "RoleArn=b", "'RoleArn' is there more than once"},
		{"bad escape", "", "RoleArn=%zz", "The form in the body cannot be read."},
		{"semicolon", "", "a=b;RoleArn=c", "The form in the body cannot be read."},
		{"not UTF-8", "", "RoleArn=%ff", "not UTF-8"},
		{"position", "", "Tags.member.x.Key=a", "'tags' cannot be read: 'x' is not a position"},
		{"position twice", "", "Tags.member.1.Key=a&Tags.member.01.Value=b", "'01' is not a position"},
		{"value for list", "", "Tags=a", "expected members and found a value"},
		{"members for value", "", "RoleArn.member.1=a", "'roleArn' cannot be read: expected a value and found members"},
		{"deep", "", strings.Repeat("a.", 50) + "b=c", "nested too deeply"},
		{"many", "", strings.Repeat("a=b&", 20000), "More than 10000 parameters."},
	} {
		if _, err := decodeForm(t, s, "AssumeRole", c.query, c.form); !fault.Is(err, fault.MalformedRequest) || !strings.Contains(fault.As(err).Message, c.message) || s.WireCode(err) != "MalformedQueryString" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// H54: how much body an operation may need is known before it is read.
func TestBodyLimit(t *testing.T) {
	s := bind(t, "ecr", &toyECR{}, nil)
	for name, want := range map[string][2]int64{"DescribeRepositories": {1 << 20, 1 << 20}, "UploadLayerPart": {20 << 20 / 3 * 4, 32 << 20}, "PutImage": {8 << 20, 12 << 20}, "StartImageScan": {1 << 20, 1 << 20}} {
		if op, _ := s.Operation(name); op.BodyLimit < want[0] || op.BodyLimit > want[1] {
			t.Errorf("%s: %d", name, op.BodyLimit)
		}
	}
}

// FuzzDecodeJSON: no body makes the decoder panic or take what encoding/json calls malformed, and what is taken encodes to JSON.
func FuzzDecodeJSON(f *testing.F) {
	s := bind(f, "ecr", &toyECR{}, nil)
	f.Add([]byte(`{"repositoryName":"a/b","imageIds":[{"imageTag":"x","imageDigest":"sha256:00"}],"acceptedMediaTypes":["a"],"x":[{"y":-1.5e3}]}`))
	f.Add([]byte(`{"registryId":"\ud83d\ude00\u0000"}`))
	op, _ := s.Operation("BatchGetImage")
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := op.Decode(jsonRequest(), body)
		if e := fault.As(err); err != nil && e == nil {
			t.Fatalf("not a fault: %v", err)
		}
		if !fault.Is(err, fault.MalformedRequest) && !json.Valid(body) {
			t.Fatalf("took malformed JSON %q", body)
		}
		if err == nil {
			if b := appendJSON(nil, op.input, reflect.ValueOf(in).Elem()); !json.Valid(b) {
				t.Fatalf("wrote malformed JSON %q", b)
			}
		}
	})
}

// FuzzDecodeForm: no form makes the decoder panic.
func FuzzDecodeForm(f *testing.F) {
	s := bind(f, "sts", &toySTS{}, nil)
	op, _ := s.Operation("AssumeRole")
	f.Add("RoleArn=a&RoleSessionName=b&Tags.member.1.Key=k&DurationSeconds=900&PolicyArns.member.2.arn=x")
	f.Fuzz(func(t *testing.T, body string) {
		r := &http.Request{Method: "POST", URL: &url.URL{Path: "/"}, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
		if _, err := op.Decode(r, []byte(body)); err != nil && fault.As(err) == nil {
			t.Fatalf("not a fault: %v", err)
		}
	})
}

func BenchmarkDecodeBatchGetImage(b *testing.B) {
	s := bind(b, "ecr", &toyECR{}, nil)
	op, _ := s.Operation("BatchGetImage")
	r, body := jsonRequest(), []byte(`{"registryId":"111122223333","repositoryName":"team/app","imageIds":[{"imageTag":"v1.2.3"}],"acceptedMediaTypes":["application/vnd.oci.image.manifest.v1+json"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := op.Decode(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeLayerPart(b *testing.B) {
	s := bind(b, "ecr", &toyECR{}, nil)
	op, _ := s.Operation("UploadLayerPart")
	r, body := jsonRequest(), []byte(`{"repositoryName":"aa","uploadId":"01234567-89ab-cdef-0123-456789abcdef","partFirstByte":0,"partLastByte":10485759,"layerPartBlob":"`+strings.Repeat("QUJD", 10<<20/3)+`"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := op.Decode(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAssumeRole(b *testing.B) {
	s := bind(b, "sts", &toySTS{}, nil)
	op, _ := s.Operation("AssumeRole")
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	body := []byte("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr&RoleSessionName=session")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := op.Decode(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeTenRepositories(b *testing.B) {
	s := bind(b, "ecr", &toyECR{}, nil)
	op, _ := s.Operation("DescribeRepositories")
	out := &ecr.DescribeRepositoriesOutput{}
	for range 10 {
		out.Repositories = append(out.Repositories, types.Repository{
			RepositoryArn: aws.String("arn:aws:ecr:us-east-1:111122223333:repository/team/app"), RegistryId: aws.String("111122223333"), RepositoryName: aws.String("team/app"),
			RepositoryUri: aws.String("111122223333.dkr.ecr.us-east-1.amazonaws.com/team/app"), CreatedAt: aws.Time(time.Unix(1563223656, 123e6)), ImageTagMutability: types.ImageTagMutabilityMutable,
			ImageScanningConfiguration: &types.ImageScanningConfiguration{}, EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		w := &discard{header: http.Header{}}
		if err := s.WriteResult(w, op, out, "id"); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is a client that reads nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
