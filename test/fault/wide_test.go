package fault_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

var (
	wide    = flag.Duration("wide", 12*time.Second, "for how long three nodes are worked on")
	pushers = flag.Int("pushers", 4, "clients that do so")
)

// hastyLease is that of layers in a berth that collects all the time, unless BERTH_LEASE says otherwise; who is told of a layer can count on half of it.
const hastyLease = 6 * time.Second

// step is one thing that a client did to a tag. digest is what it wrote, or what a deletion by digest took away.
type step struct{ kind, digest string }

// outcome is what came of it. Of a read, digest is what it said, "" for no such tag; done says of the others that they were acknowledged, and unknown that there was no answer.
type outcome struct {
	digest        string
	done, unknown bool
}

// tags is the model that the history of each tag has to fit: a register, of which the operations happen at once at some moment between their beginning and their end.
var tags = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(string), input.(step), output.(outcome)
		switch in.kind {
		case "push":
			return true, in.digest
		case "untag":
			return out.unknown || out.done == (now != ""), ""
		case "delete": // of the image, whatever its tags are
			if now == in.digest {
				return out.unknown || out.done, ""
			}
			return true, now
		default:
			return out.digest == now, now
		}
	},
}

// history is what the clients did, by tag.
type history struct {
	mu    sync.Mutex
	began time.Time
	of    map[string][]porcupine.Operation
}

func newHistory() *history {
	return &history{began: time.Now(), of: map[string][]porcupine.Operation{}}
}

func (h *history) add(tag string, client int, in step, out outcome, call time.Time) {
	op := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(call.Sub(h.began)), Return: int64(time.Since(h.began))}
	if out.unknown { // it may happen at any time, or never
		op.Return = int64(time.Hour)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of[tag] = append(h.of[tag], op)
}

// linearizable fails t for each tag whose history cannot have been.
func (h *history) linearizable(t testing.TB) {
	t.Helper()
	steps, unknown := 0, 0
	for tag, ops := range h.of {
		pushed := map[string]bool{}
		for _, op := range ops {
			if in := op.Input.(step); in.kind == "push" {
				pushed[in.digest] = true
			}
		}
		ops = slices.DeleteFunc(ops, func(op porcupine.Operation) bool { // of an image that never had the tag
			in := op.Input.(step)
			return in.kind == "delete" && !pushed[in.digest]
		})
		steps += len(ops)
		for _, op := range ops {
			if op.Output.(outcome).unknown {
				unknown++
			}
		}
		switch porcupine.CheckOperationsTimeout(tags, ops, 30*time.Second) {
		case porcupine.Illegal:
			t.Errorf("the history of %s is none of a register", tag)
			for _, op := range ops {
				t.Logf("%s: %d %8.3f-%8.3f %+v %+v", tag, op.ClientId, float64(op.Call)/1e9, float64(op.Return)/1e9, op.Input, op.Output)
			}
		case porcupine.Unknown:
			t.Errorf("the history of %s could not be judged in time: %d steps", tag, len(ops))
		}
	}
	t.Logf("%d steps at %d tags, %d without an answer", steps, len(h.of), unknown)
}

// crowd is who works on a cluster.
type crowd struct {
	*cluster
	t       testing.TB
	lease   time.Duration // of layers
	tags    int           // that there are
	history *history
	shared  [][]byte
	asleep  atomic.Pointer[berth] // a node that is paused: clients mostly go elsewhere, as a balancer would have them

	mu     sync.Mutex
	images []*image // that were pushed some time
	acks   atomic.Int64

	base                  string       // a repository from which shared layers may be mounted; empty for none
	mounted, timely, late atomic.Int64 // layers that were; pushes that came within the lease of their layers, and after it
}

// pick gives a node, which is seldom one that is asleep.
func (c *crowd) pick(r *rand.Rand) *berth {
	b := c.any(r)
	for b == c.asleep.Load() && r.IntN(30) > 0 {
		b = c.any(r)
	}
	return b
}

