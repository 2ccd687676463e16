package blob_test

import (
	"testing"

	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/blobtest"
)

func TestFiles(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Place {
		dir := t.TempDir()
		return func() blob.Store { return openFiles(t, dir) }
	})
}

func openFiles(t testing.TB, dir string) *blob.Files {
	t.Helper()
	s, err := blob.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
