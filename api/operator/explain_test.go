package operator_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const (
	vendor   = "111222333444" // the first account
	customer = "999888777666"
	partner  = "555666777888"
	region   = "us-east-2"
	rakeApp  = "arn:aws:ecr:us-east-2:" + partner + ":repository/rake-app"
)

// explain asks, and returns the explanation or the name and text of the error.
func (s site) explain(t *testing.T, who *berthtest.Caller, in map[string]any) (*iam.Explanation, string) {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Explanation string }
	if name, message := s.call(t, who, "Explain", string(text), &out); name != "" {
		return nil, name + " " + message
	}
	e := &iam.Explanation{}
	if err := json.Unmarshal([]byte(out.Explanation), e); err != nil {
		t.Fatal(err)
	}
	return e, ""
}

func layer(t *testing.T, e *iam.Explanation, l policy.Layer) *iam.ExplainedLayer {
	t.Helper()
	if e == nil {
		t.Fatal("there is no explanation")
	}
	for i := range e.Layers {
		if e.Layers[i].Layer == l {
			return &e.Layers[i]
		}
	}
	t.Fatalf("layer %s is not explained: %+v", l, e.Layers)
	return nil
}

// The story of the issue: somebody is refused; the text in docker ends with an id; it is explained to each party as far as its own policies go, and that of the time of
// the request, though everything has changed since, and the caller is gone.
func TestExplainRefusedPull_IAMP8(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		s := site{berthtest.Start(t, func(c *server.Config) { c.Account, c.DB = vendor, dsn })}
		ctx := t.Context()
		owner, user := s.Account(t, partner), s.Account(t, customer)
		if _, err := owner.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("rake-app")}); err != nil {
			t.Fatal(err)
		}
		set := func(text string) {
			t.Helper()
			if _, err := owner.ECR(region).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("rake-app"), PolicyText: &text}); err != nil {
				t.Fatal(err)
			}
		}
		set(`{"Version":"2012-10-17","Statement":[{"Sid":"OnlyFromHome","Effect":"Allow","Principal":{"AWS":"` + customer + `"},"Action":"ecr:BatchGetImage","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`)
		dev := user.User(t, "dev", `{"Version":"2012-10-17","Statement":[{"Sid":"Pull","Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
		auditor := user.User(t, "auditor", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"berth:Explain","Resource":"*"}]}`)
		nobody := user.User(t, "nobody", "")
		resp, body := s.Do(t, dev.Login(t, region), "GET", partner+"/"+region+"/rake-app/manifests/1", nil)
		id := resp.Header.Get("X-Amzn-Requestid")
		if resp.StatusCode != 403 || !strings.Contains(string(body), "because no resource-based policy allows the ecr:BatchGetImage action (request id: "+id+")") {
			t.Fatalf("%s %s", resp.Status, body)
		}

		// Everything changes, and the caller is deleted.
		set(`{"Version":"2012-10-17","Statement":[{"Sid":"New","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`)
		mine, _ := s.explain(t, dev, map[string]any{"requestId": id})
		for _, step := range []func() error{
			func() error {
				_, err := user.IAM().DeleteUserPolicy(ctx, &awsiam.DeleteUserPolicyInput{UserName: aws.String("dev"), PolicyName: aws.String("test")})
				return err
			},
			func() error {
				_, err := user.IAM().DeleteAccessKey(ctx, &awsiam.DeleteAccessKeyInput{UserName: aws.String("dev"), AccessKeyId: &dev.Key})
				return err
			},
			func() error {
				_, err := user.IAM().DeleteUser(ctx, &awsiam.DeleteUserInput{UserName: aws.String("dev")})
				return err
			},
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		theirs, _ := s.explain(t, owner.Caller, map[string]any{"requestId": id})
		whole, _ := s.explain(t, s.Root(t), map[string]any{"requestId": id})
		ours, _ := s.explain(t, auditor, map[string]any{"requestId": id})
		for who, e := range map[string]*iam.Explanation{"caller": mine, "owner": theirs, "operator": whole, "auditor": ours} {
			if e == nil || e.RequestID != id || e.Decision != "Deny" || e.Explicit || e.Principal != "arn:aws:iam::999888777666:user/dev" || e.Resource != rakeApp || e.Action != "ecr:BatchGetImage" ||
				!strings.HasSuffix(e.Message, "because no resource-based policy allows the ecr:BatchGetImage action") || e.Note != "" {
				t.Fatalf("%s: %+v", who, e)
			}
		}
		for _, e := range []*iam.Explanation{theirs, whole} {
			l := layer(t, e, policy.LayerResource)
			if l.Hidden || l.Result != "none" || !l.Deciding || len(l.Statements) != 1 || l.Statements[0].Sid != "OnlyFromHome" || !l.Statements[0].Nearest {
				t.Fatalf("the owner sees %+v", l)
			}
			c := l.Statements[0].Conditions
			if len(c) != 1 || c[0].Matched || c[0].Reason != "value_differs" || c[0].Request[0] != "127.0.0.1" || c[0].Values[0].Value != "10.0.0.0/8" || !l.Statements[0].Action.Matched {
				t.Errorf("the condition is %+v", c)
			}
			if text := string(l.Statements[0].Text); !strings.Contains(text, `"OnlyFromHome"`) {
				t.Errorf("the statement is %s", text)
			}
			if len(e.Changes) == 0 || e.Changes[0].Layer != policy.LayerResource {
				t.Errorf("the change is %+v", e.Changes)
			}
		}
		for _, e := range []*iam.Explanation{mine, ours} {
			l := layer(t, e, policy.LayerResource)
			if !l.Hidden || l.VisibleTo != partner || l.Result != "none" || len(l.Statements) != 0 || e.DecidedBy != nil {
				t.Errorf("the caller sees %+v", l)
			}
			own := layer(t, e, policy.LayerIdentity)
			if own.Hidden || own.Result != "allow" || len(own.Statements) != 1 || own.Statements[0].Sid != "Pull" || !own.Statements[0].Applies {
				t.Errorf("of its own the caller sees %+v", own)
			}
			if len(e.Changes) != 0 {
				t.Errorf("the caller is advised of %+v", e.Changes)
			}
		}
		if l := layer(t, theirs, policy.LayerIdentity); !l.Hidden || l.VisibleTo != customer || l.Result != "unknown" || len(l.Statements) != 0 {
			t.Errorf("the owner sees of the caller's account %+v", l)
		}
		for _, e := range []*iam.Explanation{mine, ours, theirs} {
			text, _ := json.Marshal(e)
			if e != theirs && strings.Contains(string(text), "OnlyFromHome") || e == theirs && strings.Contains(string(text), `"Pull"`) {
				t.Errorf("it tells of the other side: %s", text)
			}
		}

		// Who may not ask, and who has no part in it.
		third := s.Account(t, "123123123123")
		absent := "01a2053b-1edf-7985-b710-046af83c6627"
		for who, c := range map[string]struct {
			*berthtest.Caller
			want string
		}{
			"a user without permission": {nobody, "AccessDeniedException"}, "a third account": {third.Caller, "NoSuchEntityException There is no request"},
		} {
			for _, asked := range []string{id, absent} {
				if e, failed := s.explain(t, c.Caller, map[string]any{"requestId": asked}); e != nil || !strings.HasPrefix(failed, c.want) {
					t.Errorf("%s about %s: %v %s", who, asked, e, failed)
				}
			}
		}
		for _, wrong := range []map[string]any{{}, {"requestId": "x"}, {"principal": "x", "action": "ecr:*"}, {"principal": "arn:aws:iam::999888777666:user/dev", "action": "ecr:BatchGetImage", "resource": rakeApp}} {
			if e, failed := s.explain(t, s.Root(t), wrong); e != nil || !strings.HasPrefix(failed, "NoSuchEntity") && !strings.HasPrefix(failed, "InvalidInput") {
				t.Errorf("%v: %v %s", wrong, e, failed)
			}
		}
	})
}