// never reports that a request cannot have done anything.
func never(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// client does what clients do until ctx ends.
func (c *crowd) client(ctx context.Context, n int, r *rand.Rand) {
	for ctx.Err() == nil {
		tag := fmt.Sprintf("t%d", r.IntN(c.tags))
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			c.push(ctx, n, r, tag)
		case 4:
			c.retag(ctx, n, r, tag)
		case 5:
			c.remove(ctx, n, r, tag)
		case 6:
			c.untag(ctx, n, r, tag)
		default:
			c.read(ctx, n, r, tag)
		}
	}
}

// push pushes a new image, every request by another node.
func (c *crowd) push(ctx context.Context, n int, r *rand.Rand, tag string) {
	i := newImage(r, tag, nil, 300, 5_000)
	i = imageOf(tag, append(i.blobs, c.shared[r.IntN(len(c.shared))]))
	pick, told := func() *berth { return c.pick(r) }, time.Now()
	for _, content := range i.blobs {
		b := pick()
		status, _, _, err := b.send(ctx, "HEAD", b.path("/blobs/%s", digest(content)), nil)
		if err != nil || status >= 500 {
			return
		}
		if status == http.StatusOK {
			continue
		}
		if c.base != "" {
			if status, err = c.mount(ctx, pick(), content); err != nil || status >= 500 {
				return
			}
			if status == http.StatusCreated {
				continue
			}
		}
		chunk := 0
		if r.IntN(4) == 0 {
			chunk = len(content)/2 + 1
		}
		if status, err = putBlob(ctx, pick, content, chunk); err != nil || status >= 500 {
			return
		}
		if status != http.StatusCreated {
			c.t.Errorf("a blob was refused: %d", status)
			return
		}
	}
	c.put(ctx, n, r, i, tag, told)
}

// put pushes a manifest. Its layers were there at told.
func (c *crowd) put(ctx context.Context, n int, r *rand.Rand, i *image, tag string, told time.Time) {
	b, call := c.pick(r), time.Now()
	status, got, _, err := b.send(ctx, "PUT", b.path("/manifests/%s", tag), i.manifest, "Content-Type", imageManifest)
	if !told.IsZero() && time.Since(told) < c.lease/2 {
		c.timely.Add(1)
	} else if !told.IsZero() {
		c.late.Add(1)
	}
	switch {
	case err != nil && never(err):
	case err != nil || status >= 500:
		c.history.add(tag, n, step{"push", i.digest}, outcome{unknown: true}, call)
	case status == http.StatusCreated:
		c.history.add(tag, n, step{"push", i.digest}, outcome{done: true}, call)
		c.acks.Add(1)
		c.mu.Lock()
		c.images = append(c.images, i)
		c.mu.Unlock()
	case !told.IsZero() && time.Since(told) < c.lease/2:
		c.t.Errorf("a push was refused %v after it was told that the layers are there: %d %s", time.Since(told), status, got)
	}
}

// retag pushes the manifest of an image that is there, or was.
func (c *crowd) retag(ctx context.Context, n int, r *rand.Rand, tag string) {
	if i := c.some(r); i != nil {
		c.put(ctx, n, r, i, tag, time.Time{})
	}
}

// some is an image that was pushed some time.
func (c *crowd) some(r *rand.Rand) *image {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.images) == 0 {
		return nil
	}
	return c.images[max(0, len(c.images)-1-r.IntN(20))]
}

// remove deletes an image with all its tags.
func (c *crowd) remove(ctx context.Context, n int, r *rand.Rand, _ string) {
	i := c.some(r)
	if i == nil {
		return
	}
	b, call := c.pick(r), time.Now()
	status, got, _, err := b.send(ctx, "DELETE", b.path("/manifests/%s", i.digest), nil)
	if err != nil && never(err) {
		return
	}
	out := outcome{done: status == http.StatusAccepted, unknown: err != nil || status >= 500}
	if !out.done && !out.unknown && status != http.StatusNotFound {
		c.t.Errorf("a deletion was refused: %d %s", status, got)
	}
	for tag := range c.tags {
		c.history.add(fmt.Sprintf("t%d", tag), n, step{"delete", i.digest}, out, call)
	}
}

