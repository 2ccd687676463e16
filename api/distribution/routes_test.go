package distribution

import (
	"slices"
	"strings"
	"testing"
)

// What Routes names is what the door parses: a path made from each pattern is of its kind.
func TestRoutesAreWhatIsParsed(t *testing.T) {
	fill := strings.NewReplacer("{name}", "team/app", "{reference}", "1.0", "{digest}", "sha256:00", "{id}", "u")
	for k := range kinds {
		if got, err := parse(fill.Replace(k.String())); err != nil || got.kind != k {
			t.Errorf("%s is parsed as %s (%v)", k, got.kind, err)
		}
	}
	for _, want := range []string{"GET ", "GET _catalog", "PUT {name}/manifests/{reference}", "PATCH {name}/blobs/uploads/{id}"} {
		if !slices.Contains(Routes(), want) {
			t.Errorf("%q is not among %q", want, Routes())
		}
	}
}
