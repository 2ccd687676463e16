package front_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
)

const (
	wrong   = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	unknown = "The security token included in the request is invalid."
)

// API-12 to API-22, H60 to H69, through the whole door: who signed, what, and when.
func TestSignatures(t *testing.T) {
	s := start(t)
	now := s.clock.Now()
	who := s.vendor.Caller
	list := func(c awsCall) awsAnswer {
		t.Helper()
		if c.who == nil {
			c.who = who
		}
		c.target, c.body = "DescribeRepositories", `{"repositoryNames":["app"]}`
		return s.call(t, c)
	}
	if a := list(awsCall{}); a.status != 200 || !strings.Contains(a.body, `"repositoryName":"app"`) {
		t.Fatal(a)
	}
	const scope, region = "Credential should be scoped to correct service: 'ecr'. ", "Credential should be scoped to a valid region. "
	for name, c := range map[string]struct {
		call          awsCall
		code, message string
	}{
		"region":       {awsCall{region: "eu-west-1"}, "InvalidSignatureException", region},
		"service":      {awsCall{service: "s3"}, "InvalidSignatureException", scope},
		"both":         {awsCall{region: "eu-west-1", service: "sts"}, "InvalidSignatureException", region + scope},
		"too old":      {awsCall{at: now.Add(-6 * time.Minute)}, "InvalidSignatureException", "Signature expired: "},
		"too new":      {awsCall{at: now.Add(6 * time.Minute)}, "InvalidSignatureException", "Signature not yet current: "},
		"other method": {awsCall{after: func(r *http.Request) { r.URL.RawQuery = "a=b" }}, "InvalidSignatureException", wrong},
		"other target": {awsCall{after: func(r *http.Request) {
			r.Header.Set("X-Amz-Target", strings.Replace(r.Header.Get("X-Amz-Target"), "Describe", "Delete", 1))
		}}, "InvalidSignatureException", wrong},
		"other body":       {awsCall{after: func(r *http.Request) { setBody(r, `{"repositoryNames":["apq"]}`) }}, "InvalidSignatureException", wrong},
		"more headers":     {awsCall{after: func(r *http.Request) { r.Header.Set("X-Amz-Meta", "x") }}, "InvalidSignatureException", "'X-Amz-Meta' must be a 'SignedHeader' in the AWS Authorization."},
		"two headers":      {awsCall{after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }}, "IncompleteSignatureException", ""},
		"header and query": {awsCall{after: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=00" }}, "IncompleteSignatureException", ""},
		"half a header":    {awsCall{after: func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") }}, "IncompleteSignatureException", ""},
		"another scheme":   {awsCall{after: func(r *http.Request) { r.Header.Set("Authorization", "AWS AKID:sig") }}, "IncompleteSignatureException", ""},
		"none":             {awsCall{after: func(r *http.Request) { r.Header.Del("Authorization") }}, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		"unsigned payload": {awsCall{after: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }}, "InvalidSignatureException", ""},
		"wrong secret":     {awsCall{who: s.As(who.Key, "wrong"+who.Secret[5:], "")}, "InvalidSignatureException", wrong},
		"unknown key":      {awsCall{who: s.As("AKIA"+strings.Repeat("A", 16), who.Secret, "")}, "UnrecognizedClientException", unknown},
		"a key of no form": {awsCall{who: s.As("x", who.Secret, "")}, "UnrecognizedClientException", unknown},
		"token of nobody":  {awsCall{who: s.As(who.Key, who.Secret, "token")}, "UnrecognizedClientException", unknown},
	} {
		t.Run(name, func(t *testing.T) { list(c.call).is(t, 400, c.code, c.message) })
	}
	// A wrong signature and an unknown key are answers of one shape (H68).
	a, b := list(awsCall{who: s.As(who.Key, "wrong", "")}), list(awsCall{who: s.As("AKIA"+strings.Repeat("A", 16), "wrong", "")})
	if a.status != b.status || strings.Count(a.body, ",") != strings.Count(b.body, ",") {
		t.Errorf("%s %s", a.body, b.body)
	}
	// Presigned, as the SDKs do it for the query protocol (API-12).
	presigned := func(at time.Time, after func(*http.Request)) awsAnswer {
		return s.call(t, awsCall{who: who, service: "sts", presign: true, at: at, after: after, before: func(r *http.Request) {
			r.Method, r.URL.RawQuery = "GET", "Action=GetCallerIdentity&Version=2011-06-15"
			r.Header.Del("Content-Type")
			setBody(r, "")
		}})
	}
	if a := presigned(now.Add(-14*time.Minute), nil); a.status != 200 || !strings.Contains(a.body, vendor) { // without X-Amz-Expires: a quarter of an hour
		t.Error(a)
	}
	presigned(now.Add(-16*time.Minute), nil).is(t, 403, "SignatureDoesNotMatch", "Signature expired: ")
	presigned(now, func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Expires=60" }).is(t, 403, "SignatureDoesNotMatch", wrong)
	presigned(now, func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "GetCaller", "GetSession", 1) }).is(t, 403, "SignatureDoesNotMatch", wrong)
	// Six minutes later the same signature is too old (H64).
	s.clock.advance(6 * time.Minute)
	list(awsCall{at: now}).is(t, 400, "InvalidSignatureException", "Signature expired: ")
}

func setBody(r *http.Request, body string) {
	again, _ := http.NewRequest("POST", "/", strings.NewReader(body))
	r.Body, r.ContentLength, r.GetBody = again.Body, again.ContentLength, again.GetBody
}

// API-14, H69: session tokens.
func TestSessionTokens(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	role, err := s.vendor.IAM().CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("puller"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + vendor + `:root"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.vendor.IAM().PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("puller"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	assume := func(name string) *berthtest.Caller {
		out, err := s.vendor.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		return s.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	}
	one, two := assume("one"), assume("two")
	list := func(who *berthtest.Caller) awsAnswer {
		return s.call(t, awsCall{who: who, target: "DescribeRepositories", body: "{}"})
	}
	if a := list(one); a.status != 200 {
		t.Fatal(a)
	}
	for name, token := range map[string]string{"none": "", "of another session": two.Token, "cut": one.Token[:len(one.Token)-1], "longer": one.Token + "A"} {
		t.Run(name, func(t *testing.T) {
			list(s.As(one.Key, one.Secret, token)).is(t, 400, "UnrecognizedClientException", unknown)
		})
	}
	login := one.Login(t, "us-east-1")
	if r, _ := s.Do(t, login, "GET", path+"/tags/list", nil); r.StatusCode != 200 {
		t.Error(r.Status)
	}
	out, err := s.vendor.STS().GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(3600)})
	if err != nil {
		t.Fatal(err)
	}
	old := s.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	oldLogin := old.Login(t, "us-east-1")
	// A role that is deleted ends its sessions at once.
	three := assume("three")
	deleted := three.Login(t, "us-east-1")
	if _, err := s.vendor.IAM().DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("puller"), PolicyName: aws.String("p")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.vendor.IAM().DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("puller")}); err != nil {
		t.Fatal(err)
	}
	list(three).is(t, 400, "UnrecognizedClientException", unknown)
	if r, _ := s.Do(t, deleted, "GET", path+"/tags/list", nil); r.StatusCode != 401 {
		t.Error(r.Status)
	}
	s.clock.advance(61 * time.Minute)
	list(old).is(t, 400, "ExpiredTokenException", "The security token included in the request is expired")
	// The registry password ends with its session (API-31), and says so in words that clients know (HTTP-6).
	r, body := s.Do(t, oldLogin, "GET", path+"/tags/list", nil)
	if r.StatusCode != 403 || r.Header.Get("Www-Authenticate") != "" || string(body) != `{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}` {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

// H51, H52, H56: there is one reading of what is asked for.
func TestDispatch(t *testing.T) {
	s := start(t)
	const operation, malformed = "UnknownOperationException", "SerializationException"
	who := s.vendor.Caller
	for name, c := range map[string]struct {
		call awsCall
		code string
	}{
		"unknown operation":      {awsCall{target: "NoSuch"}, operation},
		"internal looking":       {awsCall{target: "DescribeRepositoriesInternal"}, operation},
		"another service":        {awsCall{target: "SpencerFrontendService.DescribeRepositories"}, operation},
		"no service":             {awsCall{target: ".DescribeRepositories"}, operation},
		"another version":        {awsCall{target: "AmazonEC2ContainerRegistry_V20990101.DescribeRepositories"}, operation},
		"in another case":        {awsCall{target: "AmazonEC2ContainerRegistry_V20150921.describerepositories"}, operation},
		"a method of the code":   {awsCall{target: "Service"}, operation},
		"target and Action":      {awsCall{target: "DescribeRepositories", before: func(r *http.Request) { r.URL.RawQuery = "Action=GetCallerIdentity" }}, malformed},
		"target and action":      {awsCall{target: "DescribeRepositories", before: func(r *http.Request) { r.URL.RawQuery = "action=x" }}, malformed},
		"target and form":        {awsCall{target: "DescribeRepositories", before: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }}, malformed},
		"two targets":            {awsCall{target: "DescribeRepositories", before: func(r *http.Request) { r.Header.Add("X-Amz-Target", "x.y") }}, malformed},
		"JSON without target":    {awsCall{before: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.1") }}, operation},
		"not served yet":         {awsCall{target: "StartImageScan"}, operation},
		"GET":                    {awsCall{target: "DescribeRepositories", before: func(r *http.Request) { r.Method = "GET" }}, operation},
		"right, signed for STS":  {awsCall{target: "DescribeRepositories", service: "sts"}, "InvalidSignatureException"},
		"known only to the name": {awsCall{target: "AmazonEC2ContainerRegistry_V20150921."}, operation},
	} {
		t.Run(name, func(t *testing.T) {
			c.call.who = who
			if c.call.body == "" {
				c.call.body = "{}"
			}
			s.call(t, c.call).is(t, 400, c.code, "")
		})
	}
	for body, code := range map[string]string{
		"Action=GetCallerIdentity&Version=2011-06-15":                    "",
		"Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15":  "MalformedQueryString",
		"Action=GetCallerIdentity&action=AssumeRole&Version=2011-06-15":  "MalformedQueryString",
		"action=GetCallerIdentity&Version=2011-06-15":                    "InvalidAction",
		"Action=NoSuch&Version=2011-06-15":                               "InvalidAction",
		"Action=GetCallerIdentity&Version=2010-05-08":                    "SignatureDoesNotMatch", // that is IAM's version: the scope is wrong for it
		"Version=2011-06-15":                                             "InvalidAction",
		"Action=GetCallerIdentity&Version=2011-06-15&Version=2010-05-08": "MalformedQueryString",
		"Action=%zz": "MalformedQueryString",
	} {
		t.Run(body, func(t *testing.T) {
			a := s.call(t, awsCall{who: who, service: "sts", body: body})
			if a.code != code || (code == "") != (a.status == 200) {
				t.Errorf("%d %s, want %q", a.status, a.body, code)
			}
		})
	}
	t.Run("Action in query and body", func(t *testing.T) {
		a := s.call(t, awsCall{who: who, service: "sts", body: "Action=GetCallerIdentity&Version=2011-06-15", before: func(r *http.Request) { r.URL.RawQuery = "Action=AssumeRole" }})
		a.is(t, 400, "MalformedQueryString", "")
	})
}

// H54: bodies that are not what an operation takes.
func TestBodies(t *testing.T) {
	s := start(t)
	who := s.vendor.Caller
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("{}")) //nolint:errcheck // into memory
	z.Close()             //nolint:errcheck // into memory
	for name, c := range map[string]awsCall{
		"list":              {body: "[]"},
		"text":              {body: `"x"`},
		"not JSON":          {body: "{"},
		"trailing":          {body: "{}{}"},
		"wrong type":        {body: `{"maxResults":"x"}`},
		"NaN":               {body: `{"maxResults":NaN}`},
		"gzip":              {body: zipped.String(), before: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }},
		"over a MiB":        {body: `{"nextToken":"` + strings.Repeat("x", 1<<20) + `"}`},
		"20 MiB":            {body: strings.Repeat(" ", 20<<20)},
		"of unknown length": {body: strings.Repeat(" ", 2<<20), before: func(r *http.Request) { r.ContentLength = -1 }},
	} {
		t.Run(name, func(t *testing.T) {
			c.who, c.target = who, "DescribeRepositories"
			s.call(t, c).is(t, 400, "SerializationException", "")
		})
	}
	if a := s.call(t, awsCall{who: who, target: "DescribeRepositories", body: `{"unknown":[{"x":1}],"maxResults":5}`}); a.status != 200 {
		t.Error(a)
	}
	// A manifest of 4 MiB with its quotes escaped, and a part of 20 MiB, are not too large for their operations; the same for others are.
	quotes := strings.Repeat(`\"`, 2<<20)
	if a := s.call(t, awsCall{who: who, target: "PutImage", body: `{"repositoryName":"app","imageManifest":"` + quotes + `"}`}); a.code == "SerializationException" {
		t.Error(a.body)
	}
	part := `{"repositoryName":"app","uploadId":"x","partFirstByte":0,"partLastByte":1,"layerPartBlob":"` + strings.Repeat("AAAA", 20<<20/3) + `"}`
	if a := s.call(t, awsCall{who: who, target: "UploadLayerPart", body: part}); a.code == "SerializationException" {
		t.Error(a.body)
	}
}

// What is wrong before the body is said before the body: a call without credentials or with a wrong scope is not read (H34).
func TestRefusedBeforeTheBody(t *testing.T) {
	s := start(t)
	for name, header := range map[string]string{
		"unsigned": "",
		"scope":    "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/ecr/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\nX-Amz-Date: 20260101T000000Z\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, in := dial(t, s.Host)
			write(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonEC2ContainerRegistry_V20150921.UploadLayerPart\r\nContent-Type: application/x-amz-json-1.1\r\n"+header+"Content-Length: 20000000\r\n\r\n")
			answer, body := readAnswer(t, in, "POST")
			if answer.StatusCode != 400 || !strings.Contains(body, "Exception") {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
		})
	}
}
