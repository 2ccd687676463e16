package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/berth-registry/berth/berthtest"
)

const (
	customer = "999888777666"
	project  = "arn:aws:codebuild:us-east-2:" + customer + ":project/app"
)

// operate calls an operation of berth's own service as its operator and reads the answer.
func operate(t *testing.T, s *berthtest.Server, operation, in string) (out struct {
	AccessKey                                  struct{ AccessKeyID, SecretAccessKey string }
	AccessKeyID, SecretAccessKey, SessionToken string
}) {
	t.Helper()
	resp, text := s.Call(t, s.Root(t), "berth", "us-east-1", "Berth_20261122", operation, in)
	if err := json.Unmarshal(text, &out); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", operation, resp.Status, text)
	}
	return out
}

// acting is a client that says for whom it acts by headers, which the SDK signs with the rest.
func acting(s *berthtest.Server, c *berthtest.Caller, sourceARN, account string) *ecr.Client {
	o := ecr.Options{Region: region, BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider(c.Key, c.Secret, c.Token), HTTPClient: berthtest.HTTPClient()}
	if sourceARN != "" {
		o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Source-Arn", sourceARN))
	}
	if account != "" {
		o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Source-Account", account))
	}
	return ecr.New(o)
}

// login is what docker would send after `aws ecr get-login-password`.
func login(ctx context.Context, c *ecr.Client) (string, error) {
	//lint:ignore SA1019 it is how a service without a source says where it goes
	out, err := c.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{RegistryIds: []string{vendor}}) //nolint:staticcheck // see above
	if err != nil {
		return "", err
	}
	return "Basic " + *out.AuthorizationData[0].AuthorizationToken, nil
}

