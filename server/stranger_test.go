package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/server"
)

const (
	vendor = "111222333444"
	region = "us-east-2"
	there  = vendor + "/" + region + "/app"
	absent = vendor + "/" + region + "/absent"

	signInPolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}}`
	anyPolicy    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
	sharedPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111222333444"},"Action":"ecr:BatchGetImage"}]}`
	serviceTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustPolicy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111222333444"},"Action":"sts:AssumeRole"}]}`
)

// guarded is a berth with an image in a repository of the vendor, and those who may do nothing with it.
type guarded struct {
	*berthtest.Server
	vendor   *berthtest.Account
	nobody   *berthtest.Caller // a user of the vendor without any policy
	password string            // of nobody, from a time when a policy still let it sign in
	stranger *berthtest.Account
	image    *berthtest.Image
	upload   string
	behind   atomic.Int64 // nanoseconds by which the server's clock is slow
}

func guard(t *testing.T) *guarded {
	g := &guarded{image: berthtest.NewImage([]byte("a layer"))}
	g.Server = berthtest.StartWith(t, server.Options{Now: func() time.Time { return time.Now().Add(-time.Duration(g.behind.Load())) }})
	g.vendor, g.stranger = g.Account(t, vendor), g.Account(t, "555666777888")
	ctx, vendorIAM := t.Context(), g.vendor.IAM()
	if _, err := g.vendor.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	login := g.vendor.Login(t, region)
	g.Push(t, login, there, "1", g.image)
	g.upload = g.StartUpload(t, login, there)
	for _, make := range []func() error{
		func() error {
			_, err := vendorIAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("there"), AssumeRolePolicyDocument: aws.String(trustPolicy)})
			return err
		},
		func() error {
			_, err := vendorIAM.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("there")})
			return err
		},
		func() error {
			_, err := vendorIAM.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("there"), PolicyDocument: aws.String(anyPolicy)})
			return err
		},
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	g.nobody = g.vendor.User(t, "there", signInPolicy)
	g.password = g.nobody.Login(t, region)
	if _, err := vendorIAM.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("there"), PolicyName: aws.String("test")}); err != nil {
		t.Fatal(err)
	}
	return g
}

// state is everything that the vendor has, to see that nobody changed it.
func (g *guarded) state(t *testing.T) string {
	t.Helper()
	ctx, c, e := t.Context(), g.vendor.IAM(), g.vendor.ECR(region)
	var all strings.Builder
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
		all.WriteByte('\n')
	}
	name := aws.String("app")
	repositories, err := e.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	add(repositories.Repositories, err)
	images, err := e.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: name})
	add(images.ImageDetails, err)
	tags, err := e.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: repositories.Repositories[0].RepositoryArn})
	add(tags.Tags, err)
	setting, err := e.GetAccountSetting(ctx, &ecr.GetAccountSettingInput{Name: aws.String("BLOB_MOUNTING")})
	add(setting.Value, err)
	users, err := c.ListUsers(ctx, &iam.ListUsersInput{})
	add(users.Users, err)
	for _, u := range users.Users {
		keys, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: u.UserName})
		add(keys.AccessKeyMetadata, err)
		inline, err := c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: u.UserName})
		add(inline.PolicyNames, err)
		attached, err := c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: u.UserName})
		add(attached.AttachedPolicies, err)
	}
	roles, err := c.ListRoles(ctx, &iam.ListRolesInput{})
	add(roles.Roles, err)
	groups, err := c.ListGroups(ctx, &iam.ListGroupsInput{})
	add(groups.Groups, err)
	policies, err := c.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: "Local"})
	add(policies.Policies, err)
	aliases, err := c.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
	add(aliases.AccountAliases, err)
	return all.String()
}

