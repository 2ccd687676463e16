package iam_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
)

const codebuild = "codebuild.amazonaws.com"

// service registers a service principal.
func (w *world) service(name string) *iam.AccessKey {
	w.Helper()
	_, key, err := w.dir.CreateService(w.asRoot(vendor), name)
	w.ok(err)
	return key
}

// acting is the call of a service with headers that say for whom it acts.
func (w *world) acting(key *iam.AccessKey, sourceARN, account string) context.Context {
	w.Helper()
	ctx := w.call(key.ID, "")
	w.ok(iam.From(ctx).ActFor(sourceARN, account))
	return ctx
}

const project = "arn:aws:codebuild:us-east-2:" + customer + ":project/app"

// IAM-22, H83, IAMP-1.2: a service may what a resource-based policy gives to it, for the sources that the policy names, in whatever case its keys are
// written, and nothing else. The password that it gets stands for the same source.
func TestServicesAreNoConfusedDeputies_H83_IAM22(t *testing.T) {
	each(t, func(w *world) {
		key := w.service(codebuild)
		policyOf := func(condition string) *iam.Resource {
			r := w.repository(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + codebuild + `","AWS":"arn:aws:iam::` + customer + `:root"},"Action":["ecr:BatchGetImage"]` + condition + `}]}`)
			r.ARN, r.Account = "arn:aws:ecr:us-east-2:"+vendor+":repository/app", vendor
			return r
		}
		like := `,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:codebuild:*:` + customer + `:project/*"}}`
		arnLike := `,"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:codebuild:*:` + customer + `:project/*"},"StringEquals":{"AWS:SOURCEACCOUNT":"` + customer + `"}}`
		byAccount := `,"Condition":{"StringEquals":{"aws:SourceAccount":"` + customer + `"}}`
		for n, c := range []struct {
			condition, source, account string
			ok                         bool
		}{
			{"", "", "", true}, {"", project, "", true},
			{like, project, "", true}, {like, project, customer, true}, {like, "", "", false}, {like, "", customer, false},
			{like, strings.Replace(project, customer, stranger, 1), "", false}, {like, strings.Replace(project, ":project", ":report", 1), "", false},
			{arnLike, project, "", true}, {arnLike, project, customer, true}, {arnLike, "", customer, false},
			{byAccount, "", customer, true}, {byAccount, project, "", true}, {byAccount, "", stranger, false}, {byAccount, "arn:aws:s3:::bucket", customer, true}, {byAccount, "arn:aws:s3:::bucket", "", false},
		} {
			ctx := w.acting(key, c.source, c.account)
			password := w.password(ctx)
			signed, err := w.dir.SignIn(w.Context(), password, "us-east-2", w.now)
			w.ok(err)
			source, err := iam.NewSource(c.source, c.account)
			w.ok(err)
			session, err := w.dir.ServiceSession(w.asRoot(vendor), codebuild, source, 0)
			w.ok(err)
			sealed := w.call(session.AccessKeyID, session.Token)
			again, err := w.dir.SignIn(w.Context(), w.password(sealed), "us-east-2", w.now)
			w.ok(err)
			for what, who := range map[string]context.Context{"headers": ctx, "password": w.signed(signed), "session": sealed, "password of the session": w.signed(again)} {
				err := w.dir.Authorize(who, "ecr:BatchGetImage", policyOf(c.condition))
				switch {
				case c.ok && err != nil:
					w.Errorf("%d by %s: %v", n, what, err)
				case !c.ok:
					w.refused(err, fault.AccessDenied, "User: codebuild.amazonaws.com is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-2:111222333444:repository/app because no resource-based policy allows the ecr:BatchGetImage action")
				}
				w.refused(w.dir.Authorize(who, "ecr:PutImage", policyOf(c.condition)), fault.AccessDenied, "no resource-based policy")
			}
		}

		// What others say of a source is not heard, and cannot be: a user of the right account needs its own permission.
		ann := w.call(w.user(customer, "ann", allow("*", "ecr:*")).ID, "")
		w.ok(iam.From(ann).ActFor("not even an ARN", "x"))
		if iam.From(ann).Source != nil {
			w.Error("a user has a source")
		}
		w.refused(w.dir.Authorize(ann, "ecr:BatchGetImage", policyOf(like)), fault.AccessDenied, "no resource-based policy")
	})
}

