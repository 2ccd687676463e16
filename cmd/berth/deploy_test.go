package main

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// started is how a file under deploy/ starts berth.
type started struct {
	where string
	args  []string
	env   map[string]string
}

const deploy = "../../deploy/"

// Every file under deploy/ starts berth with flags, variables and settings that there are, and with values that they take: the program's own parser reads them.
func TestDeploymentsNameWhatThereIs(t *testing.T) {
	all := slices.Concat(systemd(t), dockerfile(t))
	for _, file := range []string{"single/compose.yaml", "cluster/compose.yaml", "cluster/compose.yugabyte.yaml"} {
		all = append(all, compose(t, file)...)
	}
	for _, dir := range []string{"single", "cluster"} {
		all = append(all, kubernetes(t, dir)...)
	}
	if len(all) != 1+1+1+3+3+1+1 {
		t.Errorf("%d starts of berth were found", len(all))
	}
	for _, s := range all {
		t.Run(s.where, func(t *testing.T) {
			var cli CLI
			k, err := kong.New(&cli, append(options(t.Context()), kong.Exit(func(code int) { t.Fatalf("it ends with %d", code) }))...)
			if err != nil {
				t.Fatal(err)
			}
			var variables []string
			if err := kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
				if flag, ok := node.(*kong.Flag); ok {
					variables = append(variables, flag.Envs...)
				}
				return next(nil)
			}); err != nil {
				t.Fatal(err)
			}
			for name, value := range s.env {
				if strings.HasPrefix(name, "BERTH_") && !slices.Contains(variables, name) {
					t.Errorf("there is no variable %s", name)
				}
				t.Setenv(name, interpolated(value))
			}
			if _, err := k.Parse(s.args); err != nil {
				t.Errorf("berth %s: %v", strings.Join(s.args, " "), err)
			}
		})
	}
}

var variable = regexp.MustCompile(`\$\{\w+:\?\}`)

// interpolated is a value as compose passes it on.
func interpolated(value string) string { return variable.ReplaceAllString(value, "xyz") }

