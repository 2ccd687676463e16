package iam

import (
	"context"
	"regexp"
	"time"
)

// FederationToken says how the session of a federated user shall be (STS-9).
type FederationToken struct {
	Name       string
	Lifetime   time.Duration // 0 is twelve hours, for the root user one hour
	Policy     string        // inline session policy; "" for none
	PolicyARNs []string      // managed session policies
	Tags       []Tag
}

// FederatedUser is the answer.
type FederatedUser struct {
	TemporaryCredentials
	ID, ARN string // "ACCOUNT:name", and the ARN of the federated user
	// Packed is how much of the room for session policies and tags is used, in percent.
	Packed int
}

var federatedName = regexp.MustCompile(`^[\w+=,.@-]{2,32}$`)

// FederationToken makes a session for somebody whom the calling user vouches for (STS-9, IAMP-3). It may do what the user and the session policies both
// allow; without a session policy it may do only what resource-based policies give to it by its own ARN or its user's. It falls with the access key that
// asked for it. Faults: AccessDenied, also for a caller that is a session; Validation; MalformedPolicyDocument; PackedPolicyTooLarge; InvalidInput for tags.
func (d *Directory) FederationToken(ctx context.Context, in FederationToken) (*FederatedUser, error) {
	c, err := Caller(ctx)
	if err != nil {
		return nil, err
	}
	if !federatedName.MatchString(in.Name) {
		return nil, invalidValue(in.Name, "name", `Member must satisfy regular expression pattern: [\w+=,.@-]* and have length between 2 and 32`)
	}
	if err := checkSessionTags(in.Tags); err != nil {
		return nil, err
	}
	account := c.Principal.Account
	r := &Resource{ARN: federatedARN(account, in.Name), RequestTags: tagMap(in.Tags)}
	if account == "" { // a service has nobody to vouch for
		r.ARN = "*"
	}
	if len(in.Tags) > 0 {
		if err := d.Authorize(ctx, "sts:TagSession", r); err != nil {
			return nil, err
		}
	}
	if err := d.Authorize(ctx, "sts:GetFederationToken", r); err != nil {
		return nil, err
	}
	if !c.signedLongTerm() {
		return nil, c.Refuse("Cannot call GetFederationToken with session credentials")
	}
	lifetime, err := c.ownLifetime(in.Lifetime)
	if err != nil {
		return nil, err
	}
	s := &sealedSession{Kind: ofFederated, Owner: c.Principal.ID, Issuer: c.AccessKeyID, Name: in.Name, Policy: in.Policy, Tags: tagMap(in.Tags)}
	t, packed, err := d.startLimited(ctx, account, s, in.PolicyARNs, lifetime)
	if err != nil {
		return nil, err
	}
	return &FederatedUser{TemporaryCredentials: *t, ID: account + ":" + in.Name, ARN: federatedARN(account, in.Name), Packed: packed}, nil
}
