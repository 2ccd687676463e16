package backup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-registry/berth/lang/oci"
)

// F28: one backup ends between the rename of its database and its manifest, and the next one before its own rename: the database that is there is still the one of a manifest.
func TestTwoBackupsThatDidNotComeToTheirEnd(t *testing.T) {
	p, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	note := func(name, database string) {
		t.Helper()
		text, err := json.Marshal(Manifest{Format: format, Installation: "i", Size: int64(len(database)), Digest: oci.FromBytes([]byte(database))})
		if err == nil {
			err = p.setNote(t.Context(), name, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	note(manifestName, "the first one")
	note(nextName, "the second")
	if err := os.WriteFile(filepath.Join(p.folder, databaseName), []byte("the second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.begin(t.Context(), &Manifest{Installation: "i"}); err != nil {
		t.Fatal(err)
	}
	note(nextName, "the third one")
	if m, err := p.Manifest(t.Context()); err != nil || m.Size != int64(len("the second")) {
		t.Errorf("%+v %v", m, err)
	}
	if err := p.begin(t.Context(), &Manifest{Installation: "i"}); err != nil {
		t.Errorf("the fourth backup: %v", err)
	}
}
