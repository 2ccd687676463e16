package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Profile is an access key under a name in an AWS shared credentials file.
type Profile struct{ AccessKeyID, SecretAccessKey, Region string }

// WriteProfile puts a profile into the credentials file at path, in place of one of the same name, and leaves the rest of the file as it is. The file is
// for its owner only (0600), and is replaced whole: a crash leaves the old one or the new one. The zero Profile only makes sure that it can be written.
func WriteProfile(path, name string, p Profile) error {
	if err := CheckProfile(name); err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("credentials: %w", err)
	}
	text := withoutProfile(string(old), name)
	if p != (Profile{}) {
		if text != "" && !strings.HasSuffix(text, "\n\n") {
			text += "\n"
		}
		text += fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", name, p.AccessKeyID, p.SecretAccessKey, p.Region)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".credentials-*") // 0600 by itself
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("credentials: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// CheckProfile finds names that would be read as something else in a credentials file.
func CheckProfile(name string) error {
	if name == "" || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune("[]#;\"'", r) }) {
		return fmt.Errorf("%q cannot be the name of a profile: it stands between [ and ] in a line of the credentials file", name)
	}
	return nil
}

// HasProfile reports whether the credentials file at path has a profile of that name. A file that is not there has none.
func HasProfile(path, name string) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("credentials: %w", err)
	}
	return withoutProfile(string(text), name) != string(text), nil
}

// withoutProfile is text without the section of that name.
func withoutProfile(text, name string) string {
	var out strings.Builder
	skip := false
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "[") {
			skip = strings.TrimSpace(strings.Trim(trimmed, "[]")) == name
		}
		if !skip {
			out.WriteString(line)
		}
	}
	return out.String()
}
