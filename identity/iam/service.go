package iam

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Service is a service principal, such as codebuild.amazonaws.com: a program of the installation that calls with credentials of its own, on behalf of
// resources in the accounts (IAMP-1.1). It has no policies and is in no account: what it may do is what resource-based and trust policies that name it say.
type Service struct {
	Name    string
	Created time.Time
	Keys    []AccessKey // without secrets
}

// servicesAccount stands where access keys have their account. It has thirteen digits: no account can have it, and no key of an account can be taken for one
// of a service.
const servicesAccount = "1000000000000"

// serviceForm is the form of a service principal: a host name in lower case, as IAMP-2.1 compares it exactly.
var serviceForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)

// CreateService registers a service principal and makes its first access key. It asks nobody: who calls it has authorised it.
// Faults: EntityAlreadyExists, Validation.
func (d *Directory) CreateService(ctx context.Context, name string) (*Service, *AccessKey, error) {
	if len(name) > 128 || !serviceForm.MatchString(name) {
		return nil, nil, invalidValue(name, "name", "Member must be a service principal such as codebuild.amazonaws.com, of at most 128 characters")
	}
	if _, linked := linkedServiceOf(name); linked { // its roles stand in every account, outside the policies of the organization
		return nil, nil, invalidValue(name, "name", "Member must not be a service that is a part of berth itself")
	}
	s := &Service{Name: name, Created: stored(d.options.Now())}
	var key *AccessKey
	err := d.commit(ctx, servicesAccount, func(tx *sql.Tx) error {
		n, err := tx.Count(`SELECT COUNT(*) FROM iam_service WHERE name = $1`, name)
		if err == nil && n > 0 {
			err = fault.New(fault.EntityAlreadyExists, "Service with name %s already exists.", name)
		}
		if err != nil {
			return err
		}
		id := newID(servicePrefix)
		if _, err := tx.Exec(`INSERT INTO iam_service (id, name, created) VALUES ($1, $2, $3)`, id, name, sql.Micros(s.Created)); err != nil {
			return err
		}
		key, err = d.insertAccessKey(tx, servicesAccount, id, s.Created)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	s.Keys = []AccessKey{{ID: key.ID, Active: true, Created: key.Created}}
	return s, key, nil
}

// HasService reports whether a service principal is registered. It asks nobody.
func (d *Directory) HasService(ctx context.Context, name string) (bool, error) {
	n := 0
	err := d.db.Row(ctx, `SELECT COUNT(*) FROM iam_service WHERE name = $1`, sql.Args(name), &n)
	return n > 0, err
}

// Services returns a page of the service principals by name, with their keys. It asks nobody.
func (d *Directory) Services(ctx context.Context, p Page) ([]Service, string, error) {
	var out []Service
	next := ""
	err := d.db.View(ctx, func(tx *sql.Tx) error {
		ids := map[string]string{}
		found, err := sql.Gather(tx.Rows, `SELECT id, name, created FROM iam_service WHERE name > $1 ORDER BY name LIMIT $2`, sql.Args(p.After, p.limit()+1), func(row sql.Scanner) (s Service, err error) {
			var id string
			var created int64
			err = row.Scan(&id, &s.Name, &created)
			s.Created, ids[s.Name] = sql.Time(created), id
			return s, err
		})
		if err != nil {
			return err
		}
		out, next = cut(p, found, func(s *Service) string { return s.Name })
		for i := range out {
			if out[i].Keys, err = keysOf(tx, ids[out[i].Name]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, next, err
}

func keysOf(tx *sql.Tx, owner string) ([]AccessKey, error) {
	return sql.Gather(tx.Rows, `SELECT id, active, created FROM iam_access_key WHERE owner = $1 ORDER BY created, id`, sql.Args(owner), func(row sql.Scanner) (k AccessKey, err error) {
		var created int64
		err = row.Scan(&k.ID, &k.Active, &created)
		k.Created = sql.Time(created)
		return k, err
	})
}

// DeleteService deletes a service principal with its keys: they, its sessions and its registry passwords are unknown at the next request. A service that is
// registered again under the name has none of them. It asks nobody. Faults: NoSuchEntity.
func (d *Directory) DeleteService(ctx context.Context, name string) error {
	return d.commit(ctx, servicesAccount, func(tx *sql.Tx) error {
		id, err := serviceID(tx, name)
		if err != nil {
			return err
		}
		return tx.ExecAll(sql.Args(id), `DELETE FROM iam_access_key WHERE owner = $1`, `DELETE FROM iam_service WHERE id = $1`)
	})
}

// CreateServiceKey makes another access key for a service, of at most two, so that the first can be replaced while the service runs. It asks nobody.
// Faults: NoSuchEntity, LimitExceeded.
func (d *Directory) CreateServiceKey(ctx context.Context, name string) (*AccessKey, error) {
	var key *AccessKey
	err := d.commit(ctx, servicesAccount, func(tx *sql.Tx) error {
		id, err := serviceID(tx, name)
		if err != nil {
			return err
		}
		n, err := tx.Count(`SELECT COUNT(*) FROM iam_access_key WHERE owner = $1`, id)
		if err == nil && n >= mostKeysPerUser {
			err = fault.New(fault.LimitExceeded, "Cannot exceed quota for access keys of a service: %d", mostKeysPerUser)
		}
		if err != nil {
			return err
		}
		key, err = d.insertAccessKey(tx, servicesAccount, id, d.options.Now())
		return err
	})
	return key, err
}

// DeleteServiceKey deletes an access key of a service: it and its registry passwords are unknown at the next request. It asks nobody. Faults: NoSuchEntity.
func (d *Directory) DeleteServiceKey(ctx context.Context, name, keyID string) error {
	return d.commit(ctx, servicesAccount, func(tx *sql.Tx) error {
		id, err := serviceID(tx, name)
		if err != nil {
			return err
		}
		n, err := tx.Exec(`DELETE FROM iam_access_key WHERE id = $1 AND owner = $2`, keyID, id)
		if err == nil && n == 0 {
			err = noSuchKey(keyID)
		}
		return err
	})
}

func serviceID(tx *sql.Tx, name string) (id string, err error) {
	err = tx.Row(`SELECT id FROM iam_service WHERE name = $1`, sql.Args(name), &id)
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuchService(name)
	}
	return id, err
}

func noSuchService(name string) error {
	return fault.New(fault.NoSuchEntity, "The service with name %s cannot be found.", name)
}

// ServiceSession makes temporary credentials of a service that act for source, which is sealed into them: with them a client that cannot say for whom it acts,
// such as docker or the aws CLI, acts for that source and no other. lifetime is from fifteen minutes to twelve hours; 0 is one hour. It asks nobody.
// Faults: NoSuchEntity, Validation.
func (d *Directory) ServiceSession(ctx context.Context, name string, source *Source, lifetime time.Duration) (*TemporaryCredentials, error) {
	if lifetime == 0 {
		lifetime = time.Hour
	}
	if lifetime < 15*time.Minute || lifetime > 12*time.Hour {
		return nil, invalidValue(strconv.Itoa(int(lifetime/time.Second)), "durationSeconds", "Member must have value between 900 and 43200")
	}
	s := sealedSession{Kind: ofService, Source: source}
	err := d.db.Row(ctx, `SELECT id FROM iam_service WHERE name = $1`, sql.Args(name), &s.Owner)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noSuchService(name)
	}
	if err != nil {
		return nil, err
	}
	return d.startSession(ctx, servicesAccount, s, lifetime)
}

// readService reads the service that owns an access key or a session.
func readService(tx *sql.Tx, id string) (*policy.Principal, error) {
	p := &policy.Principal{Type: policy.Service}
	err := tx.Row(`SELECT name FROM iam_service WHERE id = $1`, sql.Args(id), &p.ARN)
	p.ServiceNames = []string{p.ARN}
	return p, err
}

// Source is on whose behalf a service principal calls: what makes it possible to refuse a confused deputy (IAMP-1.2: aws:SourceArn, aws:SourceAccount).
type Source struct {
	ARN     string `json:"a,omitempty"` // "" if the service named no resource
	Account string `json:"n,omitempty"` // "" if the service named no account
}

// NewSource is the source that a service names by a resource, an account, or both; nil if it names neither. The account of the resource is the account.
// Faults: Validation for what is no ARN or no account, and for a resource that is of another account.
func NewSource(sourceARN, account string) (*Source, error) {
	if sourceARN == "" && account == "" {
		return nil, nil
	}
	if account != "" && !arn.IsAccount(account) {
		return nil, fault.New(fault.Validation, "The source account '%s' is not the id of an account: it has twelve digits", account)
	}
	if sourceARN != "" {
		a, err := arn.Parse(sourceARN)
		if err != nil || len(sourceARN) > 2048 || a.Account != "" && !arn.IsAccount(a.Account) {
			return nil, fault.New(fault.Validation, "The source ARN '%s' is not the ARN of a resource", sourceARN)
		}
		if account != "" && a.Account != "" && account != a.Account {
			return nil, fault.New(fault.Validation, "The source ARN '%s' is not of the source account '%s'", sourceARN, account)
		}
		if account == "" {
			account = a.Account
		}
	}
	return &Source{ARN: sourceARN, Account: account}, nil
}

// ActFor notes for whom the caller says that it acts, by the headers that its signature covers. Only a service has somebody to act for: what any other
// caller says of it is not heard (H83). Credentials that a source is sealed into act for no other. Faults: Validation as NewSource, AccessDenied.
func (c *Call) ActFor(sourceARN, account string) error {
	if c.Principal == nil || c.Principal.Type != policy.Service {
		return nil
	}
	s, err := NewSource(sourceARN, account)
	if err != nil || s == nil {
		return err
	}
	if c.Source != nil && *c.Source != *s {
		return c.Refuse("The credentials of " + c.Principal.ARN + " act for another source than the request says")
	}
	c.Source = s
	return nil
}

// Home is the account that the call means where it names none: the caller's own, or the one that a service acts for; "" if it acts for none.
func (c *Call) Home() string {
	switch {
	case c.Principal == nil:
		return ""
	case c.Principal.Type == policy.Service && c.Source != nil:
		return c.Source.Account
	}
	return c.Principal.Account
}