// H83, IAM-22: what guides for CodeBuild and Lambda write: a repository policy for a service principal on condition of aws:sourceArn. The service pulls as a
// container client does, for the sources that the policy names and no others, whichever way it says for whom it acts.
func TestServicePullsForItsSource_H83_IAM22(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	ctx := t.Context()
	image := berthtest.NewImage([]byte("a layer"))
	if _, err := v.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	s.Push(t, v.Login(t, region), there, "1", image)
	made := operate(t, s, "CreateService", `{"name":"codebuild.amazonaws.com"}`).AccessKey
	build := s.As(made.AccessKeyID, made.SecretAccessKey, "")
	other := operate(t, s, "CreateService", `{"name":"lambda.amazonaws.com"}`).AccessKey
	lambda := s.As(other.AccessKeyID, other.SecretAccessKey, "")
	set := func(statement string) {
		t.Helper()
		text := `{"Version":"2012-10-17","Statement":[` + statement + `]}`
		if _, err := v.ECR(region).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &text}); err != nil {
			t.Fatal(err)
		}
	}
	pull := `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]`
	type source struct{ arn, account string }
	pulls := func(what string, who *berthtest.Caller, name string, from source, ok bool) {
		t.Helper()
		in, err := json.Marshal(map[string]string{"name": name, "sourceArn": from.arn, "sourceAccount": from.account})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(`"sourceArn":"",`, "", `"sourceArn":""`, "", `"sourceAccount":"",`, "").Replace(string(in))
		session := operate(t, s, "GetServiceSession", strings.Replace(text, ",}", "}", 1))
		for how, c := range map[string]*ecr.Client{
			"headers": acting(s, who, from.arn, from.account), "session": acting(s, s.As(session.AccessKeyID, session.SecretAccessKey, session.SessionToken), "", ""),
		} {
			auth, err := login(ctx, c)
			if err != nil {
				t.Fatalf("%s by %s: %v", what, how, err)
			}
			if ok {
				s.Pull(t, auth, there, "1", image)
			} else if resp, body := s.Do(t, auth, "GET", there+"/manifests/1", nil); resp.StatusCode != http.StatusForbidden ||
				!strings.Contains(string(body), "User: "+name+" is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-2:111222333444:repository/app because no resource-based policy allows") {
				t.Errorf("%s by %s: %s %s", what, how, resp.Status, body)
			}
			_, err = c.BatchGetImage(ctx, &ecr.BatchGetImageInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("app"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1")}}})
			if (err == nil) != ok {
				t.Errorf("BatchGetImage, %s by %s: %v", what, how, err)
			}
			if resp, body := s.Do(t, auth, "PUT", there+"/manifests/2", strings.NewReader(string(image.Manifest)), "Content-Type", berthtest.ManifestType); resp.StatusCode != http.StatusForbidden {
				t.Errorf("a push, %s by %s: %s %s", what, how, resp.Status, body)
			}
		}
	}
	const build1, lambda1 = "codebuild.amazonaws.com", "lambda.amazonaws.com"
	right, wrong, theirs := source{project, ""}, source{strings.Replace(project, ":project/", ":report/", 1), ""}, source{strings.Replace(project, customer, "555666777888", 1), ""}

	pulls("no policy", build, build1, right, false)
	set(`{"Sid":"CodeBuildAccess","Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},` + pull + `,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:codebuild:us-east-2:` + customer + `:project/*"}}}`)
	pulls("the right source", build, build1, right, true)
	pulls("the right source and account", build, build1, source{project, customer}, true)
	pulls("the wrong source", build, build1, wrong, false)
	pulls("another account's source", build, build1, theirs, false)
	pulls("no source", build, build1, source{}, false)
	pulls("only an account", build, build1, source{"", customer}, false)
	pulls("another service", lambda, lambda1, right, false)

	// Two principals in one statement are alternatives (trap 23 of the guides); a Lambda function of the account in the policy, and not that of production (14, 15).
	set(`{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","codebuild.amazonaws.com"],"AWS":"` + vendor + `"},` + pull +
		`,"Condition":{"StringLike":{"aws:SourceArn":"arn:aws:lambda:us-east-2:` + customer + `:function:*"}}}`)
	pulls("a function", lambda, lambda1, source{"arn:aws:lambda:us-east-2:" + customer + ":function:app", ""}, true)
	pulls("a function of production", lambda, lambda1, source{"arn:aws:lambda:us-east-2:555666777888:function:app", ""}, false)
	pulls("a project", build, build1, right, false)

	// Lambda adds its own statement for whoever may read and set the policy (trap 20): what stood there stays.
	set(`{"Sid":"CodeBuildAccess","Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},` + pull + `,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:codebuild:us-east-2:` + customer + `:project/*"}}}`)
	deployer := v.User(t, "deployer", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetRepositoryPolicy","ecr:SetRepositoryPolicy"],"Resource":"*"}]}`).ECR(region)
	got, err := deployer.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	grown := strings.Replace(*got.PolicyText, `"Statement":[`, `"Statement":[{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},`+pull+
		`,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:us-east-2:`+vendor+`:function:*"}}},`, 1)
	if _, err := deployer.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &grown}); err != nil {
		t.Fatal(err)
	}
	pulls("a function of the owner", lambda, lambda1, source{"arn:aws:lambda:us-east-2:" + vendor + ":function:app", ""}, true)
	pulls("a function of somebody else", lambda, lambda1, source{"arn:aws:lambda:us-east-2:555666777888:function:app", ""}, false)
	pulls("the project as before", build, build1, right, true)

	// Who is no service does not become one by its headers: not a user of the account in the source, nor one of the vendor.
	set(`{"Effect":"Allow","Principal":"*",` + pull + `,"Condition":{"StringLike":{"aws:SourceArn":"arn:aws:codebuild:*"}}}`)
	pulls("anyone for a project", build, build1, right, true)
	c := s.Account(t, customer)
	for name, who := range map[string]*berthtest.Caller{"customer": c.Caller, "user": v.User(t, "reader", signInPolicy)} {
		client := acting(s, who, project, customer)
		auth, err := login(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if resp, body := s.Do(t, auth, "GET", there+"/manifests/1", nil, "X-Amz-Source-Arn", project, "X-Amz-Source-Account", customer); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s %s", name, resp.Status, body)
		}
		var refused smithy.APIError
		if _, err = client.BatchGetImage(ctx, &ecr.BatchGetImageInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("app"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1")}}}); !errors.As(err, &refused) || refused.ErrorCode() != "AccessDeniedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor does a service's password take another source from the headers of a pull, which nobody signed.
	auth, err := login(ctx, acting(s, build, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	if resp, body := s.Do(t, auth, "GET", there+"/manifests/1", nil, "X-Amz-Source-Arn", project); resp.StatusCode != http.StatusForbidden {
		t.Errorf("headers of a pull: %s %s", resp.Status, body)
	}
}

// H83, H61: a source that is not signed, cannot be read, comes twice, or disagrees with itself or with the session is refused.
func TestSourcesAreSigned_H61_H83(t *testing.T) {
	s := berthtest.Start(t)
	made := operate(t, s, "CreateService", `{"name":"codebuild.amazonaws.com"}`).AccessKey
	build := s.As(made.AccessKeyID, made.SecretAccessKey, "")
	ask := func(c *ecr.Client) string {
		_, err := c.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
		var refused smithy.APIError
		if errors.As(err, &refused) {
			return refused.ErrorCode()
		}
		if err != nil {
			t.Error(err)
		}
		return ""
	}
	session := operate(t, s, "GetServiceSession", `{"name":"codebuild.amazonaws.com","sourceArn":"`+project+`"}`)
	bound := s.As(session.AccessKeyID, session.SecretAccessKey, session.SessionToken)
	unsigned := acting(s, build, project, "")
	for what, c := range map[string]struct {
		client *ecr.Client
		want   string
	}{
		"a source": {acting(s, build, project, ""), ""}, "an account": {acting(s, build, "", customer), ""}, "none, and no registry": {acting(s, build, "", ""), "InvalidParameterException"},
		"no ARN": {acting(s, build, "project/app", ""), "ValidationException"}, "no account": {acting(s, build, "", "12"), "ValidationException"},
		"an ARN of another account": {acting(s, build, project, vendor), "ValidationException"},
		"bound":                     {acting(s, bound, "", ""), ""}, "bound, the same": {acting(s, bound, project, customer), ""}, "bound, another": {acting(s, bound, project+"2", ""), "AccessDeniedException"},
	} {
		if got := ask(c.client); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	for what, change := range map[string]func(h http.Header){
		"changed on the way": func(h http.Header) { h.Set("X-Amz-Source-Arn", project+"2") },
		"twice":              func(h http.Header) { h.Add("X-Amz-Source-Arn", project) },
		"more on the way":    func(h http.Header) { h.Set("X-Amz-Source-Account", customer) },
	} {
		o := unsigned.Options().Copy()
		o.HTTPClient = onTheWay(change)
		if got := ask(ecr.New(o)); got != "InvalidSignatureException" {
			t.Errorf("%s: %q", what, got)
		}
	}
	// A session cannot get itself another source; the key of the service can.
	in := `{"name":"codebuild.amazonaws.com","sourceArn":"` + project + `2"}`
	if resp, text := s.Call(t, bound, "berth", "us-east-1", "Berth_20261122", "GetServiceSession", in); resp.StatusCode == http.StatusOK || !strings.Contains(string(text), "AccessDenied") {
		t.Errorf("a session: %s %s", resp.Status, text)
	}
	if resp, text := s.Call(t, build, "berth", "us-east-1", "Berth_20261122", "GetServiceSession", in); resp.StatusCode != http.StatusOK {
		t.Errorf("the key: %s %s", resp.Status, text)
	}
	who, err := bound.STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "codebuild.amazonaws.com" || *who.Account != customer {
		t.Errorf("%+v, %v", who, err)
	}
}

// onTheWay changes the headers of a request after it was signed.
type onTheWay func(http.Header)

func (f onTheWay) Do(r *http.Request) (*http.Response, error) {
	f(r.Header)
	return http.DefaultClient.Do(r)
}

// The task that pulls with its execution role (trap 19 of the guides): the service assumes the role that trusts it, and the session pulls by the role's policies.
func TestServicePullsByARole(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	ctx := t.Context()
	image := berthtest.NewImage([]byte("a layer"))
	if _, err := v.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	s.Push(t, v.Login(t, region), there, "1", image)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	role, err := v.IAM().CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("ecsTaskExecutionRole"), AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.IAM().AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("ecsTaskExecutionRole"), PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")}); err != nil {
		t.Fatal(err)
	}
	made := operate(t, s, "CreateService", `{"name":"ecs-tasks.amazonaws.com"}`).AccessKey
	out, err := s.As(made.AccessKeyID, made.SecretAccessKey, "").STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("task-1")})
	if err != nil {
		t.Fatal(err)
	}
	auth := s.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken).Login(t, region)
	s.Pull(t, auth, there, "1", image)
	if resp, body := s.Do(t, auth, "PUT", there+"/manifests/2", strings.NewReader(string(image.Manifest)), "Content-Type", berthtest.ManifestType); resp.StatusCode != http.StatusForbidden ||
		!strings.Contains(string(body), "User: arn:aws:sts::111222333444:assumed-role/ecsTaskExecutionRole/task-1 is not authorized") {
		t.Errorf("a push: %s %s", resp.Status, body)
	}
}