// untag deletes a tag.
func (c *crowd) untag(ctx context.Context, n int, r *rand.Rand, tag string) {
	b, call := c.pick(r), time.Now()
	status, got, _, err := b.send(ctx, "DELETE", b.path("/manifests/%s", tag), nil)
	if err != nil && never(err) {
		return
	}
	out := outcome{done: status == http.StatusAccepted, unknown: err != nil || status >= 500}
	if !out.done && !out.unknown && status != http.StatusNotFound {
		c.t.Errorf("the deletion of a tag was refused: %d %s", status, got)
	}
	c.history.add(tag, n, step{"untag", ""}, out, call)
}

// read asks where a tag points, and sometimes pulls all of it. What was there a moment ago can be pulled, whoever deletes it.
func (c *crowd) read(ctx context.Context, n int, r *rand.Rand, tag string) {
	b, call := c.pick(r), time.Now()
	status, manifest, _, err := b.send(ctx, "GET", b.path("/manifests/%s", tag), nil)
	if err != nil || status >= 500 {
		return
	}
	if status == http.StatusNotFound {
		c.history.add(tag, n, step{"read", ""}, outcome{}, call)
		return
	}
	c.history.add(tag, n, step{"read", ""}, outcome{digest: digest(manifest)}, call)
	if r.IntN(3) > 0 {
		return
	}
	for _, d := range digests(string(manifest)) {
		b := c.pick(r)
		status, got, _, err := b.send(ctx, "GET", b.path("/blobs/%s", d), nil)
		if err != nil || status >= 500 || time.Since(call) > c.lease/2 {
			return
		}
		if status != http.StatusOK || digest(got) != d {
			c.t.Errorf("%s of an image that was there %v ago: %d, %d bytes", d, time.Since(call), status, len(got))
		}
	}
}

// digests are those that a manifest names.
func digests(manifest string) (list []string) {
	for _, part := range strings.Split(manifest, `"digest":"`)[1:] {
		d, _, _ := strings.Cut(part, `"`)
		list = append(list, d)
	}
	return list
}

// whole reads every tag at every node: they agree, and each image can be pulled.
func (c *crowd) whole() {
	for n := range c.tags {
		tag, said := fmt.Sprintf("t%d", n), ""
		for at, b := range c.nodes {
			call := time.Now()
			status, manifest, _, err := b.send(c.t.Context(), "GET", b.path("/manifests/%s", tag), nil)
			if err != nil || status != http.StatusOK && status != http.StatusNotFound {
				c.t.Fatalf("%s at node %d: %d, %v", tag, at, status, err)
			}
			d := ""
			if status == http.StatusOK {
				d = digest(manifest)
			}
			c.history.add(tag, at, step{"read", ""}, outcome{digest: d}, call)
			if at > 0 && d != said {
				c.t.Errorf("%s is %q at one node and %q at another", tag, said, d)
			}
			if said = d; d == "" {
				continue
			}
			for _, blob := range digests(string(manifest)) {
				if status, got, _, err := b.send(c.t.Context(), "GET", b.path("/blobs/%s", blob), nil); err != nil || status != http.StatusOK || digest(got) != blob {
					c.t.Errorf("%s of %s at node %d: %d, %v", blob, tag, at, status, err)
				}
			}
		}
	}
}

