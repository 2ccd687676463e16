package berth

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/test/engine"
)

// program builds berth once for all tests of documents; TestMain takes it away.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "berth-program-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "berth"), "./cmd/berth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("berth does not build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if asked {
		dir, _ := program() //nolint:errcheck // the tests that asked have said it
		os.RemoveAll(dir)   //nolint:errcheck // it lies among what is temporary
	}
	os.Exit(code)
}

// asked says that program has run.
var asked bool

// built is a folder with bin/berth in it, as `make build` leaves it.
func built(t *testing.T) string {
	t.Helper()
	asked = true
	at, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(at, "berth"), filepath.Join(dir, "bin", "berth")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Law 8: the commands of docs/operate.md are run as they stand there, and each has to succeed.
func TestOperateWorksWhenCopied(t *testing.T) {
	dir, addr := built(t), freeAddress(t)
	serve(t, dir, addr)
	script := strings.ReplaceAll(strings.Join(blocks(t, "docs/operate.md", "sh"), "\n"), "127.0.0.1:5050", addr)
	if !strings.Contains(script, addr) {
		t.Fatal("docs/operate.md does not say where the server is")
	}
	shell := exec.Command("bash", "-c", "set -euo pipefail\n"+script)
	shell.Dir = dir
	shell.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	for _, want := range []string{"ready\n", "everything is as it has to be\n", "on its way out", "heap.pprof", "cpu.pprof"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands do not say %q", want)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]*)(?:#[^)]*)?\)`)

// What docs/operate.md leads to is there.
func TestOperateLeadsSomewhere(t *testing.T) {
	text, err := os.ReadFile("docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range link.FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("docs", to[1])); err != nil {
			t.Error(err)
		}
	}
}

// imageServes builds the image of deploy/image with the program, as `make image` does, runs it with as few rights as the files under deploy/ give it, and asks it for the registry.
func imageServes(t *testing.T, docker *engine.Engine, program string) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "berth"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := docker.Docker(dir, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	addr := freeAddress(t)
	run("build", "--tag", "berth:latest", "--file", "deploy/image/Dockerfile", dir)
	run("run", "--detach", "--name", "berth", "--network", "host", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--volume", "data:/data", "--env", "BERTH_LISTEN="+addr, "berth:latest")
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + addr + "/v2/")
		if err == nil {
			io.Copy(io.Discard, resp.Body) //nolint:errcheck // its status tells
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("/v2/ of the image: %s", resp.Status)
			}
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("the image does not serve: %v\n%s", err, run("logs", "berth"))
		}
	}
	if out := run("exec", "berth", "/berth", "health", "--endpoint", "http://"+addr); out != "ready\n" {
		t.Errorf("its health: %s", out)
	}
	if out := run("exec", "berth", "/berth", "account", "credentials"); !strings.HasPrefix(out, "[default]\n") {
		t.Errorf("its credentials: %d bytes", len(out))
	}
	run("stop", "--time", "45", "berth")
	if out := run("inspect", "--format", "{{.State.ExitCode}}", "berth"); out != "0\n" {
		t.Errorf("it ends with %s: %s", out, run("logs", "berth"))
	}
}
