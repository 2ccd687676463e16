package server_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

var (
	metricName   = regexp.MustCompile(`\b(?:berth|go|process)_[a-z_]+\b`)
	quoted       = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	labelOf      = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping     = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
	sampleOf     = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `)
	selectorOf   = regexp.MustCompile(`([a-zA-Z_]+)\{([^}]*)\}`)
	runbookOf    = regexp.MustCompile(`^https://github\.com/berth-registry/berth/blob/main/docs/operate\.md#([a-z0-9-]+)$`)
	headingOf    = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchors = regexp.MustCompile(`[^a-z0-9 -]`)
)

// exposed are the metrics of a server that has met some of everything, each with the labels that its samples have.
func exposed(t *testing.T) map[string][]string {
	s := berthtest.Start(t, func(c *server.Config) {
		c.MetricsFrom, c.Scrub = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 1e6
		c.Rate = []string{"GetAuthorizationToken=0.001"}
	})
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login, image := v.Login(t, region), berthtest.NewImage([]byte("a layer"))
	s.Push(t, login, there, "1", image)
	s.Pull(t, login, there, "1", image)
	for range 10 { // until the rate is used up
		s.Call(t, v.Caller, "ecr", region, "AmazonEC2ContainerRegistry_V20150921", "GetAuthorizationToken", "{}")
	}
	all := map[string][]string{}
	for all["berth_pulls_total"] == nil || all["berth_throttled_total"] == nil { // pulls are counted in batches
		resp, err := http.Get(s.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %v", resp.Status, err)
		}
		for _, sample := range sampleOf.FindAllStringSubmatch(string(text), -1) {
			all[sample[1]] = []string{"job", "instance"} // Prometheus adds these
			for _, label := range labelOf.FindAllStringSubmatch(quoted.ReplaceAllString(sample[2], ""), -1) {
				all[sample[1]] = append(all[sample[1]], label[1])
			}
		}
	}
	return all
}

// expression fails the test if a query asks for a metric or a label that there is not.
func expression(t *testing.T, where, query string, all map[string][]string) {
	t.Helper()
	plain := quoted.ReplaceAllString(query, "")
	var labels []string
	names := metricName.FindAllString(grouping.ReplaceAllString(plain, ""), -1)
	for _, name := range names {
		if all[name] == nil {
			t.Errorf("%s: there is no metric %s", where, name)
		}
		labels = append(labels, all[name]...)
	}
	if len(names) == 0 && !strings.HasPrefix(query, "up{") {
		t.Errorf("%s asks for no metric: %s", where, query)
	}
	for _, selector := range selectorOf.FindAllStringSubmatch(plain, -1) {
		for _, label := range labelOf.FindAllStringSubmatch(selector[2], -1) {
			if selector[1] != "up" && !slices.Contains(all[selector[1]], label[1]) {
				t.Errorf("%s: %s has no label %s", where, selector[1], label[1])
			}
		}
	}
	for _, list := range grouping.FindAllStringSubmatch(plain, -1) {
		for label := range strings.SplitSeq(list[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(labels, label) {
				t.Errorf("%s: nothing has a label %s", where, label)
			}
		}
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(plain, pair[:1]) != strings.Count(plain, pair[1:]) {
			t.Errorf("%s: %s do not match: %s", where, pair, query)
		}
	}
}

// What deploy/ shows on a dashboard and warns of is what a server measures, by the names and labels of its /metrics; each warning leads to what to do.
func TestDashboardAndAlerts(t *testing.T) {
	all := exposed(t)
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	text, err := os.ReadFile("../deploy/grafana/berth.json")
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			query := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			expression(t, p.Title, query, all)
			for _, name := range metricName.FindAllString(quoted.ReplaceAllString(query, ""), -1) {
				shown[strings.TrimSuffix(name, "_bucket")] = true
			}
		}
	}
	for _, v := range dashboard.Templating.List {
		if v.Definition != "" {
			expression(t, v.Name, v.Definition, all)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "berth_") && !shown[base] && !shown[base+"_sum"] && !shown[base+"_count"] {
			t.Errorf("%s is on no panel", name)
		}
	}

	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	file, err := os.Open("../deploy/prometheus/berth.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&rules); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, heading := range headingOf.FindAllStringSubmatch(string(page), -1) {
		anchors[strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-")] = true
	}
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts++
			expression(t, r.Alert, r.Expr, all)
			if book := runbookOf.FindStringSubmatch(r.Annotations["runbook_url"]); book == nil || !anchors[book[1]] {
				t.Errorf("%s leads to %q, which is no heading of docs/operate.md", r.Alert, r.Annotations["runbook_url"])
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%s does not say how bad it is, or what", r.Alert)
			}
		}
	}
	if alerts < 10 || len(dashboard.Panels) < 30 {
		t.Errorf("%d alerts, %d panels", alerts, len(dashboard.Panels))
	}
}
