package fault_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

const account, region, repository = "111222333444", "us-east-1", "app"

// berth is a program under test, with its data in two places that can fail apart from each other.
type berth struct {
	t           testing.TB
	program     string
	data, blobs string
	addr        string
	auth        string   // of the registry's HTTP API
	keys        string   // data folder with the first account's key, if that is another node's
	before      []string // what the program is run by, such as prlimit
	args        []string // more flags of berth serve
	env         []string
	stderr      io.Writer // nil keeps the last of what it says
	process     *exec.Cmd
	client      *http.Client
}

// build builds the program; overlay names a file for `go build -overlay`, or is empty.
func build(t testing.TB, overlay string) string {
	t.Helper()
	if overlay == "" {
		program, err := plain()
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	program := filepath.Join(t.TempDir(), "berth")
	c := exec.Command("go", append([]string{"build", "-trimpath", "-overlay", overlay, "-o", program}, "github.com/berth-registry/berth/cmd/berth")...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("berth does not build: %v\n%s", err, out)
	}
	return program
}

// newBerth makes an installation with one repository, and leaves it running.
func newBerth(t testing.TB, program, data, blobs string) *berth {
	t.Helper()
	b := newIdle(t, program, data, blobs)
	b.start(t)
	b.settle(t)
	return b
}

// newIdle is an installation that does not run yet, and may be there already.
func newIdle(t testing.TB, program, data, blobs string) *berth {
	t.Helper()
	b := &berth{t: t, program: program, data: data, blobs: blobs, addr: freeAddress(t), client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	t.Cleanup(b.kill)
	return b
}

// start launches the program and waits until it answers.
func (b *berth) start(t testing.TB) {
	t.Helper()
	b.launch()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
}

// api is what the first account calls the registry with.
func (b *berth) api(t testing.TB) *ecr.Client {
	t.Helper()
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedCredentialsFiles([]string{filepath.Join(cmp.Or(b.keys, b.data), "credentials")}), config.WithRegion(region), config.WithBaseEndpoint("http://"+b.addr))
	if err != nil {
		t.Fatal(err)
	}
	return ecr.NewFromConfig(c, func(o *ecr.Options) { o.RetryMaxAttempts = 1 })
}

// settle makes the repository, and signs in.
func (b *berth) settle(t testing.TB) {
	t.Helper()
	b.create(t, repository)
	b.signIn(t)
}

func (b *berth) create(t testing.TB, repository string) {
	t.Helper()
	if _, err := b.api(t).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String(repository)}); err != nil {
		t.Fatal(err)
	}
}

func (b *berth) signIn(t testing.TB) {
	t.Helper()
	token, err := b.api(t).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	b.auth = "Basic " + aws.ToString(token.AuthorizationData[0].AuthorizationToken)
	if _, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(b.auth, "Basic ")); err != nil {
		t.Fatal(err)
	}
}

// launch starts the program and does not wait for it. What it deletes is gone at once, so that a deleted image that is there again is an error and not kept by design.
func (b *berth) launch() {
	b.t.Helper()
	line := append(append([]string{}, b.before...), b.program, "serve", "--data", b.data, "--blobs", b.blobs, "--listen", b.addr, "--account", account, "--keep-removed", "0", "--log-level", "error")
	line = append(line, b.args...)
	b.process = exec.Command(line[0], line[1:]...)
	b.process.Env = append(os.Environ(), b.env...)
	if b.process.Stderr = b.stderr; b.stderr == nil {
		b.process.Stderr = &tail{}
	}
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
}

// tail keeps the last of what a process said.
type tail struct{ said []byte }

func (l *tail) Write(p []byte) (int, error) {
	l.said = append(l.said, p...)
	if over := len(l.said) - 8<<10; over > 0 {
		l.said = l.said[over:]
	}
	return len(p), nil
}

