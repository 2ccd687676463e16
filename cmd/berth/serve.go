package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/berth-registry/berth/server"
)

// ServeCmd is `berth serve`.
type ServeCmd struct {
	server.Config `embed:""`
}

// memoryGoal is what the collector aims at, in bytes: full caches would otherwise let the heap grow to twice their size before it looks. They are some 80 MiB at their bounds.
const memoryGoal = 92 << 20

// Run serves until it is interrupted.
func (c *ServeCmd) Run(ctx context.Context) error {
	if os.Getenv("GOMEMLIMIT") == "" && !strings.HasPrefix(c.Blobs, "s3:") { // buffers for parts of S3 need more
		debug.SetMemoryLimit(memoryGoal)
	}
	log := server.NewPromptBuffer(os.Stderr)
	defer log.Close()
	slog.SetDefault(c.Logger(log))
	access := server.NewBuffer(os.Stderr)
	defer access.Close()
	s, err := server.Open(ctx, c.Config, server.Options{Log: c.Logger(access)})
	if err != nil {
		return err
	}
	defer s.Close()
	listeners, err := s.Listen()
	if err != nil {
		return err
	}
	c.greet(s, listeners)
	return s.Serve(ctx, listeners)
}

// greet says how to go on: what to copy into the shell, and what to do then.
func (c *ServeCmd) greet(s *server.Server, listeners *server.Listeners) {
	urls, endpoints := listeners.URLs(), listeners.EndpointURLs()
	berth, file := os.Args[0], absolute(c.CredentialsFile())
	fmt.Printf("berth serves %s\n", urls[0])
	for _, more := range urls[1:] {
		fmt.Printf("         and %s\n", more)
	}
	for _, e := range c.VPCEndpoint {
		fmt.Printf("         and %s as %s\n", endpoints[e.ID], e.ID)
	}
	if at := listeners.MetricsURL(); at != "" {
		fmt.Printf("         and %s\n", at)
	}
	if s.First != nil {
		fmt.Printf("\nThis is the first start: account %s was made, and the access key of its root user is in %s.\n", s.First.ID, file)
	}
	if _, err := os.Stat(file); err != nil {
		fmt.Printf("\nIts accounts were made elsewhere, and so their keys are there: take the credentials file of the node that started first.\n")
	}
	fmt.Printf("\nTo use it, copy these two lines into a shell:\n\n")
	fmt.Printf("  export AWS_SHARED_CREDENTIALS_FILE=%s AWS_ENDPOINT_URL=%s\n", quote(file), urls[0])
	fmt.Printf("  export AWS_REGION=%s AWS_DEFAULT_REGION=%s%s\n", c.Regions[0], c.Regions[0], c.bundle())
	fmt.Printf("\nand go on with\n\n  aws ecr create-repository --repository-name hello\n  %s account create --name customer\n", berth)
	if c.Domain != "" {
		fmt.Printf("  %s hosts --domain %s    # the registries' names, for /etc/hosts\n", berth, c.Domain)
	}
	fmt.Printf("  %s quickstart        # shows the whole story by itself, on a server of its own\n\n", berth)
}

// bundle makes clients trust a certificate that berth signed itself.
func (c *ServeCmd) bundle() string {
	if !c.TLSSelfSigned {
		return ""
	}
	return " AWS_CA_BUNDLE=" + quote(absolute(c.CAFile()))
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