// Law 1 of the house: nobody without permission comes through any route of the registry interface. The only exception is GET /v2/, which tells a
// client that its password is good (HTTP-3).
func TestStrangersAtEveryRoute(t *testing.T) {
	g := guard(t)
	before := g.state(t)
	knocks, blob := g.knocks(t), "/blobs/"+berthtest.Digest(g.image.Layers[0])
	type visitor struct{ name, login, arn, reason string }
	visitors := []visitor{
		{"nobody", "", "", ""},
		{"a wrong password", "Basic QVdTOndyb25n", "", ""},
		{"a user without policy", g.password, "arn:aws:iam::111222333444:user/there", "identity-based"},
		{"another account's administrator", g.stranger.Login(t, region), "arn:aws:iam::555666777888:user/administrator", "resource-based"},
	}
	for _, repository := range []string{there, absent} {
		for _, v := range visitors {
			for _, r := range knocks {
				resp, body := g.Do(t, v.login, r.method, repository+r.path, strings.NewReader(r.body), "Content-Type", berthtest.ManifestType)
				at := fmt.Sprintf("%s: %s %s", v.name, r.method, repository+r.path)
				if v.arn == "" {
					if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Basic ") {
						t.Errorf("%s: %s %s", at, resp.Status, body)
					}
					continue
				}
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("%s: %s %s", at, resp.Status, body)
				}
				if r.method == "HEAD" {
					continue
				}
				name := repository[strings.LastIndexByte(repository, '/')+1:]
				for _, want := range []string{
					`"DENIED"`, "User: " + v.arn + " is not authorized to perform: ecr:", "on resource: arn:aws:ecr:us-east-2:111222333444:repository/" + name + " because no " + v.reason + " policy allows the ecr:",
				} {
					if !strings.Contains(string(body), want) {
						t.Errorf("%s: the answer does not say %q: %s", at, want, body)
					}
				}
			}
		}
	}
	// Layers go with their images: deleting one is no operation, for nobody.
	if resp, body := g.Do(t, g.password, "DELETE", there+blob, nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("DELETE of a blob: %s %s", resp.Status, body)
	}
	// The catalog is of the account in the path (HTTP-26), and the base asks for nothing but a good password.
	for _, v := range visitors {
		wantBase, wantCatalog := http.StatusOK, http.StatusForbidden
		if v.arn == "" {
			wantBase, wantCatalog = http.StatusUnauthorized, http.StatusUnauthorized
		}
		if resp, body := g.Do(t, v.login, "GET", "", nil); resp.StatusCode != wantBase {
			t.Errorf("%s: GET /v2/: %s %s", v.name, resp.Status, body)
		}
		if resp, body := g.Do(t, v.login, "GET", vendor+"/"+region+"/_catalog", nil); resp.StatusCode != wantCatalog {
			t.Errorf("%s: GET _catalog: %s %s", v.name, resp.Status, body)
		}
	}
	if after := g.state(t); after != before {
		t.Errorf("strangers changed something:\n%s\n%s", before, after)
	}
	g.Pull(t, g.vendor.Login(t, region), there, "1", g.image)
}

// knock is a request at one of the door's routes, behind a repository's name.
type knock struct{ method, path, body string }

// knocks are requests at every route of the registry interface that is about a repository: a route of distribution.Routes that none of them takes fails the test.
func (g *guarded) knocks(t *testing.T) (list []knock) {
	t.Helper()
	digest, manifest := g.image.Digest(), string(g.image.Manifest)
	layer, upload := berthtest.Digest(g.image.Layers[0]), strings.TrimPrefix(g.upload, there)
	paths := map[string][]string{
		"{name}/tags/list":             {"/tags/list"},
		"{name}/referrers/{digest}":    {"/referrers/" + digest},
		"{name}/manifests/{reference}": {"/manifests/1", "/manifests/" + digest},
		"{name}/blobs/{digest}":        {"/blobs/" + layer},
		"{name}/blobs/uploads/":        {"/blobs/uploads/", "/blobs/uploads/?digest=" + berthtest.Digest([]byte("x")), "/blobs/uploads/?mount=" + layer + "&from=app"},
		"{name}/blobs/uploads/{id}":    {upload, upload + "?digest=" + berthtest.Digest([]byte("x"))},
	}
	for _, route := range distribution.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(pattern, "{name}/") {
			continue // the base and the catalog, which are no repository's
		}
		if paths[pattern] == nil {
			t.Errorf("%s: nobody knocks at it", route)
		}
		for _, path := range paths[pattern] {
			if method == "PUT" && path == upload {
				continue // without a digest it is no request, whoever makes it
			}
			body := ""
			switch {
			case strings.HasPrefix(path, "/manifests/") && method == "PUT":
				body = manifest
			case method == "PUT" || method == "PATCH" || strings.Contains(path, "uploads/?digest="):
				body = "x"
			}
			list = append(list, knock{method, path, body})
		}
	}
	return list
}

