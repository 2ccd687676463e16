package lifecycle_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/lang/lifecycle"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(days float64) time.Time { return now.Add(-time.Duration(days * 24 * float64(time.Hour))) }

// image is an image of a worked example.
type image struct {
	name string
	lifecycle.Image
}

func pushed(name string, days float64, tags ...string) image {
	return image{name, lifecycle.Image{Tags: tags, Pushed: ago(days)}}
}

// run says what goes: "A1 B2" is A by the rule of priority 1 and B by that of 2, oldest first; a transition has ">" behind it.
func run(t *testing.T, policy string, images ...image) string {
	t.Helper()
	p, err := lifecycle.Parse([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(images, func(a, b image) int { return b.Pushed.Compare(a.Pushed) })
	var gone []string
	r := p.Begin(now)
	for i := range images {
		switch v := r.Next(&images[i].Image); v.Action {
		case lifecycle.Expire:
			gone = append(gone, fmt.Sprint(images[i].name, v.Rule.Priority))
		case lifecycle.Transition:
			gone = append(gone, fmt.Sprint(images[i].name, v.Rule.Priority, ">"))
		}
	}
	slices.Reverse(gone)
	return strings.Join(gone, " ")
}

func rule(priority int, selection string) string {
	return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{"type":"expire"}}`, priority, selection)
}

func policyOf(rules ...string) string { return `{"rules":[` + strings.Join(rules, ",") + `]}` }

const (
	untaggedDay = `"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1`
	anyOne      = `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`
)

func tagged(list string, entries string, count string) string {
	return fmt.Sprintf(`"tagStatus":"tagged",%q:[%s],%s`, list, entries, count)
}

const moreThanOne = `"countType":"imageCountMoreThan","countNumber":1`

// The worked examples of lifecycle.md.
func TestWorkedExamples(t *testing.T) {
	prod, beta, alpha := tagged("tagPatternList", `"prod*"`, moreThanOne), tagged("tagPatternList", `"beta*"`, moreThanOne), tagged("tagPatternList", `"alpha*"`, moreThanOne)
	a := func() []image {
		return []image{pushed("A", 10, "beta-1", "prod-1"), pushed("B", 9, "beta-2", "prod-2"), pushed("C", 8, "beta-3")}
	}
	for name, c := range map[string]struct {
		policy string
		images []image
		want   string
	}{
		"LC-14, LC-27: what an earlier rule keeps, a later one may not touch": {policyOf(rule(1, prod), rule(2, beta)), a(), "A1"},
		"LC-28: the same with the priorities swapped":                         {policyOf(rule(2, prod), rule(1, beta)), a(), "A1 B1"},
		"LC-13, LC-29: every entry of a list must match": {
			policyOf(rule(1, tagged("tagPatternList", `"alpha*","beta*"`, `"countType":"sinceImagePushed","countUnit":"days","countNumber":5`))),
			[]image{pushed("A", 12, "alpha-1"), pushed("B", 11, "beta-1"), pushed("C", 10, "alpha-2", "beta-2"), pushed("D", 4, "alpha-3"), pushed("E", 3, "beta-3"), pushed("F", 2, "alpha-4", "beta-4")},
			"C1",
		},
		"LC-30: more tags than entries": {
			policyOf(rule(1, tagged("tagPatternList", `"alpha*","beta*"`, moreThanOne))),
			[]image{pushed("A", 10, "alpha-1", "beta-1", "gamma-1"), pushed("B", 9, "alpha-2", "beta-2"), pushed("C", 8, "alpha-3", "beta-3", "gamma-2")}, "A1 B1",
		},
		"LC-13, LC-30: any": {policyOf(rule(1, anyOne)), []image{pushed("A", 4, "alpha-1"), pushed("B", 3, "beta-1"), pushed("C", 2), pushed("D", 1, "alpha-2")}, "A1 B1 C1"},
		"LC-12, LC-15, LC-31: images kept by earlier rules take places": {
			policyOf(rule(1, alpha), rule(2, untaggedDay), rule(3, anyOne)),
			[]image{pushed("A", 4, "alpha-1", "beta-1"), pushed("B", 3), pushed("C", 2, "alpha-2"), pushed("D", 1.001, "8d7f0a"), pushed("E", 1)}, "A1 B2 D3",
		},
		"LC-32: one rule with three prefixes selects only images that carry all": {
			policyOf(rule(1, tagged("tagPrefixList", `"gitsha_","gitbranch_","gitpr_"`, `"countType":"sinceImagePushed","countUnit":"days","countNumber":7`))),
			[]image{pushed("A", 30, "gitsha_1"), pushed("B", 30, "gitsha_2", "gitbranch_main"), pushed("C", 30, "gitsha_3", "gitbranch_x", "gitpr_4")}, "C1",
		},
		"LC-33: untagged, and the newest three": {
			policyOf(rule(1, untaggedDay), rule(2, tagged("tagPrefixList", `"1"`, `"countType":"imageCountMoreThan","countNumber":3`))),
			[]image{pushed("0", 5, "1.0.0"), pushed("1", 4, "1.0.1"), pushed("2", 3, "1.0.2"), pushed("3", 2.5, "1.0.3"), pushed("4", 1, "1.0.4"), pushed("U", 2)}, "02 12 U1",
		},
		"LC-34: archive, then expire": {
			`{"rules":[
				{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":90},"action":{"type":"transition","targetStorageClass":"archive"}},
				{"rulePriority":2,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":365},"action":{"type":"expire"}}]}`,
			[]image{
				pushed("never-pulled", 100),
				{"archived", lifecycle.Image{Pushed: ago(500), Class: lifecycle.Archive, Archived: ago(366)}},
				{"archived-later", lifecycle.Image{Pushed: ago(501), Class: lifecycle.Archive, Archived: ago(364)}},
				{"restored", lifecycle.Image{Pushed: ago(502), Activated: ago(10)}},
				{"pulled", lifecycle.Image{Pushed: ago(503), Pulled: ago(89)}},
			},
			"archived2 never-pulled1>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, c.policy, c.images...); got != c.want {
				t.Errorf("%q goes, not %q", got, c.want)
			}
		})
	}
}

