package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// noteMax bounds what Note reads into memory, in bytes.
const noteMax = 64 << 20

var noteName = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*/)?[a-z0-9][a-z0-9.-]*$`)

// validNote reports whether a note may have the name: it must not be taken for a folder of the store's own.
func validNote(name string) error {
	if !noteName.MatchString(name) || name == "blob" || name == "upload" || len(name) > 5 && name[:5] == "blob/" || len(name) > 7 && name[:7] == "upload/" {
		return fmt.Errorf("blob: %q is no name of a note", name)
	}
	return nil
}

// Note is Store's.
func (s *Files) Note(_ context.Context, name string) ([]byte, error) {
	if err := validNote(name); err != nil {
		return nil, err
	}
	return ReadNote(s.root, name)
}

// SetNote is Store's.
func (s *Files) SetNote(_ context.Context, name string, text []byte) error {
	if err := validNote(name); err != nil {
		return err
	}
	return WriteNote(s.root, name, text)
}

// ReadNote reads a note from a folder that is no store, as Store.Note does.
func ReadNote(folder, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return text, nil
}

// WriteNote writes a note into a folder that is no store, as Store.SetNote does: for nobody else to read.
func WriteNote(folder, name string, text []byte) error {
	path := filepath.Join(folder, name)
	if text == nil {
		return remove(path)
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return unavailable(err)
	}
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return unavailable(err)
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path + ".new")
		return unavailable(err)
	}
	return nil
}

// Rename gives a file another name in its folder, durably.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// Note is Store's.
func (s *S3) Note(ctx context.Context, name string) ([]byte, error) {
	if err := validNote(name); err != nil {
		return nil, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)})
	switch {
	case absent(err):
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	case err != nil:
		return nil, unavailable(err)
	}
	defer out.Body.Close() //nolint:errcheck // it was read to its end
	text, err := io.ReadAll(io.LimitReader(out.Body, noteMax))
	if err != nil {
		return nil, unavailable(err)
	}
	return text, nil
}

// SetNote is Store's.
func (s *S3) SetNote(ctx context.Context, name string, text []byte) error {
	if err := validNote(name); err != nil {
		return err
	}
	key := aws.String(s.prefix + name)
	var err error
	if text == nil {
		_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: key})
		if absent(err) {
			err = nil
		}
	} else {
		_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &s.bucket, Key: key, Body: bytes.NewReader(text), ContentLength: aws.Int64(int64(len(text))), ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey,
		})
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}