// exceptions are what one may do without permission, and why.
var exceptions = map[string]string{
	"sts:GetCallerIdentity": "it needs no permission, and an explicit deny does not stop it (STS-5)",
	"sts:GetSessionToken":   "a user needs no permission for a session of its own, which may do no more than the user (STS-9)",
}

// own are operations that have no parameter by which somebody else's things could be named: an administrator of another account gets what is of that account.
var own = map[string]bool{"GetAuthorizationToken": true, "DescribeRegistry": true, "GetAccountSetting": true, "PutAccountSetting": true,
	"PutRegistryPolicy": true, "GetRegistryPolicy": true, "DeleteRegistryPolicy": true,
	"PutSigningConfiguration": true, "GetSigningConfiguration": true, "DeleteSigningConfiguration": true,
	"CreateRepositoryCreationTemplate": true, "DescribeRepositoryCreationTemplates": true, "UpdateRepositoryCreationTemplate": true, "DeleteRepositoryCreationTemplate": true,
	"RegisterPullTimeUpdateExclusion": true, "DeregisterPullTimeUpdateExclusion": true, "ListPullTimeUpdateExclusions": true}

// ofOwn are the operator's operations that each account may have for what is its own: its calls and what it owns.
var ofOwn = map[string]bool{"LookUpAudit": true, "Explain": true, "WhoCan": true, "CreateSigningProfile": true, "ListSigningProfiles": true, "DeleteSigningProfile": true,
	"PutInventory": true, "ListInventories": true, "DeleteInventory": true, "PutLifecycleProtection": true, "GetLifecycleProtection": true}

// Law 1 of the house, over the AWS APIs: the operations come from the services themselves, so that a new one is walked without anybody thinking of it.
func TestStrangersAtEveryOperation(t *testing.T) {
	g := guard(t)
	before := g.state(t)
	for _, service := range g.Services() {
		walked := 0
		for _, op := range service.Operations() {
			if op.Served {
				walked++
				for _, name := range []string{"app", "absent"} {
					g.knock(t, service.Model(), op, name)
				}
			}
		}
		t.Logf("%s: %d operations", service.Model().SigningName, walked)
		if walked == 0 {
			t.Errorf("%s serves nothing", service.Model().SigningName)
		}
	}
	if after := g.state(t); after != before {
		t.Errorf("strangers changed something:\n%s\n%s", before, after)
	}
}

// ask calls an operation of a service as c, with everything in it that could be asked for.
func (g *guarded) ask(t *testing.T, c *berthtest.Caller, m *awswire.Model, operation, name string) (status int, text string) {
	where, body := region, ""
	if m.TargetPrefix == "" {
		where, body = "us-east-1", g.form(m.Version, operation, name)
	} else {
		body = g.json(t, operation, name)
	}
	resp, answer := g.Call(t, c, m.SigningName, where, m.TargetPrefix, operation, body)
	return resp.StatusCode, string(answer)
}

