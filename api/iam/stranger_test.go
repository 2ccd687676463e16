package iam

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	directory "github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// Every operation that is served refuses a caller without permission, under its own action, before it says what is there; and the same for what is not there.
func TestEveryOperationAuthorises(t *testing.T) {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	db, err := sql.Open(ctx, sqltest.SQLite(t))
	ok(err)
	defer func() { ok(db.Close()) }()
	log, err := audit.Open(ctx, db)
	ok(err)
	defer log.Close()
	d, err := directory.Open(ctx, db, log, directory.Options{})
	ok(err)
	defer d.Close()
	service, err := Service(&API{Directory: d, Pages: awswire.NewPages([]byte("key"))})
	ok(err)
	_, key, err := d.CreateAccount(ctx, directory.NewAccount{ID: "111222333444"})
	ok(err)
	as := func(id string) context.Context {
		c, err := d.Credential(ctx, id, "", time.Now())
		ok(err)
		return directory.With(ctx, &directory.Call{Principal: c.Principal, AccessKeyID: id, Time: time.Now()})
	}
	root := as(key.ID)
	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111222333444"},"Action":"sts:AssumeRole"}]}`
	_, err = d.CreateUser(root, directory.NewUser{Name: "ann"})
	ok(err)
	_, err = d.CreateGroup(root, "there", "")
	ok(err)
	_, err = d.CreateRole(root, directory.NewRole{Name: "there", Trust: trust})
	ok(err)
	_, err = d.CreatePolicy(root, "there", "", "", document, nil)
	ok(err)
	_, err = d.CreateInstanceProfile(root, "there", "", nil)
	ok(err)
	_, err = d.CreateOIDCProvider(root, "https://there", nil, nil, nil)
	ok(err)
	ann, err := d.CreateAccessKey(root, "ann")
	ok(err)

	served := 0
	for _, op := range service.Operations() {
		if !op.Served {
			continue
		}
		served++
		for _, name := range []string{"there", "absent"} {
			user := map[string]string{"there": "ann", "absent": "absent"}[name]
			form := url.Values{
				"Action": {op.Name}, "Version": {"2010-05-08"}, "UserName": {user}, "GroupName": {name}, "RoleName": {name}, "PolicyName": {"p"},
				"PolicyArn": {"arn:aws:iam::111222333444:policy/" + name}, "PolicyDocument": {document}, "AssumeRolePolicyDocument": {trust}, "VersionId": {"v1"},
				"AccessKeyId": {ann.ID}, "Status": {"Inactive"}, "PermissionsBoundary": {"arn:aws:iam::aws:policy/AdministratorAccess"}, "Description": {"x"},
				"AccountAlias": {"vendor"}, "Password": {"a good Password 1"}, "OldPassword": {"a guess"}, "NewPassword": {"a good Password 1"}, "InstanceProfileName": {name}, "AWSServiceName": {"ecr.amazonaws.com"}, "DeletionTaskId": {"task/aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRTemplate/AAAA"},
				"PolicySourceArn": {"arn:aws:iam::111222333444:user/" + user}, "PolicyInputList.member.1": {document}, "ActionNames.member.1": {"ecr:BatchGetImage"}, "OpenIDConnectProviderArn": {"arn:aws:iam::111222333444:oidc-provider/" + name}, "Url": {"https://new.example.com"},
				"ClientID": {"x"}, "ThumbprintList.member.1": {strings.Repeat("a", 40)}, "Tags.member.1.Key": {"k"}, "Tags.member.1.Value": {"v"}, "TagKeys.member.1": {"k"},
			}
			if op.Name == "UpdateAssumeRolePolicy" {
				form.Set("PolicyDocument", trust)
			}
			body := form.Encode()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			in, err := op.Decode(r, []byte(body))
			ok(err)
			_, err = op.Call(as(ann.ID), in)
			f := fault.As(err)
			if f == nil || f.Code != fault.AccessDenied || !strings.Contains(f.Message, "User: arn:aws:iam::111222333444:user/ann is not authorized to perform: iam:") {
				t.Errorf("%s on what is %s: %v", op.Name, name, err)
			}
		}
	}
	if served < 70 {
		t.Errorf("%d operations are served", served)
	}
}