// A caller needs no permission to have its own requests explained, but a Deny of it counts.
func TestExplainOwnRequests(t *testing.T) {
	s := start(t)
	v := s.Account(t, customer)
	for name, c := range map[string]struct{ policy, want string }{
		"silent":    {"", ""},
		"forbidden": {`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"berth:Explain","Resource":"*"}]}`, "AccessDeniedException"},
	} {
		u := v.User(t, name, c.policy)
		resp, _ := s.Call(t, u, "ecr", region, "AmazonEC2ContainerRegistry_V20150921", "DescribeRegistry", "{}")
		e, failed := s.explain(t, u, map[string]any{"requestId": resp.Header.Get("X-Amzn-Requestid")})
		if (e == nil) != (c.want != "") || !strings.HasPrefix(failed, c.want) {
			t.Errorf("%s: %v %s", name, e, failed)
		}
		if e != nil && (e.Decision != "Deny" || layer(t, e, policy.LayerIdentity).Result != "none" || len(e.Changes) == 0) {
			t.Errorf("%+v", e)
		}
	}
}

// API-28, IAMP-8: an explanation does not tell which roles and repositories another account has: what is there, what refuses in so many words, and what is not there are
// explained alike, of a request and of a question.
func TestExplainTellsNothingOfWhatExists_API28(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	owner, user := s.Account(t, partner), s.Account(t, customer)
	for name, trust := range map[string]string{
		"there":  `{"Effect":"Allow","Principal":{"AWS":"` + partner + `"},"Action":"sts:*"}`,
		"closed": `{"Effect":"Deny","Principal":{"AWS":"` + customer + `"},"Action":"sts:*"}`,
	} {
		trust = `{"Version":"2012-10-17","Statement":[` + trust + `]}`
		if _, err := owner.IAM().CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}); err != nil {
			t.Fatal(err)
		}
		if _, err := owner.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + partner + `"},"Action":"ecr:BatchGetImage"}]}`
	if _, err := owner.ECR(region).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("there"), PolicyText: &text}); err != nil {
		t.Fatal(err)
	}
	const everything = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	role := func(name string) string { return "arn:aws:iam::" + partner + ":role/" + name }
	repository := func(name string) string { return "arn:aws:ecr:us-east-2:" + partner + ":repository/" + name }
	assume := func(who *berthtest.Caller, name string) error {
		_, err := who.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(role(name)), RoleSessionName: aws.String("job")})
		return err
	}
	tagged := func(who *berthtest.Caller, name string) error {
		_, err := who.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(role(name)), RoleSessionName: aws.String("job"), Tags: []ststypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		return err
	}
	describe := func(who *berthtest.Caller, name string) error {
		_, err := who.ECR(region).DescribeImages(ctx, &ecr.DescribeImagesInput{RegistryId: aws.String(partner), RepositoryName: &name})
		return err
	}
	for name, c := range map[string]struct {
		statements, action string
		arn                func(name string) string
		request            func(who *berthtest.Caller, name string) error
		layer              policy.Layer
	}{
		"assume":           {everything, "sts:AssumeRole", role, assume, policy.LayerTrust},
		"assume-tagged":    {everything, "sts:TagSession", role, tagged, policy.LayerTrust},
		"assume-unallowed": {`{"Effect":"Allow","Action":"ecr:*","Resource":"*"}`, "sts:AssumeRole", role, assume, policy.LayerTrust},
		"describe":         {everything, "ecr:DescribeImages", repository, describe, policy.LayerResource},
		"describe-denied":  {everything + `,{"Effect":"Deny","Action":"ecr:DescribeImages","Resource":"*"}`, "ecr:DescribeImages", repository, describe, policy.LayerResource},
	} {
		dev := user.User(t, name, `{"Version":"2012-10-17","Statement":[`+c.statements+`]}`)
		want := map[string]string{}
		for _, thing := range []string{"missing", "there", "closed"} {
			err := c.request(dev, thing)
			var refused interface{ ServiceRequestID() string }
			if !errors.As(err, &refused) {
				t.Fatalf("%s %s: %v", name, thing, err)
			}
			id := refused.ServiceRequestID()
			past, failed := s.explain(t, dev, map[string]any{"requestId": id})
			if past == nil {
				t.Fatalf("%s %s: %s", name, thing, failed)
			}
			question, failed := s.explain(t, user.Caller, map[string]any{"principal": "arn:aws:iam::" + customer + ":user/" + name, "action": c.action, "resource": c.arn(thing)})
			if question == nil {
				t.Fatalf("%s %s: %s", name, thing, failed)
			}
			if l := layer(t, past, c.layer); past.Decision != "Deny" || !l.Hidden || l.VisibleTo != partner || len(past.Layers) != 2 {
				t.Errorf("%s %s: %+v", name, thing, past)
			}
			for kind, e := range map[string]*iam.Explanation{"request": past, "question": question} {
				e.RequestID, e.Time = "", time.Time{}
				encoded, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				got := strings.ReplaceAll(string(encoded), "/"+thing, "/NAME")
				if thing == "missing" {
					want[kind] = got
				} else if got != want[kind] {
					t.Errorf("%s, %s of what is %s:\n%s\nand of what is missing:\n%s", name, kind, thing, got, want[kind])
				}
			}
		}
	}
}