// decode reads the documents of a file, and knows no key that is not in v: a misspelt one would silently do nothing.
func decode[T any](t *testing.T, text []byte, where string) (all []T) {
	t.Helper()
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		d.KnownFields(true)
		var v T
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		all = append(all, v)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(deploy + file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// systemd is the start by systemd, with its settings.
func systemd(t *testing.T) []started {
	unit := read(t, "single/berth.service")
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/berth (.*)$`).FindSubmatch(unit)
	if line == nil {
		t.Fatal("the unit does not start berth")
	}
	// A TLS key is its owner's and his group's: the user that berth runs as has to be one that a file can belong to.
	if text := string(unit); strings.Contains(text, "\nDynamicUser=") || !strings.Contains(text, "\nUser=berth\nGroup=berth\n") || !strings.Contains(text, "\n#   useradd --system ") ||
		!strings.Contains(text, "install -D -m 640 -g berth key.pem /etc/berth/tls/key.pem") {
		t.Error("berth runs as a user who cannot read its TLS key, or it is not said how he is made")
	}
	if verify, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Logf("the unit is not verified: %v", err)
	} else if out, err := exec.Command(verify, "verify", "--man=no", deploy+"single/berth.service").CombinedOutput(); regexp.MustCompile(`berth\.service:\d+:`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
	return []started{{"berth.service", strings.Fields(strings.Replace(string(line[1]), "/etc/berth/", deploy+"single/", 1)), nil}}
}

// dockerfile is the start of the image by itself.
func dockerfile(t *testing.T) []started {
	text := string(read(t, "image/Dockerfile"))
	s := started{"Dockerfile", []string{"serve"}, map[string]string{}}
	if !strings.Contains(text, "\nENTRYPOINT [\"/berth\"]\nCMD [\"serve\"]\n") {
		t.Error("the image does not start berth serve")
	}
	for _, pair := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllStringSubmatch(text, -1) {
		for _, one := range strings.Fields(pair[1]) {
			name, value, _ := strings.Cut(one, "=")
			s.env[name] = value
		}
	}
	return []started{s}
}

type composeService struct {
	Image           string
	Command         []string
	Environment     map[string]string
	Ports, Volumes  []string
	DependsOn       conditions        `yaml:"depends_on"`
	ExtraHosts      map[string]string `yaml:"extra_hosts"`
	Networks        map[string]map[string]string
	ReadOnly        bool           `yaml:"read_only"`
	CapDrop         []string       `yaml:"cap_drop"`
	SecurityOpt     []string       `yaml:"security_opt"`
	Restart         string         `yaml:"restart"`
	StopGracePeriod string         `yaml:"stop_grace_period"`
	Ulimits         map[string]int `yaml:"ulimits"`
	Healthcheck     *struct {
		Test              []string
		Interval, Timeout string
		StartPeriod       string `yaml:"start_period"`
		Retries           int
	}
}

// conditions say for what a service waits before it starts.
type conditions map[string]struct{ Condition string }

type composeFile struct {
	Name     string
	XBerth   any `yaml:"x-berth"`
	XStores  any `yaml:"x-stores"`
	Services map[string]composeService
	Networks map[string]struct {
		IPAM struct{ Config []map[string]string }
	}
	Volumes map[string]struct{}
}

func compose(t *testing.T, file string) (all []started) {
	t.Helper()
	for _, f := range decode[composeFile](t, read(t, file), file) {
		for name, s := range f.Services {
			if !strings.HasPrefix(name, "berth") {
				continue
			}
			args := s.Command
			if s.Image == "" || args == nil {
				args = []string{"serve"} // the image's own
			}
			if h := s.Healthcheck; h != nil && strings.Join(h.Test, " ") != "CMD /berth health" {
				t.Errorf("%s: the health check is %v", file, h.Test)
			}
			if s.Image != "" && s.StopGracePeriod != "45s" {
				t.Errorf("%s: %s is killed after %s: requests that have begun may take 30s", file, name, s.StopGracePeriod)
			}
			all = append(all, started{file + " " + name, args, s.Environment})
			if s.Image == "" || f.Name == "berth" {
				continue
			}
			// Only the balancer is believed, and not the gateway of the network, through which everybody comes.
			if at := f.Services["balancer"].Networks["default"]["ipv4_address"]; at == "" || s.Environment["BERTH_TRUSTED_PROXY"] != at+"/32" {
				t.Errorf("%s: %s believes %q, the balancer is %q", file, name, s.Environment["BERTH_TRUSTED_PROXY"], at)
			}
			// The balancer looks up the nodes once: one that came back with another address would never be found again, and one that is down when the balancer starts would have no name.
			if at := s.Networks["default"]["ipv4_address"]; at == "" || f.Services["balancer"].ExtraHosts[name] != at {
				t.Errorf("%s: %s has the address %q, and the balancer believes %q", file, name, at, f.Services["balancer"].ExtraHosts[name])
			}
			if p := f.Services["postgres"].Healthcheck; p == nil || !slices.Contains(p.Test, "--host") {
				t.Errorf("%s: the PostgreSQL that is about to end after it made the database counts as healthy", file)
			}
			// The key of the first account is where the compose file says.
			if first := s.DependsOn["berth-1"].Condition; name != "berth-1" && first != "service_healthy" {
				t.Errorf("%s: %s may be the first to start: %q", file, name, first)
			}
		}
		addresses(t, file, f)
		for _, s := range f.Services {
			for _, v := range s.Volumes {
				from, _, _ := strings.Cut(v, ":")
				if _, ok := f.Volumes[from]; !ok && f.Name != "" && !strings.HasPrefix(from, "./") {
					t.Errorf("%s: there is no volume %s", file, from)
				}
			}
		}
	}
	return all
}

// addresses fails the test if an address that a service has for itself could be given to another one, is not of the network, or is two services'.
func addresses(t *testing.T, file string, f composeFile) {
	t.Helper()
	taken := map[string]string{}
	for name, s := range f.Services {
		text := s.Networks["default"]["ipv4_address"]
		if text == "" {
			continue
		}
		if taken[text] != "" {
			t.Errorf("%s: %s and %s have the address %s", file, name, taken[text], text)
		}
		taken[text] = name
		at, err := netip.ParseAddr(text)
		if err != nil || len(f.Networks["default"].IPAM.Config) != 1 {
			t.Errorf("%s: %s in a network of nobody knows what: %v", file, name, err)
			continue
		}
		network := f.Networks["default"].IPAM.Config[0]
		all, err := netip.ParsePrefix(network["subnet"])
		if err != nil || !all.Contains(at) || text == network["gateway"] {
			t.Errorf("%s: %s cannot have %s in %v: %v", file, name, at, network, err)
		}
		if given, err := netip.ParsePrefix(network["ip_range"]); err != nil || given.Contains(at) {
			t.Errorf("%s: whoever starts before %s may get its address %s: %v", file, name, at, err)
		}
	}
}

// The alerts ask for the job that the examples for Prometheus make, which asks at the port of the metrics.
func TestPrometheusAsksForTheJobOfTheAlerts(t *testing.T) {
	type scrapes struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName        string           `yaml:"job_name"`
			StaticConfigs  []map[string]any `yaml:"static_configs"`
			Kubernetes     []map[string]any `yaml:"kubernetes_sd_configs"`
			RelabelConfigs []map[string]any `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	for file, at := range map[string]string{"prometheus/prometheus.yml": `"berth-1:5051"`, "prometheus/kubernetes.yml": "berth;metrics"} {
		text := read(t, file)
		s := decode[scrapes](t, text, file)[0]
		if len(s.ScrapeConfigs) != 1 || s.ScrapeConfigs[0].JobName != "berth" || !slices.Equal(s.RuleFiles, []string{"berth.rules.yml"}) || !strings.Contains(string(text), at) {
			t.Errorf("%s: %+v", file, s)
		}
	}
	if rules := string(read(t, "prometheus/berth.rules.yml")); !strings.Contains(rules, `expr: up{job="berth"} == 0 or absent(up{job="berth"})`) {
		t.Error("nobody is told when Prometheus knows of no node")
	}
}