// LC-19: older than N days is more than N times 24 hours, to the nanosecond.
func TestAgeIsStrict(t *testing.T) {
	p := policyOf(rule(1, untaggedDay))
	if got := run(t, p, image{"at", lifecycle.Image{Pushed: now.Add(-24 * time.Hour)}}, image{"over", lifecycle.Image{Pushed: now.Add(-24*time.Hour - 1)}}, image{"later", lifecycle.Image{Pushed: now.Add(time.Hour)}}); got != "over1" {
		t.Error(got)
	}
}

// LC-16, LC-17: an image that was restored from the archive is as young as its return.
func TestRestoredImagesAreYoung(t *testing.T) {
	p := policyOf(rule(1, untaggedDay))
	if got := run(t, p, image{"restored", lifecycle.Image{Pushed: ago(400), Activated: ago(0.5)}}, image{"long-ago", lifecycle.Image{Pushed: ago(400), Activated: ago(2)}}); got != "long-ago1" {
		t.Error(got)
	}
}

// LC-3: numbers of days that no duration holds keep everything. 2^64 ns are 213,503 days and 14 hours: what wrapped around would be a few days, or less than none.
func TestVeryManyDays(t *testing.T) {
	for _, n := range []int64{106_751, 106_752, 150_000, 200_000, 213_504, 365_000, 9_999_999, math.MaxInt32} {
		for count, im := range map[string]lifecycle.Image{
			`"sinceImagePushed"`: {Pushed: ago(200)}, `"sinceImagePulled"`: {Pushed: ago(300), Pulled: ago(200)}, `"sinceImageTransitioned","storageClass":"archive"`: {Pushed: ago(300), Class: lifecycle.Archive, Archived: ago(200)},
		} {
			p := policyOf(rule(1, fmt.Sprintf(`"tagStatus":"any","countUnit":"days","countNumber":%d,"countType":%s`, n, count)))
			if strings.Contains(count, "Pulled") {
				p = strings.Replace(p, `{"type":"expire"}`, `{"type":"transition","targetStorageClass":"archive"}`, 1)
			}
			if got := run(t, p, image{"kept", im}); got != "" {
				t.Errorf("%s %d days: %s", count, n, got)
			}
		}
	}
}

// LC-7: a pattern matches the whole tag, and an asterisk any run of characters, also none.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, tag string
		want         bool
	}{
		{"prod", "prod", true}, {"prod", "prod-1", false}, {"prod*", "prod", true}, {"*", "x", true}, {"*-rc", "1-rc", true}, {"*-rc", "1-rc2", false},
		{"v*.*.*", "v1.2.3", true}, {"v*.*.*", "v1.2", false}, {"a*b*a", "aba", true}, {"a*a", "a", false}, {"*ab*ab*", "abab", true}, {"*ab*ab*", "aab", false},
		{"[a]*", "[a]x", true}, {"?", "x", false}, {"PROD*", "prod", false},
	} {
		got := run(t, policyOf(rule(1, tagged("tagPatternList", fmt.Sprintf("%q", c.pattern), `"countType":"sinceImagePushed","countUnit":"days","countNumber":1`))), pushed("I", 2, c.tag)) != ""
		if got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.tag, got)
		}
	}
}

// Each image that stays or goes can be told why.
func TestReasons(t *testing.T) {
	p, err := lifecycle.Parse([]byte(policyOf(rule(10, tagged("tagPrefixList", `"v"`, `"countType":"imageCountMoreThan","countNumber":1`)), rule(20, untaggedDay))))
	if err != nil {
		t.Fatal(err)
	}
	r := p.Begin(now)
	for _, c := range []struct {
		image image
		want  string
	}{
		{pushed("", 0.25), "rule 20 keeps what was pushed at most 1 day ago, and this was 6 h ago"},
		{pushed("", 1, "v2"), "rule 10 keeps the newest 1, and this is number 1"},
		{pushed("", 2, "v1"), "rule 10 keeps only the newest 1, and this is number 2"},
		{pushed("", 2.5), "rule 20 keeps only what was pushed at most 1 day ago, and this was 2 days 12 h ago"},
		{pushed("", 3, "latest"), "no rule is for this image"},
	} {
		if got := r.Next(&c.image.Image).Reason(); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

// A million images and fifty rules: linear, in memory that does not depend on the images.
func BenchmarkMillionImages(b *testing.B) {
	var rules []string
	for i := 1; i < 50; i++ {
		rules = append(rules, rule(i, tagged("tagPatternList", fmt.Sprintf(`"team%d-*"`, i), `"countType":"imageCountMoreThan","countNumber":100`)))
	}
	p, err := lifecycle.Parse([]byte(policyOf(append(rules, rule(50, `"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":14`))...)))
	if err != nil {
		b.Fatal(err)
	}
	images := make([]lifecycle.Image, 1000)
	for i := range images {
		images[i] = lifecycle.Image{Tags: []string{fmt.Sprintf("team%d-%d", i%60, i), "build"}, Pushed: ago(float64(i) / 10)}
	}
	b.ReportAllocs()
	for b.Loop() {
		r := p.Begin(now)
		for i := range 1_000_000 {
			r.Next(&images[i%len(images)])
		}
	}
}
