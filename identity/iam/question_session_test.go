package iam_test

import (
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// IAMP-8, STS-12: a question about a session says what it does not know; the real request of a session with a policy is refused at the same moment.
func TestQuestionsAboutSessions_IAMP8(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	role := w.role(customer, "ci", trusting(customer, ""), allow("*", "ecr:DescribeImages"),
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/job":"7"}}}}`)
	ann := w.call(w.user(customer, "ann", allow("*", "sts:*")).ID, "")
	got, err := w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "j1", Policy: allow("*", "ecr:PutImage")})
	w.ok(err)
	own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app", Account: customer}
	w.refused(w.dir.Authorize(w.call(got.AccessKeyID, got.Token), "ecr:DescribeImages", own), fault.AccessDenied, "because no session policy allows")
	const session, federated = "arn:aws:sts::" + customer + ":assumed-role/ci/j1", "arn:aws:sts::" + customer + ":federated-user/fay"
	for _, c := range []struct {
		principal, action string
		context           map[string][]string
		want              string
	}{
		{session, "ecr:DescribeImages", nil, "Undecided"},
		{session, "ecr:PutImage", nil, "Undecided"}, // a tag could allow it
		{session, "ecr:PutImage", map[string][]string{"aws:PrincipalTag/job": {"8"}}, "Deny"},
		{session, "ecr:DeleteRepository", map[string][]string{"aws:principaltag/JOB": {"8"}}, "Deny"},
		{role.ARN, "ecr:DescribeImages", nil, "Allow"},
		{federated, "ecr:DescribeImages", nil, "Undecided"},
		{federated, "iam:ListUsers", nil, "Deny"},
	} {
		resource := own.ARN
		if strings.HasPrefix(c.action, "iam:") {
			resource = "*"
		}
		e, err := w.dir.ExplainQuestion(w.asRoot(customer), iam.Question{Principal: c.principal, Action: c.action, Resource: resource, Context: c.context})
		w.ok(err)
		sealed := c.principal != role.ARN && !strings.HasPrefix(c.action, "iam:")
		if e.Decision != c.want || sealed != strings.Contains(e.Note, "session policy and tags") || e.Decision == "Undecided" && (e.DecidedBy != nil || len(e.Changes) > 0) {
			t.Errorf("%s, %s %v: %s, not %s: %+v", c.principal, c.action, c.context, e.Decision, c.want, e)
		}
	}
}
