package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/audit"
)

const first = "111222333444"

type site struct{ *berthtest.Server }

func start(t *testing.T) site {
	return site{berthtest.Start(t, func(c *server.Config) { c.Account = first })}
}

// call makes a call and reads the answer into out. It returns the name of the error, and its message.
func (s site) call(t *testing.T, who *berthtest.Caller, operation, in string, out any) (name, message string) {
	t.Helper()
	resp, body := s.Call(t, who, "berth", "us-east-1", "Berth_20261122", operation, in)
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, out); err != nil {
			t.Fatalf("%s: %v: %s", operation, err, body)
		}
		return "", ""
	}
	var refused struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &refused); err != nil || refused.Type == "" {
		t.Fatalf("%s: %s %s", operation, resp.Status, body)
	}
	return refused.Type, refused.Message
}

type created struct {
	Account struct {
		ID        string  `json:"id"`
		Name      string  `json:"name"`
		CreatedAt float64 `json:"createdAt"`
	} `json:"account"`
	AccessKey struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		UserName        string `json:"userName"`
	} `json:"accessKey"`
}

func TestCreateAccount(t *testing.T) {
	s := start(t)
	root := s.Root(t)
	var out created
	if name, message := s.call(t, root, "CreateAccount", `{"name":"customer","id":"999888777666"}`, &out); name != "" {
		t.Fatal(name, message)
	}
	if out.Account.ID != "999888777666" || out.Account.Name != "customer" || out.AccessKey.UserName != "administrator" || time.Since(time.Unix(int64(out.Account.CreatedAt), 0)) > time.Hour {
		t.Errorf("the answer is %+v", out)
	}
	// The key works, and may do everything in its account.
	admin := s.As(out.AccessKey.AccessKeyID, out.AccessKey.SecretAccessKey, "")
	who, err := admin.STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:iam::999888777666:user/administrator" {
		t.Errorf("the new key is of %v, %v", who, err)
	}
	if _, err := admin.ECR("us-east-2").CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Error(err)
	}
	// Ids are random unless given, and names need not differ.
	var other created
	if name, message := s.call(t, root, "CreateAccount", `{"name":"customer","administrator":"boss"}`, &other); name != "" {
		t.Fatal(name, message)
	}
	if len(other.Account.ID) != 12 || other.Account.ID == out.Account.ID || other.AccessKey.UserName != "boss" {
		t.Errorf("the answer is %+v", other)
	}
	for in, want := range map[string]string{
		`{"name":"again","id":"999888777666"}`:    "EntityAlreadyExistsException Account with id 999888777666 already exists.",
		`{"name":"again","id":"99"}`:              "ValidationException 1 validation error detected: Value '99' at 'id'",
		`{"name":""}`:                             "ValidationException",
		`{}`:                                      "ValidationException",
		`{"name":"x","administrator":"a b"}`:      "ValidationException",
		`{"name":"x","administrator":"a/../../"}`: "ValidationException",
		`{`: "SerializationException",
	} {
		if name, message := s.call(t, root, "CreateAccount", in, nil); !strings.HasPrefix(name+" "+message, want) {
			t.Errorf("%s: %s %s", in, name, message)
		}
	}
	var list struct{ Accounts []struct{ ID, Name string } }
	if name, message := s.call(t, root, "ListAccounts", "{}", &list); name != "" {
		t.Fatal(name, message)
	}
	if len(list.Accounts) != 3 {
		t.Errorf("after the refusals there are %+v", list.Accounts)
	}
}

