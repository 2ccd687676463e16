package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/berth-registry/berth/fault"
)

// copyBuffer is how much Files reads, hashes and writes at a time: small enough to be still in the cache of the core when it is written, large enough for
// few system calls and large folios in the page cache: 100 MiB cost 103 ms of a core with 64 KiB, 98 with 256 KiB, 92 with 512 KiB and more.
const copyBuffer = 512 << 10

// writebackEvery is after how many bytes the disk is set to work.
const writebackEvery = 8 << 20

// Files keeps blobs in a folder: uploads in upload/, objects in blob/<xx>/. A name under blob/ always stands for a whole object: it appears by a rename
// after the bytes were fsynced, and is acknowledged after the folder was. Several processes may share the folder if they Hold what they write to.
type Files struct {
	root    string
	buffers sync.Pool // of *[copyBuffer]byte

	shards  sync.Mutex       // held while a folder of blob/ is made
	durable [256]atomic.Bool // folders of blob/ whose name is known to be on the disk
}

// OpenFiles makes root, if it is not there, and what is missing on the way to it, and the two folders in it, each durably. They are for nobody else to read.
func OpenFiles(root string) (*Files, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("blob store: %w", err)
	}
	for _, dir := range []string{root, filepath.Join(root, "upload"), filepath.Join(root, "blob")} {
		if err := makeDir(dir); err != nil {
			return nil, fmt.Errorf("blob store: %w", err)
		}
	}
	return &Files{
		root:    root,
		buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }},
	}, nil
}

func (s *Files) uploadDir() string           { return filepath.Join(s.root, "upload") }
func (s *Files) uploadPath(id string) string { return filepath.Join(s.root, "upload", id) }
func (s *Files) shardDir(id string) string   { return filepath.Join(s.root, "blob", shard(id)) }
func (s *Files) objectPath(key Key) string {
	return filepath.Join(s.shardDir(string(key)), string(key))
}

// Append is Store's. It hashes and writes each buffer while it is in the cache, and fsyncs once at the end.
func (s *Files) Append(ctx context.Context, u *Upload, r io.Reader) error {
	if err := s.check(u); err != nil {
		return err
	}
	sum, err := u.hash()
	if err != nil {
		return err
	}
	buffer := s.buffers.Get().(*[copyBuffer]byte)
	defer s.buffers.Put(buffer)

	size, filled := u.Size, copy(buffer[:], u.Tail)
	var file *uploadFile
	for {
		n, readErr := fill(ctx, r, buffer[filled:])
		sum.Write(buffer[filled : filled+n])
		size, filled = size+int64(n), filled+n

		var tail []byte
		if file == nil && readErr != nil && filled <= TailMax {
			tail = append(tail, buffer[:filled]...)
		} else {
			if file == nil {
				if file, err = s.openUpload(u); err != nil {
					return err
				}
			}
			if err := file.write(buffer[:filled]); err != nil {
				return err
			}
			filled = 0
		}
		if readErr == nil {
			continue
		}
		state, err := sumState(sum)
		if file != nil {
			if err != nil {
				file.giveUp()
			} else {
				err = file.finish()
			}
		}
		if err != nil {
			return err
		}
		u.Size, u.Sum, u.Tail = size, state, tail
		return bodyError(readErr)
	}
}

// Commit is Store's.
func (s *Files) Commit(_ context.Context, u *Upload) error {
	if err := s.check(u); err != nil {
		return err
	}
	final := s.objectPath(u.Key())
	file, err := s.openUpload(u)
	if err != nil {
		if info, statErr := os.Stat(final); fault.Is(err, fault.UploadNotFound) && statErr == nil && info.Mode().IsRegular() && info.Size() == u.Size {
			// An earlier Commit moved it, and may have ended before it could acknowledge.
			return s.settle(final)
		}
		return err
	}
	if err := file.write(u.Tail); err != nil {
		return err
	}
	file.moves = true
	if err := file.finish(); err != nil {
		return err
	}
	if err := s.ensureShard(u.ID); err != nil {
		return err
	}
	if err := os.Rename(s.uploadPath(u.ID), final); err != nil {
		s.forgetShard(u.ID) // somebody may have removed the folder, if it was empty
		return unavailable(err)
	}
	return s.settle(final)
}