// F22, F26, F20: three nodes on one database and one bucket take pushes, deletions and reads of the same tags in any order, each request at any node, while all of them collect garbage all the time. One is killed
// and started again, one stands still until its leases and its transactions are over, and goes on. Every tag was at each moment one thing for everybody; nobody who was told of a layer misses it.
//
// It takes some 25 s, most of which is the time for which the nodes are worked on: the pause of one has to be longer than the lease of a layer.
func TestThreeNodes(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 3))
	c := &crowd{cluster: newCluster(t, hasty(t), 3, newPostgres(t, 2*time.Second), nil), t: t, lease: hastyLease, tags: 5, history: newHistory()}
	c.shared = newImage(random, "", nil, 70_000, 90_000, 200).blobs
	goesOnElsewhere(t, c.cluster)

	ctx, stop := context.WithTimeout(t.Context(), *wide)
	defer stop()
	var working sync.WaitGroup
	for n := range *pushers {
		r := rand.New(rand.NewPCG(random.Uint64(), uint64(n)))
		working.Go(func() { c.client(ctx, n, r) })
	}
	sleep := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	for round := 0; ctx.Err() == nil; round++ {
		sleep(time.Second)
		b := c.any(random)
		b.kill()
		b.launch()
		if err := b.ready(); err != nil {
			t.Error(err)
			break
		}
		b = c.any(random)
		c.asleep.Store(b)
		if err := b.process.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
		wake := time.After(hastyLease + time.Second)
		awake := c.any(random)
		for awake == b {
			awake = c.any(random)
		}
		if err := c.served(awake, newImage(random, "awake", nil, 300, 5_000), hastyLease+time.Second); err != nil {
			t.Errorf("a node that stands still kept another from a push: %v", err)
		}
		<-wake
		if err := b.process.Process.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
		c.asleep.Store(nil)
	}
	working.Wait()
	c.whole()
	c.history.linearizable(t)
	c.fsck(t)
	var collected int
	for _, b := range c.nodes {
		n, _ := strconv.ParseFloat(b.metric("berth_gc_freed_bytes_total"), 64)
		collected += int(n)
	}
	if collected == 0 {
		t.Error("nothing was collected all the time")
	}
	t.Logf("%d acknowledged pushes, %d bytes collected", c.acks.Load(), collected)
}

// served pushes an image at one node, within a time.
func (c *crowd) served(b *berth, i *image, within time.Duration) error {
	ctx, stop := context.WithTimeout(c.t.Context(), within)
	defer stop()
	for _, content := range i.blobs {
		if status, err := putBlob(ctx, func() *berth { return b }, content, 0); err != nil || status != http.StatusCreated {
			return fmt.Errorf("a layer: %d, %w", status, err)
		}
	}
	status, got, _, err := b.send(ctx, "PUT", b.path("/manifests/%s", i.tag), i.manifest, "Content-Type", imageManifest)
	if err != nil || status != http.StatusCreated {
		return fmt.Errorf("a manifest: %d %s, %w", status, got, err)
	}
	return nil
}

// An upload that was begun at one node goes on at the others, for container clients and by the API (F22).
func goesOnElsewhere(t *testing.T, c *cluster) {
	t.Helper()
	content := make([]byte, 11<<20)
	random := rand.New(rand.NewPCG(*seed, 4))
	for at := range content {
		content[at] = byte(random.Uint32())
	}
	turn := 0
	next := func() *berth {
		turn++
		return c.nodes[turn%len(c.nodes)]
	}
	if status, err := putBlob(t.Context(), next, content[:6<<20], 2<<20); err != nil || status != http.StatusCreated {
		t.Errorf("a layer in chunks at three nodes: %d, %v", status, err)
	}
	begun, err := next().api(t).InitiateLayerUpload(t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(repository)})
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(content); at += 6 << 20 {
		part := content[at:min(at+6<<20, len(content))]
		if _, err := next().api(t).UploadLayerPart(t.Context(), &ecr.UploadLayerPartInput{
			RepositoryName: aws.String(repository), UploadId: begun.UploadId, PartFirstByte: aws.Int64(int64(at)), PartLastByte: aws.Int64(int64(at + len(part) - 1)), LayerPartBlob: part,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := next().api(t).CompleteLayerUpload(t.Context(), &ecr.CompleteLayerUploadInput{RepositoryName: aws.String(repository), UploadId: begun.UploadId, LayerDigests: []string{digest(content)}}); err != nil {
		t.Fatal(err)
	}
	b := next()
	if status, got, _, err := b.send(t.Context(), "GET", b.path("/blobs/%s", digest(content)), nil); err != nil || status != http.StatusOK || digest(got) != digest(content) {
		t.Errorf("the layer: %d, %d bytes, %v", status, len(got), err)
	}
}
