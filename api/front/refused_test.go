package front_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
)

// A client that sends its whole body before it looks for the answer gets the answer, and not a broken connection (HTTP-16: a manifest that is too large).
func TestRefusedBodyIsTakenBeforeTheAnswer(t *testing.T) {
	s := berthtest.Start(t)
	a := s.Account(t, "")
	if _, err := a.ECR("us-east-1").CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	login := a.Login(t, "us-east-1")
	for path, want := range map[string]int{"app": http.StatusRequestEntityTooLarge, "none": http.StatusNotFound} {
		conn, err := net.Dial("tcp", s.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := bytes.Repeat([]byte(" "), 6<<20)
		fmt.Fprintf(conn, "PUT /v2/%s/us-east-1/%s/manifests/x HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: %d\r\n\r\n",
			a.ID, path, s.Host, login, len(body))
		if n, err := conn.Write(body); err != nil {
			t.Fatalf("%s: after %d bytes: %v", path, n, err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
}