// A service needs no policy to say who it is and to ask for a password; it may do nothing else without a resource-based policy.
func TestServicesMayNothingElse(t *testing.T) {
	each(t, func(w *world) {
		key := w.service(codebuild)
		ctx := w.acting(key, project, "")
		who, err := w.dir.CallerIdentity(ctx)
		w.ok(err)
		if *who != (iam.Identity{ARN: codebuild, UserID: codebuild, Account: customer}) {
			w.Errorf("it is %+v", who)
		}
		w.ok(w.dir.Authorize(ctx, "ecr:GetAuthorizationToken", &iam.Resource{ARN: "*", Account: customer}))
		for _, action := range []string{"ecr:DescribeRepositories", "ecr:BatchGetImage", "ecr:CreateRepository", "iam:ListUsers", "sts:GetSessionToken", "sts:GetAccessKeyInfo", "berth:CreateAccount", "ecr:GetRegistryPolicy"} {
			for _, account := range []string{"", customer, vendor} {
				w.refused(w.dir.Authorize(ctx, action, &iam.Resource{ARN: "*", Account: account}), fault.AccessDenied, "User: codebuild.amazonaws.com is not authorized to perform: "+action)
			}
		}
		_, err = w.dir.CreateUser(ctx, iam.NewUser{Name: "mine"})
		w.refused(err, fault.AccessDenied, "")
		_, err = w.dir.SessionToken(ctx, iam.SessionToken{})
		w.refused(err, fault.AccessDenied, "")
		_, err = w.dir.FederationToken(ctx, iam.FederationToken{Name: "fay"})
		w.refused(err, fault.AccessDenied, "")
		_, err = w.dir.AccessKeyAccount(w.asRoot(customer), key.ID)
		w.refused(err, fault.Validation, "is not valid") // the key is of no account
	})
}

// The services that are a part of berth have roles in every account, outside the guard-rails: nobody registers one of their names, or makes a role of theirs (IAM-12).
func TestNamesOfBerthsOwnServicesAreReserved_IAM12(t *testing.T) {
	each(t, func(w *world) {
		for _, name := range []string{"organizations.amazonaws.com", "replication.ecr.amazonaws.com", "ecr.amazonaws.com"} {
			_, _, err := w.dir.CreateService(w.asRoot(vendor), name)
			w.refused(err, fault.Validation, "Member must not be a service that is a part of berth itself")
		}
		for _, name := range []string{"AWSServiceRoleForOrganizations", "awsservicerolefor-me"} {
			_, err := w.dir.CreateRole(w.asRoot(vendor), iam.NewRole{Name: name, Trust: trusting("arn:aws:iam::"+vendor+":root", "")})
			w.refused(err, fault.InvalidInput, "reserved for service-linked roles")
		}
	})
}

// A power user of the first account is not the operator of the installation: the managed policy leaves out the actions of berth's own service.
func TestPowerUsersDoNotOperate_IAM13(t *testing.T) {
	each(t, func(w *world) {
		ann := w.call(w.user(vendor, "ann").ID, "")
		w.ok(w.dir.AttachPolicy(w.asRoot(vendor), iam.Ref{Kind: iam.KindUser, Name: "ann"}, "arn:aws:iam::aws:policy/PowerUserAccess"))
		w.ok(w.dir.Authorize(ann, "ecr:CreateRepository", &iam.Resource{ARN: "*"}))
		for _, action := range []string{"berth:CreateAccount", "berth:CreateService", "berth:LookUpAudit", "berth:Explain"} {
			w.refused(w.dir.Authorize(ann, action, &iam.Resource{ARN: "*"}), fault.AccessDenied, "no identity-based policy allows the "+action)
		}
	})
}

// STS-7, needs of ECS: a service assumes a role whose trust policy names it, for the sources that the policy names; the session is the role's, and has no source.
func TestServicesAssumeRoles_STS7(t *testing.T) {
	each(t, func(w *world) {
		key := w.service("ecs-tasks.amazonaws.com")
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:ecs:us-east-2:` + customer + `:*"},"StringEquals":{"aws:SourceAccount":"` + customer + `"}}}]}`
		role := w.role(customer, "ecsTaskExecutionRole", trust, allow("*", "ecr:GetAuthorizationToken", "ecr:BatchGetImage"))
		other := w.role(customer, "other", trusting(customer, ""))
		task := "arn:aws:ecs:us-east-2:" + customer + ":task/app/1"
		got, err := w.dir.AssumeRole(w.acting(key, task, ""), iam.AssumeRole{RoleARN: role.ARN, SessionName: "task-1"})
		w.ok(err)
		session := w.call(got.AccessKeyID, got.Token)
		if c := iam.From(session); c.Source != nil || c.Principal.ARN != "arn:aws:sts::999888777666:assumed-role/ecsTaskExecutionRole/task-1" {
			w.Errorf("%+v", c)
		}
		w.ok(w.dir.Authorize(session, "ecr:BatchGetImage", &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}))
		for what, ctx := range map[string]context.Context{
			"no source": w.acting(key, "", ""), "another account's task": w.acting(key, strings.Replace(task, customer, stranger, 1), ""), "only the account": w.acting(key, "", customer),
			"another service": w.acting(w.service(codebuild), task, ""),
		} {
			_, err := w.dir.AssumeRole(ctx, iam.AssumeRole{RoleARN: role.ARN, SessionName: "task-1"})
			if !fault.Is(err, fault.AccessDenied) {
				w.Errorf("%s: %v", what, err)
			}
		}
		_, err = w.dir.AssumeRole(w.acting(key, task, ""), iam.AssumeRole{RoleARN: other.ARN, SessionName: "task-1"})
		w.refused(err, fault.AccessDenied, "User: ecs-tasks.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: "+other.ARN)
	})
}

