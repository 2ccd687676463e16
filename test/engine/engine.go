// Package engine runs a Docker engine that belongs to one test: its own daemon, store, socket and client settings, so that a test of the
// real docker changes nothing on the machine and meets nothing that was there before.
package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options says what the daemon shall see that the machine does not have. The zero value is an engine that knows only 127.0.0.1.
type Options struct {
	Hosts string // text of an /etc/hosts of its own, seen by nobody else (a mount namespace); "" leaves the machine's
	CA    string // file with the only certificate authorities that it trusts; "" leaves the machine's
}

// Engine is a running daemon without network for its containers: images are built, pushed, pulled and run with --network none, or host.
type Engine struct {
	Host   string // what DOCKER_HOST has to be
	Client string // path of the docker client that goes with the daemon
	dir    string
	log    string
	done   chan struct{} // closed when the daemon has ended
}

// Start starts an engine that ends with the test. It skips the test, saying why, where an engine cannot run.
func Start(t testing.TB, o Options) *Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a docker engine needs root")
	}
	daemon, err := find("/usr/sbin/dockerd", "dockerd")
	if err != nil {
		t.Skipf("no docker engine: %v (apt-get install docker.io)", err)
	}
	client, err := find("/usr/bin/docker", "docker") // before PATH, where a client without its engine may stand first
	if err != nil {
		t.Skipf("no docker client: %v (apt-get install docker.io, from Debian 13 on docker-cli)", err)
	}
	// Not t.TempDir: a socket's path has at most 108 bytes.
	dir, err := os.MkdirTemp("", "berth-docker-")
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{Host: "unix://" + dir + "/docker.sock", Client: client, dir: dir, log: dir + "/log", done: make(chan struct{})}
	t.Cleanup(func() {
		syscall.Unmount(dir+"/exec/netns/default", syscall.MNT_DETACH) //nolint:errcheck // it is there if a container used the machine's network
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("left behind: %v", err)
		}
	})
	if err := e.start(t, daemon, o); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(time.Minute)
	for {
		if exec.Command(client, "--host", e.Host, "version").Run() == nil {
			return e
		}
		select {
		case <-e.done:
			t.Skipf("the docker engine cannot run here: %s", e.lastWords())
		case <-deadline:
			t.Fatalf("the docker engine does not answer: %s", e.lastWords())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (e *Engine) start(t testing.TB, daemon string, o Options) error {
	args := []string{
		daemon,
		"--data-root", e.dir + "/data", "--exec-root", e.dir + "/exec", "--pidfile", e.dir + "/pid", "--host", e.Host,
		"--config-file", e.dir + "/daemon.json", // the machine's own settings do not reach it
		"--iptables=false", "--ip6tables=false", "--bridge=none",
	}
	if err := os.WriteFile(e.dir+"/daemon.json", []byte("{}\n"), 0o600); err != nil {
		return err
	}
	if o.Hosts != "" {
		if err := os.WriteFile(e.dir+"/hosts", []byte(o.Hosts), 0o644); err != nil {
			return err
		}
		args = append(WithHosts(e.dir+"/hosts"), args...)
	}
	log, err := os.Create(e.log)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = os.Environ()
	if o.CA != "" {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+o.CA, "SSL_CERT_DIR=/nonexistent")
	}
	cmd.Stdout, cmd.Stderr = log, log
	// An interrupt at the terminal goes to the test, which ends the engine; a test that is killed takes it along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		cmd.Wait() //nolint:errcheck // how it ended stands in its log
		close(e.done)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended by itself
		select {
		case <-e.done:
		case <-time.After(30 * time.Second):
			t.Logf("the docker engine did not end: %s", e.lastWords())
			cmd.Process.Kill() //nolint:errcheck // it may have ended just now
			<-e.done
		}
	})
	return nil
}

// WithHosts is the beginning of a command line whose rest runs with the given file as /etc/hosts, in a mount namespace of its own.
func WithHosts(file string) []string {
	return []string{"unshare", "--mount", "--propagation", "slave", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, file}
}

// Env is the environment in which any docker client talks to this engine, with its settings and logins kept in the folder config.
func (e *Engine) Env(config string) []string {
	return []string{
		"DOCKER_HOST=" + e.Host,
		"DOCKER_CONFIG=" + config,
		"DOCKER_BUILDKIT=0", // the builder within the engine: BuildKit is a plugin that need not be there
	}
}

// Docker runs the client and returns what it printed, on both of its outputs.
func (e *Engine) Docker(config string, args ...string) (string, error) {
	return e.DockerInput(config, "", args...)
}

// DockerInput is Docker with something on the standard input, such as a password.
func (e *Engine) DockerInput(config, input string, args ...string) (string, error) {
	cmd := exec.Command(e.Client, args...)
	cmd.Env = append(os.Environ(), e.Env(config)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// lastWords is the end of the daemon's log.
func (e *Engine) lastWords() string {
	log, err := os.ReadFile(e.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-3):], []byte("\n")))
}

// find takes the program at path if it is there, or else the one of that name on PATH.
func find(path, name string) (string, error) {
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	found, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) {
		return filepath.Abs(found)
	}
	return found, err
}
