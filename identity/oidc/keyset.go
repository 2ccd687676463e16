package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	mostKeySet = 512 << 10 // bytes of a key set
	mostKeys   = 200
	mostSameID = 4 // keys of one id that are tried
	// A key of an RSA pair is of so many bits: fewer can be broken, more make each check of a signature a load.
	leastRSA, mostRSA = 2048, 8192
)

// parseKeySet reads the keys of a JSON Web Key Set (RFC 7517) that can check signatures. What is not of that kind is passed over, as the RFC asks for: keys of
// other types, for encryption, secrets. It is an error if nothing is left.
func parseKeySet(text []byte) ([]jose.JSONWebKey, error) {
	var set struct{ Keys []map[string]json.RawMessage }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > mostKeys {
		return nil, errors.New("the key set has too many keys")
	}
	var keys []jose.JSONWebKey
	for _, members := range set.Keys {
		if members["d"] != nil || members["k"] != nil {
			continue // a secret that is shown to everybody proves nothing
		}
		for name := range members {
			switch name {
			case "kty", "kid", "use", "alg", "n", "e", "crv", "x", "y":
			default:
				delete(members, name) // certificates beside the key are not asked
			}
		}
		alone, err := json.Marshal(members)
		if err != nil {
			continue
		}
		var key jose.JSONWebKey
		if json.Unmarshal(alone, &key) == nil && usable(&key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that checks signatures")
	}
	return keys, nil
}

func usable(key *jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" || !key.IsPublic() || !key.Valid() {
		return false
	}
	if r, ok := key.Key.(*rsa.PublicKey); ok {
		return r.N.BitLen() >= leastRSA && r.N.BitLen() <= mostRSA
	}
	return true
}

// fitting are the keys of a set that may have signed a token: those of its key id whose type is that of its algorithm, so that no key is used otherwise than
// its provider meant it. A token without a key id is taken only if there is one key that it can be.
func fitting(keys []jose.JSONWebKey, id, algorithm string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, key := range keys {
		if (id == "" || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == algorithm) && signs(key.Key, algorithm) {
			out = append(out, key)
		}
	}
	if id == "" && len(out) > 1 {
		return nil
	}
	return out[:min(len(out), mostSameID)]
}

// signs reports whether signatures by the algorithm are made with keys of that type (RFC 7518, section 3.1; RFC 8037).
func signs(key any, algorithm string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return algorithm == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}
