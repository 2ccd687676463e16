package backup_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/backup"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/s3test"
)

// F28: two backups into one bucket at once would make one that lacks objects, since the later one removes what the rows of the earlier need. So another is refused while the first
// gives signs of life; it goes on where one was killed; and one that stood still and was overtaken does not become the backup.
func TestBackupsToOneBucketAtOnce(t *testing.T) {
	s, _, login := start(t, small)
	s.Push(t, login, repository, "1", image(1))
	live, place := installation(s.Config), s3test.Start(t).URL("backup")
	store, err := blob.OpenS3(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	// during makes a backup, in the middle of which f is run once.
	during := func(f func()) (*backup.Manifest, error) {
		o, once := options(), false
		o.Progress = func(p backup.Progress) {
			if p.Table != "" && !once {
				once = true
				f()
			}
		}
		return take(t, live, place, o)
	}
	var other error
	first, err := during(func() { _, other = take(t, live, place, options()) })
	if err != nil || !errors.Is(other, backup.ErrRunning) || !strings.Contains(other.Error(), "run this again after") {
		t.Fatalf("the first: %v; the second: %v", err, other)
	}
	if _, err := store.Note(t.Context(), "running.json"); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("after its end: %v", err)
	}

	note := func(until time.Duration) {
		t.Helper()
		text, err := json.Marshal(map[string]any{"run": "another", "began": time.Now().Add(-time.Hour), "until": time.Now().Add(until)})
		if err == nil {
			err = store.SetNote(t.Context(), "running.json", text)
		}
		if err != nil {
			t.Error(err)
		}
	}
	s.Push(t, login, repository, "2", image(2))
	_, err = during(func() { note(time.Hour) })
	if err == nil || !strings.Contains(err.Error(), "another backup to the same place has begun") {
		t.Errorf("one that was overtaken: %v", err)
	}
	p, closePlace, err := server.OpenBackup(t.Context(), place, false)
	if err != nil {
		t.Fatal(err)
	}
	defer closePlace()
	if m, err := p.Manifest(t.Context()); err != nil || m.Database != first.Database {
		t.Errorf("the backup is now %+v, %v; want the first", m, err)
	}

	note(-time.Second)
	if m, err := take(t, live, place, options()); err != nil || m.Objects <= first.Objects {
		t.Errorf("after one that was killed: %+v, %v", m, err)
	}
}
