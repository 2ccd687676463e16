package iam

import (
	"reflect"
	"slices"
	"testing"
)

// Who gives one of these more to decide by has to carry it in evidence.go and replay.go too: else what was decided by it is explained wrongly. Then it is named here.
func TestEvidenceCarriesEveryField(t *testing.T) {
	for _, c := range []struct {
		v     any
		known []string
	}{
		{member{}, []string{"account", "stamp", "name", "path", "created", "identity", "boundary", "hasBoundary", "tags", "root", "evidence"}},
		{Session{}, []string{"ID", "Name", "SourceIdentity", "Issued", "Expires", "Tags", "Transitive", "Provider", "Claims", "foldedTags", "policies", "limited", "exchanged", "sealed", "evidence"}},
		{Membership{}, []string{"Organization", "Management", "Paths", "SCP", "RCP", "evidence"}},
		{Endpoint{}, []string{"ID", "VPC", "Policies", "Limited", "evidence"}},
		{Source{}, []string{"ARN", "Account"}},
		{Image{}, []string{"Tag", "Digest"}},
		{Resource{}, []string{"ARN", "Account", "Policy", "Registry", "RegistryV1", "Tags", "RequestTags", "TagKeys", "Keys", "lists", "trust", "evidence"}},
		{conditionKeys{}, []string{"call", "member", "resource", "callers", "owners", "sources"}},
	} {
		for f := range reflect.TypeOf(c.v).Fields() {
			if !slices.Contains(c.known, f.Name) {
				t.Errorf("%T has %s: carry it in evidence.go and replay.go if a decision depends on it, then name it here", c.v, f.Name)
			}
		}
	}
}