// ready waits until the program answers, or has ended.
func (b *berth) ready() error {
	for range 3000 {
		resp, err := b.client.Get("http://" + b.addr + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if b.over() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.kill()
	return fmt.Errorf("berth does not start: %s", b.said())
}

// over reports whether the program has ended. Its status is for those who wait for it.
func (b *berth) over() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.process.Process.Pid))
	return err == nil && strings.Contains(string(stat), ") Z ") || errors.Is(b.process.Process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// said is the last of what the program said; it has ended.
func (b *berth) said() string {
	if l, ok := b.process.Stderr.(*tail); ok {
		return string(l.said)
	}
	return ""
}

// end asks the program to end, and waits for it as long as it may take.
func (b *berth) end(within time.Duration) error {
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return b.ended(within)
}

// ended waits for the end of the program, and answers how that was.
func (b *berth) ended(within time.Duration) error {
	late := time.AfterFunc(within, func() { _ = b.process.Process.Signal(syscall.SIGKILL) })
	err := b.process.Wait()
	b.client.CloseIdleConnections()
	if !late.Stop() {
		return fmt.Errorf("it had not ended after %v", within)
	}
	return err
}

// ask sends a request and answers what came, whatever it is.
func (b *berth) ask(method, path string, body []byte, mediaType string) (status int, header http.Header, got []byte, err error) {
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header.Set("Authorization", b.auth)
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	got, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, got, err
}

// metric reads a metric without labels.
func (b *berth) metric(name string) string {
	_, _, text, _ := b.ask("GET", "/metrics", nil, "")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// health is the status of /readyz; 0 if nobody answers.
func (b *berth) health() int {
	status, _, _, _ := b.ask("GET", "/readyz", nil, "")
	return status
}

// soon waits until something is so.
func soon(t testing.TB, what string, within time.Duration, is func() bool) {
	t.Helper()
	for until := time.Now().Add(within); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("after %v still not: %s", within, what)
		}
	}
}

var under = flag.String("under", "", "the berth program that is tested, if it is not to be built from what is here")

// plain is the program as it is, built once for all cases.
var plain = sync.OnceValues(func() (string, error) {
	if *under != "" {
		return *under, nil
	}
	program := filepath.Join(folder, "berth")
	c := exec.Command("go", "build", "-trimpath", "-o", program, "github.com/berth-registry/berth/cmd/berth")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("berth does not build: %w\n%s", err, out)
	}
	return program, nil
})

// folder is where plain puts the program; TestMain makes and removes it.
var folder string

// TestMain removes what the cases share.
func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "berth-fault"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder) //nolint:errcheck // it is a temporary folder
	os.Exit(code)
}

// kill ends the program as a power cut does.
func (b *berth) kill() {
	if b.process == nil || b.process.Process == nil || b.process.ProcessState != nil { // it was never started, or has ended
		return
	}
	_ = b.process.Process.Kill()
	_ = b.process.Wait()
	b.client.CloseIdleConnections()
}

// errAway says that there was no answer: whether the request did something is not known.
var errAway = errors.New("no answer")

// do sends a request to the registry. An answer that the disk or the end of the server brought about is errAway.
func (b *berth) do(ctx context.Context, method, path string, body []byte, mediaType string, want int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+b.addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", b.auth)
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return nil, errors.Join(errAway, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, errors.Join(errAway, err)
	case resp.StatusCode >= 500:
		return nil, fmt.Errorf("%w: %s %s: %s %s", errAway, method, path, resp.Status, got)
	case resp.StatusCode != want:
		return got, fmt.Errorf("%s %s: %s, not %d: %s", method, path, resp.Status, want, got)
	}
	return got, nil
}

func (b *berth) path(format string, args ...any) string {
	return b.in(repository, format, args...)
}

// in is a path in a repository.
func (b *berth) in(repository, format string, args ...any) string {
	return "/v2/" + account + "/" + region + "/" + repository + fmt.Sprintf(format, args...)
}

// fsck has berth look at itself, beside the running server.
func (b *berth) fsck(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.Command(b.program, append([]string{"fsck", "--data", b.data, "--blobs", b.blobs}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("berth fsck: %v\n%s", err, out)
	}
}
