package operator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// whoCan asks page by page, and returns each grantee as "type arn through conditions".
func (s site) whoCan(t *testing.T, who *berthtest.Caller, action, resource string, limit int) (list []string, failed string) {
	t.Helper()
	in := map[string]any{"action": action, "resource": resource, "maxResults": limit}
	for {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			Grantees  []string
			NextToken string
		}
		if name, message := s.call(t, who, "WhoCan", string(text), &out); name != "" {
			return nil, name + " " + message
		}
		for _, one := range out.Grantees {
			var g iam.Grantee
			if err := json.Unmarshal([]byte(one), &g); err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf("%s %s %s/%s", g.Type, g.ARN, g.Through.Layer, g.Through.Sid)
			if len(g.Conditions) > 0 {
				line += " " + strings.Join(g.Conditions, "; ")
			}
			list = append(list, line)
		}
		if out.NextToken == "" {
			return list, ""
		}
		in["nextToken"] = out.NextToken
	}
}

// Who can pull: the owner sees its own users and roles by name and other accounts as a whole, the operator all; what depends on the request is said.
func TestWhoCan(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		s := site{berthtest.Start(t, func(c *server.Config) { c.Account, c.DB = vendor, dsn })}
		ctx := t.Context()
		owner, user := s.Account(t, partner), s.Account(t, customer)
		third := s.Account(t, "123123123123")
		if _, err := owner.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("rake-app")}); err != nil {
			t.Fatal(err)
		}
		pull := func(sid, more string) string {
			return `{"Version":"2012-10-17","Statement":[{"Sid":"` + sid + `","Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"` + more + `}]}`
		}
		for n := range 30 {
			owner.User(t, fmt.Sprintf("u%02d", n), "")
		}
		owner.User(t, "builder", pull("Build", ""))
		owner.User(t, "barred", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`)
		user.User(t, "dev", pull("Dev", `,"Condition":{"StringLike":{"aws:UserAgent":"docker/*"}}`))
		user.User(t, "idle", "")
		trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + partner + `"},"Action":"sts:AssumeRole"}}`
		if _, err := owner.IAM().CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: &trust}); err != nil {
			t.Fatal(err)
		}
		text := `{"Version":"2012-10-17","Statement":[{"Sid":"Customer","Effect":"Allow","Principal":{"AWS":"` + customer + `"},"Action":"ecr:BatchGetImage","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}},
			{"Sid":"Role","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + partner + `:role/ci"},"Action":"ecr:BatchGetImage"},
			{"Sid":"Lambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage","Condition":{"StringEquals":{"aws:SourceAccount":"` + customer + `"}}}]}`
		if _, err := owner.ECR(region).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("rake-app"), PolicyText: &text}); err != nil {
			t.Fatal(err)
		}
		const ip = ` if aws:SourceIp IpAddress "10.0.0.0/8"`
		own := []string{
			`service lambda.amazonaws.com resource/Lambda if aws:SourceAccount StringEquals "999888777666"`,
			`root arn:aws:iam::555666777888:root identity/`,
			`user arn:aws:iam::555666777888:user/administrator identity/`,
			`user arn:aws:iam::555666777888:user/barred identity/ unless aws:SecureTransport Bool "false"`,
			`user arn:aws:iam::555666777888:user/builder identity/Build`,
			`role arn:aws:iam::555666777888:role/ci resource/Role`,
		}
		for name, c := range map[string]struct {
			who  *berthtest.Caller
			want []string
		}{
			"owner": {owner.Caller, append(slices.Clone(own), `account arn:aws:iam::999888777666:root resource/Customer`+ip)},
			"operator": {s.Root(t), append(slices.Clone(own), `root arn:aws:iam::999888777666:root resource/Customer`+ip, `user arn:aws:iam::999888777666:user/administrator resource/Customer`+ip,
				`user arn:aws:iam::999888777666:user/dev resource/Customer`+ip+`; if aws:UserAgent StringLike "docker/*"`)},
		} {
			for _, limit := range []int{1, 100} {
				got, failed := s.whoCan(t, c.who, "ecr:BatchGetImage", rakeApp, limit)
				if failed != "" || !slices.Equal(got, c.want) {
					t.Errorf("%s, %d at a time: %s\n got %s\nwant %s", name, limit, failed, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
				}
			}
		}
		for who, c := range map[string]*berthtest.Caller{"a foreign account": user.Caller, "a third one": third.Caller, "a user without permission": owner.User(t, "nobody", "")} {
			if got, failed := s.whoCan(t, c, "ecr:BatchGetImage", rakeApp, 100); !strings.HasPrefix(failed, "AccessDeniedException") {
				t.Errorf("%s is told %v %s", who, got, failed)
			}
		}
		for _, wrong := range []string{"BatchGetImage", ":"} {
			if _, failed := s.whoCan(t, owner.Caller, wrong, rakeApp, 100); !strings.HasPrefix(failed, "InvalidInputException") {
				t.Errorf("%q: %s", wrong, failed)
			}
		}
	})
}
