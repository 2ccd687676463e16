package server_test

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

// write puts a text into a file of the test's.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// IAMP-1.2, IAMP-3: a listener that is declared as a private endpoint gives its requests the keys of one, and lets pass what its policy allows, whichever door they go to.
func TestPrivateEndpoints(t *testing.T) {
	const region, vendor = "us-east-1", "111222333444"
	policy := write(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer"],"Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111222333444:user/banned"}}}]}`)
	s := berthtest.Start(t, func(c *server.Config) {
		c.VPCEndpoint = []server.Endpoint{
			{ID: "vpce-0a1b2c3d", Address: "127.0.0.1:0", VPC: "vpc-1", Policy: policy},
			{ID: "vpce-0open", Address: "127.0.0.1:0"},
		}
	})
	limited, open := s.Through("vpce-0a1b2c3d"), s.Through("vpce-0open")
	v := s.Account(t, vendor)
	if _, err := v.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	path := vendor + "/" + region + "/app"
	image := berthtest.NewImage([]byte("layer"))
	s.Push(t, v.Login(t, region), path, "v1", image)

	only := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{` + condition + `}}]}`
	}
	for name, c := range map[string]struct {
		policy                    string
		public, throughOne, other int
	}{
		"by-id":      {only(`"StringEquals":{"aws:SourceVpce":"vpce-0a1b2c3d"}`), 403, 200, 403},
		"by-vpc":     {only(`"StringEquals":{"aws:SourceVpc":"vpc-1"}`), 403, 200, 403},
		"by-network": {only(`"IpAddress":{"aws:VpcSourceIp":"127.0.0.0/8"}`), 403, 200, 200},
		"by-address": {only(`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`), 200, 403, 403},
		"no-address": {only(`"Null":{"aws:SourceIp":"true"}`), 403, 200, 200},
		"no-vpc":     {only(`"Null":{"aws:SourceVpc":"true"}`), 200, 403, 200},
		"banned":     {only(`"Bool":{"aws:SecureTransport":"false"}`), 200, 403, 200},
	} {
		u := v.User(t, name, c.policy)
		login := u.Login(t, region) // a password works at each way in, and is judged at each
		for at, where := range map[string]struct {
			*berthtest.Server
			want int
		}{"public": {s, c.public}, "the one with a policy": {limited, c.throughOne}, "the other": {open, c.other}} {
			r, body := where.Do(t, login, http.MethodGet, path+"/manifests/v1", nil)
			if r.StatusCode != where.want {
				t.Errorf("%s at %s: %d %s, want %d", name, at, r.StatusCode, body, where.want)
			}
			_, err := u.At(where.Server).ECR(region).BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
			if (err == nil) != (where.want == 200) {
				t.Errorf("%s at %s, by the AWS client: %v", name, at, err)
			}
		}
	}

	// What the endpoint's policy does not allow, not even the administrator gets through it.
	owner := v.At(limited).Login(t, region)
	limited.Pull(t, owner, path, "v1", image)
	const refusal = "is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:us-east-1:111222333444:repository/app because no VPC endpoint policy allows the ecr:InitiateLayerUpload action"
	if r, body := limited.Do(t, owner, http.MethodPost, path+"/blobs/uploads/", nil); r.StatusCode != 403 || !strings.Contains(string(body), refusal) {
		t.Errorf("push: %d %s", r.StatusCode, body)
	}
	if r, body := limited.Do(t, owner, http.MethodPut, path+"/manifests/v2", bytes.NewReader(image.Manifest), "Content-Type", berthtest.ManifestType); r.StatusCode != 403 || !strings.Contains(string(body), "no VPC endpoint policy") {
		t.Errorf("push of a manifest: %d %s", r.StatusCode, body)
	}
	_, err := v.At(limited).ECR(region).InitiateLayerUpload(t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: aws.String("app")})
	if err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("push by the AWS client: %v", err)
	}
	banned := v.User(t, "banned2", only(`"Bool":{"aws:SecureTransport":"false"}`))
	if r, _ := limited.Do(t, banned.Login(t, region), http.MethodGet, path+"/manifests/v1", nil); r.StatusCode != 200 {
		t.Errorf("another user than the one that is denied: %s", r.Status)
	}
	open.Push(t, v.At(open).Login(t, region), path, "v3", berthtest.NewImage([]byte("through the open one")))
}

// A private endpoint speaks TLS as the other listeners do.
func TestPrivateEndpointsSpeakTLS(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) {
		c.TLSSelfSigned = true
		c.VPCEndpoint = []server.Endpoint{{ID: "vpce-1", Address: "127.0.0.1:0"}}
	}).Through("vpce-1")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the certificate is not what is asked about
	resp, err := client.Get(s.URL + "/v2/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !strings.HasPrefix(s.URL, "https://") || resp.StatusCode != http.StatusUnauthorized || resp.TLS == nil {
		t.Errorf("%s: %s", s.URL, resp.Status)
	}
}

// What is declared wrongly is refused before anything is made, and said where.
func TestEndpointDeclarations(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:5001":                      "is not a private endpoint",
		"vpc-1=127.0.0.1:5001":                "is not a private endpoint",
		"vpce-1=":                             "is not an address",
		"vpce-1=nowhere":                      "is not an address",
		"vpce-1=:1,vpc=x":                     `"vpc=x" is neither`,
		"vpce-1=:1,vpc=vpc-1,vpc=vpc-2":       `"vpc=vpc-2" is neither`,
		"vpce-1=:1,polcy=file":                `"polcy=file" is neither`,
		"vpce-1=127.0.0.1:5001,policy=x.json": "",
		"vpce-0a1b=[::1]:5001,vpc=vpc-1":      "",
	} {
		var e server.Endpoint
		err := e.UnmarshalText([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	good := server.Config{Folder: server.Folder{Data: t.TempDir()}, Listen: []string{"127.0.0.1:0"}, Names: server.Names{Regions: []string{"us-east-1"}}}
	for policy, want := range map[string]string{
		"{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"ecr:*\", \"Resource\": \"*\"}]\n}": "line 3, column 17",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:PullImage","Resource":"*"}]}`:            "line 1, column 81: INVALID_ACTION",
		"{": "line 1, column 2",
		"":  "line 1",
	} {
		c := good
		c.VPCEndpoint = []server.Endpoint{{ID: "vpce-1", Address: "127.0.0.1:0", Policy: write(t, policy)}}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--vpc-endpoint vpce-1: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	c := good
	c.VPCEndpoint = []server.Endpoint{{ID: "vpce-1", Address: "127.0.0.1:0", Policy: "/none/policy.json"}}
	if err := c.Validate(); err == nil {
		t.Error("a policy that is not there was taken for none")
	}
	c.VPCEndpoint = []server.Endpoint{{ID: "vpce-1", Address: "127.0.0.1:0"}, {ID: "vpce-1", Address: "127.0.0.1:0"}}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "declared twice") {
		t.Errorf("two of one id: %v", err)
	}
}
