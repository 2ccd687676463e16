package iam

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Question asks whether a principal could do something by the policies of now.
type Question struct {
	// Principal is the ARN of a user, role, session, federated user or root, or the name of a service.
	Principal string
	Action    string
	Resource  string // ARN, or "*"
	// Context holds further condition keys, or those that shall have another value than they would: aws:SourceIp, aws:SourceArn.
	Context map[string][]string
	// Time is when the request is made; zero is now.
	Time time.Time
}

// Resources finds a resource of a floor above, with what hangs on it: a repository, or a registry as a whole, whose resource part is "*". It answers nil for one of
// no kind that it knows.
type Resources func(ctx context.Context, a arn.ARN) (*Resource, error)

// Know tells d how to find resources of a floor above, for the questions that are asked about them. It is called once, before anything is asked.
func (d *Directory) Know(resources Resources) { d.resources = resources }

// ExplainQuestion explains what would be decided. It needs berth:Explain in the asker's account, which must be a party as for Explain; what it does not see takes no
// part, and where that could decide the answer is "Undecided". Faults: AccessDenied, InvalidInput, NoSuchEntity.
func (d *Directory) ExplainQuestion(ctx context.Context, q Question) (*Explanation, error) {
	account, all, err := d.asker(ctx, "berth:Explain", false)
	if err != nil {
		return nil, err
	}
	c, err := d.suppose(ctx, q)
	if err != nil {
		return nil, err
	}
	s := &sight{account, all, c}
	if !s.party() {
		return nil, fault.New(fault.NoSuchEntity, "There is no principal %s that you may have explained.", q.Principal)
	}
	decision := c.judge()
	e := d.explanation(ctx, s, &decision, nil)
	e.ofSession(s, &q)
	return e, nil
}

// suppose gathers what would decide a question.
func (d *Directory) suppose(ctx context.Context, q Question) (*Call, error) {
	var err error
	if q.Action, err = oneAction(q.Action); err != nil {
		return nil, err
	}
	p, err := d.principalOf(ctx, q.Principal)
	if err != nil {
		return nil, err
	}
	at := "us-east-1"
	if regions := q.Context["aws:RequestedRegion"]; len(regions) == 1 {
		at = regions[0]
	}
	r, region, err := d.resourceOf(ctx, q.Action, q.Resource, p.Account, at)
	if err != nil {
		return nil, err
	}
	c := &Call{Principal: p, Time: q.Time, Region: cmp.Or(region, at), Secure: true}
	if c.Time.IsZero() {
		c.Time = d.options.Now()
	}
	k := conditionKeys{call: c, resource: r}
	if p.ID != "" && p.Type <= policy.AssumedRole {
		if k.member, err = d.member(ctx, p); err != nil {
			return nil, err
		}
	}
	if k.callers, k.owners, err = d.memberships(ctx, p.Account, r.Account); err != nil {
		return nil, err
	}
	if source := q.Context["aws:SourceAccount"]; len(source) == 1 {
		if k.sources, err = d.memberOf(ctx, source[0]); err != nil {
			return nil, err
		}
	}
	c.gather(q.Action, k)
	if len(q.Context) > 0 {
		given := supposed{&c.keys, map[string]policy.Value{}}
		for key, values := range q.Context {
			v := policy.Value{Present: true}
			if len(values) == 1 && !manyValued(key) {
				v.One = values[0]
			} else {
				v.Multi, v.Many = true, values
			}
			given.values[strings.ToLower(key)] = v
		}
		c.request.Context = given
	}
	return c, nil
}

