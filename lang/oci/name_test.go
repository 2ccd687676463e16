package oci_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
)

// The grammar of API-24 in its own notation: the oracle of the hand-written scanner.
var repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// API-24, H02, H03.
func TestCheckRepository(t *testing.T) {
	for _, name := range []string{"ab", "rake-app", "a/b", "team/app.web_x__y---z", "0/0", strings.Repeat("a", 256)} {
		if err := oci.CheckRepository(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "a", "A/b", "a/B", "a/../b", "a//b", "/ab", "ab/", "a\\b", "a\x00b", "a b", "a..b", "a___b", "a._b", "-ab", "ab-", "a%2fb", "ä/b", "a\nb", "ab\n",
		strings.Repeat("a", 257),
	} {
		if err := oci.CheckRepository(name); !fault.Is(err, fault.NameInvalid) {
			t.Errorf("%q: %v, want NameInvalid", name, err)
		}
	}
}

// API-24: the scanner and the regular expression agree on every name.
func TestCheckRepositoryAgreesWithGrammar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("ab0._-/A%")), 0, 24, -1).Draw(t, "name")
		want := len(name) >= 2 && repositoryGrammar.MatchString(name)
		if got := oci.CheckRepository(name) == nil; got != want {
			t.Fatalf("%q: accepted %v, grammar says %v", name, got, want)
		}
	})
}

// API-25, H04.
func TestCheckTag(t *testing.T) {
	for _, tag := range []string{"a", "latest", "1.1.0", "_x", "V1-rc.1", strings.Repeat("a", 128)} {
		if err := oci.CheckTag(tag); err != nil {
			t.Errorf("%q: %v", tag, err)
		}
	}
	for _, tag := range []string{"", "-a", ".a", "../../x", "a/b", "a:b", "a b", "ä", "a\x00", strings.Repeat("a", 129)} {
		if err := oci.CheckTag(tag); !fault.Is(err, fault.TagInvalid) {
			t.Errorf("%q: %v, want TagInvalid", tag, err)
		}
	}
}

// API-25, H05, H06.
func TestParseDigest(t *testing.T) {
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	d, err := oci.ParseDigest(empty)
	if err != nil || d != oci.FromBytes(nil) || d.Hex() != empty[len("sha256:"):] {
		t.Fatalf("ParseDigest(%q) = %q, %v", empty, d, err)
	}
	for s, want := range map[string]string{
		"":                                     "64 lower-case",
		"sha256:":                              "64 lower-case",
		"sha256:../../etc/passwd":              "64 lower-case",
		empty[:len(empty)-1]:                   "64 lower-case",
		empty + "0":                            "64 lower-case",
		strings.ToUpper(empty):                 "64 lower-case",
		"sha256:" + strings.ToUpper(d.Hex()):   "64 lower-case",
		"md5:d41d8cd98f00b204e9800998ecf8427e": "only the algorithm sha256",
		"sha512:" + strings.Repeat("a", 128):   "only the algorithm sha256",
		"sha512:../x":                          "64 lower-case",
	} {
		_, err := oci.ParseDigest(s)
		if !fault.Is(err, fault.DigestInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want DigestInvalid with %q", s, err, want)
		}
	}
}

// The checks stand on every request's path.
func TestChecksDoNotAllocate(t *testing.T) {
	d := string(oci.FromBytes(nil))
	if n := testing.AllocsPerRun(100, func() {
		_ = oci.CheckRepository("team/app.web_x__y---z")
		_ = oci.CheckTag("1.1.0")
		_, _ = oci.ParseDigest(d)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