// settle makes the name of a committed object durable. If that fails, nobody knows what a power cut would leave, and another fsync would claim success
// without cause: the object is dropped.
func (s *Files) settle(final string) error {
	if err := syncDir(filepath.Dir(final)); err != nil {
		_ = os.Remove(final)
		return unavailable(err)
	}
	return nil
}

// Abort is Store's.
func (s *Files) Abort(_ context.Context, u *Upload) error {
	if err := u.check(len(u.Tail)); err != nil {
		return err
	}
	return remove(s.uploadPath(u.ID))
}

// Open is Store's; the Content is an *os.File.
func (s *Files) Open(_ context.Context, key Key, size int64) (Content, error) {
	if !validID(string(key)) {
		return nil, fmt.Errorf("%w: malformed key %q", ErrMissing, key)
	}
	file, err := os.Open(s.objectPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, key)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() == size {
		return file, nil
	}
	_ = file.Close()
	if err != nil {
		return nil, unavailable(err)
	}
	return nil, fmt.Errorf("%w: %s has %d bytes instead of %d", ErrSize, key, info.Size(), size)
}

// URL is Store's: a folder sends no client elsewhere.
func (s *Files) URL(context.Context, Key, Disposition) (string, bool) { return "", false }

// Delete is Store's. The folder is not fsynced: that the file comes back with a power cut costs space until fsck names it, and nothing else, since no row
// ever names its key again.
func (s *Files) Delete(_ context.Context, key Key) error {
	if !validID(string(key)) {
		return fmt.Errorf("%w: malformed key %q", ErrMissing, key)
	}
	return remove(s.objectPath(key))
}

