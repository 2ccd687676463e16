package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/sys/unix"
)

// floodOrder is what a process that floods is told on its standard input; when that ends, it ends.
type floodOrder struct {
	Addr, Base, Auth string
	Reads            []request // asked for again and again, each by some workers
	Workers          int       // of each kind of reads
	Pushers          int       // who push blobs
}

// flood is the process that floods: one of its own, since those who are measured must not wait for it.
type flood struct {
	cmd   *exec.Cmd
	in    io.Closer
	out   *json.Decoder
	begun time.Time
}

// startFlood floods a server in the name of its second account: manifests, two calls of the API, passwords, and pushes.
func (b *bench) startFlood(ctx context.Context, t *target) (*flood, error) {
	o := floodOrder{Addr: t.addr, Base: t.flood.base, Auth: t.flood.auth, Workers: 24, Pushers: 32}
	o.Reads = append(o.Reads, t.flood.get(small+"/manifests/"+t.flood.images[0].tag))
	for operation, body := range map[string]string{
		"ListImages": `{"repositoryName":"` + small + `","maxResults":100}`, "BatchGetImage": `{"repositoryName":"` + small + `","imageIds":[{"imageTag":"` + t.flood.images[1].tag + `"}]}`,
		"GetAuthorizationToken": `{}`,
	} {
		r, err := t.flood.signed(ctx, operation, body)
		if err != nil {
			return nil, err
		}
		o.Reads = append(o.Reads, r)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &flood{cmd: exec.CommandContext(ctx, self, "flood")}
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	f.cmd.Stderr = b.say
	in, err := f.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.in, f.out, f.begun = in, json.NewDecoder(out), time.Now()
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	return f, json.NewEncoder(in).Encode(o)
}

// end ends the flood, and answers how many requests were answered in which time.
func (f *flood) end() (n int, took time.Duration, err error) {
	took = time.Since(f.begun)
	if err := f.in.Close(); err != nil {
		return 0, took, err
	}
	err = f.out.Decode(&n)
	if ended := f.cmd.Wait(); err == nil {
		err = ended
	}
	return n, took, err
}

// signed is a call of the ECR API. It is signed once, and good for a quarter of an hour (H65).
func (t *target) signed(ctx context.Context, operation, body string) (request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+t.addr+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	credentials, err := t.root.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
		return nil, err
	}
	text := "POST / HTTP/1.1\r\nHost: " + t.addr + "\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n"
	for name, values := range r.Header {
		text += name + ": " + values[0] + "\r\n"
	}
	return request(text + "\r\n" + body), nil
}

// serveFlood floods until its input ends. It runs when nobody else wants to, so that who is measured on the same processor never waits for it.
func serveFlood(in io.Reader, out io.Writer) error {
	if err := eachThread(os.Getpid(), func(id int) error {
		return unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
	}); err != nil {
		return err
	}
	var o floodOrder
	orders := json.NewDecoder(in)
	if err := orders.Decode(&o); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, in) //nolint:errcheck // it ends
		stop()
	}()
	t := &target{addr: o.Addr, base: o.Base, auth: o.Auth}
	c := newCorpus()
	far := time.Now().Add(time.Hour)
	var answered, failed atomic.Int64
	var first sync.Once
	again := func(f func() error) {
		for ctx.Err() == nil {
			if err := f(); err != nil && ctx.Err() == nil {
				failed.Add(1)
				first.Do(func() { fmt.Fprintln(os.Stderr, "flood:", err) })
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		again(func() error {
			_, err := pulling(ctx, t, len(o.Reads)*o.Workers, far, func(client, turn int) []request {
				if turn > 0 {
					answered.Add(1)
				}
				return o.Reads[client%len(o.Reads):][:1]
			})
			return err
		})
	})
	for range o.Pushers {
		all.Go(func() {
			again(func() error {
				_, err := pushing(ctx, t, 1, far, func(p *pusher) error {
					err := p.monolithic(small, c.blob(smallSize))
					answered.Add(2)
					return err
				})
				return err
			})
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		fmt.Fprintf(os.Stderr, "flood: %d failed\n", n)
	}
	return json.NewEncoder(out).Encode(answered.Load())
}
