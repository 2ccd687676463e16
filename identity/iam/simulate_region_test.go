package iam_test

import (
	"context"
	"strings"
	"testing"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// IAM-9, ORG-27: a simulation takes the region of the resource, as the request would, else that of the global services; and names what guard-rails ask for and nobody gave.
func TestSimulateUnderRegionGuard_IAM9(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	full := policy.Attached{Name: "FullAWSAccess", Policy: compiled(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}
	regions := policy.Attached{Name: "regions", Policy: compiled(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}}}}`)}
	office := policy.Attached{Name: "office", Policy: compiled(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ecr:PutImage","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8"]}}}}`)}
	w.dir.Govern(func(_ context.Context, account string) (*iam.Membership, error) {
		return &iam.Membership{Organization: "o-x", Management: vendor, Paths: []string{"o-x/r-y/"}, SCP: []policy.Level{{Target: "r-y", Policies: []policy.Attached{full, regions, office}}}}, nil
	})
	w.user(customer, "ann", allow("*", "ecr:*", "iam:*"))
	for _, c := range []struct{ action, resource, want, missing string }{
		{"ecr:DescribeRepositories", "arn:aws:ecr:us-east-1:" + customer + ":repository/*", "allowed", "aws:SourceIp"},
		{"ecr:DescribeRepositories", "arn:aws:ecr:eu-west-1:" + customer + ":repository/*", "explicitDeny", "aws:SourceIp"},
		{"iam:ListUsers", "*", "allowed", "aws:SourceIp"},
	} {
		out, _, err := w.dir.SimulatePrincipal(w.asRoot(customer), iam.Simulation{SourceARN: "arn:aws:iam::" + customer + ":user/ann", Actions: []string{c.action}, Resources: []string{c.resource}}, iam.Page{})
		w.ok(err)
		if len(out) != 1 || string(out[0].Outcome) != c.want || strings.Join(out[0].Missing, ",") != c.missing {
			t.Errorf("%s on %s: %+v", c.action, c.resource, out)
		}
	}
}
