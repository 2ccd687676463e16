package blob_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/blobtest"
	"github.com/berth-registry/berth/storage/blob/s3test"
)

func TestS3(t *testing.T) {
	server := s3test.Start(t)
	blobtest.Run(t, func(t *testing.T) blobtest.Place {
		prefix := "cell/" + uuid.NewString()
		return func() blob.Store { return open(t, server.URL(prefix)) }
	})
}

func open(t testing.TB, url string) blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
