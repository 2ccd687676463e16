package server_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/blob/s3test"
)

// tells waits until the metrics have the line.
func tells(t *testing.T, s *berthtest.Server, line string) {
	t.Helper()
	var text string
	for range 1000 {
		if _, text = asked(t, http.MethodGet, s.URL+"/metrics", "Accept", "text/plain"); strings.Contains(text, "\n"+line+"\n") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	name, _, _ := strings.Cut(line, " ")
	_, rest, _ := strings.Cut(text, "\n"+name)
	t.Fatalf("the metrics do not say %q, but %s%.20q", line, name, rest)
}

// H14: an operator sees the memory that uploads take on their way to S3, for as long as they take it.
func TestMemoryOfUploadsIsTold(t *testing.T) {
	s := berthtest.Start(t, watched, func(c *server.Config) { c.Blobs = s3test.Start(t).URL("layers") })
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	tells(t, s, "berth_upload_memory_bytes 0")
	tells(t, s, "berth_upload_memory_limit_bytes 2.68435456e+08") // 32 parts of 8 MiB
	tells(t, s, "berth_uploads_waiting 0")

	begun, _ := s.Do(t, login, "POST", there+"/blobs/uploads/", nil)
	body, client := io.Pipe()
	ended := make(chan int)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.URL+begun.Header.Get("Location"), body)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", login)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			ended <- 0
			return
		}
		resp.Body.Close()
		ended <- resp.StatusCode
	}()
	if _, err := client.Write(make([]byte, 6<<20)); err != nil { // more than what stays in the database between two requests
		t.Fatal(err)
	}
	tells(t, s, "berth_upload_memory_bytes 8.388608e+06")
	client.Close()
	if status := <-ended; status != http.StatusAccepted {
		t.Errorf("the upload ends with %d", status)
	}
	tells(t, s, "berth_upload_memory_bytes 0")
}

// F08: that the disk of archived layers fails is told, and keeps nobody from the others: the node stays ready.
func TestFailingArchiveDiskIsTold(t *testing.T) {
	t.Parallel() // a disk is looked at every two seconds
	archive := t.TempDir()
	s := berthtest.Start(t, watched, func(c *server.Config) { c.ArchiveBlobs = archive })
	tells(t, s, `berth_disk_fails{folder="archive"} 0`)
	probe := filepath.Join(archive, "probe")
	if err := os.Remove(probe); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(probe, 0o700); err != nil { // which takes no write
		t.Fatal(err)
	}
	tells(t, s, `berth_disk_fails{folder="archive"} 1`)
	tells(t, s, `berth_disk_fails{folder="data"} 0`)
	if status, text := asked(t, http.MethodGet, s.URL+"/readyz", "Accept", "text/plain"); status != http.StatusOK {
		t.Errorf("a node without its archive: %d %s", status, text)
	}
}
