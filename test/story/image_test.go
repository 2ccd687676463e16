package story

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

type descriptor struct {
	MediaType string            `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int               `json:"size"`
	Platform  map[string]string `json:"platform,omitempty"`
	Notes     map[string]string `json:"annotations,omitempty"`
}

// layout DIR writes an OCI image layout (a folder) with an image for amd64 and one for arm64 under the tag "latest", and what its index looks
// like when it is pushed as pushed.json.
func layout(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: layout DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755))
	put := func(mediaType string, content []byte) descriptor {
		sum := sha256.Sum256(content)
		name := hex.EncodeToString(sum[:])
		ts.Check(os.WriteFile(filepath.Join(dir, "blobs/sha256", name), content, 0o644))
		return descriptor{MediaType: mediaType, Digest: "sha256:" + name, Size: len(content)}
	}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		ts.Check(err)
		return b
	}
	var images []descriptor
	for _, architecture := range []string{"amd64", "arm64"} {
		layer, plain, err := archive("hello", []byte("hello, "+architecture+"\n"))
		ts.Check(err)
		sum := sha256.Sum256(plain)
		config := put(configType, encode(map[string]any{
			"architecture": architecture, "os": "linux", "config": map[string]any{"Cmd": []string{"/hello"}},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
		}))
		image := put(manifestType, encode(map[string]any{
			"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{put(layerType, layer)},
		}))
		image.Platform = map[string]string{"architecture": architecture, "os": "linux"}
		images = append(images, image)
	}
	pushed := encode(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": images})
	top := put(indexType, pushed)
	top.Notes = map[string]string{"org.opencontainers.image.ref.name": "latest"}
	ts.Check(os.WriteFile(filepath.Join(dir, "pushed.json"), pushed, 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "index.json"), encode(map[string]any{"schemaVersion": 2, "manifests": []descriptor{top}}), 0o644))
}

// archive is a layer with one file: compressed, and as it is.
func archive(name string, content []byte) (compressed, plain []byte, err error) {
	var out, zipped bytes.Buffer
	w := tar.NewWriter(&out)
	err = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), ModTime: time.Unix(0, 0)})
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	z := gzip.NewWriter(&zipped)
	if err == nil {
		_, err = z.Write(out.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	return zipped.Bytes(), out.Bytes(), err
}

// request IMAGE writes request.json: what the kubelet asks a credential provider.
func request(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: request IMAGE")
	}
	b, err := json.Marshal(map[string]string{
		"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderRequest", "image": args[0],
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("request.json"), b, 0o644))
}
