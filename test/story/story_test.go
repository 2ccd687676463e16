// Package story tells what a person does with berth, from the first start on, with the programs that a person uses: the aws CLI, docker,
// skopeo, crane and the credential helpers of AWS and Kubernetes, against a berth built from this tree. The scripts in testdata are the story.
package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/berth-registry/berth/test/engine"
)

// TestMain builds berth once for all scripts, and says in STORY_BIN where it is.
func TestMain(m *testing.M) { os.Exit(withBerth(m)) }

func withBerth(m *testing.M) int {
	bin, err := os.MkdirTemp("", "berth-story-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(bin, "berth"), "github.com/berth-registry/berth/cmd/berth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "berth does not build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("STORY_BIN", bin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// The main job, end to end.
func TestStory(t *testing.T) {
	t.Parallel()
	awscli := need(t, "aws")
	e := engine.Start(t, engine.Options{})
	script(t, "story", append(e.Env(""), "AWSCLI="+awscli), map[string]string{"docker": e.Client})
}

// A platform team shares with an organizational unit, and a security team sets guard-rails.
func TestOrganization(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "organization", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A production account pulls through a role of another account.
func TestCrossAccountRole(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "role", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A build service acts for its customers, and for nobody else.
func TestService(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "service", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A pipeline works without long-lived keys, by the tokens of an identity provider.
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "web-identity", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A vendor opens its whole registry to a customer.
func TestRegistryPolicy(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "registry-policy", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// Docker's images expire, come back, and are kept where docker says that they run.
func TestDockerLifecycle(t *testing.T) {
	t.Parallel()
	awscli := need(t, "aws")
	e := engine.Start(t, engine.Options{})
	script(t, "docker", append(e.Env(""), "AWSCLI="+awscli), map[string]string{"docker": e.Client})
}

// A team archives what it rarely needs, and asks for it back.
func TestArchive(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "archive", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// What is pushed gets signed, and what refers to an image is found.
func TestSigning(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "signing", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// Somebody looks which images are pulled, but for a scanner; and changes how the registry of an account behaves.
func TestPulls(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "pulls", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// Tags that were released stay what they are, on every way by which a tag can be moved.
func TestImmutable(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "immutable", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A team pushes to repositories that nobody made.
func TestCreateOnPush(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "create-on-push", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// Somebody is refused, and finds out why.
func TestExplain(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "explain", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A person signs in with a password.
func TestLogin(t *testing.T) {
	t.Parallel()
	awscli := need(t, "aws")
	script(t, "login", []string{"AWSCLI=" + awscli}, nil)
}

// Images are brought back when they were deleted by mistake, and locked.
func TestKeep(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "keep", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// A team looks what a lifecycle policy would do, and puts it.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "lifecycle", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// An operator loses a machine, and has a backup.
func TestBackup(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "backup", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// Somebody looks whether everything that is stored is whole, and it is not.
func TestFsck(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "fsck", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

func TestSkopeo(t *testing.T) {
	t.Parallel()
	awscli, skopeo := need(t, "aws"), need(t, "skopeo")
	script(t, "skopeo", []string{"AWSCLI=" + awscli}, map[string]string{"skopeo": skopeo})
}

func TestCrane(t *testing.T) {
	t.Parallel()
	awscli, crane := need(t, "aws"), need(t, "crane")
	script(t, "crane", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane})
}

// AWS's own helper serves only names of AWS: with --domain amazonaws.com and berth's authority, references to images and this helper work as they are.
func TestCredentialHelper(t *testing.T) {
	t.Parallel()
	awscli, crane, helper := need(t, "aws"), need(t, "crane"), need(t, "docker-credential-ecr-login")
	namespaces(t)
	script(t, "credential-helper", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane, "docker-credential-ecr-login": helper})
}

// The same with docker, whose engine has to find and to trust the registry too.
func TestDockerWithNamesOfAWS(t *testing.T) {
	t.Parallel()
	awscli, helper := need(t, "aws"), need(t, "docker-credential-ecr-login")
	namespaces(t)
	e := engine.Start(t, engine.Options{}) // is there any? The script starts one that knows more.
	script(t, "docker-aws-names", append(e.Env(""), "AWSCLI="+awscli), map[string]string{"docker": e.Client, "docker-credential-ecr-login": helper})
}

// Kubernetes asks this provider for the credentials of an image.
func TestCredentialProvider(t *testing.T) {
	t.Parallel()
	awscli, crane, provider := need(t, "aws"), need(t, "crane"), need(t, "ecr-credential-provider")
	namespaces(t)
	script(t, "credential-provider", []string{"AWSCLI=" + awscli}, map[string]string{"crane": crane, "ecr-credential-provider": provider})
}

var install = map[string]string{
	"aws":                         "apt-get install awscli",
	"skopeo":                      "apt-get install skopeo",
	"crane":                       "make test installs it",
	"docker-credential-ecr-login": "make test installs it",
	"ecr-credential-provider":     "make test installs it",
}

// need finds a program where make test installs it, where Debian does, or on PATH, and skips the test when it is nowhere.
func need(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{filepath.Join("../../.tools/bin", name), filepath.Join("/usr/bin", name)} {
		if _, err := os.Stat(path); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not here (%s)", name, install[name])
	}
	return path
}

// namespaces skips a test that needs an /etc/hosts of its own where it cannot have one.
func namespaces(t *testing.T) {
	t.Helper()
	args := append(engine.WithHosts("/etc/hosts"), "true")
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Skipf("a mount namespace cannot be made (it needs root): %v: %s", err, bytes.TrimSpace(out))
	}
}

// script runs testdata/NAME.txtar. Its PATH begins with the given programs, aws and berth.
func script(t *testing.T, name string, env []string, programs map[string]string) {
	bin := t.TempDir()
	for program, path := range programs {
		if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	// The aws CLI of Debian 12 does not know AWS_ENDPOINT_URL yet.
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\nexec \"$AWSCLI\" ${AWS_ENDPOINT_URL:+--endpoint-url \"$AWS_ENDPOINT_URL\"} \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var provider issuer
	testscript.Run(t, testscript.Params{
		Files:               []string{filepath.Join("testdata", name+".txtar")},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			port, err := freePort("127.0.0.1")
			if err != nil {
				return err
			}
			e.Vars = append(e.Vars,
				"PATH="+bin+":"+os.Getenv("STORY_BIN")+":"+os.Getenv("PATH"),
				"HOME="+e.WorkDir,
				"PORT="+fmt.Sprint(port),
				fmt.Sprintf("LOOPBACK=127.53.%d.%d", port>>8, port&255), // an address of this machine whose port 443 is as free as that port
				"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_CONFIG_FILE="+filepath.Join(e.WorkDir, "aws-config"),
				"CGO_ENABLED=0", "GOCACHE="+goEnv("GOCACHE"), "GOFLAGS=-buildvcs=false",
			)
			e.Vars = append(e.Vars, env...)
			e.Setenv("DOCKER_CONFIG", filepath.Join(e.WorkDir, "docker"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":   ready,
			"set":     set,
			"model":   model,
			"field":   field,
			"match":   match,
			"profile": profile,
			"hosts":   hosts,
			"layout":  layout,
			"replace": replace,
			"until":   until,
			"request": request,
			"issuer":  provider.start,
			"token":   provider.token,
			// start-docker HOSTS CA starts an engine that sees this as /etc/hosts and trusts only these authorities.
			"start-docker": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 2 {
					ts.Fatalf("usage: start-docker HOSTS CA")
				}
				e := engine.Start(t, engine.Options{Hosts: ts.ReadFile(args[0]), CA: ts.MkAbs(args[1])})
				ts.Setenv("DOCKER_HOST", e.Host)
			},
		},
	})
}

func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}

func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// ready URL waits until a server answers there, for minutes on a busy machine.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: ready URL")
	}
	var last error
	for range 3000 {
		answer, err := http.Get(args[0])
		if err == nil {
			answer.Body.Close()
			return
		}
		last = err
		if strings.Contains(err.Error(), "certificate") { // it is there: its certificate is for others to judge
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("no answer: %v", last)
}

// set NAME FILE sets an environment variable to the content of a file, such as stdout, without the end of the line.
func set(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: set NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// model SERVICE lets the aws CLI know those operations of a service that are newer than it, as `aws configure add-model` does: from the model that berth serves.
func model(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: model SERVICE")
	}
	text, err := os.ReadFile(filepath.Join("../../lang/awswire/models", args[0]+".json"))
	ts.Check(err)
	var about struct{ Metadata struct{ APIVersion string } }
	ts.Check(json.Unmarshal(text, &about))
	dir := ts.MkAbs(filepath.Join(".aws/models", args[0], about.Metadata.APIVersion))
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, "service-2.json"), text, 0o644))
}

// match NAME FILE REGEXP sets an environment variable to what the first group of the expression matches.
func match(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: match NAME FILE REGEXP")
	}
	expression, err := regexp.Compile(args[2])
	ts.Check(err)
	found := expression.FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) < 2 {
		ts.Fatalf("%s has nothing like %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

// replace FILE OLD=NEW... replaces texts in a file of the work folder.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: replace FILE OLD=NEW...")
	}
	text := ts.ReadFile(args[0])
	for _, pair := range args[1:] {
		before, after, _ := strings.Cut(pair, "=")
		text = strings.ReplaceAll(text, before, after)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// until exec PROGRAM ARGS... -- REGEXP runs the program again and again until it succeeds and its output matches: for what a server does in the background.
func until(ts *testscript.TestScript, _ bool, args []string) {
	last := len(args) - 1
	if last < 3 || args[0] != "exec" || args[last-1] != "--" {
		ts.Fatalf("usage: until exec PROGRAM ARGS... -- REGEXP")
	}
	expression, err := regexp.Compile("(?m)" + args[last])
	ts.Check(err)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:last-1]...)
		if err == nil && expression.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v: its output never matched %s: %v", args[1:last-1], args[last], err)
		}
	}
}

// field NAME FILE KEY... sets an environment variable to a member of the JSON in a file: the keys lead to it, and "*" is any.
func field(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: field NAME FILE KEY...")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &value))
	for _, key := range args[2:] {
		object, _ := value.(map[string]any)
		value = object[key]
		if key == "*" {
			for _, value = range object {
				break
			}
		}
	}
	text, ok := value.(string)
	if !ok {
		ts.Fatalf("no text at %v", args[2:])
	}
	ts.Setenv(args[0], text)
}

// profile NAME adds the access key that the last command printed (id, secret and perhaps session token, as text) to the credentials file; of two profiles of
// one name the last counts.
func profile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: profile NAME")
	}
	key := strings.Fields(ts.ReadFile("stdout"))
	if len(key) != 2 && len(key) != 3 {
		ts.Fatalf("no access key was printed: %q", key)
	}
	f, err := os.OpenFile(ts.Getenv("AWS_SHARED_CREDENTIALS_FILE"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = fmt.Fprintf(f, "\n[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", args[0], key[0], key[1])
	ts.Check(err)
	if len(key) == 3 {
		_, err = fmt.Fprintf(f, "aws_session_token = %s\n", key[2])
		ts.Check(err)
	}
	ts.Check(f.Close())
}

// hosts PROGRAM ARGS... is exec with the file hosts in the work folder as /etc/hosts.
func hosts(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: hosts PROGRAM ARGS...")
	}
	all := append(engine.WithHosts(ts.MkAbs("hosts")), args...)
	err := ts.Exec(all[0], all[1:]...)
	if (err != nil) != neg {
		ts.Fatalf("%v: %v", args, err)
	}
}
