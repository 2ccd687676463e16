package iam

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Session is a temporary session: of a role (AssumeRole), of a user or root user (GetSessionToken, a sign-in), of a federated user (GetFederationToken), or of
// a service. It is shared and must not be changed.
type Session struct {
	ID              string // the access key id, ASIA…
	Name            string // RoleSessionName, or the federated user's name; "" for GetSessionToken
	SourceIdentity  string
	Issued, Expires time.Time
	// Tags are the session's own tags; Transitive names those that a session assumed from this one inherits.
	Tags       map[string]string
	Transitive []string
	// Provider is the identity provider that vouched for the caller, as aws:FederatedProvider has it; "" for none. Claims are the condition keys that follow
	// from its token ("token.example.com:sub"), by their names in lower case.
	Provider string
	Claims   map[string]Claim

	foldedTags map[string]string // keys in lower case
	policies   []policy.Attached // session policies
	limited    bool              // there are session policies
	exchanged  bool              // it was got for an access key by GetSessionToken
	sealed     *sealedSession    // what a registry password of the session has to say

	evidence kept
}

// Claim is the value of a condition key: One of a key with one value, Many of a key with many.
type Claim struct {
	One  string   `json:"o,omitempty"`
	Many []string `json:"m,omitempty"`
}

// sessionKind says whose a session is.
type sessionKind string

const (
	ofRole      sessionKind = "role"      // AssumeRole, AssumeRoleWithWebIdentity
	ofUser      sessionKind = "user"      // GetSessionToken, a sign-in: the user or root user itself
	ofFederated sessionKind = "federated" // GetFederationToken
	ofService   sessionKind = "service"
)

// sealedSession is all that berth knows of a session. It is not stored: the session token is this, as JSON, sealed, and so is, without the secret, each
// registry password that the session gets. So a session costs no row, and works on every node that has the sealing keys.
//
// To make a session, authorise it, fill in everything above Secret, and call startSession. What may be taken away from a session later is not in it but is
// read when it is used, under the epoch of the account: the owner must stand, the issuer must stand (see issuerStands), policies named by id have their
// present text, and the policies of the owner are those of the moment. A changed trust policy does not end a session; aws:TokenIssueTime can.
type sealedSession struct {
	Kind  sessionKind `json:"t"`
	Owner string      `json:"o"` // unique id of the user, role or service; the account of a root user
	// Issuer is the credential that the session falls with, as issuerStands knows them; "" if it falls only with its owner, as sessions of roles do.
	Issuer         string            `json:"i,omitempty"`
	Name           string            `json:"n,omitempty"`
	SourceIdentity string            `json:"d,omitempty"`
	Policy         string            `json:"p,omitempty"` // the inline session policy
	PolicyIDs      []string          `json:"m,omitempty"` // managed session policies
	Tags           map[string]string `json:"g,omitempty"` // with those inherited
	Transitive     []string          `json:"v,omitempty"` // keys of tags that are passed on
	Provider       string            `json:"f,omitempty"`
	Claims         map[string]Claim  `json:"c,omitempty"`
	Source         *Source           `json:"z,omitempty"` // on whose behalf a service acts

	Secret  string `json:"s,omitempty"`
	ID      string `json:"k"` // access key id, which tells the account
	Issued  int64  `json:"a"` // seconds since 1970
	Expires int64  `json:"e"`
}

const (
	tokenPurpose = "session token" // a sealed secret of another kind does not open as a session token
	// mostToken is the longest session token in bytes; longer ones are refused unread. It leaves room for what a registry password says besides (mostPassword).
	mostToken = 7680
)

// TemporaryCredentials are what a new session signs with. The secret and the token are shown only here.
type TemporaryCredentials struct {
	AccessKeyID, Secret, Token string
	Expires                    time.Time
}

