package server

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/berth-registry/berth/identity/oidc"
)

// Providers is how the keys of identity providers (OpenID Connect) are come by. Which providers are trusted, and for which roles, is not said here but by the
// accounts (STS-10).
type Providers struct {
	OIDCKeys  map[string]string `name:"oidc-keys" help:"File with the key set (JWKS) of an identity provider, which then is not asked for it; read again when it changes. May be repeated." type:":path" env:"BERTH_OIDC_KEYS" placeholder:"ISSUER=FILE"`
	OIDCCA    string            `name:"oidc-ca" help:"Certificate authorities to trust for identity providers, beside those of the system: PEM." type:"path" env:"BERTH_OIDC_CA" placeholder:"FILE"`
	OIDCAllow []netip.Prefix    `name:"oidc-allow" help:"Networks that identity providers may be in although they are not public; without it berth connects to public addresses only, whatever providers accounts name." env:"BERTH_OIDC_ALLOW" placeholder:"CIDR"`
}

// Validate finds issuers that cannot be. The files are read when the server opens.
func (p *Providers) Validate() error {
	for issuer := range p.OIDCKeys {
		if _, err := oidc.CheckIssuer(issuer); err != nil {
			return fmt.Errorf("--oidc-keys: %q is not the URL of an issuer, such as https://token.actions.githubusercontent.com", issuer)
		}
	}
	return nil
}

// verifier makes what verifies tokens.
func (p *Providers) verifier(now func() time.Time) (*oidc.Verifier, error) {
	return oidc.New(oidc.Options{Keys: p.OIDCKeys, CAFile: p.OIDCCA, Allow: p.OIDCAllow, Now: now})
}
