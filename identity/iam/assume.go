package iam

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// AssumeRole says which role to assume, and how the session shall be (STS-6).
type AssumeRole struct {
	RoleARN, SessionName       string
	Lifetime                   time.Duration // 0 is an hour
	Policy                     string        // inline session policy; "" for none
	PolicyARNs                 []string      // managed session policies
	Tags                       []Tag
	TransitiveTagKeys          []string
	ExternalID, SourceIdentity string
	TokenCode                  string // of a device for multi-factor authentication, which berth does not have
}

// AssumedRole is the answer.
type AssumedRole struct {
	TemporaryCredentials
	ID, ARN        string // "AROA…:session", and the ARN of the session
	SourceIdentity string
	// Packed is how much of the room for session policies and tags is used, in percent.
	Packed int
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// mostPacked bounds session policy, policy ARNs and tags together, in characters; the inline policy alone has mostSessionPolicy (IAMP-6.2).
const (
	mostSessionPolicy = 2048
	mostPacked        = 4096
)

// AssumeRole makes a session of a role for the caller, if the role's trust policy lets it (STS-6..8, IAMP-3). What the session may do is what role, boundary
// and session policies all allow: a session policy can only narrow. A role that does not exist is refused like one that may not be assumed.
// Faults: AccessDenied, Validation, MalformedPolicyDocument, PackedPolicyTooLarge, InvalidInput for tags.
func (d *Directory) AssumeRole(ctx context.Context, in AssumeRole) (*AssumedRole, error) {
	c, err := Caller(ctx)
	if err != nil {
		return nil, err
	}
	a, name, err := parseRoleARN(in.RoleARN)
	if err != nil {
		return nil, err
	}
	if err := checkSessionName(in.SessionName); err != nil {
		return nil, err
	}
	c.describe("sts:AssumeRole", &Resource{ARN: in.RoleARN, Account: a.Account})
	if c.Principal.Type == policy.Root {
		return nil, c.Refuse("Roles may not be assumed by root accounts.")
	}
	details, err := c.sessionDetails(&in)
	if err != nil {
		return nil, err
	}
	details.Kind, details.Policy, details.Name, details.SourceIdentity = ofRole, in.Policy, in.SessionName, in.SourceIdentity

	role, err := d.find(ctx, KindRole, a.Account, name)
	if err != nil && !fault.Is(err, fault.NoSuchEntity) {
		return nil, err
	}
	if err != nil || role.arn() != in.RoleARN {
		role = nil
	}
	most, err := d.authorizeAssume(ctx, c, a.Account, role, &in, details)
	if err != nil {
		return nil, err
	}

	if in.TokenCode != "" {
		return nil, c.Refuse(badTokenCode)
	}
	lifetime, err := c.sessionLifetime(in.Lifetime, most)
	if err != nil {
		return nil, err
	}
	details.Owner = role.id
	t, packed, err := d.startLimited(ctx, a.Account, details, in.PolicyARNs, lifetime)
	if err != nil {
		return nil, err
	}
	return &AssumedRole{
		TemporaryCredentials: *t, ID: role.id + ":" + in.SessionName, ARN: sessionARN(a.Account, role.name, in.SessionName),
		SourceIdentity: in.SourceIdentity, Packed: packed,
	}, nil
}

// parseRoleARN reads the ARN of a role and returns its name, too (STS-8).
func parseRoleARN(text string) (a arn.ARN, name string, err error) {
	a, err = arn.Parse(text)
	name = a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	if err != nil || a.Partition != "aws" || a.Service != "iam" || a.Region != "" || !arn.IsAccount(a.Account) || !strings.HasPrefix(a.Resource, "role/") || name == "" {
		return a, "", fault.New(fault.Validation, "%s is invalid", text)
	}
	return a, name, nil
}

// checkSessionName holds the name of a role session to STS-6.
func checkSessionName(name string) error {
	if !sessionName.MatchString(name) {
		return invalidValue(name, "roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]* and have length between 2 and 64`)
	}
	return nil
}

func notAuthorized(p *policy.Principal, action, resource string) string {
	return "User: " + p.ARN + " is not authorized to perform: " + action + " on resource: " + resource
}

// badTokenCode refuses every code of a second factor: berth has no devices to check it with.
const badTokenCode = "MultiFactorAuthentication failed with invalid MFA one time pass code."

// authorizeAssume asks the role's trust policy, and the caller's own policies where it must, for each action that the request is (IAMP-3: tags and a source identity
// are actions of their own), and returns the longest session that the role allows. A role that is not there is nil, and is decided, recorded and refused like one
// whose trust policy says nothing: neither the refusal nor its explanation tells which roles there are (API-28).
func (d *Directory) authorizeAssume(ctx context.Context, c *Call, account string, role *entity, in *AssumeRole, details *sealedSession) (most time.Duration, err error) {
	r := &Resource{ARN: in.RoleARN, Account: account, trust: true}
	if role != nil {
		there, longest, err := d.trustOf(ctx, role)
		switch {
		case err == nil:
			r, most = there, longest
		case !errors.Is(err, sql.ErrNoRows):
			return 0, err
		}
	}
	r.RequestTags = tagMap(in.Tags)
	if in.ExternalID != "" {
		r.Keys = map[string]string{"sts:externalid": in.ExternalID}
	}
	// STS says no reason: it would tell another account what the role's trust policy holds.
	refusal := func(action string) string { return notAuthorized(c.Principal, action, in.RoleARN) }
	if err := d.authorizeSession(ctx, "sts:AssumeRole", r, details, refusal); err != nil {
		return 0, err
	}
	if r.Policy == nil { // whatever decides, nobody assumes what is not there
		return 0, c.Refuse(refusal("sts:AssumeRole"))
	}
	return most, nil
}

// authorizeSession asks whether the caller may begin a session of a role: tags and a source identity are actions of their own beside the operation's (IAMP-3). A refusal has the
// words given for its action; the decision stays in Detail and in the audit, which keeps the last: the operation's own.
func (d *Directory) authorizeSession(ctx context.Context, operation string, r *Resource, s *sealedSession, refusal func(action string) string) error {
	if r.Keys == nil {
		r.Keys = map[string]string{}
	}
	if r.lists == nil {
		r.lists = map[string][]string{}
	}
	r.Keys["sts:rolesessionname"] = s.Name
	r.lists["sts:transitivetagkeys"] = s.Transitive
	var actions []string
	if s.SourceIdentity != "" {
		r.Keys["sts:sourceidentity"] = s.SourceIdentity
		actions = append(actions, "sts:SetSourceIdentity")
	}
	if len(s.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range append(actions, operation) {
		err := d.Authorize(ctx, action, r)
		if f := fault.As(err); f != nil && f.Code == fault.AccessDenied {
			return From(ctx).deny(refusal(action), f.Detail)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trustOf is a role as what is to be assumed: with its trust policy, and with the longest session that it allows. A role that is gone is ErrNoRows.
func (d *Directory) trustOf(ctx context.Context, role *entity) (r *Resource, most time.Duration, err error) {
	var trust string
	var seconds int64
	if err := d.db.Row(ctx, `SELECT trust, max_session FROM iam_role WHERE id = $1`, sql.Args(role.id), &trust, &seconds); err != nil {
		return nil, 0, err
	}
	compiled, err := d.compile(trust)
	if err != nil {
		return nil, 0, err
	}
	tags, err := d.tags(ctx, role.id)
	return &Resource{
		ARN: role.arn(), Account: role.account, Policy: &policy.Attached{Name: "trust policy of " + role.name, Policy: compiled}, trust: true, Tags: tags,
	}, time.Duration(seconds) * time.Second, err
}

// sessionLifetime holds the wanted length of a role session to the rules of STS-8.
func (c *Call) sessionLifetime(wanted, most time.Duration) (time.Duration, error) {
	switch {
	case wanted == 0:
		return time.Hour, nil
	case wanted < 15*time.Minute || wanted > 12*time.Hour:
		return 0, invalidValue(strconv.Itoa(int(wanted/time.Second)), "durationSeconds", "Member must have value between 900 and 43200")
	case c.Principal.Type == policy.AssumedRole && wanted > time.Hour:
		return 0, fault.New(fault.Validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case wanted > most:
		return 0, fault.New(fault.Validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return wanted, nil
}

// checkSessionTags holds the tags of a session to the rules of tags, with STS's wording of too many.
func checkSessionTags(tags []Tag) error {
	err := checkTags(tags)
	if fault.Is(err, fault.LimitExceeded) {
		err = invalidValue(strconv.Itoa(len(tags)), "tags", "Member must have length less than or equal to "+strconv.Itoa(mostTags))
	}
	return err
}

// sessionDetails works out the session's tags and source identity: those asked for, and those that the calling session passes on (STS-8).
func (c *Call) sessionDetails(in *AssumeRole) (*sealedSession, error) {
	if err := checkSessionTags(in.Tags); err != nil {
		return nil, err
	}
	details := &sealedSession{Tags: tagMap(in.Tags)}
	asked := map[string]bool{}
	for _, t := range in.Tags {
		asked[fold(t.Key)] = true
	}
	for _, k := range in.TransitiveTagKeys {
		if !asked[fold(k)] {
			return nil, fault.New(fault.InvalidInput, "The specified transitive tag key must be included in the requested tags.")
		}
		details.Transitive = append(details.Transitive, k)
	}
	if s := c.Session; s != nil {
		for _, k := range s.Transitive {
			if asked[fold(k)] {
				return nil, fault.New(fault.InvalidInput,
					"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
			details.Tags[k] = s.foldedTags[fold(k)]
			details.Transitive = append(details.Transitive, k)
		}
		if s.SourceIdentity != "" {
			if in.SourceIdentity != "" && in.SourceIdentity != s.SourceIdentity {
				return nil, c.Refuse("The source identity of a session cannot be changed by role chaining")
			}
			in.SourceIdentity = s.SourceIdentity
		}
	}
	return details, nil
}

// sessionPolicies checks the policies that shall narrow the session and returns the ids of the managed ones, which must be usable in the role's account.
func (d *Directory) sessionPolicies(ctx context.Context, account, document string, arns []string) (ids []string, err error) {
	if document != "" {
		if _, cause := policy.Refuse([]byte(document), policy.Session); cause != nil && cause.Code == "JSON_SYNTAX_ERROR" {
			return nil, fault.New(fault.MalformedPolicyDocument, "%s", cause.After("This policy contains invalid Json"))
		}
		if err := checkDocument(document, policy.Session); err != nil {
			return nil, err
		}
	}
	if len(arns) > mostSessionPolicies {
		return nil, invalidValue(strconv.Itoa(len(arns)), "policyArns", "Member must have length less than or equal to "+strconv.Itoa(mostSessionPolicies))
	}
	for _, policyARN := range arns {
		id, err := d.attachable(ctx, account, policyARN)
		if f := fault.As(err); f != nil && (f.Code == fault.NoSuchEntity || f.Code == fault.InvalidInput) {
			return nil, fault.New(fault.Validation, "%s", f.Message)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// startLimited is startSession for one that may do no more than the session policies allow: that which it has and those of account that arns name. packed is how much of
// their room these and its tags take, in percent. Its further faults are MalformedPolicyDocument and Validation for the policies.
func (d *Directory) startLimited(ctx context.Context, account string, s *sealedSession, arns []string, lifetime time.Duration) (t *TemporaryCredentials, packed int, err error) {
	if s.PolicyIDs, err = d.sessionPolicies(ctx, account, s.Policy, arns); err != nil {
		return nil, 0, err
	}
	if packed, err = packedPercent(s, arns); err != nil {
		return nil, 0, err
	}
	t, err = d.startSession(ctx, account, *s, lifetime)
	return t, packed, err
}

// packedPercent measures the session policies and tags against their room. AWS packs them in a way that it does not publish; here characters count.
func packedPercent(s *sealedSession, arns []string) (int, error) {
	size := len(s.Policy)
	for _, p := range arns {
		size += len(p)
	}
	for k, v := range s.Tags {
		size += len(k) + len(v)
	}
	if len(s.Policy) > mostSessionPolicy || size > mostPacked {
		return 0, fault.New(fault.PackedPolicyTooLarge, "Packed policy consumes %d%% of allotted space, please use smaller policy.", 100*max(size*mostSessionPolicy/mostPacked, len(s.Policy))/mostSessionPolicy)
	}
	if size == 0 {
		return 0, nil
	}
	return max(1, size*100/mostPacked), nil
}
