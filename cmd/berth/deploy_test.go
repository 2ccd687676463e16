package main

import (
	"bytes"
	"errors"
	"io"
	"os"
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
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/berth (.*)$`).FindSubmatch(read(t, "single/berth.service"))
	if line == nil {
		t.Fatal("the unit does not start berth")
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
	DependsOn       any            `yaml:"depends_on"`
	ReadOnly        bool           `yaml:"read_only"`
	CapDrop         []string       `yaml:"cap_drop"`
	SecurityOpt     []string       `yaml:"security_opt"`
	Restart         string         `yaml:"restart"`
	StopGracePeriod string         `yaml:"stop_grace_period"`
	Ulimits         map[string]int `yaml:"ulimits"`
	Healthcheck     *struct {
		Test              []string
		Interval, Timeout string
		Retries           int
	}
}

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
		}
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