// The operator's actions belong to the first account: its policies give them to its users, and no policy of another account gives them to anybody.
func TestOnlyTheFirstAccountOperates(t *testing.T) {
	s := start(t)
	operations := map[string]string{"CreateAccount": `{"name":"x"}`, "ListAccounts": `{}`, "LookUpAudit": `{}`}
	own := map[string]bool{"LookUpAudit": true} // what an account may look at of its own
	owner := s.As(s.Root(t).Key, s.Root(t).Secret, "")
	firstAccount := &berthtest.Account{Caller: owner, ID: first}
	auditor := firstAccount.User(t, "auditor", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"berth:LookUpAudit","Resource":"*"}}`)
	nobody := firstAccount.User(t, "nobody", "")
	other := s.Account(t, "999888777666")
	for operation, in := range operations {
		for _, c := range []struct {
			who     *berthtest.Caller
			arn     string
			allowed bool
		}{
			{owner, "", true},
			{auditor, "arn:aws:iam::111222333444:user/auditor", operation == "LookUpAudit"},
			{nobody, "arn:aws:iam::111222333444:user/nobody", false},
			{other.Caller, "arn:aws:iam::999888777666:user/administrator", own[operation]},
		} {
			var out any
			name, message := s.call(t, c.who, operation, in, &out)
			if c.allowed && name != "" || !c.allowed && (name != "AccessDeniedException" || !strings.Contains(message, "User: "+c.arn+" is not authorized to perform: berth:"+operation+" on resource: *")) {
				t.Errorf("%s by %s: %s %s", operation, c.arn, name, message)
			}
		}
	}
}

// H83: the name of a service is a name, whatever it holds: it cannot become a policy that lets everybody in.
func TestServiceNamesAreNoPolicies_H83(t *testing.T) {
	s := start(t)
	other := s.Account(t, "999888777666")
	for _, in := range []string{`{"name":"x\",\"AWS\":\"*"}`, `{"name":"x.example.com\"},\"Principal\":{\"AWS\":\"*"}`} {
		if name, message := s.call(t, other.Caller, "GetServiceSession", in, nil); name != "AccessDeniedException" && name != "ValidationException" {
			t.Errorf("%s: %s %s", in, name, message)
		}
	}
}

func TestLookUpAudit(t *testing.T) {
	s := start(t)
	root := s.Root(t)
	v := s.Account(t, "999888777666")
	begin := time.Now()
	for i := range 3 {
		if _, err := v.ECR("us-east-2").CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String(fmt.Sprintf("app%d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := root.ECR("us-east-2").DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RegistryId: aws.String("999888777666"), RepositoryNames: []string{"app1"}}); err == nil {
		t.Fatal("another account's repository was described")
	}
	const arn = "arn:aws:ecr:us-east-2:999888777666:repository/app"
	look := func(in string) []audit.Record {
		t.Helper()
		var out struct{ Records []string }
		if name, message := s.call(t, root, "LookUpAudit", in, &out); name != "" {
			t.Fatal(name, message)
		}
		records := make([]audit.Record, len(out.Records))
		for i, line := range out.Records {
			if err := json.Unmarshal([]byte(line), &records[i]); err != nil || strings.ContainsRune(line, '\n') {
				t.Errorf("a record is not one line of JSON: %v: %q", err, line)
			}
		}
		return records
	}
	made := look(`{"action":"ecr:CreateRepository"}`)
	if len(made) != 3 || made[0].Resource != arn+"0" || made[2].Resource != arn+"2" {
		t.Fatalf("the records are not those of the calls, in their order: %+v", made)
	}
	for in, want := range map[string]int{
		`{"action":"ecr:CreateRepository","maxResults":2}`:                                  2,
		`{"resource":"` + arn + `1"}`:                                                       2,
		`{"resource":"` + arn + `1","decision":"Deny"}`:                                     1,
		`{"account":"999888777666"}`:                                                        4, // its own calls, and that of another on what it owns
		`{"account":"999888777666","principal":"arn:aws:iam::111222333444:root"}`:           1,
		`{"requestId":"` + made[1].RequestID + `"}`:                                         1,
		`{"account":"123412341234"}`:                                                        0,
		fmt.Sprintf(`{"account":"999888777666","to":%d}`, begin.Add(-time.Minute).Unix()):   0,
		fmt.Sprintf(`{"account":"999888777666","from":%d}`, begin.Add(time.Hour).Unix()):    0,
		fmt.Sprintf(`{"account":"999888777666","from":%d}`, begin.Add(-time.Minute).Unix()): 4,
	} {
		if got := look(in); len(got) != want {
			t.Errorf("%s finds %d records, not %d: %+v", in, len(got), want, got)
		}
	}
	// Of more than are wanted the last are told.
	if last := look(`{"action":"ecr:CreateRepository","maxResults":1}`); len(last) != 1 || last[0].Resource != arn+"2" {
		t.Errorf("the last record is %+v", last)
	}
	for _, in := range []string{`{"maxResults":0}`, `{"maxResults":100000}`, `{"account":"x"}`, `{"from":"yesterday"}`} {
		if name, _ := s.call(t, root, "LookUpAudit", in, nil); name != "ValidationException" && name != "SerializationException" {
			t.Errorf("%s is answered with %q", in, name)
		}
	}
}

// An account's auditors look up what the account did and what was done to what it owns; of the latter they do not see the policies and keys of others.
func TestLookUpAuditOfOneAccount(t *testing.T) {
	s := start(t)
	v, other := s.Account(t, "999888777666"), s.Account(t, "555666777888")
	for _, a := range []*berthtest.Account{v, other} {
		if _, err := a.ECR("us-east-2").CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
			t.Fatal(err)
		}
	}
	refused := other.User(t, "ann", `{"Version":"2012-10-17","Statement":[{"Sid":"Secret","Effect":"Deny","Action":"ecr:DescribeImages","Resource":"*"}]}`)
	if _, err := refused.ECR("us-east-2").DescribeImages(t.Context(), &ecr.DescribeImagesInput{RegistryId: aws.String("999888777666"), RepositoryName: aws.String("app")}); err == nil {
		t.Fatal("it was not refused")
	}
	auditor := v.User(t, "auditor", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"berth:LookUpAudit","Resource":"*"}}`)
	look := func(who *berthtest.Caller, in string) (records []audit.Record) {
		t.Helper()
		var out struct{ Records []string }
		if name, message := s.call(t, who, "LookUpAudit", in, &out); name != "" {
			t.Fatal(name, message)
		}
		for _, line := range out.Records {
			var r audit.Record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
		}
		return records
	}
	for _, r := range look(auditor, `{}`) {
		if r.Account != "999888777666" && r.Owner != "999888777666" {
			t.Errorf("it is told of %+v", r)
		}
	}
	denied := look(auditor, `{"repository":"app","decision":"Deny"}`)
	if len(denied) != 1 || denied[0].Principal != "arn:aws:iam::555666777888:user/ann" || denied[0].Layer != "identity" || denied[0].Policy != "" || denied[0].Statement != "" || denied[0].AccessKeyID != "" {
		t.Errorf("of a foreign principal it is told %+v", denied)
	}
	if all := look(s.Root(t), `{"repository":"app","decision":"Deny"}`); len(all) != 1 || all[0].Policy != "test" || all[0].Statement != "Secret" || all[0].AccessKeyID != refused.Key {
		t.Errorf("the operator is told %+v", all)
	}

	// What both sides had to allow names the statements of both; the owner does not see the caller's.
	_, err := v.ECR("us-east-2").SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Sid":"Share","Effect":"Allow","Principal":{"AWS":"555666777888"},"Action":"ecr:DescribeImages"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	bob := other.User(t, "bob", `{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"Allow","Action":"ecr:DescribeImages","Resource":"*"}]}`)
	if _, err := bob.ECR("us-east-2").DescribeImages(t.Context(), &ecr.DescribeImagesInput{RegistryId: aws.String("999888777666"), RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	const shared = `{"principal":"arn:aws:iam::555666777888:user/bob","action":"ecr:DescribeImages"}`
	if all := look(s.Root(t), shared); len(all) != 1 || all[0].Layer != "resource" || all[0].Statement != "Share" || all[0].CallerPolicy != "test" || all[0].CallerStatement != "Mine" {
		t.Errorf("the operator is told %+v", all)
	}
	if own := look(auditor, shared); len(own) != 1 || own[0].Statement != "Share" || own[0].CallerPolicy != "" || own[0].CallerStatement != "" {
		t.Errorf("the owner is told %+v", own)
	}
	if name, _ := s.call(t, auditor, "LookUpAudit", `{"account":"555666777888"}`, nil); name != "AccessDeniedException" {
		t.Errorf("another account's records are answered with %q", name)
	}
}
