package awswire

import (
	"regexp"
	"slices"
	"testing"
)

// services are the models that are embedded.
func services(t testing.TB) []string {
	t.Helper()
	entries, err := models.ReadDir("models")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(".json")])
	}
	return names
}

func load(t testing.TB, service string) *Model {
	t.Helper()
	m, err := Load(service)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		service, version, target, signing, namespace string
		protocol                                     Protocol
		operations                                   int
	}{
		{"ecr", "2015-09-21", "AmazonEC2ContainerRegistry_V20150921", "ecr", "", JSON, 58}, // API-1
		{"iam", "2010-05-08", "", "iam", "https://iam.amazonaws.com/doc/2010-05-08/", Query, 176},
		{"sts", "2011-06-15", "", "sts", "https://sts.amazonaws.com/doc/2011-06-15/", Query, 11}, // STS-1, STS-2
	} {
		m := load(t, c.service)
		if m.Version != c.version || m.TargetPrefix != c.target || m.SigningName != c.signing || m.Namespace != c.namespace || m.Protocol != c.protocol || len(m.operations) != c.operations {
			t.Errorf("%s: %+v with %d operations", c.service, *m, len(m.operations))
		}
	}
	if _, err := Load("../ecr"); err == nil {
		t.Error("a model outside of the folder was loaded")
	}
}

// Every pattern of every embedded model is one that RE2 takes: they are compiled when first used.
func TestPatternsCompile(t *testing.T) {
	for _, service := range services(t) {
		for name, s := range load(t, service).shapes {
			if s.pattern == "" {
				continue
			}
			if _, err := regexp.Compile(translate(s.pattern)); err != nil {
				t.Errorf("%s.%s: %v", service, name, err)
			}
		}
	}
}

// Java's patterns keep their meaning.
func TestPatternsMatch(t *testing.T) {
	for _, c := range []struct {
		pattern   string
		good, bad []string
	}{
		{`[0-9]{12}`, []string{"111122223333"}, []string{"1111222233334", "x111122223333", "111122223333\n"}}, // a full match
		{`[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+`, []string{"sha256:00ff", "a-b_c+d.e:0"}, []string{"sha256:xyz", ":00"}},
		{`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`, []string{"{}\n", "日本", "😀"}, []string{"\x00", "\x7f"}},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, []string{"/", "/a/b/"}, []string{"", "/a", "a/"}},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, []string{"my-alias", "abc"}, []string{"a--b", "-ab", "ab-"}},
		{`^(?!\s*$).+`, []string{" a "}, []string{"", "  "}},
		{`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, []string{"", "täg key"}, []string{"a*b"}},
		{`^(\d{12})|(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`, []string{"111122223333", "ou-ab12-abcd1234"}, []string{"111122223333x"}},
	} {
		re := regexp.MustCompile(translate(c.pattern))
		for _, s := range slices.Concat(c.good, c.bad) {
			if got, want := re.MatchString(s), slices.Contains(c.good, s); got != want {
				t.Errorf("%s on %q: %v, want %v", c.pattern, s, got, want)
			}
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, service := range services(b) {
		b.Run(service, func(b *testing.B) {
			for b.Loop() {
				load(b, service)
			}
		})
	}
}

// Whether an operation is called without a signature is said by its model alone (STS-10): a mistake here would open it to everybody.
func TestUnsigned(t *testing.T) {
	want := []string{"sts.AssumeRoleWithSAML", "sts.AssumeRoleWithWebIdentity"}
	var got []string
	for _, service := range services(t) {
		for name, op := range load(t, service).operations {
			if op.unsigned && service != "berth" {
				got = append(got, service+"."+name)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("unsigned are %v, want %v", got, want)
	}
}
