package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Profile is an access key under a name in an AWS shared credentials file. SessionToken is of temporary keys only. Without a Region that of the file stays.
type Profile struct{ AccessKeyID, SecretAccessKey, SessionToken, Region string }

// settings are the lines of the profile, by their keys.
func (p Profile) settings() (lines [][2]string) {
	for _, s := range [...][2]string{
		{"aws_access_key_id", p.AccessKeyID}, {"aws_secret_access_key", p.SecretAccessKey}, {"aws_session_token", p.SessionToken}, {"region", p.Region},
	} {
		if s[1] != "" {
			lines = append(lines, s)
		}
	}
	return lines
}

// replaces reports whether a key of the file's profile gives way to those of p: also a token that belongs to another key.
func (p Profile) replaces(key string) bool {
	switch key {
	case "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token":
		return true
	case "region":
		return p.Region != ""
	}
	return false
}

// WriteProfile puts a profile into the credentials file at path. Of a profile of the same name the keys are replaced; its other settings, other profiles and
// comments stay as they are. The file is for its owner only (0600), and is replaced whole: a crash leaves the old one or the new one. The zero Profile only
// makes sure that it can be written.
func WriteProfile(path, name string, p Profile) error {
	if err := CheckProfile(name); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // of a link, what it leads to is replaced
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("credentials: %w", err)
	}
	text := string(old)
	if p != (Profile{}) {
		text = withProfile(text, name, p)
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

// withProfile is the text of a credentials file with the profile in it.
func withProfile(text, name string, p Profile) string {
	var out strings.Builder
	inside, written := false, false
	write := func() {
		for _, s := range p.settings() {
			out.WriteString(s[0] + " = " + s[1] + "\n")
		}
		written = true
	}
	for line := range strings.Lines(text) {
		if section, ok := sectionOf(line); ok {
			inside = section == name
			out.WriteString(line)
			if inside && !strings.HasSuffix(line, "\n") {
				out.WriteByte('\n')
			}
			if inside && !written {
				write()
			}
			continue
		}
		if inside && p.replaces(keyOf(line)) {
			continue
		}
		out.WriteString(line)
	}
	if !written {
		if before := out.String(); before != "" && !strings.HasSuffix(before, "\n") {
			out.WriteByte('\n')
		}
		if text != "" && !strings.HasSuffix(text, "\n\n") {
			out.WriteByte('\n')
		}
		out.WriteString("[" + name + "]\n")
		write()
	}
	return out.String()
}

// sectionOf reads the line that begins a profile.
func sectionOf(line string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "[")
	if !ok {
		return "", false
	}
	name, _, _ = strings.Cut(rest, "]")
	return strings.TrimSpace(name), true
}

// keyOf is the key of a setting; "" of a comment, of an empty line, and of one that goes on with the setting before.
func keyOf(line string) string {
	if line == "" || line[0] == ' ' || line[0] == '\t' || line[0] == '#' || line[0] == ';' {
		return ""
	}
	key, _, _ := strings.Cut(line, "=")
	return strings.ToLower(strings.TrimSpace(key))
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
	keys, err := profile(path, name)
	return keys != nil, err
}

// HasLastingKey reports whether the profile has an access key without a session token: one that nothing brings back when it is replaced.
func HasLastingKey(path, name string) (bool, error) {
	keys, err := profile(path, name)
	return keys["aws_access_key_id"] && !keys["aws_session_token"], err
}

// profile is which settings a profile has; nil if the file has no such profile.
func profile(path, name string) (map[string]bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	var keys map[string]bool
	inside := false
	for line := range strings.Lines(string(text)) {
		if section, ok := sectionOf(line); ok {
			if inside = section == name; inside && keys == nil {
				keys = map[string]bool{}
			}
		} else if inside {
			keys[keyOf(line)] = true
		}
	}
	return keys, nil
}
