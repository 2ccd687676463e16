package backup_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/blob/s3test"
)

// In berth's image nothing can be written to but the data folder: there the database is on its way to a bucket. What a backup left that was killed goes, and what one has that runs stays.
func TestBackupToABucketWithoutTemporaryFolder(t *testing.T) {
	bucket := s3test.Start(t).URL("backup")
	s, _, login := start(t, small)
	s.Push(t, login, repository, "1", image(1))
	left, young := filepath.Join(s.Config.Data, "berth-backup-1"), filepath.Join(s.Config.Data, "berth-backup-2")
	for _, dir := range []string{left, young} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(left, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Join(s.Config.Data, "not-there"))
	if _, err := take(t, installation(s.Config), bucket, options()); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(s.Config.Data, "berth-backup-*"))
	if err != nil || len(found) != 1 || found[0] != young {
		t.Errorf("the data folder has %v, %v", found, err)
	}
}
