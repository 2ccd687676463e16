package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The engine builds an image FROM scratch with a static program and runs it, and its client keeps its settings where it is told.
func TestBuildAndRun(t *testing.T) {
	e := Start(t, Options{})
	dir := t.TempDir()
	hello := filepath.Join(dir, "hello")
	source := filepath.Join(dir, "hello.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"hello from scratch\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", hello, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY hello /hello\nENTRYPOINT [\"/hello\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	config := t.TempDir()
	if _, err := e.Docker(config, "build", "-t", "hello", dir); err != nil {
		t.Fatal(err)
	}
	out, err := e.Docker(config, "run", "--rm", "--network", "none", "hello")
	if err != nil || !strings.Contains(out, "hello from scratch") {
		t.Fatalf("%v: %s", err, out)
	}
	images, err := e.Docker(config, "image", "ls", "--format", "{{.Repository}}")
	if err != nil || strings.TrimSpace(images) != "hello" {
		t.Errorf("its store is not its own: %v: %q", err, images)
	}
}

// What an engine sees as /etc/hosts is seen by nobody else.
func TestHosts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a mount namespace needs root")
	}
	before, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("127.0.0.9 registry.example.org\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append(WithHosts(file), "getent", "hosts", "registry.example.org")
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "127.0.0.9") {
		t.Errorf("inside: %v: %s", err, out)
	}
	if after, err := os.ReadFile("/etc/hosts"); err != nil || string(after) != string(before) {
		t.Errorf("/etc/hosts of the machine changed: %v", err)
	}
}