// Walk is Store's.
func (s *Files) Walk(ctx context.Context, f func(Key, int64, time.Time) error) error {
	shards, err := os.ReadDir(filepath.Join(s.root, "blob"))
	if err != nil {
		return unavailable(err)
	}
	for _, shard := range shards {
		if !shard.IsDir() {
			continue
		}
		err := eachFile(ctx, filepath.Join(s.root, "blob", shard.Name()), func(info fs.FileInfo) error {
			if shardOf := info.Name(); shardOf[len(shardOf)-2:] != shard.Name() {
				return nil
			}
			return f(Key(info.Name()), info.Size(), info.ModTime())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Sweep is Store's.
func (s *Files) Sweep(ctx context.Context, olderThan time.Time, live func(id string) (bool, error)) (int, error) {
	if err := s.sweepLocks(olderThan); err != nil {
		return 0, err
	}
	removed := 0
	err := eachFile(ctx, s.uploadDir(), func(info fs.FileInfo) error {
		if !info.ModTime().Before(olderThan) {
			return nil
		}
		if alive, err := live(info.Name()); err != nil || alive {
			return err
		}
		if err := remove(s.uploadPath(info.Name())); err != nil {
			return err
		}
		removed++
		return nil
	})
	return removed, err
}

// check refuses an upload that is none of this store.
func (s *Files) check(u *Upload) error {
	if err := u.check(copyBuffer); err != nil {
		return err
	}
	if len(u.State) > 0 {
		return errUploadLost(u.ID, "it was begun on another kind of store")
	}
	return nil
}

// ensureShard makes the folder of id in blob/. Its name has to be on the disk before anything in it is acknowledged, even if this process finds it already
// made: the one that made it may have died before its fsync.
func (s *Files) ensureShard(id string) error {
	known := s.shardKnown(id)
	if known.Load() {
		return nil
	}
	s.shards.Lock()
	defer s.shards.Unlock()
	if err := makeDir(s.shardDir(id)); err != nil {
		return unavailable(err)
	}
	known.Store(true)
	return nil
}

func (s *Files) forgetShard(id string) { s.shardKnown(id).Store(false) }

func (s *Files) shardKnown(id string) *atomic.Bool {
	n, _ := strconv.ParseUint(shard(id), 16, 8) // two hexadecimal digits: validID
	return &s.durable[n]
}

// uploadFile is the file of an upload, open at the offset that the upload's row names.
type uploadFile struct {
	file   *os.File
	path   string
	offset int64 // what was acknowledged before
	made   bool  // its name is not yet on the disk
	dirty  bool  // it holds what no fsync has seen
	moves  bool  // the name will not stay, and need not be durable

	waiting int // bytes written since the last startWriteback
}

// openUpload opens u's file for what comes after the bytes that u says are stored. More than that are leftovers of a lost acknowledgement and are cut off.
func (s *Files) openUpload(u *Upload) (*uploadFile, error) {
	f := &uploadFile{path: s.uploadPath(u.ID), offset: u.stored(), made: u.stored() == 0}
	flags := os.O_WRONLY
	if f.made {
		flags |= os.O_CREATE
	}
	var err error
	f.file, err = os.OpenFile(f.path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) && !f.made {
		return nil, errUploadLost(u.ID, "its file is gone")
	}
	if err != nil {
		return nil, unavailable(err)
	}
	info, err := f.file.Stat()
	switch {
	case err != nil:
	case info.Size() < f.offset:
		_ = f.file.Close()
		return nil, errUploadLost(u.ID, "its file has %d bytes instead of %d", info.Size(), f.offset)
	case info.Size() > f.offset:
		f.dirty = true
		err = f.file.Truncate(f.offset)
	}
	if err == nil {
		_, err = f.file.Seek(f.offset, io.SeekStart)
	}
	if err != nil {
		_ = f.file.Close()
		return nil, unavailable(err)
	}
	return f, nil
}

// write adds p. When it fails, the file is again what was acknowledged: the space of the rest is free at once, and the upload may go on later.
func (f *uploadFile) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	f.dirty = true
	if _, err := f.file.Write(p); err != nil {
		f.giveUp()
		return unavailable(err)
	}
	if f.waiting += len(p); f.waiting >= writebackEvery {
		f.waiting = 0
		startWriteback(f.file)
	}
	return nil
}

// giveUp closes the file and takes back what was written.
func (f *uploadFile) giveUp() {
	if f.made {
		_ = os.Remove(f.path)
	} else {
		_ = f.file.Truncate(f.offset)
	}
	_ = f.file.Close()
}

// finish makes what was written durable, with the file's name if it is new. An fsync that failed says that nobody knows what is on the disk, and the next
// one would report success without cause: the file is dropped, and the client has to start again (F06).
func (f *uploadFile) finish() error {
	var err error
	if f.dirty || f.made {
		err = f.file.Sync()
	}
	if err == nil && f.made && !f.moves {
		err = syncDir(filepath.Dir(f.path))
	}
	if closeErr := f.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(f.path)
		return unavailable(err)
	}
	return nil
}

// eachFile calls f for the regular files in dir whose names are ids. Others were not put there by a store, and files that vanish meanwhile are no error.
func eachFile(ctx context.Context, dir string, f func(fs.FileInfo) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unavailable(err)
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !validID(entry.Name()) || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return unavailable(err)
		}
		if err := f(info); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes dir, with what is missing above it, and puts its name on the disk even if it was there before. If that fails, a folder that is new is taken
// away, so that the next attempt begins with the mkdir again.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		if made {
			_ = os.Remove(dir)
		}
		return err
	}
	return nil
}

// syncDir puts the names in dir on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	_ = d.Close()
	return err
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable(err)
	}
	return nil
}

// unavailable is the fault for a store that failed. What the client reads names no path and no host (F09).
func unavailable(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Wrap(err, fault.Unavailable, "the registry's disk is full; free space and push again")
	}
	return fault.Wrap(err, fault.Unavailable, "the registry's storage does not answer as it should; try again")
}
