package awswire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/fault"
)

type misspelt struct{}

func (misspelt) DescribeRepositorys(context.Context, *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	return nil, nil
}

type misshapen struct{}

func (misshapen) DescribeRepositories(*ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	return nil, nil
}

type mistaken struct{}

func (mistaken) DescribeRepositories(context.Context, *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	return nil, nil
}

type foreign struct{}

func (foreign) GetUser(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return nil, nil
}

// A mistake of ours ends the start, with a reason.
func TestBindRefuses(t *testing.T) {
	for _, c := range []struct {
		service string
		api     any
		options []Option
		message string
	}{
		{"ecr", misspelt{}, nil, "method DescribeRepositorys of awswire.misspelt has the form of an operation, but ecr has no operation of that name"},
		{"ecr", misshapen{}, nil, "method DescribeRepositories of awswire.misshapen must be func(context.Context, *DescribeRepositoriesInput) (*DescribeRepositoriesOutput, error)"},
		{"ecr", mistaken{}, nil, "ecr.DescribeRepositories: takes ecr.DescribeImagesInput and returns ecr.DescribeImagesOutput, not the operation's own shapes"},
		{"iam", foreign{}, nil, "iam.GetUser: takes sts.GetCallerIdentityInput"},
		{"ecr", &toyECR{}, []Option{Unchecked("BatchGetImage.imageIds.digest")}, "ecr has no input member BatchGetImage.imageIds.digest to leave unchecked"},
		{"ecr", &toyECR{}, []Option{Unchecked("GetBatch.imageIds")}, "ecr has no input member GetBatch.imageIds to leave unchecked"},
	} {
		if _, err := Bind(load(t, c.service), c.api, nil, c.options...); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%T: %v", c.api, err)
		}
	}
}

// H51, STS-3: unknown operations are all alike; what berth does not serve says so.
func TestFind(t *testing.T) {
	ecrService, stsService := bind(t, "ecr", &toyECR{}, nil), bind(t, "sts", &toySTS{}, nil)
	const prefix = "AmazonEC2ContainerRegistry_V20150921"
	for _, c := range []struct {
		service *Service
		call    Call
		message string
	}{
		{ecrService, Call{Protocol: JSON, TargetPrefix: prefix, Operation: "DescribeRepositories"}, ""},
		{ecrService, Call{Protocol: JSON, TargetPrefix: prefix, Operation: "DescribeInternal"}, "There is no such operation."},
		{ecrService, Call{Protocol: JSON, TargetPrefix: prefix, Operation: "describerepositories"}, "There is no such operation."},
		{ecrService, Call{Protocol: Query, Operation: "DescribeRepositories", Version: "2015-09-21"}, "There is no such operation."},
		{ecrService, Call{Protocol: JSON, TargetPrefix: prefix, Operation: "StartImageScan"}, "berth does not serve the operation StartImageScan of ecr yet; docs/coverage.md lists what it serves."},
		{stsService, Call{Protocol: Query, Operation: "AssumeRole", Version: "2011-06-15"}, ""},
		{stsService, Call{Protocol: Query, Operation: "AssumeRole"}, "Could not find operation AssumeRole for version NO_VERSION_SPECIFIED"},
		{stsService, Call{Protocol: Query, Operation: "Assume<Role>", Version: "2010-05-08"}, "Could not find operation Assume<Role> for version 2010-05-08"},
		{stsService, Call{Protocol: Query, Operation: "GetSessionToken", Version: "2011-06-15"}, "berth does not serve the operation GetSessionToken of sts yet; docs/coverage.md lists what it serves."},
	} {
		op, err := c.service.Find(c.call)
		if c.message == "" && err == nil && op.Name == c.call.Operation {
			continue
		}
		if !fault.Is(err, fault.UnknownOperation) || fault.As(err).Message != c.message {
			t.Errorf("%+v: %v", c.call, err)
		}
	}
	op, known := ecrService.Operation("StartImageScan")
	if !known || op.Served {
		t.Errorf("StartImageScan: %v %+v", known, op)
	}
	if _, err := op.Decode(jsonRequest(), []byte("{}")); !fault.Is(err, fault.UnknownOperation) {
		t.Errorf("decoding for an operation that is not served: %v", err)
	}
	served := 0
	for _, op := range ecrService.Operations() {
		if op.Served {
			served++
		}
	}
	if n := len(ecrService.Operations()); n != 58 || served != 5 {
		t.Errorf("%d operations, %d served", n, served)
	}
}

