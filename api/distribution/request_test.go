package distribution

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
)

const aDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParse(t *testing.T) {
	for path, want := range map[string]request{
		"":                         {base, "", ""},
		"_catalog":                 {catalog, "", ""},
		"_catalog/":                {catalog, "", ""},
		"app/tags/list":            {tags, "app", ""},
		"app/tags/list/":           {tags, "app", ""},
		"a/b/c/manifests/latest":   {manifest, "a/b/c", "latest"},
		"app/manifests/" + aDigest: {manifest, "app", aDigest},
		"app/blobs/" + aDigest:     {blob, "app", aDigest},
		"app/referrers/" + aDigest: {referrers, "app", aDigest},
		"app/blobs/uploads":        {uploads, "app", ""}, // HTTP-32
		"app/blobs/uploads/":       {uploads, "app", ""},
		"app/blobs/uploads/x-1":    {upload, "app", "x-1"},
		"app/blobs/uploads/x-1/":   {upload, "app", "x-1"},
		// Repositories whose names look like paths.
		"a/blobs/uploads/manifests/v1":    {manifest, "a/blobs/uploads", "v1"},
		"a/tags/list/tags/list":           {tags, "a/tags/list", ""},
		"a/manifests/blobs/uploads/":      {uploads, "a/manifests", ""},
		"a/blobs/uploads/blobs/uploads/1": {upload, "a/blobs/uploads", "1"},
		"blobs/uploads/tags/list":         {tags, "blobs/uploads", ""},
		"a/manifests/uploads":             {manifest, "a", "uploads"},
		// Names that are wrong keep their place, and registry.Open refuses them (H02, H03).
		"a/../b/manifests/v1": {manifest, "a/../b", "v1"},
		"/a/manifests/v1":     {manifest, "/a", "v1"},
		"manifests/v1":        {manifest, "", "v1"},
		"A/b/tags/list":       {tags, "A/b", ""},
	} {
		if got, err := parse(path); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", path, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for path, want := range map[string]fault.Code{
		"app":                           fault.UnknownOperation,
		"app/tags":                      fault.UnknownOperation,
		"app/tags/other":                fault.UnknownOperation,
		"app/uploads/1":                 fault.UnknownOperation,
		"/":                             fault.NameInvalid,
		"a//b":                          fault.NameInvalid,
		"a/..":                          fault.NameInvalid,
		"a\\b":                          fault.NameInvalid,
		"app/manifests/../../x":         fault.TagInvalid, // H04
		"app/manifests/":                fault.TagInvalid,
		"app/blobs/sha256:../../passwd": fault.DigestInvalid, // H05
		"app/referrers/a/b":             fault.DigestInvalid,
		"app/blobs/uploads/../x":        fault.UploadNotFound, // H25
	} {
		if got, err := parse(path); !fault.Is(err, want) {
			t.Errorf("%q: %+v, %v, want %s", path, got, err, want)
		}
	}
}

// Every request is parsed: it costs no allocation.
func TestParseDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = parse("team/app/manifests/latest") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a/blobs/uploads/x")
	f.Fuzz(func(t *testing.T, path string) {
		got, err := parse(path)
		if err == nil && got.kind != base && got.kind != catalog && !strings.HasPrefix(path, got.name) {
			t.Errorf("%q: %+v", path, got)
		}
		if err != nil && fault.As(err) == nil {
			t.Errorf("%q: %v is no fault", path, err)
		}
	})
}

// HTTP-26, H12, H13.
func TestPage(t *testing.T) {
	for query, want := range map[string]int{
		"": 100, "n=1": 1, "n=1000": 1000, "n=0": 0, "n=0010": 10,
		"n=1001": -1, "n=1e9": -1, "n=-1": -1, "n=abc": -1, "n=": -1, "n=99999999999999999999": -1, "n=%2B1": -1,
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		limit, _, err := page(q)
		if want < 0 && !fault.Is(err, fault.InvalidParameter) || want >= 0 && (err != nil || limit != want) {
			t.Errorf("%q: %d, %v, want %d", query, limit, err, want)
		}
	}
	if _, _, err := page(url.Values{"n": {"1001"}}); err == nil || !strings.Contains(err.Error(),
		"Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'") {
		t.Errorf("HTTP-26: %v", err)
	}
}

// H13: whatever last holds, the cursor has the same place among all names, and holds nothing that a database refuses.
func TestCursorKeepsItsPlace(t *testing.T) {
	names := []string{"0", "A", "Z", "_", "a", "a-b", "a.b", "a/b", "ab", "b", "latest", "z", "zz"}
	for _, last := range []string{"", "a", "a\x00", "a\x00z", "a\xff", "\xff", "a\n", "a b", "aé", "latest", "zzz", "~", "a~", "\x00", "a-\x7f"} {
		safe := cursor(last)
		if strings.ContainsFunc(safe, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q: %q", last, safe)
		}
		after := func(from string) []string {
			return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n <= from })
		}
		if got, want := after(safe), after(last); !slices.Equal(got, want) {
			t.Errorf("%q: after %q come %q, want %q", last, safe, got, want)
		}
	}
}
