package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// docker does what `docker push` and `docker pull` do to a registry, by the OCI distribution specification.
type docker struct {
	http          *http.Client
	url           string // of /v2/
	prefix        string // of repositories' names: "111222333444/us-east-2/"
	authorization string
}

// image is an image of one layer with one file, hello.txt.
type image struct {
	text                    string
	layer, config, manifest []byte
}

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// newImage is what `docker build` makes of "FROM scratch" and "COPY hello.txt /".
func newImage(text string) *image {
	var plain, packed bytes.Buffer
	t := tar.NewWriter(&plain)
	err := t.WriteHeader(&tar.Header{Name: "hello.txt", Mode: 0o644, Size: int64(len(text))})
	_, wrote := io.WriteString(t, text)
	err = errors.Join(err, wrote, t.Close())
	z := gzip.NewWriter(&packed)
	_, wrote = z.Write(plain.Bytes())
	err = errors.Join(err, wrote, z.Close())
	i := &image{text: text, layer: packed.Bytes()}
	i.config, wrote = json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{digestOf(plain.Bytes())}},
	})
	err = errors.Join(err, wrote)
	i.manifest, wrote = json.Marshal(manifest{2, manifestType, descriptor{configType, digestOf(i.config), len(i.config)}, []descriptor{{layerType, digestOf(i.layer), len(i.layer)}}})
	if err = errors.Join(err, wrote); err != nil {
		panic(err) // memory does not fail to be written
	}
	return i
}

func (i *image) digest() string { return digestOf(i.manifest) }

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// refusal is an answer with another status than hoped for, worded as docker words it.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string {
	if r.code == "" {
		return fmt.Sprintf("the registry answered %d %s", r.status, http.StatusText(r.status))
	}
	return strings.ToLower(strings.ReplaceAll(r.code, "_", " ")) + ": " + r.message
}

// do makes one request; at is relative to /v2/ or to the server.
func (d *docker) do(ctx context.Context, method, at, mediaType string, body []byte, want int) (http.Header, []byte, error) {
	base, err := url.Parse(d.url)
	if err != nil {
		return nil, nil, err
	}
	where, err := base.Parse(at)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, where.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", d.authorization)
	if mediaType != "" && body != nil {
		req.Header.Set("Content-Type", mediaType)
	} else if mediaType != "" {
		req.Header.Set("Accept", mediaType)
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != want {
		var told struct {
			Errors []struct{ Code, Message string }
		}
		r := &refusal{status: resp.StatusCode}
		if json.Unmarshal(answer, &told) == nil && len(told.Errors) > 0 {
			r.code, r.message = told.Errors[0].Code, told.Errors[0].Message
		}
		return nil, nil, r
	}
	return resp.Header, answer, nil
}

// ping is what `docker login` asks.
func (d *docker) ping(ctx context.Context) error {
	_, _, err := d.do(ctx, http.MethodGet, "", "", nil, http.StatusOK)
	return err
}

func (d *docker) push(ctx context.Context, repository, tag string, i *image) error {
	for _, blob := range [][]byte{i.layer, i.config} {
		if err := d.pushBlob(ctx, repository, blob); err != nil {
			return err
		}
	}
	h, _, err := d.do(ctx, http.MethodPut, d.prefix+repository+"/manifests/"+tag, manifestType, i.manifest, http.StatusCreated)
	if err != nil {
		return err
	}
	return expect("the digest", h.Get("Docker-Content-Digest"), i.digest())
}

func (d *docker) pushBlob(ctx context.Context, repository string, blob []byte) error {
	blobs := d.prefix + repository + "/blobs/"
	_, _, err := d.do(ctx, http.MethodHead, blobs+digestOf(blob), "", nil, http.StatusOK)
	if r := (*refusal)(nil); !errors.As(err, &r) || r.status != http.StatusNotFound {
		return err // it is there, or something else is wrong
	}
	h, _, err := d.do(ctx, http.MethodPost, blobs+"uploads/", "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	at := h.Get("Location")
	if strings.Contains(at, "?") {
		at += "&"
	} else {
		at += "?"
	}
	_, _, err = d.do(ctx, http.MethodPut, at+"digest="+digestOf(blob), "application/octet-stream", blob, http.StatusCreated)
	return err
}

// pull gets an image, checks every digest, and returns what its hello.txt says.
func (d *docker) pull(ctx context.Context, repository, tag string) (digest, text string, err error) {
	_, body, err := d.do(ctx, http.MethodGet, d.prefix+repository+"/manifests/"+tag, manifestType, nil, http.StatusOK)
	if err != nil {
		return "", "", err
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil || len(m.Layers) != 1 {
		return "", "", errors.Join(err, fmt.Errorf("the manifest is %q", body))
	}
	var layer []byte
	for _, part := range []descriptor{m.Config, m.Layers[0]} {
		_, layer, err = d.do(ctx, http.MethodGet, d.prefix+repository+"/blobs/"+part.Digest, "", nil, http.StatusOK)
		if err != nil {
			return "", "", err
		}
		if err := expect("the digest of what was pulled", digestOf(layer), part.Digest); err != nil {
			return "", "", err
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		return "", "", err
	}
	t := tar.NewReader(z)
	if _, err := t.Next(); err != nil {
		return "", "", err
	}
	content, err := io.ReadAll(t)
	return digestOf(body), string(content), err
}

// wholeAnswers reads each answer whole before the SDK sees it: the SDK closes a request's body as soon as an answer begins, and the transport then drops
// the connection under an answer that is still coming.
type wholeAnswers struct{ http.RoundTripper }

// RoundTrip makes the request and reads the answer.
func (w wholeAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
