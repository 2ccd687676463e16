package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// made applies changes to a set and a request as a reader of them would: by the names that they give.
func made(r *Request, s *Set, changes []Change) (*Request, *Set, error) {
	request, set := *r, s.clone()
	for _, c := range changes {
		if c.Kind == ChangeFulfil {
			request.Context = &overlay{base: r.Context, values: c.values}
			continue
		}
		document := Attached{Name: c.Policy, ARN: c.PolicyARN}
		if c.Document != nil {
			var err error
			if document.Policy, err = Parse(c.Document); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", c.Document, err)
			}
		}
		put := func(list *[]Attached) {
			for i := range *list {
				if (*list)[i].Name != c.Policy || (*list)[i].ARN != c.PolicyARN {
					continue
				}
				if *list = append([]Attached(nil), *list...); c.Kind == ChangeDetach {
					*list = append((*list)[:i], (*list)[i+1:]...)
				} else {
					(*list)[i] = document
				}
				return
			}
			*list = append(*list, document)
		}
		single := func(at **Attached) {
			if *at = &document; c.Kind == ChangeDetach {
				*at = nil
			}
		}
		levels := func(list []Level) {
			for i := range list {
				if list[i].Target == c.Target {
					put(&list[i].Policies)
				}
			}
		}
		switch c.Layer {
		case LayerSCP:
			levels(set.SCP)
		case LayerRCP:
			levels(set.RCP)
		case LayerIdentity:
			put(&set.Identity)
		case LayerBoundary:
			put(&set.Boundary)
		case LayerSession:
			set.HasSession = true
			put(&set.Session)
		case LayerEndpoint:
			put(&set.Endpoint)
		case LayerRegistry:
			single(&set.Registry)
		default:
			single(&set.Resource)
		}
	}
	return &request, &set, nil
}

// helps holds Suggest to its promise: what it says, done by its own words, allows the request; and every step is needed.
func helps(t rapid.TB, r *Request, s *Set) {
	changes := Suggest(r, s)
	if Evaluate(r, s).Allowed {
		if changes != nil {
			t.Fatalf("nothing is refused, and yet: %+v", changes)
		}
		return
	}
	if changes == nil {
		p := r.Principal
		across := r.ResourceAccount != "" && r.ResourceAccount != p.Account
		switch {
		case p.Type == Anonymous, s.Trust && p.Type == Root:
		case across && (r.Action == "ecr:GetAuthorizationToken" || strings.HasPrefix(r.Action, "iam:")):
		case (p.Type == Service || p.Type == WebIdentity) && !s.Trust && (r.Action == "ecr:GetAuthorizationToken" || !strings.HasPrefix(r.Action, "ecr:")):
		default:
			t.Fatalf("no change for %+v by %+v", r, p)
		}
		return
	}
	for i := range changes {
		request, set, err := made(r, s, changes[:i])
		if err != nil || Evaluate(request, set).Allowed {
			t.Fatalf("%v: %d changes of %+v would do", err, i, changes)
		}
	}
	request, set, err := made(r, s, changes)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if d := Evaluate(request, set); !d.Allowed {
		explained, _ := json.MarshalIndent(Explain(request, set), "", " ")
		t.Fatalf("after\n%+v\nstill %+v\n%s", changes, d, explained)
	}
	if _, err := json.Marshal(changes); err != nil {
		t.Fatalf("%v", err)
	}
}

// IAMP-8: whatever is refused, the changes that are suggested allow it.
func TestSuggestionsHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, in := world{t}.question()
		helps(t, r, in.set())
	})
}

