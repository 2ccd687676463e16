package fault_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

const imageManifest = "application/vnd.oci.image.manifest.v1+json"

// image is what a client pushes.
type image struct {
	tag      string
	manifest []byte
	digest   string
	blobs    [][]byte
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// newImage makes an image of a few new blobs and, sometimes, one that others have too. Its layers have the sizes that are given, or some of any.
func newImage(r *rand.Rand, tag string, shared [][]byte, layers ...int) *image {
	i := &image{tag: tag}
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		for at := range b {
			b[at] = byte(r.Uint32())
		}
		return b
	}
	sizes := []int{200, 5_000, 70_000, 300_000} // in the row, in a file of one page or many
	i.blobs = append(i.blobs, bytesOf(100+r.IntN(100)))
	for _, size := range layers {
		i.blobs = append(i.blobs, bytesOf(size))
	}
	for range 1 + r.IntN(2) {
		if layers == nil {
			i.blobs = append(i.blobs, bytesOf(sizes[r.IntN(len(sizes))]+r.IntN(50)))
		}
	}
	if len(shared) > 0 && r.IntN(3) == 0 {
		i.blobs = append(i.blobs, shared[r.IntN(len(shared))])
	}
	return imageOf(tag, i.blobs)
}

// imageOf makes an image of a configuration and layers.
func imageOf(tag string, blobs [][]byte) *image {
	i := &image{tag: tag, blobs: blobs}
	describe := func(mediaType string, content []byte) map[string]any {
		return map[string]any{"mediaType": mediaType, "digest": digest(content), "size": len(content)}
	}
	descriptors := []any{}
	for _, b := range i.blobs[1:] {
		descriptors = append(descriptors, describe("application/vnd.oci.image.layer.v1.tar", b))
	}
	i.manifest, _ = json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": imageManifest, "config": describe("application/vnd.oci.image.config.v1+json", i.blobs[0]), "layers": descriptors})
	i.digest = digest(i.manifest)
	return i
}

// layer is the digest of the first layer.
func (i *image) layer() string { return digest(i.blobs[1]) }

// oracle remembers, away from the disks that fail, what was acknowledged.
type oracle struct {
	mu      sync.Mutex
	there   map[string]*image // by tag: the push was acknowledged
	deleted map[string]*image // the deletion was
	unknown map[string]*image // there was no answer: it is whole, or it is not there
	acks    int
	acked   map[string]int  // how many times, by action and digest
	checked map[string]bool // there, and read since
}

func newOracle() *oracle {
	return &oracle{there: map[string]*image{}, deleted: map[string]*image{}, unknown: map[string]*image{}, checked: map[string]bool{}, acked: map[string]int{}}
}

// push pushes an image and notes whether that was acknowledged.
func (o *oracle) push(ctx context.Context, b *berth, i *image) error {
	o.mu.Lock()
	o.unknown[i.tag] = i
	o.mu.Unlock()
	for _, content := range i.blobs {
		if _, err := b.do(ctx, "HEAD", b.path("/blobs/%s", digest(content)), nil, "", 200); err == nil {
			continue
		} else if errors.Is(err, errAway) {
			return err
		}
		if _, err := b.do(ctx, "POST", b.path("/blobs/uploads/?digest=%s", digest(content)), content, "application/octet-stream", 201); err != nil {
			return err
		}
	}
	if _, err := b.do(ctx, "PUT", b.path("/manifests/%s", i.tag), i.manifest, imageManifest, 201); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.unknown, i.tag)
	o.there[i.tag] = i
	o.acks++
	o.acked["ecr:PutImage "+i.digest]++
	return nil
}

// remove deletes an image and notes whether that was acknowledged.
func (o *oracle) remove(ctx context.Context, b *berth) error {
	o.mu.Lock()
	var i *image
	for tag, some := range o.there {
		i = some
		delete(o.there, tag)
		delete(o.checked, tag)
		o.unknown[tag] = i
		break
	}
	o.mu.Unlock()
	if i == nil {
		return nil
	}
	return o.drop(ctx, b, i)
}

// drop deletes an image that is not noted as being there, and notes whether that was acknowledged.
func (o *oracle) drop(ctx context.Context, b *berth, i *image) error {
	if _, err := b.do(ctx, "DELETE", b.path("/manifests/%s", i.digest), nil, "", 202); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.unknown, i.tag)
	o.deleted[i.tag] = i
	o.acked["ecr:BatchDeleteImage "+i.digest]++
	return nil
}

// finding is what a power cut must not do.
type finding struct{ kind, what string }

// compare reads what there is and compares it with what was acknowledged. all reads also what was read after an earlier cut.
func (o *oracle) compare(t testing.TB, b *berth, all bool) (found []finding) {
	t.Helper()
	ctx := t.Context()
	for tag, i := range o.there {
		if o.checked[tag] && !all {
			continue
		}
		switch there, err := i.read(ctx, b); {
		case err != nil:
			found = append(found, finding{"wrong", err.Error()})
		case !there:
			found = append(found, finding{"lost", tag})
		}
		o.checked[tag] = true
	}
	for tag, i := range o.deleted {
		if there, err := i.read(ctx, b); err != nil {
			found = append(found, finding{"wrong", err.Error()})
		} else if there {
			found = append(found, finding{"resurrected", tag})
		}
		if !all {
			delete(o.deleted, tag)
		}
	}
	for tag, i := range o.unknown {
		there, err := i.read(ctx, b)
		if err != nil {
			found = append(found, finding{"wrong", "not acknowledged: " + err.Error()})
		}
		if there {
			o.there[tag], o.checked[tag] = i, true
		}
		delete(o.unknown, tag)
	}
	return found
}

// logged looks whether the audit log has every push and every deletion that was acknowledged, as often as it was (I12).
func (o *oracle) logged(t testing.TB, b *berth) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	said := map[string]int{}
	for _, action := range []string{"ecr:PutImage", "ecr:BatchDeleteImage"} {
		c := exec.Command(b.program, "audit", "--data", b.data, "--endpoint", "http://"+b.addr, "--output", "json", "--limit", "10000", "--decision", "allowed", "--action", action)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("berth audit: %v %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			var r struct{ Action, Digest string }
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			said[r.Action+" "+r.Digest]++
		}
	}
	for what, times := range o.acked {
		if said[what] < times {
			t.Errorf("%s was acknowledged %d times, and the audit log has it %d times", what, times, said[what])
		}
	}
}

// read pulls an image whole. The error says that it is there and not as it was pushed.
func (i *image) read(ctx context.Context, b *berth) (there bool, err error) {
	manifest, err := b.do(ctx, "GET", b.path("/manifests/%s", i.tag), nil, "", 200)
	if err != nil {
		if errors.Is(err, errAway) {
			return false, fmt.Errorf("%s: %w", i.tag, err)
		}
		return false, nil
	}
	if string(manifest) != string(i.manifest) {
		return true, fmt.Errorf("%s: another manifest", i.tag)
	}
	for _, content := range i.blobs {
		got, err := b.do(ctx, "GET", b.path("/blobs/%s", digest(content)), nil, "", 200)
		if err != nil {
			return true, fmt.Errorf("%s: %w", i.tag, err)
		}
		if string(got) != string(content) {
			return true, fmt.Errorf("%s: the blob %s has %d other bytes", i.tag, digest(content), len(got))
		}
	}
	return true, nil
}
