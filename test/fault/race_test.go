package fault_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// F19, F20, F21: eight clients push images that share layers, take layers from another repository whose images come and go, push old manifests again, delete and pull, while the collection never rests. Who is told
// that a layer is there finds it as long as it was promised, no image is broken, and the history of every tag is that of a register.
//
// It takes 8 s, and 70 s in the long version: the leases have to end often.
func TestPushersAgainstCollection(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 6))
	const lease, clients = 2 * time.Second, 8
	during := 6 * time.Second
	if *soak {
		during = 70 * time.Second
	}
	b := newIdle(t, hasty(t), t.TempDir()+"/data", t.TempDir()+"/blobs")
	b.env = []string{"BERTH_LEASE=" + lease.String()}
	b.start(t)
	b.settle(t)
	b.create(t, "base")
	if _, err := b.api(t).PutAccountSetting(t.Context(), &ecr.PutAccountSettingInput{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED")}); err != nil {
		t.Fatal(err)
	}
	c := &crowd{cluster: &cluster{nodes: []*berth{b}}, t: t, lease: lease, tags: 20, base: "base", history: newHistory()}
	for range 200 { // so many that each is out of use for some time, again and again
		c.shared = append(c.shared, newImage(random, "", nil, 10_000).blobs...)
	}

	ctx, stop := context.WithTimeout(t.Context(), during)
	defer stop()
	var working sync.WaitGroup
	for n := range clients {
		r := rand.New(rand.NewPCG(random.Uint64(), uint64(n)))
		working.Go(func() { c.client(ctx, n, r) })
	}
	working.Go(func() { c.comeAndGo(ctx, rand.New(rand.NewPCG(random.Uint64(), clients)), b) })
	working.Wait()
	c.whole()
	c.history.linearizable(t)
	b.fsck(t, "--deep")
	freed, _ := strconv.ParseFloat(b.metric("berth_gc_freed_bytes_total"), 64)
	if freed == 0 || c.mounted.Load() == 0 || c.timely.Load() == 0 {
		t.Error("the collection, the other repository, or the pushes had nothing to do with each other")
	}
	t.Logf("%d acknowledged pushes, %d layers mounted, %d bytes collected; %d manifests came in the time that was promised, %d later", c.acks.Load(), c.mounted.Load(), int(freed), c.timely.Load(), c.late.Load())
}

// comeAndGo pushes an image of some of the shared layers to the other repository, and deletes it, again and again: sometimes for long enough that they go from there.
func (c *crowd) comeAndGo(ctx context.Context, r *rand.Rand, b *berth) {
	shared := slices.Clone(c.shared)
	pause := func(most time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(r.Int64N(int64(most)))):
		}
	}
	for ctx.Err() == nil {
		r.Shuffle(len(shared), func(i, j int) { shared[i], shared[j] = shared[j], shared[i] })
		i, told := imageOf("base", shared[:len(shared)/2]), time.Now()
		for _, content := range i.blobs {
			_, _, _, _ = b.send(ctx, "POST", b.in(c.base, "/blobs/uploads/?digest=%s", digest(content)), content, "Content-Type", "application/octet-stream")
		}
		status, got, _, err := b.send(ctx, "PUT", b.in(c.base, "/manifests/%s", i.tag), i.manifest, "Content-Type", imageManifest)
		if err == nil && status != http.StatusCreated && time.Since(told) < c.lease/2 {
			c.t.Errorf("a push to the other repository was refused: %d %s", status, got)
		}
		pause(c.lease)
		if status, got, _, err := b.send(ctx, "DELETE", b.in(c.base, "/manifests/%s", i.digest), nil); err == nil && status != http.StatusAccepted && status != http.StatusNotFound {
			c.t.Errorf("a deletion in the other repository was refused: %d %s", status, got)
		}
		pause(c.lease)
	}
}

// mount takes a layer from the other repository, or pushes it in the upload that is begun when it is not there.
func (c *crowd) mount(ctx context.Context, b *berth, content []byte) (status int, err error) {
	status, _, head, err := b.send(ctx, "POST", b.path("/blobs/uploads/?mount=%s&from=%s/%s/%s", digest(content), account, region, c.base), nil)
	if err != nil || status != http.StatusAccepted {
		if status == http.StatusCreated {
			c.mounted.Add(1)
		}
		return status, err
	}
	location, err := url.Parse(head.Get("Location"))
	if err != nil {
		return status, err
	}
	query := location.Query()
	query.Set("digest", digest(content))
	status, _, _, err = b.send(ctx, "PUT", location.Path+"?"+query.Encode(), content, "Content-Type", "application/octet-stream")
	return status, err
}
