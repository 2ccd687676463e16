package berth

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-registry/berth/test/engine"
)

// blocks returns the code blocks of a document that are marked with language.
func blocks(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, found[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no block of %q", file, language)
	}
	return blocks
}

var refusal = regexp.MustCompile(`(?m)^(.*?)  # refused: (.*)$`)

// Law 8: the story of README.md is run as it stands there, by a shell, with the real aws CLI and a real docker. A line that ends with "# refused: TEXT" has to fail and to
// say so.
func TestReadmeWorksWhenCopied(t *testing.T) {
	awscli, err := exec.LookPath("/usr/bin/aws")
	if err != nil {
		if awscli, err = exec.LookPath("aws"); err != nil {
			t.Skip("the aws CLI is not here (apt-get install awscli)")
		}
	}
	if makefile, err := os.ReadFile("Makefile"); err != nil || !strings.Contains(string(makefile), "\nrun: build") || !strings.Contains(string(makefile), "\n\t./bin/berth serve\n") {
		t.Errorf("make run does something else than this test: %v", err)
	}
	docker := engine.Start(t, engine.Options{})
	dir := built(t)
	tools := filepath.Join(dir, "tools")
	if err := os.Mkdir(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	// The aws CLI of Debian 12 does not know AWS_ENDPOINT_URL yet.
	wrapper := "#!/bin/sh\nexec " + awscli + " ${AWS_ENDPOINT_URL:+--endpoint-url \"$AWS_ENDPOINT_URL\"} \"$@\"\n"
	if err := os.WriteFile(filepath.Join(tools, "aws"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(docker.Client, filepath.Join(tools, "docker")); err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	serve(t, dir, addr)

	script := strings.ReplaceAll(strings.Join(blocks(t, "README.md", "sh"), "\n"), "127.0.0.1:5050", addr)
	if !strings.Contains(script, addr) || len(refusal.FindAllString(script, -1)) < 4 {
		t.Fatal("the story is not in README.md any more")
	}
	script = refusal.ReplaceAllString(script, "refused '$2' <<'LINE'\n$1\nLINE")
	prelude := `set -euo pipefail
refused() { # the command is standard input, so that it is run as it was written
  local out
  if out=$(eval "$(cat)" 2>&1 </dev/null); then echo "this was not refused: $out" >&2; exit 1; fi
  case $out in *"$1"*) echo "$out" ;; *) echo "this was refused otherwise: $out" >&2; exit 1 ;; esac
}
`
	shell := exec.Command("bash", "-c", prelude+script)
	shell.Dir = dir
	shell.Env = append(docker.Env(dir), "PATH="+tools+":"+os.Getenv("PATH"), "HOME="+dir, "AWS_PAGER=")
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	imageServes(t, docker, filepath.Join(dir, "bin", "berth"))
}

// serve runs what `make run` runs, in dir, until the test ends.
func serve(t *testing.T, dir, addr string) {
	t.Helper()
	c := exec.Command(filepath.Join(dir, "bin", "berth"), "serve", "--listen", addr)
	c.Dir = dir
	c.Env = append(os.Environ(), "BERTH_LOG_LEVEL=warn")
	c.Stdout, c.Stderr = t.Output(), t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it ended by itself, which Wait says
		if err := c.Wait(); err != nil {
			t.Errorf("the end of the server: %v", err)
		}
	})
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + addr + "/healthz")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("the server does not start: %v", err)
		}
	}
}