// A source is an ARN and an account that agree; and credentials that a source is sealed into act for no other.
func TestSources_H83(t *testing.T) {
	each(t, func(w *world) {
		key := w.service(codebuild)
		for _, c := range [][2]string{
			{"project/app", ""}, {"arn:aws:codebuild", ""}, {"", "12"}, {"", "99988877766x"}, {project, stranger}, {"arn:aws:codebuild:us-east-2:*:project/app", ""},
			{"arn:aws:codebuild:us-east-2:" + customer + ":" + strings.Repeat("x", 2048), ""}, {"", "1000000000000"},
		} {
			w.refused(iam.From(w.call(key.ID, "")).ActFor(c[0], c[1]), fault.Validation, "source")
		}
		source, err := iam.NewSource(project, "")
		w.ok(err)
		s, err := w.dir.ServiceSession(w.asRoot(vendor), codebuild, source, 12*time.Hour)
		w.ok(err)
		session := w.call(s.AccessKeyID, s.Token)
		c := iam.From(session)
		w.ok(c.ActFor("", ""))
		w.ok(c.ActFor(project, customer))
		w.refused(c.ActFor(project+"2", ""), fault.AccessDenied, "act for another source")
		w.refused(c.ActFor("", stranger), fault.AccessDenied, "act for another source")
		if *c.Source != (iam.Source{ARN: project, Account: customer}) {
			w.Errorf("the source is %+v", c.Source)
		}
		for _, lifetime := range []time.Duration{time.Second, 12*time.Hour + time.Second} {
			_, err = w.dir.ServiceSession(w.asRoot(vendor), codebuild, nil, lifetime)
			w.refused(err, fault.Validation, "durationSeconds")
		}
		_, err = w.dir.ServiceSession(w.asRoot(vendor), "none.amazonaws.com", nil, 0)
		w.refused(err, fault.NoSuchEntity, "none.amazonaws.com")
	})
}

// H69, H70: what a service has ends with its key or with the service, at the next request, and does not come back with another of its name.
func TestServicesEnd_H69_H70(t *testing.T) {
	each(t, func(w *world) {
		root := w.asRoot(vendor)
		first := w.service(codebuild)
		second, err := w.dir.CreateServiceKey(root, codebuild)
		w.ok(err)
		_, err = w.dir.CreateServiceKey(root, codebuild)
		w.refused(err, fault.LimitExceeded, "2")
		firstPassword, secondPassword := w.password(w.acting(first, project, "")), w.password(w.acting(second, "", ""))
		session, err := w.dir.ServiceSession(root, codebuild, nil, 0)
		w.ok(err)
		sessionPassword := w.password(w.call(session.AccessKeyID, session.Token))
		gone := func(what, password string) {
			w.Helper()
			if _, err := w.dir.SignIn(w.Context(), password, "us-east-2", w.now); !fault.Is(err, fault.UnknownCredentials) {
				w.Errorf("%s: %v", what, err)
			}
		}
		w.ok(w.dir.DeleteServiceKey(root, codebuild, first.ID))
		w.refused(w.dir.DeleteServiceKey(root, codebuild, first.ID), fault.NoSuchEntity, first.ID)
		gone("the password of a deleted key", firstPassword)
		for _, still := range []string{secondPassword, sessionPassword} {
			_, err = w.dir.SignIn(w.Context(), still, "us-east-2", w.now)
			w.ok(err)
		}
		list, next, err := w.dir.Services(root, iam.Page{})
		w.ok(err)
		if len(list) != 1 || next != "" || list[0].Name != codebuild || len(list[0].Keys) != 1 || list[0].Keys[0].ID != second.ID || list[0].Keys[0].Secret != "" {
			w.Errorf("%+v", list)
		}
		w.ok(w.dir.DeleteService(root, codebuild))
		w.service(codebuild)
		gone("the password of a deleted service", secondPassword)
		gone("the password of its session", sessionPassword)
		for id, token := range map[string]string{first.ID: "", second.ID: "", session.AccessKeyID: session.Token} {
			_, err = w.dir.Credential(w.Context(), id, token, w.now)
			w.refused(err, fault.UnknownCredentials, "")
		}
		w.refused(w.dir.DeleteService(root, "none.amazonaws.com"), fault.NoSuchEntity, "")
		for _, name := range []string{"", "codebuild", "CodeBuild.amazonaws.com", "codebuild..com", "-a.com", "a.com-", "a b.com", `a".com`, strings.Repeat("a.", 80) + "com"} {
			_, _, err = w.dir.CreateService(root, name)
			w.refused(err, fault.Validation, "'name' failed to satisfy constraint")
		}
		_, _, err = w.dir.CreateService(root, codebuild)
		w.refused(err, fault.EntityAlreadyExists, codebuild)
		for _, name := range []string{"a.x.com", "b.x.com"} {
			w.service(name)
		}
		page, next, err := w.dir.Services(root, iam.Page{Max: 2})
		w.ok(err)
		rest, last, err := w.dir.Services(root, iam.Page{Max: 2, After: next})
		w.ok(err)
		if len(page) != 2 || page[0].Name != "a.x.com" || len(rest) != 1 || rest[0].Name != codebuild || last != "" {
			w.Errorf("%+v, %+v", page, rest)
		}
	})
}