// oneAction is the action that a question is about, in its canonical spelling; InvalidInput for what is none. What is misspelt is granted by every "*" and by
// nothing else: to answer would be to mislead.
func oneAction(text string) (string, error) {
	if service, name, ok := strings.Cut(text, ":"); !ok || service == "" || name == "" {
		return "", fault.New(fault.InvalidInput, "The action %q is not a service and a name, such as ecr:BatchGetImage.", text)
	}
	action, hint, ok := policy.KnownAction(text)
	if !ok {
		return "", fault.New(fault.InvalidInput, "%s", strings.TrimSpace("There is no action "+text+". "+upperFirst(hint)))
	}
	return action, nil
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// supposed are condition keys, some of them as a question gives them.
type supposed struct {
	keys   *conditionKeys
	values map[string]policy.Value
}

// Lookup answers a key as given, else as it would be.
func (s supposed) Lookup(key string) policy.Value {
	if v, ok := s.values[key]; ok {
		return v
	}
	return s.keys.Lookup(key)
}

// manyValued says which keys have many values also when there is only one (IAMP-1.2).
func manyValued(key string) bool {
	switch strings.ToLower(key) {
	case "aws:principalorgpaths", "aws:resourceorgpaths", "aws:sourceorgpaths", "aws:tagkeys", "aws:calledvia", "aws:principalservicenameslist", "sts:transitivetagkeys":
		return true
	}
	return false
}

// principalOf is the caller that an ARN or the name of a service stands for; InvalidInput, NoSuchEntity.
func (d *Directory) principalOf(ctx context.Context, text string) (*policy.Principal, error) {
	a, err := arn.Parse(text)
	if err != nil {
		if strings.Contains(text, ".amazonaws.com") || strings.Contains(text, ".") && !strings.ContainsAny(text, ":/ ") {
			return &policy.Principal{Type: policy.Service, ARN: text, ServiceNames: []string{text}}, nil
		}
		return nil, fault.New(fault.InvalidInput, "The principal %q is neither an ARN nor the name of a service, such as codebuild.amazonaws.com.", text)
	}
	missing := fault.New(fault.NoSuchEntity, "There is no principal %s that you may have explained.", text)
	if err := d.accountExists(ctx, a.Account); errors.Is(err, sql.ErrNoRows) {
		return nil, missing
	} else if err != nil {
		return nil, err
	}
	class, rest, _ := strings.Cut(a.Resource, "/")
	last := rest[strings.LastIndexByte(rest, '/')+1:]
	p := &policy.Principal{ARN: text, Account: a.Account}
	kind := KindRole
	switch {
	case a.Service == "iam" && a.Resource == "root":
		p.Type, p.ID = policy.Root, a.Account
		return p, nil
	case a.Service == "sts" && class == "federated-user" && rest != "":
		p.Type, p.UserID = policy.FederatedUser, a.Account+":"+rest
		return p, nil
	case a.Service == "iam" && class == "user":
		p.Type, kind = policy.User, KindUser
	case a.Service == "iam" && class == "role":
		p.Type = policy.AssumedRole
	case a.Service == "sts" && class == "assumed-role" && strings.Contains(rest, "/"):
		p.Type = policy.AssumedRole
		last, _, _ = strings.Cut(rest, "/")
	default:
		return nil, fault.New(fault.InvalidInput, "%s is no user, role, session, federated user or root user.", text)
	}
	e, err := d.find(ctx, kind, a.Account, last)
	if fault.Is(err, fault.NoSuchEntity) || err == nil && a.Service == "iam" && e.arn() != text {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	p.ID = e.id
	if kind == KindRole {
		p.RoleARN, p.ServiceLinked = e.arn(), strings.HasPrefix(e.path, serviceRolePath)
		session := "*" // any
		if a.Service == "sts" {
			session = rest[strings.IndexByte(rest, '/')+1:]
		}
		p.UserID = e.id + ":" + session
	}
	return p, nil
}

// resourceOf is what hangs on a resource, and its region; InvalidInput, NoSuchEntity. account and region are whose registry "*" is, for the actions of ECR that
// have no repository.
func (d *Directory) resourceOf(ctx context.Context, action, text, account, region string) (*Resource, string, error) {
	if text == "*" || text == "" {
		if d.resources != nil && strings.HasPrefix(action, "ecr:") && account != "" {
			r, err := d.resources(ctx, arn.ARN{Partition: arn.Partition(region), Service: "ecr", Region: region, Account: account, Resource: "*"})
			if r != nil || err != nil {
				return r, region, err
			}
		}
		return &Resource{ARN: "*"}, "", nil
	}
	a, err := arn.Parse(text)
	if err != nil {
		return nil, "", fault.New(fault.InvalidInput, "The resource %q is neither an ARN nor *.", text)
	}
	if a.Service == "iam" {
		r, err := d.ownResource(ctx, action, text, a)
		return r, "", err
	}
	var r *Resource
	if d.resources != nil {
		r, err = d.resources(ctx, a)
	}
	if err == nil && r == nil {
		r = &Resource{ARN: text, Account: a.Account}
	}
	return r, a.Region, err
}

// ownResource is a user, role, group or policy: with its tags, and for the assuming of a role its trust policy.
func (d *Directory) ownResource(ctx context.Context, action, text string, a arn.ARN) (*Resource, error) {
	r := &Resource{ARN: text, Account: a.Account}
	class, rest, _ := strings.Cut(a.Resource, "/")
	for _, k := range []Kind{KindUser, KindGroup, KindRole} {
		if class != k.String() {
			continue
		}
		e, err := d.find(ctx, k, a.Account, rest[strings.LastIndexByte(rest, '/')+1:])
		service, _, _ := strings.Cut(strings.ToLower(action), ":")
		assumed := k == KindRole && service == "sts"
		if fault.Is(err, fault.NoSuchEntity) || err == nil && e.arn() != text {
			r.trust = assumed // as if its trust policy said nothing (API-28)
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		if r.Tags, err = d.tags(ctx, e.id); err != nil {
			return nil, err
		}
		if !assumed {
			return r, nil
		}
		var trust string
		if err := d.db.Row(ctx, `SELECT trust FROM iam_role WHERE id = $1`, sql.Args(e.id), &trust); err != nil {
			return nil, err
		}
		compiled, err := d.compile(trust)
		if err != nil {
			return nil, err
		}
		r.Policy, r.trust = &policy.Attached{Name: "trust policy of " + e.name, Policy: compiled}, true
	}
	return r, nil
}
