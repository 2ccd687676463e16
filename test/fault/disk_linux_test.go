package fault_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shutdown is the ioctl that stops a file system as a power cut does.
const shutdown = 0x8004587d

// The kinds of power cuts. Both drop whatever was not fsynced; losing drops names too that were not, keeping leaves names of files whose bytes are gone.
const (
	keeping = 1
	losing  = 2
)

// disk is a file system of its own, in a file, whose power can be cut.
type disk struct {
	t     testing.TB
	image string
	path  string // where it is mounted
	here  bool
}

// newDisk makes an empty file system, of kind "ext4" or "xfs", of so many MiB. It skips the test where file systems cannot be mounted.
func newDisk(t testing.TB, kind, name string, size int) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system whose power is cut")
	}
	mkfs, err := exec.LookPath("mkfs." + kind)
	if err != nil {
		if mkfs = "/usr/sbin/mkfs." + kind; !exists(mkfs) {
			t.Skipf("mkfs.%s is not here (apt-get install e2fsprogs xfsprogs)", kind)
		}
	}
	flags := []string{"-q", "-F"}
	if kind == "xfs" {
		flags, size = []string{"-q", "-f"}, max(size, 320) // smaller ones it does not make
	}
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, name+".img"), path: filepath.Join(dir, name)}
	if err := errors.Join(os.Mkdir(d.path, 0o755), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, int64(size)<<20)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, append(flags, d.image)...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v %s", kind, err, out)
	}
	if out, err := d.attach(); err != nil {
		t.Skipf("a file system cannot be mounted here: %v %s", err, out)
	}
	t.Cleanup(d.detach)
	return d
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (d *disk) attach() ([]byte, error) {
	out, err := exec.Command("mount", "-o", "loop", d.image, d.path).CombinedOutput()
	d.here = err == nil
	return out, err
}

// detach unmounts. The processes that used it are dead, but the kernel may need a moment to see it.
func (d *disk) detach() {
	if !d.here {
		return
	}
	var err error
	for range 500 {
		if err = syscall.Unmount(d.path, 0); err == nil {
			d.here = false
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Errorf("%s cannot be unmounted: %v", d.path, err)
	_ = syscall.Unmount(d.path, syscall.MNT_DETACH)
}

// cut cuts the power: nothing reaches the disk any more.
func (d *disk) cut(kind uint32) error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&kind))); errno != 0 {
		return fmt.Errorf("cutting the power of %s: %w", d.path, errno)
	}
	return nil
}

// sync makes durable what is there now.
func (d *disk) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// back is what the machine does when the power is back: it mounts the disk, which replays its journal.
func (d *disk) back() {
	d.t.Helper()
	d.detach()
	if out, err := d.attach(); err != nil {
		d.t.Fatalf("the disk does not come back: %v %s", err, out)
	}
}