// A question is decided by the policies of now; what the asker does not see takes no part in the answer.
func TestExplainQuestions(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	owner, user := s.Account(t, partner), s.Account(t, customer)
	if _, err := owner.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("rake-app")}); err != nil {
		t.Fatal(err)
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + customer + `"},"Action":"ecr:BatchGetImage","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}},
		{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage","Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:us-east-2:555666777888:function:*"}}}]}`
	if _, err := owner.ECR(region).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("rake-app"), PolicyText: &text}); err != nil {
		t.Fatal(err)
	}
	user.User(t, "idle", "")
	user.User(t, "dev", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}]}`)
	ask := func(who *berthtest.Caller, principal, ip string) *iam.Explanation {
		t.Helper()
		in := map[string]any{"principal": principal, "action": "ecr:BatchGetImage", "resource": rakeApp}
		if ip != "" {
			in["context"] = []map[string]any{{"key": "aws:SourceIp", "values": []string{ip}}}
		}
		e, failed := s.explain(t, who, in)
		if e == nil {
			t.Fatal(failed)
		}
		return e
	}
	const idle, dev = "arn:aws:iam::999888777666:user/idle", "arn:aws:iam::999888777666:user/dev"
	for _, c := range []struct {
		who           *berthtest.Caller
		principal, ip string
		want          string
	}{
		{s.Root(t), dev, "10.1.2.3", "Allow"}, {s.Root(t), dev, "", "Deny"}, {s.Root(t), idle, "10.1.2.3", "Deny"},
		{user.Caller, dev, "10.1.2.3", "Undecided"}, {user.Caller, dev, "", "Undecided"}, {user.Caller, idle, "10.1.2.3", "Deny"},
		{owner.Caller, dev, "10.1.2.3", "Undecided"}, {owner.Caller, idle, "10.1.2.3", "Undecided"}, {owner.Caller, idle, "192.0.2.1", "Deny"},
	} {
		if e := ask(c.who, c.principal, c.ip); e.Decision != c.want {
			t.Errorf("%s from %q asked by %s: %s, not %s", c.principal, c.ip, c.who.Key, e.Decision, c.want)
		}
	}

	// The trap of the guides: the ARN in the policy is of another account than the function's. Both are told (IAMP-8).
	e, failed := s.explain(t, owner.Caller, map[string]any{
		"principal": "lambda.amazonaws.com", "action": "ecr:BatchGetImage", "resource": rakeApp,
		"context": []map[string]any{{"key": "aws:SourceArn", "values": []string{"arn:aws:lambda:us-east-2:999888777666:function:rake"}}},
	})
	if e == nil || e.Decision != "Deny" {
		t.Fatal(e, failed)
	}
	c := layer(t, e, policy.LayerResource).Statements[1].Conditions[0]
	if c.Matched || c.Request[0] != "arn:aws:lambda:us-east-2:999888777666:function:rake" || c.Values[0].Value != "arn:aws:lambda:us-east-2:555666777888:function:*" {
		t.Errorf("%+v", c)
	}
	third := s.Account(t, "123123123123")
	if e, failed := s.explain(t, third.Caller, map[string]any{"principal": dev, "action": "ecr:BatchGetImage", "resource": rakeApp}); e != nil || !strings.HasPrefix(failed, "NoSuchEntity") {
		t.Errorf("a third account: %v %s", e, failed)
	}
}

// The id of a refusal is the message that STS decodes, for who may; nothing else is.
func TestDecodeAuthorizationMessage(t *testing.T) {
	s := start(t)
	v, third := s.Account(t, customer), s.Account(t, "123123123123")
	u := v.User(t, "ann", `{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Action":"ecr:*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"*"}}}]}`)
	resp, _ := s.Call(t, u, "ecr", region, "AmazonEC2ContainerRegistry_V20150921", "DescribeRegistry", "{}")
	id := resp.Header.Get("X-Amzn-Requestid")
	out, err := v.STS().DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &id})
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Allowed           bool
		ExplicitDeny      bool
		MatchedStatements struct {
			Items []struct{ StatementID, Effect string }
		}
		Failures struct{ Items []any }
		Context  struct {
			Principal        struct{ ID, ARN string }
			Action, Resource string
			Conditions       struct{ Items []struct{ Key string } }
		}
	}
	if err := json.Unmarshal([]byte(*out.DecodedMessage), &decoded); err != nil {
		t.Fatal(err)
	}
	m := decoded.MatchedStatements.Items
	if decoded.Allowed || !decoded.ExplicitDeny || len(m) != 1 || m[0].StatementID != "No" || m[0].Effect != "DENY" || decoded.Context.Action != "ecr:DescribeRegistry" || decoded.Context.Resource != "*" ||
		decoded.Context.Principal.ARN != "arn:aws:iam::999888777666:user/ann" || !strings.HasPrefix(decoded.Context.Principal.ID, "AIDA") || decoded.Context.Conditions.Items[0].Key != "aws:UserAgent" {
		t.Errorf("%s", *out.DecodedMessage)
	}
	operator := &berthtest.Account{Caller: s.Root(t), ID: first}
	decoder := operator.User(t, "decoder", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:DecodeAuthorizationMessage","Resource":"*"}]}`)
	allowed, _ := s.Call(t, v.Caller, "ecr", region, "AmazonEC2ContainerRegistry_V20150921", "DescribeRegistry", "{}")
	for name, c := range map[string]struct {
		who           *berthtest.Caller
		message, want string
	}{
		"without permission": {u, id, "AccessDenied"}, "another account": {third.Caller, id, "InvalidAuthorizationMessage"},
		"the first account, whose sight is berth:Explain's alone": {decoder, id, "InvalidAuthorizationMessage"},
		"no message": {v.Caller, "nonsense", "InvalidAuthorizationMessage"}, "allowed": {v.Caller, allowed.Header.Get("X-Amzn-Requestid"), "InvalidAuthorizationMessage"},
	} {
		_, err := c.who.STS().DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &c.message})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
