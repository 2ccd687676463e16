package iam_test

import (
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// IAMP-8: the smallest change is no promise that another account has to keep: who is refused is told that its own change is not enough, and whom to ask, and nothing of
// what the hidden policy says.
func TestExplainSaysWhomToAsk_IAMP8(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	repo := w.repository(`{"Version":"2012-10-17","Statement":[{"Sid":"Secret","Effect":"Allow","Principal":{"AWS":"` + customer + `"},"Action":"ecr:DescribeImages"}]}`)
	repo = &iam.Resource{ARN: strings.Replace(repo.ARN, vendor, stranger, 1), Account: stranger, Policy: repo.Policy} // not of the first account, which sees all
	conditional := strings.Replace(allow("*", "ecr:*"), `"Resource":"*"`, `"Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, 1)
	for name, c := range map[string]struct {
		policies []string
		action   string
		changes  bool
		refuses  bool // the owner's side, by the refusal
		asked    bool
	}{
		"both":   {[]string{conditional}, "ecr:BatchGetImage", true, true, true},
		"owner":  {[]string{allow("*", "ecr:*")}, "ecr:BatchGetImage", false, true, true},
		"own":    {nil, "ecr:DescribeImages", true, false, false}, // the refusal names the identity side: the resource has let it pass
		"denied": {[]string{`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ecr:*","Resource":"*"}}`}, "ecr:BatchGetImage", true, false, true},
	} {
		ctx := w.call(w.user(customer, name, c.policies...).ID, "")
		e := w.explain(ctx, w.decide(ctx, c.action, repo))
		if e.Decision != "Deny" || (len(e.Changes) > 0) != c.changes || (len(e.Ask) > 0) != c.asked {
			t.Errorf("%s: %+v", name, e)
			continue
		}
		for _, change := range e.Changes {
			if change.Layer != policy.LayerIdentity {
				t.Errorf("%s: a change of the other side: %+v", name, change)
			}
		}
		if c.asked && (e.Ask[0].Account != stranger || e.Ask[0].Refuses != c.refuses || !strings.Contains(e.Ask[0].Text, stranger) || !strings.Contains(e.Ask[0].Text, "berth explain and the same id") || strings.Contains(e.Ask[0].Text, "Secret")) {
			t.Errorf("%s: ask %+v", name, e.Ask)
		}
	}
	ctx := w.call(w.user(customer, "asker", allow("*", "ecr:*")).ID, "")
	id := w.decide(ctx, "ecr:BatchGetImage", repo)
	if e := w.explain(w.asRoot(stranger), id); len(e.Changes) == 0 || len(e.Ask) != 1 || e.Ask[0].Account != customer || e.Ask[0].Refuses {
		t.Errorf("the owner: %+v", e)
	}
}

// IAMP-8: where no policy could allow it, none is proposed to be changed.
func TestExplainAdvisesNothingAgainstRules_IAMP8(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ann := w.call(w.user(customer, "ann", allow("*", "*")).ID, "")
	fay, err := w.dir.FederationToken(ann, iam.FederationToken{Name: "fay", Policy: allow("*", "ecr:*")})
	w.ok(err)
	ctx := w.call(fay.AccessKeyID, fay.Token)
	e := w.explain(w.asRoot(customer), w.decide(ctx, "iam:ListUsers", &iam.Resource{ARN: "*"}))
	if e.Decision != "Deny" || len(e.Changes) != 0 || !strings.Contains(e.Rule, "Federated users") {
		t.Errorf("%+v", e)
	}
}

// IAMP-8: an action that does not exist is told, with the nearest that does: else every "*" would seem to grant it, and a statement be advised that no policy may hold.
func TestQuestionsNameActionsThatExist_IAMP8(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.user(customer, "ann", allow("*", "ecr:batchGetImage"))
	own := "arn:aws:ecr:us-east-2:" + customer + ":repository/app"
	root := w.asRoot(customer)
	ask := func(action string) (*iam.Explanation, error) {
		return w.dir.ExplainQuestion(root, iam.Question{Principal: "arn:aws:iam::" + customer + ":user/ann", Action: action, Resource: own})
	}
	for action, want := range map[string]string{
		"ecr:BatchGetImages": "There is no action ecr:BatchGetImages. Did you mean ecr:BatchGetImage?", "erc:BatchGetImage": "Did you mean ecr?", "ecr:Batch*": "There is no action", "nonsense:X": "There is no action",
	} {
		_, err := ask(action)
		w.refused(err, fault.InvalidInput, want)
		_, _, err = w.dir.WhoCan(root, action, own, "", 10)
		w.refused(err, fault.InvalidInput, want)
	}
	e, err := ask("ECR:batchgetimage") // names of actions have no case
	w.ok(err)
	if e.Decision != "Allow" || e.Action != "ecr:BatchGetImage" {
		t.Errorf("%+v", e)
	}
}
