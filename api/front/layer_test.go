package front_test

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// API-58, H66: the URL of a layer.
func TestLayerURL(t *testing.T) {
	s := start(t)
	content := bytes.Repeat([]byte("layer "), 50_000)
	_, layer := s.image(t, path, "v1", content)
	ctx := t.Context()
	user := s.vendor.User(t, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
	fresh := func() string {
		t.Helper()
		out, err := user.ECR("us-east-1").GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DownloadUrl
	}
	get := func(method, url string, headers ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	want := func(url string, status int) {
		t.Helper()
		if r, body := get("GET", url); r.StatusCode != status || status == 200 && body != string(content) {
			t.Errorf("%s: %d %.200s, want %d", url, r.StatusCode, body, status)
		}
	}
	url := fresh()
	if !strings.HasPrefix(url, s.URL+"/layers/") || strings.Contains(url, layer[7:]) {
		t.Error(url)
	}
	want(url, 200)
	if r, body := get("HEAD", url); r.StatusCode != 200 || r.ContentLength != int64(len(content)) || body != "" {
		t.Error(r.Status, r.ContentLength)
	}
	if r, body := get("GET", url, "Range", "bytes=6-11"); r.StatusCode != 206 || body != "layer " {
		t.Errorf("%d %q", r.StatusCode, body)
	}
	if r, body := get("GET", url, "Range", "bytes=0-0"+strings.Repeat(",0-0", 4000)); r.StatusCode != 200 || len(body) != len(content) { // H09
		t.Errorf("%d %d bytes", r.StatusCode, len(body))
	}
	if r, _ := get("POST", url); r.StatusCode != 405 {
		t.Error(r.Status)
	}
	// Altered in any place.
	sealed := strings.TrimPrefix(url, s.URL+"/layers/")
	for i := 0; i < len(sealed); i += len(sealed)/40 + 1 {
		b := []byte(sealed)
		b[i] = map[bool]byte{true: 'B', false: 'A'}[b[i] == 'A']
		want(s.URL+"/layers/"+string(b), 403)
	}
	for _, bad := range []string{"", "x", sealed[:len(sealed)-4], sealed + "AAAA", sealed + "=", strings.Repeat("A", 10_000)} {
		want(s.URL+"/layers/"+bad, 403)
	}
	// A policy that denies, and takes it back.
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:GetDownloadUrlForLayer"}]}`
	if _, err := s.vendor.ECR("us-east-1").SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &deny}); err != nil {
		t.Fatal(err)
	}
	want(url, 403)
	if _, err := s.vendor.ECR("us-east-1").DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	want(url, 200)
	// The repository is made again, with the same layer.
	if _, err := s.vendor.ECR("us-east-1").DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app"), Force: true}); err != nil {
		t.Fatal(err)
	}
	want(url, 404)
	s.create(t, "app")
	s.image(t, path, "v1", content)
	want(url, 404)
	// The key with which it was asked for is deleted.
	url = fresh()
	want(url, 200)
	if _, err := s.vendor.IAM().DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: &user.Key}); err != nil {
		t.Fatal(err)
	}
	want(url, 403)
	// After an hour.
	out, err := s.vendor.ECR("us-east-1").GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
	if err != nil {
		t.Fatal(err)
	}
	s.clock.advance(59 * time.Minute)
	want(*out.DownloadUrl, 200)
	s.clock.advance(2 * time.Minute)
	want(*out.DownloadUrl, 403)
}

// A range that is all of a layer, or that does not apply, has the layer compared with its digest on its way as every whole pull: damaged bytes never come with a clean end,
// whichever door they leave by (F07).
func TestRangesOfDamagedLayers(t *testing.T) {
	s := start(t)
	for n, c := range []struct {
		byURL   bool
		headers []string
	}{
		{false, []string{"Range", "bytes=0-"}},
		{false, []string{"Range", "bytes=-999999"}},
		{true, []string{"Range", "bytes=0-"}},
		{true, []string{"Range", "bytes=-999999"}},
		{true, []string{"Range", "bytes= +0-"}},
		{true, []string{"Range", "bytes=1-", "If-Range", `"sha256:other"`}},
	} {
		content := bytes.Repeat([]byte{byte(n)}, 100_000)
		_, layer := s.image(t, path, "v1", content)
		url, authorization := s.URL+"/v2/"+path+"/blobs/"+layer, s.vendor.Login(t, "us-east-1")
		if c.byURL {
			out, err := s.vendor.ECR("us-east-1").GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
			if err != nil {
				t.Fatal(err)
			}
			url, authorization = *out.DownloadUrl, ""
		}
		damaged := 0
		err := filepath.WalkDir(s.Config.Data, func(at string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(at)
			if err != nil || !bytes.Equal(text, content) {
				return err
			}
			damaged++
			text[50_000] ^= 1
			return os.WriteFile(at, text, 0o600)
		})
		if err != nil || damaged != 1 {
			t.Fatal(damaged, err)
		}
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode >= 300 || answer.ContentLength != int64(len(content)) || err == nil {
			t.Errorf("by its URL %v, %q: %s with %d of %d bytes, which are damaged, and a clean end", c.byURL, c.headers, answer.Status, len(got), answer.ContentLength)
		}
	}
}

// kernel is a ResponseWriter that sees what it could hand to the kernel.
type kernel struct {
	*httptest.ResponseRecorder
	files     int
	deadlines []time.Time
}

func (k *kernel) SetWriteDeadline(at time.Time) error {
	k.deadlines = append(k.deadlines, at)
	return nil
}

func (k *kernel) ReadFrom(in io.Reader) (int64, error) {
	if part, ok := in.(*io.LimitedReader); ok {
		if _, ok := part.R.(*os.File); ok {
			k.files++
		}
	}
	return io.Copy(k.ResponseRecorder, in)
}

// A large layer goes through every wrapper as a file, so that net/http can use sendfile; from both of its addresses. Only the first time it is compared with its digest on its way.
func TestFilesReachTheConnection(t *testing.T) {
	s := start(t)
	content := bytes.Repeat([]byte("0123456789abcde\n"), 150_000) // 2.3 MiB
	_, layer := s.image(t, path, "v1", content)
	url, err := s.vendor.ECR("us-east-1").GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
	if err != nil {
		t.Fatal(err)
	}
	blob := "/v2/" + path + "/blobs/" + layer
	for n, at := range []string{blob, blob, strings.TrimPrefix(*url.DownloadUrl, s.URL)} {
		r := httptest.NewRequest("GET", at, nil)
		r.Header.Set("Authorization", s.vendor.Login(t, "us-east-1"))
		w := &kernel{ResponseRecorder: httptest.NewRecorder()}
		s.Handler().ServeHTTP(w, r)
		if w.files != 3*min(n, 1) || !bytes.Equal(w.Body.Bytes(), content) {
			t.Errorf("%d files, %d bytes", w.files, w.Body.Len())
		}
		// H14: who takes nothing of it has a minute, whatever its size, and another minute for each MiB that he has taken.
		latest := w.deadlines[len(w.deadlines)-1]
		if len(w.deadlines) != 3 || time.Until(latest) > time.Minute {
			t.Errorf("%d deadlines, the last in %s", len(w.deadlines), time.Until(latest))
		}
	}
}
