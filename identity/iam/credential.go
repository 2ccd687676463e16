package iam

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Credential is an access key that may sign, and whose it is. It is shared and must not be changed.
type Credential struct {
	Secret      string
	Principal   *policy.Principal
	Session     *Session // nil for long-term keys
	AccessKeyID string
}

// Session is a temporary session: of a role (AssumeRole), or of a user or root user (GetSessionToken). It is shared and must not be changed.
type Session struct {
	ID              string // the access key id, ASIA…
	Name            string // RoleSessionName; "" for GetSessionToken
	SourceIdentity  string
	Issued, Expires time.Time
	// Tags are the session's own tags; Transitive names those that a session assumed from this one inherits.
	Tags       map[string]string
	Transitive []string

	foldedTags map[string]string // keys in lower case
	policies   []policy.Attached // session policies
	limited    bool              // there are session policies
}

// credential is a Credential with what must hold for it to be used.
type credential struct {
	Credential
	account string
	stamp   sql.Stamp
	token   []byte // SHA-256 of the session token; nil for long-term keys
}

// Credential returns the access key that a request names, with its secret, if it may sign now. A long-term key comes without a session token, a
// temporary one with its own (API-14). Faults: UnknownCredentials (API-15, H69), ExpiredCredentials.
func (d *Directory) Credential(ctx context.Context, accessKeyID, sessionToken string, now time.Time) (*Credential, error) {
	c, err := d.credential(ctx, accessKeyID)
	if err != nil {
		return nil, err
	}
	if c.Session == nil {
		if sessionToken != "" {
			return nil, errUnknown()
		}
		return &c.Credential, nil
	}
	if sum := sha256.Sum256([]byte(sessionToken)); subtle.ConstantTimeCompare(sum[:], c.token) != 1 {
		return nil, errUnknown()
	}
	if !now.Before(c.Session.Expires) {
		return nil, fault.New(fault.ExpiredCredentials, "The security token included in the request is expired")
	}
	return &c.Credential, nil
}

// credential returns what is known of an access key, whether or not its session is over.
func (d *Directory) credential(ctx context.Context, id string) (*credential, error) {
	if c, ok := d.credentials.GetIfPresent(id); ok && d.epoch.Current(c.account, c.stamp) {
		return c, nil
	}
	account, ok := accountOfKey(id)
	if !ok {
		return nil, errUnknown()
	}
	c := &credential{account: account, stamp: d.epoch.Stamp(account), Credential: Credential{AccessKeyID: id}}
	read := d.readLongTerm
	if strings.HasPrefix(id, temporaryPrefix) {
		read = d.readTemporary
	}
	err := d.db.View(ctx, func(tx *sql.Tx) error { return read(tx, c) })
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errUnknown()
	}
	if err != nil {
		return nil, err
	}
	d.credentials.Set(id, c)
	return c, nil
}

func (d *Directory) readLongTerm(tx *sql.Tx, c *credential) error {
	var owner string
	var sealed []byte
	var active bool
	if err := tx.Row(`SELECT owner, secret, active FROM iam_access_key WHERE id = $1 AND account = $2`, sql.Args(c.AccessKeyID, c.account), &owner, &sealed, &active); err != nil {
		return err
	}
	if !active {
		return sql.ErrNoRows
	}
	secret, err := d.seals.open(sealed, c.AccessKeyID)
	if err != nil {
		return err
	}
	c.Secret = string(secret)
	c.Principal, err = readPrincipal(tx, c.account, owner)
	return err
}

// readPrincipal reads the root user or user that owns an access key.
func readPrincipal(tx *sql.Tx, account, owner string) (*policy.Principal, error) {
	if owner == account {
		err := tx.Row(`SELECT id FROM iam_account WHERE id = $1`, sql.Args(account), &owner)
		return &policy.Principal{Type: policy.Root, ARN: arn.IAM(account, "root"), Account: account, ID: account}, err
	}
	var name, path string
	err := tx.Row(`SELECT name, path FROM iam_user WHERE id = $1 AND account = $2`, sql.Args(owner, account), &name, &path)
	return &policy.Principal{Type: policy.User, ARN: arn.IAM(account, "user"+path+name), Account: account, ID: owner}, err
}

func (d *Directory) readTemporary(tx *sql.Tx, c *credential) error {
	s := &Session{ID: c.AccessKeyID}
	var owner, issuer, text string
	var sealed []byte
	var issued, expires int64
	err := tx.Row(`SELECT owner, issuer, name, source_identity, secret, token, details, issued, expires FROM iam_session WHERE id = $1 AND account = $2`,
		sql.Args(c.AccessKeyID, c.account), &owner, &issuer, &s.Name, &s.SourceIdentity, &sealed, &c.token, &text, &issued, &expires)
	if err != nil {
		return err
	}
	s.Issued, s.Expires = sql.Time(issued), sql.Time(expires)
	secret, err := d.seals.open(sealed, c.AccessKeyID)
	if err != nil {
		return err
	}
	c.Secret, c.Session = string(secret), s
	if !strings.HasPrefix(owner, rolePrefix) {
		var active bool // the session of a key ends with the key
		if err := tx.Row(`SELECT active FROM iam_access_key WHERE id = $1 AND owner = $2`, sql.Args(issuer, owner), &active); err != nil {
			return err
		}
		if !active {
			return sql.ErrNoRows
		}
		c.Principal, err = readPrincipal(tx, c.account, owner)
		return err
	}
	var name, path string
	if err := tx.Row(`SELECT name, path FROM iam_role WHERE id = $1 AND account = $2`, sql.Args(owner, c.account), &name, &path); err != nil {
		return err
	}
	c.Principal = &policy.Principal{
		Type: policy.AssumedRole, ARN: sessionARN(c.account, name, s.Name), Account: c.account, ID: owner, UserID: owner + ":" + s.Name,
		RoleARN: arn.IAM(c.account, "role"+path+name), ServiceLinked: strings.HasPrefix(path, serviceRolePath),
	}
	return d.readDetails(tx, s, text)
}

// sessionDetails is what a role session carries besides its columns.
type sessionDetails struct {
	Policy     string            `json:"policy,omitempty"`     // the inline session policy
	PolicyIDs  []string          `json:"policyIds,omitempty"`  // managed session policies: their current text counts
	Tags       map[string]string `json:"tags,omitempty"`       // with those inherited
	Transitive []string          `json:"transitive,omitempty"` // keys of tags that are passed on
}

func (d *Directory) readDetails(tx *sql.Tx, s *Session, text string) error {
	var details sessionDetails
	if err := json.Unmarshal([]byte(text), &details); err != nil {
		return err
	}
	s.Tags, s.Transitive = details.Tags, details.Transitive
	s.foldedTags = make(map[string]string, len(s.Tags))
	for k, v := range s.Tags {
		s.foldedTags[strings.ToLower(k)] = v
	}
	if details.Policy != "" {
		s.limited = true
		p, err := d.compile(details.Policy)
		if err != nil {
			return err
		}
		s.policies = append(s.policies, policy.Attached{Name: "session policy", Policy: p})
	}
	if len(details.PolicyIDs) > 0 {
		s.limited = true
		more, err := d.managedPolicies(tx, details.PolicyIDs)
		if err != nil {
			return err
		}
		s.policies = append(s.policies, more...)
	}
	return nil
}

func sessionARN(account, role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}
