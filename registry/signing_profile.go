package registry

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// SigningProfile names a key that signs images (API-78). The key itself stays in the cell.
type SigningProfile struct {
	ARN       string
	Name      string
	CreatedAt time.Time
	// Authority is the certificate, PEM, that a trust store needs to believe the profile's signatures.
	Authority string
}

const (
	// The certificate of AWS Signer's profiles lasts 135 months; the authority's a day longer, so that it never ends first.
	profileMonths = 135
	// profilesMost is how many profiles an account may have in a region.
	profilesMost = 100
)

var profileName = regexp.MustCompile(`^[a-zA-Z0-9_]{2,64}$`)

// ProfileARN is the ARN of a signing profile, as AWS Signer names it.
func ProfileARN(region, account, name string) string {
	return "arn:" + arn.Partition(region) + ":signer:" + region + ":" + account + ":/signing-profiles/" + name
}

// CreateSigningProfile makes a profile of the account in region, with a key of its own on the curve P-256 and a certificate from an authority that is made for it
// and signs nothing else: the authority's key is not kept. It needs berth:CreateSigningProfile on the profile. The faults are AccessDenied, InvalidParameter,
// EntityAlreadyExists and LimitExceeded.
func (g *Registry) CreateSigningProfile(ctx context.Context, account, region, name string) (*SigningProfile, error) {
	if !profileName.MatchString(name) {
		return nil, invalid("name", "must satisfy regular expression '"+profileName.String()+"'")
	}
	p := &SigningProfile{ARN: ProfileARN(region, account, name), Name: name, CreatedAt: g.now().UTC()}
	if err := g.who.Authorize(ctx, "berth:CreateSigningProfile", &iam.Resource{ARN: p.ARN, Account: account}); err != nil {
		return nil, err
	}
	key, leaf, authority, err := newSigningKey(p, account, region)
	if err != nil {
		return nil, err
	}
	p.Authority = authority
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.Row(`SELECT count(*) FROM signing_profile WHERE account = $1 AND region = $2`, sql.Args(account, region), &n); err != nil {
			return err
		}
		if n >= profilesMost {
			return fault.New(fault.LimitExceeded, "The account has %d signing profiles in the region, which is the limit", n)
		}
		made, err := tx.Exec(`INSERT INTO signing_profile (account, region, name, created_at, sealed_key, chain) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			account, region, name, sql.Micros(p.CreatedAt), g.who.Enclose(key, p.ARN), leaf+authority)
		if err == nil && made == 0 {
			err = fault.New(fault.EntityAlreadyExists, "The signing profile with ARN '%s' already exists", p.ARN)
		}
		if err != nil {
			return err
		}
		return g.record(tx, iam.From(ctx))
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// newSigningKey makes a key (PKCS #8) and its certificates (PEM). Subjects have a country, a state and an organization because trust policies of the Notary
// Project can name identities only by these; ZZ is no country.
func newSigningKey(p *SigningProfile, account, region string) (key []byte, leaf, authority string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", "", err
	}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", "", err
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, "", "", err
	}
	subject := pkix.Name{Country: []string{"ZZ"}, Province: []string{region}, Organization: []string{account}}
	begin := p.CreatedAt.Add(-time.Hour) // clocks of those who verify may be behind
	subject.CommonName = p.Name + " authority"
	ca := &x509.Certificate{
		SerialNumber: serial(), Subject: subject, NotBefore: begin, NotAfter: p.CreatedAt.AddDate(0, profileMonths, 1),
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	subject.CommonName = p.Name
	own := &x509.Certificate{
		SerialNumber: serial(), Subject: subject, NotBefore: begin, NotAfter: p.CreatedAt.AddDate(0, profileMonths, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, ca, ca, root.Public(), root)
	if err != nil {
		return nil, "", "", err
	}
	if ca, err = x509.ParseCertificate(rootDER); err != nil {
		return nil, "", "", err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, own, ca, private.Public(), root)
	return key, certificate(leafDER), certificate(rootDER), err
}

func certificate(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// serial is a random serial number of 127 bits: more than the 64 random ones that authorities must use.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// SigningProfiles lists the profiles of the account in region by name; there are 100 at most. It needs berth:ListSigningProfiles.
func (g *Registry) SigningProfiles(ctx context.Context, account, region string) (list []SigningProfile, err error) {
	if err := g.who.Authorize(ctx, "berth:ListSigningProfiles", &iam.Resource{ARN: "*", Account: account}); err != nil {
		return nil, err
	}
	err = g.db.Rows(ctx, `SELECT name, created_at, chain FROM signing_profile WHERE account = $1 AND region = $2 ORDER BY name`, sql.Args(account, region), func(row sql.Scanner) error {
		var p SigningProfile
		var created int64
		var chain string
		if err := row.Scan(&p.Name, &created, &chain); err != nil {
			return err
		}
		p.ARN, p.CreatedAt = ProfileARN(region, account, p.Name), sql.Time(created)
		_, rest := pem.Decode([]byte(chain))
		p.Authority = string(rest)
		list = append(list, p)
		return nil
	})
	return list, err
}

// DeleteSigningProfile deletes a profile and its key. What it has signed stays signed; what a rule still gives it to sign fails. It needs
// berth:DeleteSigningProfile on the profile. The faults are AccessDenied and NoSuchEntity.
func (g *Registry) DeleteSigningProfile(ctx context.Context, account, region, name string) error {
	target := ProfileARN(region, account, name)
	if err := g.who.Authorize(ctx, "berth:DeleteSigningProfile", &iam.Resource{ARN: target, Account: account}); err != nil {
		return err
	}
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM signing_profile WHERE account = $1 AND region = $2 AND name = $3`, account, region, name)
		if err == nil && n == 0 {
			err = noProfile(target)
		}
		if err != nil {
			return err
		}
		return g.record(tx, iam.From(ctx))
	})
}

func noProfile(arn string) error {
	return fault.New(fault.NoSuchEntity, "The signing profile with ARN '%s' does not exist", arn)
}

// parseProfile reads the parts of a profile's ARN, which the model has checked.
func parseProfile(text string) (a arn.ARN, name string, err error) {
	a, err = arn.Parse(text)
	const kind = "/signing-profiles/"
	if err != nil || a.Service != "signer" || len(a.Resource) <= len(kind) || a.Resource[:len(kind)] != kind {
		return a, "", fmt.Errorf("%q is no ARN of a signing profile", text)
	}
	return a, a.Resource[len(kind):], nil
}
