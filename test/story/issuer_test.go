package story

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/rogpeppe/go-internal/testscript"
)

// issuer is a small identity provider, such as those of GitHub Actions and Kubernetes: it tells its keys and signs tokens.
type issuer struct {
	server *httptest.Server
	key    *ecdsa.PrivateKey
}

const keyID = "story-1"

// start is the command "issuer CA": it starts the provider until the script ends. The file CA gets its certificate, and ISSUER becomes its URL.
func (i *issuer) start(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: issuer CA")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	mux := http.NewServeMux()
	i.key, i.server = key, httptest.NewTLSServer(mux)
	ts.Defer(i.server.Close)
	answer := func(path string, v any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(v) //nolint:errcheck // who asked is gone
		})
	}
	answer("/.well-known/openid-configuration", map[string]any{"issuer": i.server.URL, "jwks_uri": i.server.URL + "/keys"})
	answer("/keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: keyID, Algorithm: "ES256", Use: "sig"}}})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), certificate, 0o644))
	ts.Setenv("ISSUER", i.server.URL)
}

// token is the command "token FILE CLAIM=VALUE...": it writes a token that the provider signs, good for five minutes.
func (i *issuer) token(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 || i.key == nil {
		ts.Fatalf("usage: token FILE CLAIM=VALUE..., after issuer")
	}
	claims := map[string]any{"iss": i.server.URL, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix()}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		claims[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: keyID}}, nil)
	ts.Check(err)
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