// H51, H52, H56: one request, one operation.
func TestTarget(t *testing.T) {
	const form, json = "application/x-www-form-urlencoded", "application/x-amz-json-1.1"
	for _, c := range []struct {
		name, method, url, contentType string
		targets                        []string
		body                           string
		want                           Call
		code                           fault.Code
	}{
		{"target", "POST", "/", json, []string{"A_V1.Op"}, "{}", Call{Protocol: JSON, TargetPrefix: "A_V1", Operation: "Op"}, ""},
		{"H51 dotted prefix", "POST", "/", json, []string{"com.amazon.A.Op"}, "{}", Call{Protocol: JSON, TargetPrefix: "com.amazon.A", Operation: "Op"}, ""},
		{"no dot", "POST", "/", json, []string{"Op"}, "{}", Call{Protocol: JSON}, fault.UnknownOperation},
		{"two targets", "POST", "/", json, []string{"A.Op", "A.Other"}, "{}", Call{Protocol: JSON}, fault.MalformedRequest},
		{"H52 target and Action", "POST", "/?Action=Op", json, []string{"A.Op"}, "{}", Call{Protocol: JSON}, fault.MalformedRequest},
		{"H52 target and action", "POST", "/?aCtion=Op", json, []string{"A.Op"}, "{}", Call{Protocol: JSON}, fault.MalformedRequest},
		{"H52 target and form", "POST", "/", form, []string{"A.Op"}, "Action=Op", Call{Protocol: JSON}, fault.MalformedRequest},
		{"target by GET", "GET", "/", "", []string{"A.Op"}, "", Call{Protocol: JSON}, fault.UnknownOperation},
		{"JSON without target", "POST", "/", json, nil, "{}", Call{Protocol: JSON}, fault.UnknownOperation},
		{"form", "POST", "/", form + "; charset=utf-8", nil, "Action=Op&Version=1", Call{Protocol: Query, Operation: "Op", Version: "1"}, ""},
		{"query", "GET", "/?Version=1&Action=Op", "", nil, "", Call{Protocol: Query, Operation: "Op", Version: "1"}, ""},
		{"both parts", "POST", "/?Action=Op", form, nil, "Version=1", Call{Protocol: Query, Operation: "Op", Version: "1"}, ""},
		{"nothing", "GET", "/", "", nil, "", Call{Protocol: Query}, fault.UnknownOperation},
		{"H56 lower case", "GET", "/?action=Op", "", nil, "", Call{Protocol: Query}, fault.UnknownOperation},
		{"H56 twice", "POST", "/", form, nil, "Action=Op&Action=Other", Call{Protocol: Query}, fault.MalformedRequest},
		{"H56 twice by case", "POST", "/", form, nil, "Action=Op&action=Other", Call{Protocol: Query}, fault.MalformedRequest},
		{"H56 query and body", "POST", "/?Action=Op", form, nil, "Action=Other", Call{Protocol: Query}, fault.MalformedRequest},
		{"body by GET", "GET", "/?Action=Op", form, nil, "Version=1", Call{Protocol: Query}, fault.MalformedRequest},
		{"body that is no form", "POST", "/?Action=Op", "text/plain", nil, "Version=1", Call{Protocol: Query}, fault.MalformedRequest},
		{"method", "PUT", "/?Action=Op", "", nil, "", Call{Protocol: Query}, fault.MethodNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.url, nil)
			r.Header = http.Header{}
			if c.targets != nil {
				r.Header["X-Amz-Target"] = c.targets
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			got, err := Target(r, []byte(c.body))
			if got != c.want || c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// API-10, H55: a token is good for exactly what it was made for.
func TestPages(t *testing.T) {
	p := NewPages([]byte("0123456789abcdef0123456789abcdef"))
	token := p.Seal("team/app", "111122223333", "ListImages", "filter=ANY")
	if cursor, err := p.Open(token, "111122223333", "ListImages", "filter=ANY"); err != nil || cursor != "team/app" {
		t.Fatalf("%q %v", cursor, err)
	}
	if cursor, err := p.Open(p.Seal("")); err != nil || cursor != "" {
		t.Errorf("an empty cursor: %q %v", cursor, err)
	}
	refused := func(what string, p *Pages, token string, binding ...string) {
		t.Helper()
		_, err := p.Open(token, binding...)
		if !fault.Is(err, fault.InvalidParameter) || fault.As(err).Message != "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'" {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("another account", p, token, "444455556666", "ListImages", "filter=ANY")
	refused("another operation", p, token, "111122223333", "DescribeImages", "filter=ANY")
	refused("another filter", p, token, "111122223333", "ListImages", "filter=TAGGED")
	refused("parts run together", p, token, "111122223333", "ListImagesfilter=ANY")
	refused("another key", NewPages([]byte("another")), token, "111122223333", "ListImages", "filter=ANY")
	refused("empty", p, "")
	refused("rubbish", p, "%%%")
	refused("huge", p, strings.Repeat("A", 1<<20))
	for i := range token {
		for _, c := range []byte("Ab0_") {
			if token[i] != c {
				refused("altered", p, token[:i]+string(c)+token[i+1:], "111122223333", "ListImages", "filter=ANY")
			}
		}
	}
}
