package berthtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Image is an image to push: a configuration, layers, and the manifest that names them.
type Image struct {
	Config, Manifest []byte
	Layers           [][]byte
}

// ManifestType is the media type of an Image's manifest.
const ManifestType = "application/vnd.oci.image.manifest.v1+json"

// NewImage makes an image of the layers.
func NewImage(layers ...[]byte) *Image {
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	i := &Image{Config: []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`), Layers: layers}
	list := make([]descriptor, len(layers))
	for n, layer := range layers {
		list[n] = descriptor{"application/vnd.oci.image.layer.v1.tar", Digest(layer), len(layer)}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ManifestType, "layers": list,
		"config": descriptor{"application/vnd.oci.image.config.v1+json", Digest(i.Config), len(i.Config)},
	})
	if err != nil {
		panic(err) // only of strings and numbers
	}
	i.Manifest = manifest
	return i
}

// Digest is the digest of the image: of its manifest.
func (i *Image) Digest() string { return Digest(i.Manifest) }

// Digest is the name of content: "sha256:" and the hexadecimal hash.
func Digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// Push pushes the image as docker does. repository is what follows /v2/: "111122223333/us-east-1/app" in the path form. authorization is that of Login.
func (s *Server) Push(t testing.TB, authorization, repository, tag string, i *Image) {
	t.Helper()
	for _, blob := range append([][]byte{i.Config}, i.Layers...) {
		s.PushBlob(t, authorization, repository, blob)
	}
	resp, body := s.Do(t, authorization, http.MethodPut, repository+"/manifests/"+tag, bytes.NewReader(i.Manifest), "Content-Type", ManifestType)
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("Docker-Content-Digest") != i.Digest() {
		t.Fatalf("PUT of the manifest: %s %s", resp.Status, body)
	}
}

// PushBlob uploads content unless it is there.
func (s *Server) PushBlob(t testing.TB, authorization, repository string, content []byte) {
	t.Helper()
	if resp, _ := s.Do(t, authorization, http.MethodHead, repository+"/blobs/"+Digest(content), nil); resp.StatusCode == http.StatusOK {
		return
	}
	at := s.StartUpload(t, authorization, repository)
	resp, body := s.Do(t, authorization, http.MethodPut, at+"?digest="+Digest(content), bytes.NewReader(content), "Content-Type", "application/octet-stream")
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT of a blob: %s %s", resp.Status, body)
	}
}

// StartUpload begins an upload and returns where it goes on, as Do takes it.
func (s *Server) StartUpload(t testing.TB, authorization, repository string) string {
	t.Helper()
	resp, body := s.Do(t, authorization, http.MethodPost, repository+"/blobs/uploads/", nil)
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("POST of an upload: %s %s", resp.Status, body)
	}
	at := resp.Header.Get("Location")
	return at[strings.Index(at, "/v2/")+len("/v2/"):]
}

// Pull gets the manifest and everything that it names, and fails the test if a byte is not what it should be.
func (s *Server) Pull(t testing.TB, authorization, repository, reference string, want *Image) {
	t.Helper()
	resp, body := s.Do(t, authorization, http.MethodGet, repository+"/manifests/"+reference, nil, "Accept", ManifestType)
	if resp.StatusCode != http.StatusOK || !bytes.Equal(body, want.Manifest) {
		t.Fatalf("GET of the manifest: %s %s", resp.Status, body)
	}
	for _, blob := range append([][]byte{want.Config}, want.Layers...) {
		resp, body := s.Do(t, authorization, http.MethodGet, repository+"/blobs/"+Digest(blob), nil)
		if resp.StatusCode == http.StatusTemporaryRedirect {
			redirected, err := http.Get(resp.Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			resp, body = redirected, readAll(t, redirected)
		}
		if resp.StatusCode != http.StatusOK || !bytes.Equal(body, blob) {
			t.Fatalf("GET of blob %s: %s, %d bytes of %d", Digest(blob), resp.Status, len(body), len(blob))
		}
	}
}