// IAMP-8: the change on each side that lacks something, in words and in JSON.
func TestSuggest(t *testing.T) {
	const (
		pullList  = `{"Version":"2012-10-17","Statement":[{"Sid":"Pull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:*:111122223333:repository/*"}]}`
		share     = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Principal\": {\n        \"AWS\": [\n          \"444455556666\",\n          \"555566667777\"\n        ]\n      },\n      \"Action\": \"ecr:*\"\n    }\n  ]\n}"
		lambda    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"ecr:*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:codebuild:*:444455556666:project/*"}}}]}`
		guard     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"NoPush","Effect":"Deny","Action":["ecr:DeleteRepository","ecr:PutImage"],"Resource":"*"}]}`
		region    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"Regions","Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}}}]}`
		admins    = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/admin"]}}}]}`
		onlyIAM   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":["iam:*"],"Resource":"*"}}`
		denyOne   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
		twoDenies = `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":"ecr:*","Resource":"*"},{"Sid":"B","Effect":"Deny","Action":"ecr:Batch*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	)
	type want struct{ kind, layer, text, document string }
	for _, c := range []struct {
		caller, action string
		in             layered
		context        values
		want           []want
	}{
		{"user", "", layered{}, nil, []want{{ChangeAdd, "identity", `Add an identity-based policy with the statement {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "` + repo + `"}`,
			`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "` + repo + `"}]}`}}},
		{"user", "ecr:PutImage", layered{identity: []string{pullList}}, nil, []want{{ChangeExtend, "identity", `Add "ecr:PutImage" to the Action of statement 0 ("Pull") of the identity-based policy "p0".`,
			strings.Replace(pullList, `Layer"`, `Layer","ecr:PutImage"`, 1)}}},
		{"user", "ecr:GetAuthorizationToken", layered{identity: []string{strings.Replace(pullList, "BatchGetImage", "GetAuthorizationToken", 1)}}, nil,
			[]want{{ChangeAdd, "identity", `Add an identity-based policy with the statement {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}`, ""}}},
		// Both sides of two accounts.
		{"stranger", "", layered{resource: share}, nil, []want{
			{ChangeExtend, "resource", `Add "arn:aws:iam::777788889999:user/eve" to the Principal of statement 0 of the resource-based policy "p".`,
				strings.Replace(share, "\n        ]", ",\n          \"arn:aws:iam::777788889999:user/eve\"\n        ]", 1)},
			{ChangeAdd, "identity", "", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "` + repo + `"}]}`}}},
		{"stranger", "", layered{identity: []string{allowAll}}, nil, []want{{ChangeAdd, "resource", "",
			`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::777788889999:user/eve"}, "Action": "ecr:BatchGetImage"}]}`}}},
		// A service: trap 14, both ARNs are told; a new statement holds it to its source.
		{"service", "", layered{resource: lambda}, values{"aws:sourcearn": one("arn:aws:codebuild:us-east-1:555566667777:project/p")}, []want{{ChangeFulfil, "resource",
			`Meet the condition ArnLike aws:SourceArn "arn:aws:codebuild:*:444455556666:project/*" (the request has "arn:aws:codebuild:us-east-1:555566667777:project/p"): then statement 0 of the resource-based policy "p" allows the request.`, ""}}},
		{"service", "", layered{}, values{"aws:sourceaccount": one("444455556666")}, []want{{ChangeAdd, "resource", "",
			`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "ecr:BatchGetImage", "Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}}]}`}}},
		// Denies: named, narrowed, or gone.
		{"user", "ecr:PutImage", layered{identity: []string{allowAll}, scp: [][]string{{guard}}}, nil, []want{{ChangeNarrow, "scp",
			`Remove "ecr:PutImage" from the Action of statement 1 ("NoPush") of the service control policy "p0" of ou0.`, strings.Replace(guard, `,"ecr:PutImage"`, "", 1)}}},
		{"user", "", layered{identity: []string{allowAll}, scp: [][]string{{region}}}, values{"aws:requestedregion": one("eu-west-1")}, []want{{ChangeFulfil, "scp",
			`Send the request so that the condition StringNotEquals aws:RequestedRegion "us-east-1", "us-east-2" (the request has "eu-west-1") does not hold: with it, statement 1 ("Regions") of the service control policy "p0" of ou0 denies.`, ""}}},
		{"user", "", layered{identity: []string{allowAll}, resource: admins}, values{"aws:principalarn": one("arn:aws:iam::111122223333:user/dev/ann")}, []want{{ChangeNarrow, "resource", "",
			strings.Replace(admins, `role/admin"`, `role/admin","arn:aws:iam::111122223333:user/dev/ann"`, 1)}}},
		{"user", "", layered{identity: []string{allowAll, onlyIAM}}, nil, []want{{ChangeNarrow, "identity", `Add "ecr:BatchGetImage" to the NotAction of statement 0 of the identity-based policy "p1".`,
			strings.Replace(onlyIAM, `iam:*"`, `iam:*","ecr:BatchGetImage"`, 1)}}},
		{"user", "", layered{identity: []string{allowAll, denyOne}}, nil, []want{{ChangeDetach, "identity", `Detach the identity-based policy "p1", whose statement 0 denies this request.`, ""}}},
		{"user", "", layered{identity: []string{twoDenies}}, nil, []want{
			{ChangeRemove, "identity", `Remove statement 0 ("A") of the identity-based policy "p0", or except this caller from it by a condition on aws:PrincipalArn.`, ""},
			{ChangeRemove, "identity", "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}}},
		// Guard-rails that are silent.
		{"user", "", layered{identity: []string{allowAll}, scp: [][]string{{allowAll}, {}}}, nil, []want{{ChangeAdd, "scp", `Attach to ou1 a service control policy with the statement {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}`, ""}}},
		{"user", "", layered{identity: []string{allowAll}, rcp: [][]string{{}}}, nil, []want{{ChangeControl, "rcp", "Attach RCPFullAWSAccess to ou0: no resource control policy there allows this request.", ""}}},
		{"user", "ecr:PutImage", layered{identity: []string{allowAll}, boundary: []string{pullList}}, nil, []want{{ChangeExtend, "boundary", `Add "ecr:PutImage" to the Action of statement 0 ("Pull") of the permissions boundary "p0".`, ""}}},
		{"user", "", layered{identity: []string{allowAll}, boundary: []string{allowIAM}}, nil, []want{{ChangeAdd, "boundary", "", strings.Replace(allowIAM, `"*"}]`, `"*"},{"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "`+repo+`"}]`, 1)}}},
		{"federated", "", layered{identity: []string{allowAll}}, nil, []want{{ChangeAdd, "session", "", ""}}},
		{"user", "", layered{identity: []string{allowAll}, endpoint: []string{}}, nil, []want{{ChangeAdd, "endpoint", "", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage", "Resource": "` + repo + `"}]}`}}},
		// Nothing helps.
		{"anonymous", "", layered{}, nil, nil},
		{"stranger", "ecr:GetAuthorizationToken", layered{identity: []string{allowAll}}, nil, nil},
		{"stranger", "iam:GetUser", layered{identity: []string{allowAll}}, nil, nil},
	} {
		r := &Request{Principal: callers()[c.caller], Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333", Context: c.context}
		if c.action != "" {
			r.Action = c.action
		}
		if r.Action == "ecr:GetAuthorizationToken" {
			r.Resource = "*"
		}
		set := c.in.set()
		changes := Suggest(r, set)
		if len(changes) != len(c.want) {
			t.Errorf("%s %+v: %+v", c.caller, c.in, changes)
			continue
		}
		for i, w := range c.want {
			if got := changes[i]; got.Kind != w.kind || string(got.Layer) != w.layer || w.text != "" && got.Text != w.text || w.document != "" && string(got.Document) != w.document {
				t.Errorf("%s %+v:\n got %s %s %s\n%s\nwant %+v", c.caller, c.in, got.Kind, got.Layer, got.Text, got.Document, w)
			}
		}
		if c.want != nil {
			helps(t, r, set)
		}
	}
}

// IAMP-8, STS-7: trust policies, and tokens that are held to their audience and subject.
func TestSuggestTrust(t *testing.T) {
	role := "arn:aws:iam::111122223333:role/r"
	r := &Request{Principal: callers()["web"], Action: "sts:AssumeRoleWithWebIdentity", Resource: role, ResourceAccount: "111122223333",
		Context: values{"token.example:aud": one("berth"), "token.example:sub": one("repo:a/b")}}
	s := &Set{Trust: true}
	want := `{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/token.example"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"token.example:aud": "berth", "token.example:sub": "repo:a/b"}}}`
	if got := Suggest(r, s); len(got) != 1 || string(got[0].Add) != want || got[0].Layer != LayerTrust {
		t.Errorf("%+v", got)
	}
	helps(t, r, s)
	stranger := &Request{Principal: callers()["stranger"], Action: "sts:AssumeRole", Resource: role, ResourceAccount: "111122223333"}
	if got := Suggest(stranger, s); len(got) != 2 || got[0].Layer != LayerTrust || got[1].Layer != LayerIdentity {
		t.Errorf("%+v", got)
	}
	helps(t, stranger, s)
	helps(t, &Request{Principal: callers()["root"], Action: "sts:AssumeRole", Resource: role}, s)
}

// A policy that is attached at several levels changes at all of them; one of AWS is not changed at all.
func TestSuggestKnowsSharedPolicies(t *testing.T) {
	shared := Attached{Name: "guard", ARN: "arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-1", Policy: mustParse(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:*","Resource":"*"}]}`)}
	s := &Set{Identity: docs(allowAll), SCP: []Level{{Target: "r", Policies: []Attached{shared}}, {Target: "ou", Policies: []Attached{shared}}}}
	r := &Request{Principal: callers()["user"], Action: "ecr:PutImage", Resource: repo}
	if got := Suggest(r, s); len(got) != 1 || got[0].Kind != ChangeRemove || got[0].Target != "r" {
		t.Errorf("%+v", got)
	}
	aws := Attached{Name: "Pull", ARN: "arn:aws:iam::aws:policy/Pull", Policy: mustParse(allowPull)}
	if got := Suggest(r, &Set{Identity: []Attached{aws}}); len(got) != 1 || got[0].Kind != ChangeAdd || got[0].Policy != "" {
		t.Errorf("%+v", got)
	}
}
