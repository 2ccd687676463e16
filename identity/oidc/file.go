package oidc

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// file is a key set that the operator keeps: for a site that cannot ask its provider.
type file struct {
	path string

	mu   sync.Mutex
	keys []jose.JSONWebKey
	at   time.Time // of the version that was last read, good or not
	size int64
}

// current returns the keys, read again if the file changed. A file that is gone or half written leaves those that were read before.
func (f *file) current() []jose.JSONWebKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	if info, err := os.Stat(f.path); err == nil && (!info.ModTime().Equal(f.at) || info.Size() != f.size) {
		if err := f.read(); err != nil {
			slog.Error("the keys of an identity provider cannot be read; the old ones are used", "file", f.path, "error", err)
		}
	}
	return f.keys
}

// read reads the file.
func (f *file) read() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	f.at, f.size = info.ModTime(), info.Size()
	if info.Size() > mostKeySet || !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a key set", f.path)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	keys, err := parseKeySet(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.keys = keys
	return nil
}