// startSession makes credentials of a session of account that lasts so long, and writes the audit record of the call: who got credentials is on record before
// they are. Faults: AccessDenied if the owner is gone, PackedPolicyTooLarge if policies, tags and claims are more than a token may carry.
func (d *Directory) startSession(ctx context.Context, account string, s sealedSession, lifetime time.Duration) (*TemporaryCredentials, error) {
	now := d.options.Now()
	s.ID, s.Secret = newAccessKeyID(temporaryPrefix, account), newSecret()
	s.Issued, s.Expires = now.Unix(), now.Add(lifetime).Unix()
	text, err := marshal(&s)
	if err != nil {
		return nil, err
	}
	token := base64.RawURLEncoding.EncodeToString(d.seals.seal(text, tokenPurpose))
	if len(token) > mostToken {
		return nil, fault.New(fault.PackedPolicyTooLarge, "Packed policy consumes %d%% of allotted space, please use smaller policy.", max(101, 100*len(token)/mostToken))
	}
	c := From(ctx)
	err = d.db.Write(ctx, func(tx *sql.Tx) error {
		if err := ownerStands(tx, s.Kind, s.Owner); err != nil {
			return err
		}
		return c.Record(tx, d.log)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, c.Refuse("The " + string(s.Kind) + " of the session does not exist any more")
	}
	if err != nil {
		return nil, err
	}
	return &TemporaryCredentials{AccessKeyID: s.ID, Secret: s.Secret, Token: token, Expires: time.Unix(s.Expires, 0).UTC()}, nil
}

// marshal is the JSON of what is sealed, without the detours that HTML would need: a policy that is full of "<" would take six times its room.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// unseal opens what was sealed for a purpose and written in base64url, at most so many characters of it, into v.
func (d *Directory) unseal(text string, most int, purpose string, v any) error {
	if len(text) > most || strings.ContainsAny(text, "\r\n") { // the decoder skips line ends: one token must not have many spellings
		return errUnknown()
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errUnknown()
	}
	opened, err := d.seals.open(sealed, purpose)
	if err != nil || json.Unmarshal(opened, v) != nil {
		return errUnknown()
	}
	return nil
}

// ownerStands is ErrNoRows if the owner of a new session was deleted since it was authorised.
func ownerStands(tx *sql.Tx, kind sessionKind, owner string) error {
	table := "iam_account"
	if kind == ofService {
		table = "iam_service"
	}
	if k, ok := kindOfID(owner); ok {
		table = k.table()
	}
	n, err := tx.Count(`SELECT COUNT(*) FROM `+table+` WHERE id = $1`, owner)
	if err == nil && n == 0 {
		err = sql.ErrNoRows
	}
	return err
}

// issuerStands is ErrNoRows unless the credential that a session falls with still stands: an access key of the owner that is active, or the
// password that it was begun with. A further kind of issuer is a further prefix here; what takes it away must change the epoch of the account.
func issuerStands(tx *sql.Tx, owner, issuer string) error {
	switch {
	case issuer == "":
		return nil
	case strings.HasPrefix(issuer, longTermPrefix):
		var active bool
		if err := tx.Row(`SELECT active FROM iam_access_key WHERE id = $1 AND owner = $2`, sql.Args(issuer, owner), &active); err != nil || active {
			return err
		}
	case strings.HasPrefix(issuer, loginIssuer):
		var one int64
		return tx.Row(`SELECT 1 FROM iam_login WHERE owner = $1 AND generation = $2`, sql.Args(owner, generationOf(issuer)), &one)
	}
	return sql.ErrNoRows
}

// readSession fills c with the session s as it is at this moment, or answers ErrNoRows if its owner or issuer is gone.
func (d *Directory) readSession(tx *sql.Tx, c *credential, s *sealedSession) error {
	if err := issuerStands(tx, s.Owner, s.Issuer); err != nil {
		return err
	}
	var err error
	if c.Principal, err = readSessionPrincipal(tx, c.account, s); err != nil {
		return err
	}
	c.Secret, c.Source = s.Secret, s.Source
	c.Session = &Session{
		ID: s.ID, Name: s.Name, SourceIdentity: s.SourceIdentity, Issued: time.Unix(s.Issued, 0).UTC(), Expires: time.Unix(s.Expires, 0).UTC(),
		Tags: s.Tags, Transitive: s.Transitive, Provider: s.Provider, Claims: s.Claims,
		limited: s.Policy != "" || len(s.PolicyIDs) > 0, exchanged: s.Kind == ofUser && strings.HasPrefix(s.Issuer, longTermPrefix), sealed: s, foldedTags: make(map[string]string, len(s.Tags)),
	}
	for k, v := range s.Tags {
		c.Session.foldedTags[strings.ToLower(k)] = v
	}
	if s.Policy != "" {
		p, err := d.compile(s.Policy)
		if err != nil {
			return err
		}
		c.Session.policies = append(c.Session.policies, policy.Attached{Name: "session policy", Policy: p})
	}
	managed, err := d.managedPolicies(tx, s.PolicyIDs)
	c.Session.policies = append(c.Session.policies, managed...)
	return err
}

func readSessionPrincipal(tx *sql.Tx, account string, s *sealedSession) (*policy.Principal, error) {
	switch s.Kind {
	case ofUser, ofService:
		return readPrincipal(tx, account, s.Owner)
	case ofFederated:
		p, err := readPrincipal(tx, account, s.Owner)
		if err != nil {
			return nil, err
		}
		return &policy.Principal{
			Type: policy.FederatedUser, ARN: federatedARN(account, s.Name), Account: account, ID: s.Owner, UserID: account + ":" + s.Name, UserARN: p.ARN,
		}, nil
	case ofRole:
		var name, path string
		err := tx.Row(`SELECT name, path FROM iam_role WHERE id = $1 AND account = $2`, sql.Args(s.Owner, account), &name, &path)
		return &policy.Principal{
			Type: policy.AssumedRole, ARN: sessionARN(account, name, s.Name), Account: account, ID: s.Owner, UserID: s.Owner + ":" + s.Name,
			RoleARN: arn.IAM(account, "role"+path+name), ServiceLinked: strings.HasPrefix(path, serviceRolePath),
		}, err
	}
	return nil, sql.ErrNoRows
}

func sessionARN(account, role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}

func federatedARN(account, name string) string {
	return "arn:aws:sts::" + account + ":federated-user/" + name
}
