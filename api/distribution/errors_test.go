package distribution

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
)

// The codes of HTTP-9, with UNAVAILABLE and UNKNOWN, which docker knows.
var wireCodes = []string{
	"DENIED", "NAME_UNKNOWN", "NAME_INVALID", "MANIFEST_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "BLOB_UPLOAD_UNKNOWN",
	"BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "SIZE_INVALID", "TAG_INVALID", "UNSUPPORTED", "TOOMANYREQUESTS", "UNAUTHORIZED", "UNAVAILABLE",
}

// HTTP-9: every condition of the domain has an answer, and a well-formed one.
func TestEveryFaultHasAnAnswer(t *testing.T) {
	for _, code := range fault.Codes() {
		a, ok := answerOf(code)
		if !ok {
			t.Errorf("%s has no answer", code)
			continue
		}
		if a.status < 400 || a.status > 503 || a.status == 500 || !slices.Contains(wireCodes, a.code) {
			t.Errorf("%s: %+v", code, a)
		}
		w := httptest.NewRecorder()
		WriteError(w, httptest.NewRequest(http.MethodGet, "/v2/", nil), fmt.Errorf("wrapped: %w", fault.New(code, `a "<message>"`)), "id")
		if w.Code != a.status || w.Header().Get("Docker-Distribution-Api-Version") != "registry/2.0" || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
			t.Errorf("%s: %d %v", code, w.Code, w.Header())
		}
		if a.status == http.StatusUnauthorized {
			continue
		}
		var body struct {
			Errors []struct{ Code, Message string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Errors) != 1 || body.Errors[0].Code != a.code {
			t.Errorf("%s: %s", code, w.Body)
		}
		if code != fault.ExpiredCredentials && body.Errors[0].Message != `a "<message>"` {
			t.Errorf("%s: %s", code, w.Body)
		}
	}
}

// HTTP-5, H01.
func TestUnauthorized(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/", nil)
	w := httptest.NewRecorder()
	WriteError(w, r, fault.New(fault.MissingCredentials, "no credentials"), "id")
	if w.Code != 401 || w.Body.String() != "Not Authorized\n" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" ||
		w.Header().Get("Www-Authenticate") != `Basic realm="https://111122223333.dkr.ecr.us-east-1.amazonaws.com/",service="ecr.amazonaws.com"` {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}

// HTTP-6: the exact bytes.
func TestExpired(t *testing.T) {
	w := httptest.NewRecorder()
	WriteError(w, httptest.NewRequest(http.MethodGet, "/v2/", nil), fault.New(fault.ExpiredCredentials, "over"), "id")
	const want = `{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}`
	if w.Code != 403 || w.Body.String() != want || w.Header().Get("Www-Authenticate") != "" || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// An error that is no fault shows nothing of itself.
func TestUnknownErrorsAreSilent(t *testing.T) {
	w := httptest.NewRecorder()
	WriteError(w, httptest.NewRequest(http.MethodGet, "/v2/", nil), errors.New("/var/lib/secret: disk on fire"), "req-1")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "req-1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	WriteError(w, httptest.NewRequest(http.MethodGet, "/v2/", nil), &Interrupted{errors.New("reset")}, "req-1")
	if w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("an answer that had begun got %v %s", w.Header(), w.Body)
	}
}

// HTTP-7, H11, H33: what does not need a repository.
func TestMethods(t *testing.T) {
	serve := func(method, url, path string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, url, nil)
		r.Header.Set("Authorization", "Basic c2VjcmV0")
		if err := new(Door).Serve(w, r, Target{Account: "111122223333", Region: "us-east-1", Path: path}); err != nil {
			WriteError(w, r, err, "id")
		}
		return w
	}
	if w := serve("GET", "/v2/", ""); w.Code != 200 || w.Body.String() != "{}" || w.Header().Get("Docker-Distribution-Api-Version") != "registry/2.0" {
		t.Errorf("GET /v2/: %d %v %s", w.Code, w.Header(), w.Body)
	}
	for path, allow := range map[string]string{
		"": "GET, HEAD", "_catalog": "GET, HEAD", "app/tags/list": "GET, HEAD", "app/manifests/v1": "GET, HEAD, PUT, DELETE",
		"app/blobs/" + aDigest: "GET, HEAD", "app/referrers/" + aDigest: "GET, HEAD", "app/blobs/uploads/": "POST",
		"app/blobs/uploads/1": "GET, HEAD, PUT, PATCH, DELETE",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "OPTIONS", "BREW"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			w := serve(method, "/v2/"+path, path)
			if w.Code != 405 || w.Header().Get("Allow") != allow || !strings.Contains(w.Body.String(), `"UNSUPPORTED"`) || strings.Contains(w.Body.String(), "c2VjcmV0") {
				t.Errorf("%s %s: %d %v %s", method, path, w.Code, w.Header(), w.Body)
			}
		}
	}
	// H03: an encoded slash is not a separator.
	if w := serve("GET", "/v2/a%2Fb/manifests/v1", "a/b/manifests/v1"); w.Code != 400 || !strings.Contains(w.Body.String(), "NAME_INVALID") {
		t.Errorf("encoded slash: %d %s", w.Code, w.Body)
	}
}
