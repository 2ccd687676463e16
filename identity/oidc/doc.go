// Package oidc finds out whether a token of an OpenID Connect provider is good: a CI system, a Kubernetes cluster, or whoever else signs in with tokens
// instead of keys (STS-10).
//
//	token, err := oidc.Parse(text)                            // what it claims; nothing of it is proved yet
//	err = verifier.Verify(ctx, token, clientIDs)              // now it is
//
// What a token says of its own keys (jwk, jku, x5u, x5c in its header) is ignored: a key comes from the provider's key set or there is none (H70). The key set
// comes from a file that the operator names, or from the provider itself, whom any tenant may have named: so it is fetched with as little trust as possible
// (see Options.Allow).
package oidc
