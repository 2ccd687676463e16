package front

import (
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
)

// HTTP-1, HTTP-2, H16: the registry that a host or a path names.
func TestNames(t *testing.T) {
	regions := []string{"us-east-1", "cn-north-1"}
	aws, own, none := &Names{"amazonaws.com", regions}, &Names{"registry.example", regions}, &Names{"", regions}
	at := place{account: "111222333444", region: "us-east-1"}
	china := place{account: "111222333444", region: "cn-north-1"}
	byPath := place{"111222333444", "us-east-1", "111222333444/us-east-1/"}
	for _, c := range []struct {
		names      *Names
		host, path string
		want       place
		rest       string
	}{
		{aws, "111222333444.dkr.ecr.us-east-1.amazonaws.com", "app/manifests/v1", at, "app/manifests/v1"},
		{aws, "111222333444.dkr.ecr.us-east-1.amazonaws.com", "", at, ""},
		{aws, "111222333444.dkr.ecr.us-east-1.amazonaws.com:5050", "app", at, "app"},
		{aws, "111222333444.DKR.ECR.US-East-1.AmazonAWS.com", "app", at, "app"},
		{aws, "111222333444.dkr.ecr.us-east-1.amazonaws.com.", "app", at, "app"},
		{aws, "111222333444.dkr.ecr-fips.us-east-1.amazonaws.com", "app", at, "app"},
		{aws, "111222333444.dkr-ecr.us-east-1.on.aws", "app", at, "app"},
		{aws, "111222333444.dkr-ecr-fips.us-east-1.on.aws:443", "app", at, "app"},
		{aws, "111222333444.dkr.ecr.cn-north-1.amazonaws.com.cn", "app", china, "app"},
		{aws, "111222333444.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "app", china, "app"},
		{own, "111222333444.dkr.ecr.us-east-1.registry.example", "app", at, "app"},
		{own, "111222333444.dkr-ecr.us-east-1.on.registry.example", "app", at, "app"},
		// What is in the path form of a host that names the registry is a repository's name like another.
		{own, "111222333444.dkr.ecr.us-east-1.registry.example", "999888777666/us-east-1/app", at, "999888777666/us-east-1/app"},
		{none, "127.0.0.1:5050", "111222333444/us-east-1/team/app/tags/list", byPath, "team/app/tags/list"},
		{none, "[::1]:5050", "111222333444/us-east-1/app", byPath, "app"},
		{none, "", "", place{}, ""},
		{none, "111222333444.dkr.ecr.us-east-1.amazonaws.com", "", place{}, ""},
		{own, "localhost:5050", "111222333444/us-east-1/app", byPath, "app"},
		{none, "evil", "111222333444/us-east-1/_catalog", byPath, "_catalog"},
		{none, "x", "111222333444/us-east-1/", byPath, ""},
	} {
		got, rest, err := c.names.registry(c.host, c.path)
		if err != nil || got != c.want || rest != c.rest {
			t.Errorf("%q %q: %+v %q %v, want %+v %q", c.host, c.path, got, rest, err, c.want, c.rest)
		}
	}
	for _, c := range []struct {
		names      *Names
		host, path string
		code       fault.Code
	}{
		{aws, "111222333444.dkr.ecr.eu-west-1.amazonaws.com", "app", fault.RepositoryNotFound},
		{none, "x", "111222333444/eu-west-1/app", fault.RepositoryNotFound},
		{none, "x", "111222333444/" + strings.Repeat("x", 1000) + "/app", fault.RepositoryNotFound},
		// Hosts that only look like it do not name a registry.
		{aws, "111222333444.dkr.ecr.us-east-1.amazonaws.com.evil.example", "app/manifests/v1", fault.NameInvalid},
		{aws, "evil.example.111222333444.dkr.ecr.us-east-1.amazonaws.com", "app/manifests/v1", fault.NameInvalid},
		{aws, "11122233344.dkr.ecr.us-east-1.amazonaws.com", "app/manifests/v1", fault.NameInvalid},
		{aws, "111222333444.dkr.ecr.us-east-1", "app/manifests/v1", fault.NameInvalid},
		{aws, "111222333444.dkr.ecr.us-east-1.registry.example", "app/manifests/v1", fault.NameInvalid},
		{own, "111222333444.dkr.ecr.us-east-1.amazonaws.com", "app/manifests/v1", fault.NameInvalid},
		{own, "111222333444.dkr.ecr.cn-north-1.registry.example.cn", "app/manifests/v1", fault.NameInvalid},
		{aws, "111222333444.dkr.ecr..amazonaws.com", "app", fault.RepositoryNotFound},
		{aws, "１１１２２２３３３４４４.dkr.ecr.us-east-1.amazonaws.com", "app", fault.NameInvalid},
		{none, "x", "_catalog", fault.NameInvalid},
		{none, "x", "111222333444", fault.NameInvalid},
		{none, "x", "../111222333444/us-east-1/app", fault.NameInvalid},
		{none, "x", "/111222333444/us-east-1/app", fault.NameInvalid},
	} {
		got, _, err := c.names.registry(c.host, c.path)
		if !fault.Is(err, c.code) || got != (place{}) || len(err.Error()) > 300 {
			t.Errorf("%q %q: %+v %v, want %s", c.host, c.path, got, err, c.code)
		}
	}
}

// API-23, API-31: what is returned can be logged in to and pushed to as it is.
func TestReturnedNames(t *testing.T) {
	none, own := &Names{"", []string{"us-east-1"}}, &Names{"registry.example", []string{"us-east-1"}}
	for got, want := range map[string]string{
		none.URI("111222333444", "us-east-1", "a/b", "127.0.0.1:5050"):                       "127.0.0.1:5050/111222333444/us-east-1/a/b",
		none.Endpoint("111222333444", "us-east-1", "127.0.0.1:5050", false):                  "http://127.0.0.1:5050/111222333444/us-east-1",
		own.URI("111222333444", "us-east-1", "a/b", "api.ecr.us-east-1.x:5050"):              "111222333444.dkr.ecr.us-east-1.registry.example:5050/a/b",
		own.Endpoint("111222333444", "us-east-1", "ecr.us-east-1.x", true):                   "https://111222333444.dkr.ecr.us-east-1.registry.example",
		own.Endpoint("111222333444", "us-east-1", "ecr.us-east-1.example:443", true):         "https://111222333444.dkr.ecr.us-east-1.registry.example",
		strings.Join(own.Hosts([]string{"111222333444"}), " "):                               "api.ecr.us-east-1.registry.example ecr.us-east-1.registry.example sts.us-east-1.registry.example 111222333444.dkr.ecr.us-east-1.registry.example 111222333444.dkr-ecr.us-east-1.on.registry.example iam.registry.example sts.registry.example",
		strings.Join(append(none.Hosts([]string{"111222333444"}), none.Wildcards()...), " "): "",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	// Every host is covered by a wildcard of one label (RFC 6125).
	for _, host := range own.Hosts([]string{"111222333444"}) {
		_, parent, _ := strings.Cut(host, ".")
		if !slices.Contains(own.Wildcards(), host) && !slices.Contains(own.Wildcards(), "*."+parent) {
			t.Errorf("%s is not covered by %v", host, own.Wildcards())
		}
	}
}
