package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-registry/berth/storage/blob"
)

// files are the names of the files in a data folder that are in no database and that an installation is not the same without: the first account's key, and the
// certificates that --tls-self-signed made, which clients trust.
func (s *Source) files(ctx context.Context) (map[string][]byte, error) {
	found := map[string][]byte{}
	if s.Folder == "" {
		return found, nil
	}
	names := []string{"credentials"}
	entries, err := os.ReadDir(filepath.Join(s.Folder, "tls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".pem") {
			names = append(names, "tls/"+e.Name())
		}
	}
	for _, name := range names {
		text, err := blob.ReadNote(s.Folder, name)
		if errors.Is(err, blob.ErrMissing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[name] = text
	}
	return found, ctx.Err()
}

// files reads those that a backup holds.
func (p *Place) files(m *Manifest) func(ctx context.Context) (map[string][]byte, error) {
	return func(ctx context.Context) (map[string][]byte, error) {
		found := map[string][]byte{}
		for _, name := range m.Files {
			text, err := p.note(ctx, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			found[name] = text
		}
		return found, nil
	}
}

// copyFiles writes all files, and answers their names.
func copyFiles(ctx context.Context, files func(context.Context) (map[string][]byte, error), write func(ctx context.Context, name string, text []byte) error) (names []string, err error) {
	found, err := files(ctx)
	if err != nil {
		return nil, err
	}
	for name, text := range found {
		if err := write(ctx, name, text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// free fails if the folder has another file of one of these names: it is that of another installation.
func free(folder string, found map[string][]byte) error {
	for name, text := range found {
		have, err := blob.ReadNote(folder, name)
		if err == nil && !bytes.Equal(have, text) {
			return fmt.Errorf("%w: there is another %s in %s", ErrTaken, name, folder)
		}
		if err != nil && !errors.Is(err, blob.ErrMissing) {
			return err
		}
	}
	return nil
}
