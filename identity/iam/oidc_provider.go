package iam

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/oidc"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// OIDCProvider is an identity provider whose tokens may stand for roles of an account, if the trust policy of the role says so (IAM-9, STS-10).
type OIDCProvider struct {
	ARN string
	// URL is that of the issuer without "https://", as IAM shows it.
	URL string
	// Clients are the audiences that its tokens may be made for. A provider without any vouches for nobody.
	Clients []string
	// Thumbprints are kept and shown. They decide nothing: berth trusts the certificate authorities of its system and configuration, as AWS does for most
	// providers. Clients that were written when a thumbprint was needed go on working.
	Thumbprints []string
	Created     time.Time
	Tags        []Tag
}

// The limits of IAM.
const (
	mostProviders   = 100 // for each account
	mostClients     = 100 // for each provider
	mostThumbprints = 5
	mostClientID    = 255 // characters
)

var thumbprintForm = regexp.MustCompile(`^[0-9A-Fa-f]{40}$`)

func checkThumbprints(thumbprints []string) error {
	for _, t := range thumbprints {
		if !thumbprintForm.MatchString(t) {
			return invalidValue(t, "thumbprintList", "Member must satisfy constraint: [Member must have length less than or equal to 40, Member must have length greater than or equal to 40]")
		}
	}
	if len(thumbprints) > mostThumbprints {
		return fault.New(fault.InvalidInput, "Thumbprint list must contain fewer than %d entries.", mostThumbprints)
	}
	return nil
}

func checkClient(id string) error {
	if id == "" || len([]rune(id)) > mostClientID {
		return invalidValue(id, "clientID", "Member must have length between 1 and "+strconv.Itoa(mostClientID))
	}
	return nil
}

func tooManyClients() error {
	return fault.New(fault.LimitExceeded, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", mostClients)
}

// checkProviderURL returns the URL as tokens are compared with it. The texts are those of IAM.
func checkProviderURL(text string) (string, error) {
	scheme, _, ok := strings.Cut(text, "://")
	switch issuer, err := oidc.CheckIssuer(text); {
	case err == nil:
		return issuer, nil
	case !ok:
		return "", fault.New(fault.Validation, "Invalid Open ID Connect Provider URL")
	case scheme != "https":
		return "", fault.New(fault.InvalidInput, "Invalid Open ID Connect Provider URL. The URL must begin with https://.")
	default:
		return "", err
	}
}

// CreateOIDCProvider makes a provider. Nobody is asked: whether its keys can be had shows when the first token comes. Faults: InvalidInput and Validation for
// its URL, clients, thumbprints and tags, EntityAlreadyExists, LimitExceeded.
func (d *Directory) CreateOIDCProvider(ctx context.Context, url string, clients, thumbprints []string, tags []Tag) (*OIDCProvider, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkThumbprints(thumbprints); err != nil {
		return nil, err
	}
	for _, id := range clients {
		if err := checkClient(id); err != nil {
			return nil, err
		}
	}
	if len(clients) > mostClients {
		return nil, tooManyClients()
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	issuer, err := checkProviderURL(url)
	if err != nil {
		return nil, err
	}
	e := &entity{kind: KindProvider, id: newID(providerPrefix), account: account, name: strings.TrimPrefix(issuer, "https://"), path: "/", created: d.options.Now()}
	if err := d.authorizeNew(ctx, "iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", creation(e, "", tags)); err != nil {
		return nil, err
	}
	err = d.commit(ctx, account, func(tx *sql.Tx) error {
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_oidc_provider WHERE account = $1 AND url = $2`, account, e.name); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.EntityAlreadyExists, "Provider with url %s already exists.", issuer))
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_oidc_provider WHERE account = $1`, account); err != nil || n >= mostProviders {
			return cmp.Or[error](err, fault.New(fault.LimitExceeded, "Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d", mostProviders))
		}
		if _, err := tx.Exec(`INSERT INTO iam_oidc_provider (id, account, url, thumbprints, created) VALUES ($1, $2, $3, $4, $5)`,
			e.id, account, e.name, strings.Join(thumbprints, " "), sql.Micros(e.created)); err != nil {
			return err
		}
		for i, id := range clients {
			if err := putClient(tx, e.id, id, i); err != nil {
				return err
			}
		}
		return putTags(tx, e.id, tags)
	})
	if err != nil {
		return nil, err
	}
	return &OIDCProvider{ARN: e.arn(), URL: e.name, Clients: clients, Thumbprints: thumbprints, Created: e.created, Tags: tags}, nil
}

func putClient(tx *sql.Tx, provider, id string, position int) error {
	_, err := tx.Exec(`INSERT INTO iam_oidc_client (provider, client, position) VALUES ($1, $2, $3) ON CONFLICT (provider, client) DO NOTHING`, provider, id, position)
	return err
}

func providerMissing(providerARN string) error {
	return fault.New(fault.NoSuchEntity, "OpenIDConnect Provider not found for arn %s", providerARN)
}

// findProvider reads the provider of an account that an ARN names; NoSuchEntity.
func (d *Directory) findProvider(ctx context.Context, account, providerARN string) (*entity, error) {
	url, ok := strings.CutPrefix(providerARN, arn.IAM(account, KindProvider.String()+"/"))
	if !ok {
		return nil, providerMissing(providerARN)
	}
	e := &entity{kind: KindProvider, account: account, name: url, path: "/"}
	var created int64
	err := d.db.Row(ctx, `SELECT id, created FROM iam_oidc_provider WHERE account = $1 AND url = $2`, sql.Args(account, url), &e.id, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, providerMissing(providerARN)
	}
	e.created = sql.Time(created)
	return e, err
}

// OIDCProvider returns a provider by its ARN. Faults: NoSuchEntity.
func (d *Directory) OIDCProvider(ctx context.Context, providerARN string) (*OIDCProvider, error) {
	e, err := d.reach(ctx, "iam:GetOpenIDConnectProvider", Ref{KindProvider, providerARN}, Resource{})
	if err != nil {
		return nil, err
	}
	p := &OIDCProvider{ARN: e.arn(), URL: e.name, Created: e.created}
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		var thumbprints string
		if err := tx.Row(`SELECT thumbprints FROM iam_oidc_provider WHERE id = $1`, sql.Args(e.id), &thumbprints); err != nil {
			return err
		}
		p.Thumbprints = strings.Fields(thumbprints)
		var err error
		if p.Clients, err = readClients(tx, e.id); err != nil {
			return err
		}
		p.Tags, err = readTags(tx, e.id)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, providerMissing(providerARN)
	}
	return p, err
}

