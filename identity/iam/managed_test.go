package iam_test

import (
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// IAM-13, IAMP-7: the policies of AWS can be read, could be stored as they are, and allow what they say.
func TestPoliciesOfAWS_IAM13(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	root := w.asRoot(customer)
	list, next, err := w.dir.Policies(root, iam.PolicyFilter{AWS: true}, iam.Page{Max: 1000})
	w.ok(err)
	if len(list) != 22 || next != "" {
		t.Errorf("%d policies, then %q", len(list), next)
	}
	for _, p := range list {
		v, err := w.dir.PolicyVersion(root, p.ARN, p.Version)
		w.ok(err)
		if why, _ := policy.Refuse([]byte(v.Document), policy.Identity); why != "" {
			t.Errorf("%s: %s", p.Name, why)
		}
	}
	own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
	all := []string{"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:PutImage", "ecr:DeleteRepository", "iam:CreateUser"}
	for name, want := range map[string]int{ // how many of them, from the left
		"AmazonEC2ContainerRegistryReadOnly": 3, "AmazonEC2ContainerRegistryPowerUser": 4, "AmazonEC2ContainerRegistryFullAccess": 5,
		"AmazonEC2ContainerRegistryPullOnly": 2, "service-role/AmazonECSTaskExecutionRolePolicy": 3, "AdministratorAccess": 6, "PowerUserAccess": 5, "ReadOnlyAccess": 3,
	} {
		user := name[strings.LastIndexByte(name, '/')+1:]
		key := w.user(customer, user)
		w.ok(w.dir.AttachPolicy(root, iam.Ref{Kind: iam.KindUser, Name: user}, "arn:aws:iam::aws:policy/"+name))
		for i, action := range all {
			err := w.dir.Authorize(w.call(key.ID, ""), action, own)
			if i < want && err != nil || i >= want && !fault.Is(err, fault.AccessDenied) {
				t.Errorf("%s: %s: %v", name, action, err)
			}
		}
	}
}