func (g *guarded) knock(t *testing.T, m *awswire.Model, op *awswire.Operation, name string) {
	operation, signing := op.Name, m.SigningName
	at := signing + ":" + operation + " of " + name
	answer := func(c *berthtest.Caller) (int, string) { return g.ask(t, c, m, operation, name) }
	if op.Unsigned { // what it is given has to prove who calls: a signature is no help, and hinders if it is wrong
		for who, c := range map[string]*berthtest.Caller{"nobody": nil, "a user without policy": g.nobody, "another account's administrator": g.stranger.Caller} {
			if status, text := answer(c); status < 400 || !strings.Contains(text, "AccessDenied") && !strings.Contains(text, "InvalidIdentityToken") && !strings.Contains(text, "ThrottlingException") {
				t.Errorf("%s by %s: %d %s", at, who, status, text)
			}
		}
		return
	}
	if status, text := answer(nil); status < 400 || !strings.Contains(text, "MissingAuthenticationToken") {
		t.Errorf("%s without credentials: %d %s", at, status, text)
	}
	if status, text := answer(&berthtest.Caller{Key: g.vendor.Key, Secret: "not the secret"}); status < 400 || !strings.Contains(text, "SignatureDoesNotMatch") && !strings.Contains(text, "InvalidSignatureException") {
		t.Errorf("%s with a wrong secret: %d %s", at, status, text)
	}
	status, text := answer(g.nobody)
	if exceptions[signing+":"+operation] != "" {
		if status != http.StatusOK {
			t.Errorf("%s by a user without policy: %d %s", at, status, text)
		}
	} else if status < 400 || !strings.Contains(text, "AccessDenied") || !strings.Contains(text, "User: arn:aws:iam::111222333444:user/there is not authorized to perform: "+signing+":") {
		t.Errorf("%s by a user without policy: %d %s", at, status, text)
	}
	status, text = answer(g.stranger.Caller)
	switch {
	case signing == "berth" && ofOwn[operation]:
		if status == http.StatusOK && strings.Contains(text, "user/there") {
			t.Errorf("%s tells another account's administrator what the vendor's user did: %s", at, text)
		}
	case signing == "ecr" && !own[operation], signing == "berth", operation == "AssumeRole":
		if status < 400 || !strings.Contains(text, "AccessDenied") || !strings.Contains(text, "555666777888:user/administrator is not authorized to perform: "+signing+":") {
			t.Errorf("%s by another account's administrator: %d %s", at, status, text)
		}
	case operation == "GetAccessKeyInfo":
		// The id of a key tells its account, to anybody who has the id (STS-11).
	case operation == "RegisterPullTimeUpdateExclusion" && status == http.StatusOK:
		// It keeps the name that the stranger gave it in the stranger's own registry, looks nobody up, and says no more than that name.
		var out map[string]any
		if err := json.Unmarshal([]byte(text), &out); err != nil || len(out) != 2 || out["principalArn"] != "arn:aws:iam::"+vendor+":user/there" || out["createdAt"] == nil {
			t.Errorf("%s tells another account's administrator more than its own words: %s", at, text)
		}
	case status == http.StatusOK && strings.Contains(strings.ReplaceAll(text, "arn:aws:iam::111222333444:policy", ""), vendor):
		t.Errorf("%s tells another account's administrator of the vendor: %s", at, text)
	}
}

