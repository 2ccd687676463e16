package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The repositories that scenarios use. Those with many tags stand apart from the small ones.
const (
	small = "bench"
	many  = "bench-many"
)

// target is a server that is measured.
type target struct {
	name     string
	durable  bool   // an acknowledged push survives a power cut
	careless bool   // it asks nothing of the disk before it answers a push: no measure for one that does
	addr     string // 127.0.0.1:port
	base     string // path before the name of a repository
	auth     string // the header line that signs in, or ""
	dir      string // its data and log
	process  *process
	launch   func() (*process, error)
	settle   func(ctx context.Context) error // after the first start: accounts, repositories
	// store puts an object where GET path finds it, without pushing; nil for a registry.
	store func(path string, parts ...[]byte) error
	ready string // path that answers once it works
	// images is what was pushed for the scenarios that pull.
	images []image
	smalls []blob
	large  *blob
	tags   int        // in the repository many
	root   aws.Config // of berth: calls of its root user
	flood  *target    // the same server, as an account sees it that floods it
}

// newTarget makes the target of that name, with a fresh folder of this name; nil when its program is not here.
func (b *bench) newTarget(name, folder string) (*target, error) {
	t := &target{name: name, base: "/v2/", ready: "/v2/", dir: filepath.Join(b.dir, folder)}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	t.addr = fmt.Sprintf("127.0.0.1:%d", port)
	make, ok := map[string]func(*target) error{
		"berth": b.newBerth, "before": b.newBerth, "distribution": newDistribution, "distribution-auth": newDistributionAuth, "zot": newZot, "olareg": newOlareg, "nginx": newNginx, "floor": newFloor,
	}[name]
	if !ok {
		return nil, fmt.Errorf("no target is called %q", name)
	}
	if err := make(t); errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return t, nil
}

// start launches the target, waits until it answers, and lets it settle.
func (t *target) start(ctx context.Context) error {
	if _, err := t.restart(ctx, t.ready, 0); err != nil {
		return err
	}
	if t.settle != nil {
		return t.settle(ctx)
	}
	return nil
}

// restart launches the target and answers how long it took until path was answered: with this status, or with any when status is 0.
func (t *target) restart(ctx context.Context, path string, status int) (time.Duration, error) {
	start := time.Now()
	p, err := t.launch()
	if err != nil {
		return 0, err
	}
	t.process = p
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+path, nil)
		if err != nil {
			return 0, err
		}
		request.Header.Set("Accept", accept)
		if t.auth != "" {
			request.Header.Set("Authorization", t.auth[len("Authorization: "):len(t.auth)-len("\r\n")])
		}
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
			if status == 0 || status == answer.StatusCode {
				return time.Since(start), nil
			}
			err = fmt.Errorf("%s answers %s", path, answer.Status)
		}
		select {
		case <-p.done:
			return 0, fmt.Errorf("%s ended: %s", t.name, p.lastWords())
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(start) > time.Minute {
			return 0, fmt.Errorf("%s does not work: %w: %s", t.name, err, p.lastWords())
		}
	}
}

func (t *target) stop() {
	if t.process != nil {
		t.process.stop()
		t.process = nil
	}
}

// program finds a program on PATH, or where make bench installs it.
func program(name string) (string, error) {
	if path, err := filepath.Abs(".tools/bin/" + name); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

func newDistribution(t *target) error { return distribution(t, "") }

// newDistributionAuth is distribution with the one kind of sign-in that it has by itself: a file of passwords, hashed at the least cost that htpasswd takes for its default.
func newDistributionAuth(t *target) error {
	file := filepath.Join(t.dir, "htpasswd")
	if err := os.WriteFile(file, []byte("bench:$2y$05$abcdefghijklmnopqrstuu9v.wgSpAQwnM0MaCtd.77WoEHF.lu62\n"), 0o644); err != nil {
		return err
	}
	t.auth = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("bench:bench")) + "\r\n"
	return distribution(t, "auth: {htpasswd: {realm: bench, path: "+file+"}}\n")
}

func distribution(t *target, auth string) error {
	registry, err := program("registry")
	if err != nil {
		return err
	}
	config := filepath.Join(t.dir, "config.yml")
	err = os.WriteFile(config, fmt.Appendf(nil, `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
  filesystem: {rootdirectory: %s/data}
http: {addr: %s}
%s`, t.dir, t.addr, auth), 0o644)
	t.launch = func() (*process, error) {
		return spawn(t.dir, []string{"OTEL_TRACES_EXPORTER=none"}, registry, "serve", config)
	}
	return err
}

// newZot makes it durable: commit: true is fsync.
func newZot(t *target) error {
	zot, err := program("zot")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(t.addr)
	if err != nil {
		return err
	}
	config := filepath.Join(t.dir, "config.json")
	err = os.WriteFile(config, fmt.Appendf(nil, `{"storage": {"rootDirectory": "%s/data", "commit": true}, "http": {"address": %q, "port": %q}, "log": {"level": "error"}}`,
		t.dir, host, port), 0o644)
	t.durable = true
	t.launch = func() (*process, error) { return spawn(t.dir, nil, zot, "serve", config) }
	return err
}

// newOlareg is olareg with its files; it never syncs one.
func newOlareg(t *target) error {
	olareg, err := program("olareg")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(t.addr)
	if err != nil {
		return err
	}
	t.careless = true
	t.launch = func() (*process, error) {
		return spawn(t.dir, nil, olareg, "serve", "--verbosity", "error", "--addr", host, "--port", port, "--dir", filepath.Join(t.dir, "data"))
	}
	return nil
}

// newNginx serves files that lie where a registry's paths lead.
func newNginx(t *target) error {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx = "/usr/sbin/nginx"; !exists(nginx) {
			return exec.ErrNotFound
		}
	}
	www := filepath.Join(t.dir, "www")
	config := filepath.Join(t.dir, "nginx.conf")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	err = os.WriteFile(config, fmt.Appendf(nil, `%s
daemon off;
worker_processes 2;
pid %[2]s/pid;
error_log %[2]s/log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  client_body_temp_path %[2]s/t1; proxy_temp_path %[2]s/t2; fastcgi_temp_path %[2]s/t3; uwsgi_temp_path %[2]s/t4; scgi_temp_path %[2]s/t5;
  server {
    listen %[3]s;
    root %[4]s;
    location ~ /manifests/ { default_type %[5]s; }
  }
}
`, user, t.dir, t.addr, www, manifestOCI), 0o644)
	t.store = func(path string, parts ...[]byte) error {
		file := filepath.Join(www, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		for _, part := range parts {
			if _, err := f.Write(part); err != nil {
				f.Close()
				return err
			}
		}
		return f.Close()
	}
	t.launch = func() (*process, error) { return spawn(t.dir, nil, nginx, "-p", t.dir, "-c", config) }
	return err
}

func newFloor(t *target) error {
	self, err := os.Executable()
	t.durable = true
	t.launch = func() (*process, error) { return spawn(t.dir, nil, self, "serve-floor", t.addr, t.dir) }
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
