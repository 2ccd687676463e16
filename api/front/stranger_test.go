package front_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/storage/audit"
)

// A refused sign-in is a call like any other: the audit says which key it was, from where, and that it was refused.
func TestRefusedSignInsAreRecorded(t *testing.T) {
	s := start(t)
	resp, _ := s.Do(t, "Basic QVdTOm5vbnNlbnNl", http.MethodGet, path+"/tags/list", nil)
	if resp.StatusCode != http.StatusUnauthorized {
		t.Fatal(resp.Status)
	}
	if answer, body := call(t, s.Server, "{}"); answer.Code != http.StatusBadRequest || !strings.Contains(body, "UnrecognizedClientException") {
		t.Fatalf("%d %s", answer.Code, body)
	}
	for action, key := range map[string]string{"ecr:SignIn": "", "ecr:UploadLayerPart": "AKIAAAAAAAAAAAAAAAAA"} {
		var list []audit.Record // those of refusals are written in batches
		eventually(t, func() bool { list = s.records(t, action); return len(list) > 0 })
		if len(list) != 1 || list[0].Decision != "Deny" || list[0].Error == "" || list[0].AccessKeyID != key || list[0].RequestID == "" {
			t.Errorf("%s: %+v, want one record of a refusal with key %q", action, list, key)
		}
	}
}

// Whom nobody knows gets no room for the body of a layer part, however well the request is formed (H54, H68).
func TestStrangersGetNoRoomForLayers(t *testing.T) {
	resp, body := call(t, berthtest.Start(t), `{"layerPartBlob":"`+strings.Repeat("A", 2<<20)+`"}`)
	if resp.Code != http.StatusBadRequest || !strings.Contains(body, "larger than 1048576 bytes") {
		t.Errorf("%d %s", resp.Code, body)
	}
}

// call makes a well-formed call of UploadLayerPart with a key that does not exist.
func call(t *testing.T, s *berthtest.Server, body string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, s.URL+"/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.UploadLayerPart")
	sum := sha256.Sum256([]byte(body))
	key := aws.Credentials{AccessKeyID: "AKIAAAAAAAAAAAAAAAAA", SecretAccessKey: "none"}
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(sum[:]), "ecr", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w, w.Body.String()
}

// H14: who is not known has as much time for his whole body as for his headers, however much of it comes.
func TestBodyOfAStrangerIsCutOff(t *testing.T) {
	s := start(t)
	s.Handler().(*front.Front).StrangerBody = 200 * time.Millisecond
	conn, _ := dial(t, s.Host)
	write(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n")
	for n := 0; n < 1000; n++ { // 20 s: far longer than it may take, and far less than an idle body has
		if _, err := conn.Write([]byte("                    ")); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a stranger's body took as long as he liked")
}

// H14: a body of which a byte comes now and then is cut off too: each byte alone does not buy more time.
func TestTricklingBodyIsCutOff(t *testing.T) {
	s := start(t)
	login := s.vendor.Login(t, "us-east-1")
	s.Handler().(*front.Front).IdleBody = 200 * time.Millisecond
	conn, _ := dial(t, s.Host)
	write(t, conn, "PUT /v2/"+path+"/manifests/x HTTP/1.1\r\nHost: x\r\nAuthorization: "+login+"\r\nContent-Length: 1000000\r\n\r\n")
	for { // the test's own time limit is the only clock
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