// json is one body for every operation of the JSON services: members that an operation does not have are ignored, as AWS ignores them.
func (g *guarded) json(t *testing.T, operation, name string) string {
	ids := []map[string]string{{"imageTag": "1"}}
	members := map[string]any{
		"registryId": vendor, "repositoryName": name, "repositoryNames": []string{name}, "resourceArn": "arn:aws:ecr:" + region + ":" + vendor + ":repository/" + name,
		"imageIds": ids, "imageManifest": string(g.image.Manifest), "imageTag": "2", "layerDigests": []string{berthtest.Digest(g.image.Layers[0])},
		"layerDigest": berthtest.Digest(g.image.Layers[0]), "uploadId": g.upload[strings.LastIndexByte(g.upload, '/')+1:], "partFirstByte": 0, "partLastByte": 0, "layerPartBlob": "eA==",
		"policyText": sharedPolicy, "tagKeys": []string{"k"}, "imageTagMutability": "IMMUTABLE",
		"imageScanningConfiguration": map[string]bool{"scanOnPush": true}, "name": "BLOB_MOUNTING", "value": "ENABLED", "kind": "heap",
		"account": vendor, "userName": "administrator", "password": "a guess",
		"signingConfiguration": map[string]any{"rules": []string{}},
		"source":               "cluster-a", "expiresInSeconds": 3600, "images": []string{berthtest.Digest(g.image.Layers[0])},
		"subjectId": map[string]string{"imageDigest": g.image.Digest()}, "imageId": ids[0], "targetStorageClass": "ARCHIVE", "image": "1", "reason": "x", "tagPattern": ".*",
		"prefix": "team", "appliedFor": []string{"CREATE_ON_PUSH"}, "principalArn": "arn:aws:iam::" + vendor + ":user/there",
		"action": "ecr:BatchGetImage", "resource": "arn:aws:ecr:" + region + ":" + vendor + ":repository/" + name, "principal": "arn:aws:iam::" + vendor + ":user/there",
	}
	// Those of Organizations, which write them with capitals.
	for member, value := range map[string]any{
		"PolicyId": "p-FullAWSAccess", "TargetId": vendor, "RootId": "r-abcd", "PolicyType": "TAG_POLICY", "Type": "SERVICE_CONTROL_POLICY",
		"Name": name, "Description": "x", "Content": anyPolicy, "AccountId": vendor, "ServicePrincipal": "ssm.amazonaws.com", "ResourceId": vendor,
		"Tags": []map[string]string{{"Key": "k", "Value": "v"}}, "TagKeys": []string{"k"},
		"ParentId": "r-abcd", "ChildId": vendor, "ChildType": "ACCOUNT", "OrganizationalUnitId": "ou-abcd-abcdefgh", "SourceParentId": "r-abcd",
		"DestinationParentId": "ou-abcd-abcdefgh", "Email": name + "@example.com", "AccountName": name, "CreateAccountRequestId": "car-abcdefgh", "HandshakeId": "h-abcdefgh",
		"Target": map[string]string{"Id": "nobody@example.com", "Type": "EMAIL"},
	} {
		members[member] = value
	}
	if strings.HasPrefix(operation, "ListPolicies") { // the lists of handshakes have another of this name
		members["Filter"] = "SERVICE_CONTROL_POLICY"
	}
	if strings.HasSuffix(operation, "Service") || strings.HasSuffix(operation, "ServiceKey") || operation == "GetServiceSession" { // of berth's own, on service principals
		members["name"], members["accessKeyId"] = "codebuild.amazonaws.com", g.vendor.Key
	}
	if operation != "UntagResource" {
		members["tags"] = []map[string]string{{"Key": "k", "Value": "v"}}
	}
	if operation == "GetAuthorizationToken" {
		members = map[string]any{}
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// form is the same for the query services.
func (g *guarded) form(version, operation, name string) string {
	if name == "app" {
		name = "there"
	}
	f := url.Values{
		"Action": {operation}, "Version": {version}, "UserName": {name}, "GroupName": {name}, "RoleName": {name}, "PolicyName": {"p"},
		"PolicyArn": {"arn:aws:iam::111222333444:policy/" + name}, "PolicyDocument": {anyPolicy}, "AssumeRolePolicyDocument": {serviceTrust}, "VersionId": {"v1"},
		"AccessKeyId": {g.vendor.Key}, "Status": {"Inactive"}, "PermissionsBoundary": {"arn:aws:iam::aws:policy/AdministratorAccess"}, "Description": {"x"},
		"AccountAlias": {"taken"}, "Tags.member.1.Key": {"k"}, "Tags.member.1.Value": {"v"}, "TagKeys.member.1": {"k"},
		"RoleArn": {"arn:aws:iam::111222333444:role/" + name}, "RoleSessionName": {"session"},
		"WebIdentityToken": {"a.forged.token"}, "OpenIDConnectProviderArn": {"arn:aws:iam::111222333444:oidc-provider/" + name}, "Url": {"https://new.example.com"}, "ClientID": {"x"}, "ThumbprintList.member.1": {strings.Repeat("a", 40)},
		"InstanceProfileName": {name}, "AWSServiceName": {"replication.ecr.amazonaws.com"}, "DeletionTaskId": {"task/aws-service-role/replication.ecr.amazonaws.com/there/1"},
		"PolicyInputList.member.1": {anyPolicy}, "PolicySourceArn": {"arn:aws:iam::111222333444:user/" + name}, "ActionNames.member.1": {"ecr:PutImage"},
		"Password": {"a good Password 1"}, "OldPassword": {"a guess"}, "NewPassword": {"a good Password 1"},
		"EncodedMessage": {"01a2053b-1edf-7985-b710-046af83c6627"},
	}
	switch operation {
	case "UpdateAssumeRolePolicy":
		f.Set("PolicyDocument", serviceTrust)
	case "GetFederationToken":
		f.Set("Name", name)
	case "GetSessionToken", "AssumeRole", "GetCallerIdentity":
		for key := range f {
			if !slices.Contains([]string{"Action", "Version", "RoleArn", "RoleSessionName"}, key) {
				f.Del(key)
			}
		}
	}
	return f.Encode()
}
