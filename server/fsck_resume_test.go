package server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/check"
)

// A deep run of fsck that was interrupted is gone on with: what it has read is not read again, but what it found wrong is, so that nothing is forgotten (durability.md, section 1).
func TestDeepFsckGoesOn(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	var layers [][]byte
	for i := range 20 { // of blobs eight are looked at at a time, of which one may be the configuration
		layers = append(layers, []byte(strings.Repeat(string(rune('a'+i)), 70_000)))
	}
	s.Push(t, login, there, "1", berthtest.NewImage(layers...))
	var files []string
	if err := filepath.WalkDir(filepath.Join(s.Config.Data, "blobs"), func(path string, d os.DirEntry, err error) error {
		if info, failed := d.Info(); err == nil && failed == nil && info.Size() == 70_000 {
			files = append(files, path)
		}
		return err
	}); err != nil || len(files) != 20 {
		t.Fatalf("%d layers, %v", len(files), err)
	}
	for _, path := range files { // all of them, so that some have been read at any time
		text, err := os.ReadFile(path)
		if err == nil {
			text[0] ^= 1
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	installation := &server.Installation{Folder: s.Config.Folder}
	note := filepath.Join(s.Config.Data, "fsck.json")
	var read int64
	run := func(ctx context.Context, stop func(read int64), resume bool, in string) (found int, err error) {
		read = 0
		err = installation.Check(ctx, &check.Run{Deep: true, Resume: resume, Region: in, Report: func(f check.Finding) { found++ }, Progress: func(step string, done, total int64) {
			if step == "bytes" {
				if read = done; stop != nil {
					stop(done)
				}
			}
		}})
		return found, err
	}
	if _, err := run(t.Context(), nil, true, ""); err == nil || !strings.Contains(err.Error(), "no run was interrupted") {
		t.Errorf("with nothing to go on with: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, err := run(ctx, func(read int64) {
		if read > 8*70_000 {
			cancel()
		}
	}, false, "")
	if !errors.Is(err, context.Canceled) || first < 8 || first >= 20 {
		t.Fatalf("the interrupted run found %d: %v", first, err)
	}
	if _, err := run(t.Context(), nil, true, region); err == nil || !strings.Contains(err.Error(), "another installation or region") {
		t.Errorf("going on with another region: %v", err)
	}
	// What was damaged and is whole again by now is no finding; what was read and gets damaged afterwards is for the next run.
	if err := os.WriteFile(files[0], flipped(t, files[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := run(t.Context(), nil, true, "")
	if err != nil || second != 19 || read > 13*70_000 {
		t.Errorf("going on, it found %d of 19 damaged layers and read %d bytes: %v", second, read, err)
	}
	if _, err := os.Stat(note); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run that came to its end is still noted: %v", err)
	}
	if all, err := run(t.Context(), nil, false, ""); err != nil || all != 19 || read < 20*70_000 {
		t.Errorf("a whole run found %d and read %d bytes: %v", all, read, err)
	}
}

func flipped(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[0] ^= 1
	return text
}