// readClients reads the client ids of a provider in their order.
func readClients(tx *sql.Tx, provider string) ([]string, error) {
	return sql.Gather(tx.Rows, `SELECT client FROM iam_oidc_client WHERE provider = $1 ORDER BY position, client`, sql.Args(provider), func(row sql.Scanner) (id string, err error) { return id, row.Scan(&id) })
}

// OIDCProviders returns the ARNs of the providers of the caller's account: a hundred at most, so in one piece, as IAM answers them.
func (d *Directory) OIDCProviders(ctx context.Context) ([]string, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.Authorize(ctx, "iam:ListOpenIDConnectProviders", &Resource{ARN: "*"}); err != nil {
		return nil, err
	}
	return sql.Gather(d.db.In(ctx), `SELECT url FROM iam_oidc_provider WHERE account = $1 ORDER BY url`, sql.Args(account), func(row sql.Scanner) (string, error) {
		e := entity{kind: KindProvider, account: account, path: "/"}
		err := row.Scan(&e.name)
		return e.arn(), err
	})
}

// DeleteOIDCProvider deletes a provider: its tokens are of use to nobody from then on, while the sessions that they brought go on to their end. A provider that is
// not there is no error: IAM calls this idempotent.
func (d *Directory) DeleteOIDCProvider(ctx context.Context, providerARN string) error {
	e, err := d.reach(ctx, "iam:DeleteOpenIDConnectProvider", Ref{KindProvider, providerARN}, Resource{})
	if fault.Is(err, fault.NoSuchEntity) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_oidc_client WHERE provider = $1`, `DELETE FROM iam_tag WHERE owner = $1`, `DELETE FROM iam_oidc_provider WHERE id = $1`)
	})
}

// UpdateThumbprints replaces the thumbprints of a provider. Faults: NoSuchEntity, InvalidInput, Validation.
func (d *Directory) UpdateThumbprints(ctx context.Context, providerARN string, thumbprints []string) error {
	if err := checkThumbprints(thumbprints); err != nil {
		return err
	}
	return d.changeProvider(ctx, "iam:UpdateOpenIDConnectProviderThumbprint", providerARN, func(tx *sql.Tx, e *entity) error {
		_, err := tx.Exec(`UPDATE iam_oidc_provider SET thumbprints = $1 WHERE id = $2`, strings.Join(thumbprints, " "), e.id)
		return err
	})
}

// AddClientID adds a client id to a provider; one that it has is no error. Faults: NoSuchEntity, Validation, LimitExceeded.
func (d *Directory) AddClientID(ctx context.Context, providerARN, id string) error {
	if err := checkClient(id); err != nil {
		return err
	}
	return d.changeProvider(ctx, "iam:AddClientIDToOpenIDConnectProvider", providerARN, func(tx *sql.Tx, e *entity) error {
		have, err := readClients(tx, e.id)
		if err != nil || slices.Contains(have, id) {
			return err
		}
		if len(have) >= mostClients {
			return tooManyClients()
		}
		last, err := tx.Count(`SELECT COALESCE(MAX(position), 0) FROM iam_oidc_client WHERE provider = $1`, e.id)
		if err != nil {
			return err
		}
		return putClient(tx, e.id, id, last+1)
	})
}

// RemoveClientID takes a client id from a provider; one that it does not have is no error. Faults: NoSuchEntity.
func (d *Directory) RemoveClientID(ctx context.Context, providerARN, id string) error {
	return d.changeProvider(ctx, "iam:RemoveClientIDFromOpenIDConnectProvider", providerARN, func(tx *sql.Tx, e *entity) error {
		_, err := tx.Exec(`DELETE FROM iam_oidc_client WHERE provider = $1 AND client = $2`, e.id, id)
		return err
	})
}

func (d *Directory) changeProvider(ctx context.Context, action, providerARN string, f func(tx *sql.Tx, e *entity) error) error {
	e, err := d.reach(ctx, action, Ref{KindProvider, providerARN}, Resource{})
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		return f(tx, e)
	})
}
