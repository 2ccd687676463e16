// Package s3test starts a real S3 server for tests: versitygw, on a free port of the loopback, over a temporary folder.
//
// It comes with: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Server is an S3 server with one empty bucket.
type Server struct {
	// Endpoint is http://127.0.0.1:port.
	Endpoint string
	// Bucket, AccessKey and SecretKey are what the server was started with. The secret holds characters that a URL has to escape.
	Bucket, AccessKey, SecretKey string
	// Client speaks to the server directly, to look at what a store left in the bucket.
	Client *s3.Client
}

// Start starts a server that lives as long as t. It skips t when there is no versitygw on PATH or among Go's installed programs.
func Start(t testing.TB) *Server {
	t.Helper()
	program := find()
	if program == "" {
		t.Skip("versitygw is not installed: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := &Server{Endpoint: "http://" + address, Bucket: "berth", AccessKey: "AKIDTEST", SecretKey: "s3cr3t/+with@signs"}
	dir := t.TempDir()
	data, sidecar := filepath.Join(dir, "data"), filepath.Join(dir, "sidecar")
	for _, d := range []string{data, sidecar} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var output bytes.Buffer
	cmd := exec.Command(program, "--access", s.AccessKey, "--secret", s.SecretKey, "--port", address, "posix", "--sidecar", sidecar, data)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &output, &output, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})

	s.Client = s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		_, err := s.Client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(s.Bucket)})
		if err == nil {
			return s
		}
		select {
		case <-ended:
			t.Fatalf("versitygw ended: %s", output.String())
		case <-ctx.Done():
			t.Fatalf("versitygw does not answer: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// URL names the bucket, with everything under prefix, as blob.Open and --blobs take it. options are more of its query: "redirect=true".
func (s *Server) URL(prefix string, options ...string) string {
	return s.URLAt(s.Endpoint, prefix, options...)
}

// URLAt is URL for a server that is reached at another endpoint: a proxy in front of it.
func (s *Server) URLAt(endpoint, prefix string, options ...string) string {
	query := append([]string{"endpoint=" + url.QueryEscape(endpoint), "region=us-east-1", "path-style=true"}, options...)
	return fmt.Sprintf("s3://%s@%s/%s?%s", url.UserPassword(s.AccessKey, s.SecretKey), s.Bucket, prefix, strings.Join(query, "&"))
}

func find() string {
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path
	}
	var dirs []string
	if out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output(); err == nil {
		lines := strings.Split(string(out), "\n")
		dirs = append(dirs, lines[0])
		for _, gopath := range filepath.SplitList(lines[1]) {
			dirs = append(dirs, filepath.Join(gopath, "bin"))
		}
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, "versitygw"); dir != "" {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return path
			}
		}
	}
	return ""
}
