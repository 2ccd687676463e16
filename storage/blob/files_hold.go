package blob

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-registry/berth/fault"
)

const lockSuffix = ".lock"

func (s *Files) lockPath(id string) string { return s.uploadPath(id) + lockSuffix }

// Hold is Store's. It locks a file beside the upload's, so that the lock goes with the process that has it, however that ends.
func (s *Files) Hold(_ context.Context, id string) (release func(), err error) {
	if !validID(id) {
		return nil, errUploadLost(id, "the id is not a UUID")
	}
	path := s.lockPath(id)
	for {
		file, held, err := lockFile(path, os.O_CREATE)
		switch {
		case err != nil:
			return nil, unavailable(err)
		case held:
			return func() {
				_ = os.Remove(path) // under the lock: who opened the file before has lost it, and sees so
				_ = file.Close()
			}, nil
		case file == nil:
			return nil, fault.New(fault.UploadBusy, "another request is writing to this upload; wait for it to end")
		}
		_ = file.Close()
	}
}

// lockFile opens and locks the file at path. Neither an error nor held says by a nil file that another process has the lock, and by a file that its name
// was removed meanwhile, so that the lock is of no use.
func lockFile(path string, flags int) (file *os.File, held bool, err error) {
	if file, err = os.OpenFile(path, os.O_RDWR|flags, 0o600); err != nil {
		return nil, false, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = nil
		}
		return nil, false, err
	}
	mine, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, false, err
	}
	named, err := os.Stat(path)
	return file, err == nil && os.SameFile(mine, named), nil
}

// sweepLocks removes the lock files that processes left when they died.
func (s *Files) sweepLocks(olderThan time.Time) error {
	entries, err := os.ReadDir(s.uploadDir())
	if err != nil {
		return unavailable(err)
	}
	for _, entry := range entries {
		id, isLock := strings.CutSuffix(entry.Name(), lockSuffix)
		if !isLock || !validID(id) {
			continue
		}
		if info, err := entry.Info(); err != nil || !info.ModTime().Before(olderThan) {
			continue
		}
		path := filepath.Join(s.uploadDir(), entry.Name())
		file, held, err := lockFile(path, 0)
		if held {
			_ = os.Remove(path)
		}
		if err == nil && file != nil {
			_ = file.Close()
		}
	}
	return nil
}
