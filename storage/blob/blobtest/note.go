package blobtest

import (
	"errors"
	"testing"

	"github.com/berth-registry/berth/storage/blob"
)

func testNotes(t *testing.T, node Place) {
	ctx, s := t.Context(), node()
	if _, err := s.Note(ctx, "backup.json"); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("a note that nobody wrote: %v", err)
	}
	for _, text := range []string{"one", "another that is longer", ""} {
		for _, name := range []string{"backup.json", "tls/ca.pem"} {
			if err := s.SetNote(ctx, name, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Note(ctx, name); err != nil || string(got) != text {
				t.Errorf("%s: %q, %v; want %q", name, got, err, text)
			}
		}
	}
	for range 2 {
		if err := s.SetNote(ctx, "backup.json", nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Note(ctx, "backup.json"); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("a note that was removed: %v", err)
	}
	if found := listed(t, s); len(found) > 0 {
		t.Errorf("notes are listed as blobs: %v", found)
	}
	for _, name := range []string{"", "../x", "/x", "a/b/c", "blob/aa", "upload/x", "x/../y", ".x"} {
		if err := s.SetNote(ctx, name, []byte("x")); err == nil {
			t.Errorf("a note %q was written", name)
		}
		if _, err := s.Note(ctx, name); err == nil {
			t.Errorf("a note %q was read", name)
		}
	}
}
