package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
)

const (
	layerSize   = 2 << 20
	smallSize   = 1 << 10
	largeSize   = 100 << 20
	tailSize    = 16
	manifestOCI = "application/vnd.oci.image.manifest.v1+json"
	configOCI   = "application/vnd.oci.image.config.v1+json"
	layerOCI    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// corpus makes the bytes that are pushed. No two blobs are alike, so that nobody can answer "I have it", and making one costs next to nothing:
// all blobs of a size share their bytes up to a tail, so that a digest is the hash of the tail on a saved state.
type corpus struct {
	nonce [8]byte // of this run
	count atomic.Uint64
	once  sync.Mutex
	heads map[int]*head
}

type head struct {
	body  []byte
	state []byte
}

// blob is its two parts, one after the other.
type blob struct {
	head, tail []byte
	digest     string
}

func (b blob) size() int { return len(b.head) + len(b.tail) }

func newCorpus() *corpus {
	c := &corpus{heads: map[int]*head{}}
	rand.Read(c.nonce[:]) //nolint:errcheck // never fails
	return c
}

func (c *corpus) head(size int) *head {
	c.once.Lock()
	defer c.once.Unlock()
	if c.heads[size] == nil {
		h := &head{body: make([]byte, size-tailSize)}
		rand.Read(h.body) //nolint:errcheck // never fails
		sum := sha256.New()
		sum.Write(h.body)
		h.state, _ = sum.(encoding.BinaryMarshaler).MarshalBinary() // never fails
		c.heads[size] = h
	}
	return c.heads[size]
}

// blob makes one of size bytes that was never seen before.
func (c *corpus) blob(size int) blob {
	h := c.head(size)
	tail := make([]byte, 0, tailSize)
	tail = binary.BigEndian.AppendUint64(append(tail, c.nonce[:]...), c.count.Add(1))
	sum := sha256.New()
	if err := sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(h.state); err != nil {
		panic(err) // it was made by the same function
	}
	sum.Write(tail)
	return blob{h.body, tail, digestOf(sum)}
}

// text makes a blob of known content.
func text(b []byte) blob {
	sum := sha256.New()
	sum.Write(b)
	return blob{nil, b, digestOf(sum)}
}

func digestOf(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// image is what a build makes: a configuration, layers, and the manifest that names them.
type image struct {
	tag      string
	manifest blob
	config   blob
	layers   []blob
}

// image makes one with the given number of layers of 2 MiB.
func (c *corpus) image(layers int) image {
	n := c.count.Add(1)
	i := image{tag: fmt.Sprintf("v%d", n)}
	var diffs []string
	for range layers {
		l := c.blob(layerSize)
		i.layers = append(i.layers, l)
		diffs = append(diffs, l.digest)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
		"config": map[string]any{"Entrypoint": []string{"/app"}, "Labels": map[string]string{"run": hex.EncodeToString(c.nonce[:]), "n": fmt.Sprint(n)}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		panic(err) // these are strings
	}
	i.config = text(config)
	i.manifest = manifest(i.config, i.layers, "")
	return i
}

// manifest names a configuration and layers; note makes it another manifest.
func manifest(config blob, layers []blob, note string) blob {
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	m := struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}{SchemaVersion: 2, MediaType: manifestOCI, Config: descriptor{configOCI, config.digest, config.size()}, Layers: []descriptor{}}
	for _, l := range layers {
		m.Layers = append(m.Layers, descriptor{layerOCI, l.digest, l.size()})
	}
	if note != "" {
		m.Annotations = map[string]string{"org.opencontainers.image.revision": note}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // these are strings and numbers
	}
	return text(b)
}
