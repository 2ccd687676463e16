package fault_test

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// steps is how many steps a berth of hasty has left until it kills itself: memory that it shares with the test. 0, or less, is as many as it likes.
type steps struct {
	file string
	left *atomic.Int64
}

func newSteps(t testing.TB) *steps {
	t.Helper()
	path := filepath.Join(t.TempDir(), "steps")
	if err := os.WriteFile(path, make([]byte, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	memory, err := syscall.Mmap(int(file.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	return &steps{path, (*atomic.Int64)(unsafe.Pointer(&memory[0]))}
}

func (s *steps) variable() string { return "BERTH_STEPS=" + s.file }

// operation is what a berth is killed at.
type operation struct {
	few     int          // steps of which so many are met in the short version
	prepare func()       // nothing dies here
	do      func() error // it may die here; nil says that it came to its end
	after   func()       // it died: what is there now, and the same operation once more
}

// each does an operation again and again, each time with another step at which the program dies: all of them, until the operation comes to its end again and again without the step being met, or some at random in the short version.
func (s *steps) each(t *testing.T, random *rand.Rand, o operation) {
	t.Helper()
	// killed does it once and reports whether the step was met, and how many there were if it was not.
	killed := func(n int64) (met bool, steps int64) {
		o.prepare()
		s.left.Store(n)
		err := o.do()
		left := s.left.Swap(0)
		if left > 0 && err != nil {
			t.Fatalf("it was not killed at step %d, and failed: %v", n, err)
		}
		return left <= 0, n - left
	}
	_, all := killed(1 << 40)
	met, missed := 0, 0
	for n := int64(1); missed < 3; n++ { // how many there are depends on what is done together
		at := n
		if !*soak {
			if met == o.few {
				break
			}
			at = 1 + random.Int64N(all)
		}
		hit, _ := killed(at)
		if !hit {
			if *soak {
				missed++
			}
			continue
		}
		met, missed = met+1, 0
		o.after()
		if t.Failed() {
			t.Fatalf("after it was killed at step %d of %d or so", at, all)
		}
	}
	if least := int64(8); all < least {
		t.Errorf("it has %d steps only", all)
	}
	t.Logf("killed at %d steps; it has %d", met, all)
}

// stepping is an installation of a berth that is killed at its steps.
type stepping struct {
	*berth
	*steps
	*oracle
	t      testing.TB
	random *rand.Rand
	dir    string
	pushed int
	// power is cut, and comes back, when the program was killed; nil leaves it alone.
	power func() error
}

func newStepping(t testing.TB, lease string) *stepping {
	t.Helper()
	dir := t.TempDir()
	return newSteppingAt(t, lease, dir, dir+"/data", dir+"/blobs")
}

func newSteppingAt(t testing.TB, lease, dir, data, blobs string) *stepping {
	t.Helper()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	l := &stepping{berth: newIdle(t, hasty(t), data, blobs), steps: newSteps(t), oracle: newOracle(), t: t, random: rand.New(rand.NewPCG(*seed, 5)), dir: dir}
	l.args = []string{"--archive-blobs", dir + "/archive"}
	l.env = []string{l.variable(), "BERTH_LEASE=" + lease}
	l.start(t)
	l.settle(t)
	return l
}

// fresh is a new image with layers in the row and in a file.
func (l *stepping) fresh() *image {
	l.pushed++
	return newImage(l.random, fmt.Sprint("i", l.pushed), nil, 200, 100_000)
}

// have pushes an image.
func (l *stepping) have(i *image) {
	l.t.Helper()
	err := l.push(l.t.Context(), l.berth, i)
	for n := 0; n < 50 && err != nil; n++ { // where a lease is a moment, a layer may go before its manifest comes
		err = l.push(l.t.Context(), l.berth, i)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// again starts the program that was killed, and looks whether what is there is what was acknowledged.
func (l *stepping) again() {
	l.t.Helper()
	l.kill()
	if l.power != nil {
		if err := l.power(); err != nil {
			l.t.Fatal(err)
		}
	}
	l.start(l.t)
	l.whole(false)
}

// whole compares what is there with what was acknowledged.
func (l *stepping) whole(all bool) {
	l.t.Helper()
	for _, f := range l.compare(l.t, l.berth, all) {
		l.t.Errorf("%s: %s", f.kind, f.what)
	}
	l.fsck(l.t, "--deep", "--archive-blobs", l.dir+"/archive")
}

// pushing is the push of an image, of which one layer comes in chunks; so many steps are met in the short version.
func (l *stepping) pushing(few int) operation {
	var i *image
	return operation{
		few:     few,
		prepare: func() { i = l.fresh() },
		do: func() error {
			if status, err := putBlob(l.t.Context(), func() *berth { return l.berth }, i.blobs[2], 60_000); err != nil || status != 201 {
				return fmt.Errorf("a layer in chunks: %d, %w", status, err)
			}
			return l.push(l.t.Context(), l.berth, i)
		},
		after: func() {
			l.again()
			l.have(i)
		},
	}
}

// deleting is the deletion of an image.
func (l *stepping) deleting(few int) operation {
	var i *image
	return operation{
		few: few,
		prepare: func() {
			i = l.fresh()
			l.have(i)
			delete(l.there, i.tag)
		},
		do: func() error {
			l.unknown[i.tag] = i
			return l.drop(l.t.Context(), l.berth, i)
		},
		after: func() {
			l.again()
			_, still := l.there[i.tag]
			if delete(l.there, i.tag); !still {
				return
			}
			if err := l.drop(l.t.Context(), l.berth, i); err != nil {
				l.t.Error(err)
			}
		},
	}
}

// F01, F18: the program is killed at each step of a push and of a deletion. When it runs again, what was acknowledged is there, what was not is whole or absent, the same can be done again, and berth fsck has nothing
// to say.
func TestKilledInPush(t *testing.T) {
	l := newStepping(t, "24h")
	t.Run("push", func(t *testing.T) { l.each(t, l.random, l.pushing(8)) })
	t.Run("delete", func(t *testing.T) { l.each(t, l.random, l.deleting(3)) })
	l.whole(true)
	l.logged(t, l.berth)
}

// F02, F03: the same where the power goes at each step, so that what had no fsync by then is not there when the program runs again.
func TestPowerCutAtEachStep(t *testing.T) {
	for name, kind := range map[string]uint32{"names stay": keeping, "names go": losing} {
		t.Run(name, func(t *testing.T) {
			data, blobs := newDisk(t, "ext4", "data", 128), newDisk(t, "ext4", "blobs", 128)
			l := newSteppingAt(t, "24h", t.TempDir(), data.path+"/data", blobs.path+"/blobs")
			l.power = func() error {
				err := errors.Join(blobs.cut(kind), data.cut(kind))
				blobs.back()
				data.back()
				return err
			}
			t.Run("push", func(t *testing.T) { l.each(t, l.random, l.pushing(2)) })
			t.Run("delete", func(t *testing.T) { l.each(t, l.random, l.deleting(1)) })
			l.whole(true)
			l.logged(t, l.berth)
		})
	}
}

// rest waits until a query finds nothing any more that is to be worked on. The error may be that the program died.
func (l *stepping) rest(query string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(l.data, "berth.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if l.over() {
			return errAway
		}
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n == 0 {
			return err
		}
	}
	return errors.New("it does not come to rest")
}

// collected waits until there is no garbage.
func (l *stepping) collected() error {
	return l.rest(`SELECT (SELECT count(*) FROM layer WHERE lease_until > 0) + (SELECT count(*) FROM condemned_blob) + (SELECT count(*) FROM dead_object)`)
}

// objects is how many files there are of layers, in the archive or not.
func (l *stepping) objects() (n int) {
	l.t.Helper()
	for _, store := range []string{l.blobs, l.dir + "/archive"} {
		files, err := filepath.Glob(filepath.Join(store, "blob/*/*"))
		if err != nil {
			l.t.Fatal(err)
		}
		n += len(files)
	}
	return n
}

// F18: the program is killed at each step of the collection of garbage, and of moving an image into the archive and back. When it runs again that goes on, nothing is lost, and no object is left over.
func TestKilledInCollection(t *testing.T) {
	l := newStepping(t, "300ms")
	settled := func(objects int) {
		t.Helper()
		if err := l.collected(); err != nil {
			t.Fatal(err)
		}
		if now := l.objects(); now != objects {
			t.Errorf("there are %d objects, not %d", now, objects)
		}
	}
	t.Run("collection", func(t *testing.T) {
		l.have(l.fresh())
		l.each(t, l.random, operation{
			few: 3,
			prepare: func() {
				settled(len(l.there))
				l.have(l.fresh())
				if err := l.remove(t.Context(), l.berth); err != nil {
					t.Fatal(err)
				}
			},
			do: l.collected,
			after: func() {
				l.again()
				settled(len(l.there))
			},
		})
	})
	t.Run("archive", func(t *testing.T) {
		var i *image
		var asked, done types.TargetStorageClass
		move := func(to types.TargetStorageClass) error {
			asked = to
			_, err := l.api(t).UpdateImageStorageClass(t.Context(), &ecr.UpdateImageStorageClassInput{
				RepositoryName: aws.String(repository), ImageId: &types.ImageIdentifier{ImageDigest: &i.digest}, TargetStorageClass: to,
			})
			if err == nil {
				done = to
				err = l.rest(`SELECT (SELECT count(*) FROM blob_review) + (SELECT count(*) FROM manifest WHERE status = 'ACTIVATING')`)
			}
			return err
		}
		thereAndBack := func() error {
			if err := move(types.TargetStorageClassArchive); err != nil {
				return err
			}
			return move(types.TargetStorageClassStandard)
		}
		l.each(t, l.random, operation{
			few: 3,
			prepare: func() {
				i, asked, done = l.fresh(), "", ""
				settled(len(l.there))
				l.have(i)
			},
			do: thereAndBack,
			after: func() {
				delete(l.there, i.tag) // until it is back it is not to be pulled
				l.again()
				status := l.status(i)
				if asked == done && done == types.TargetStorageClassArchive && status != types.ImageStatusArchived || done == types.TargetStorageClassStandard && status == types.ImageStatusArchived {
					t.Errorf("it was acknowledged that the image is to be %s, and it is %s", done, status)
				}
				var err error
				if status == types.ImageStatusArchived {
					err = move(types.TargetStorageClassStandard)
				} else {
					err = l.rest(`SELECT count(*) FROM manifest WHERE status = 'ACTIVATING'`)
				}
				if err = errors.Join(err, thereAndBack()); err != nil {
					t.Error(err)
				}
				l.there[i.tag] = i
				settled(len(l.there))
				l.whole(false)
			},
		})
	})
	l.whole(true)
}

// status is what the registry says of an image.
func (l *stepping) status(i *image) types.ImageStatus {
	l.t.Helper()
	out, err := l.api(l.t).DescribeImages(l.t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String(repository), ImageIds: []types.ImageIdentifier{{ImageDigest: &i.digest}}, Filter: &types.DescribeImagesFilter{ImageStatus: types.ImageStatusFilterAny}})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.ImageDetails[0].ImageStatus
}

// F18, F28: berth backup is killed at each step, beside a server that goes on. What is there then is the backup before, or none and says so; the next one goes on and is whole.
func TestKilledInBackup(t *testing.T) {
	l, steps := newStepping(t, "24h"), newSteps(t) // those of the server are its own
	backup := func() error {
		c := exec.Command(l.program, "backup", l.dir+"/backup", "--data", l.data, "--blobs", l.blobs, "--archive-blobs", l.dir+"/archive")
		c.Env = append(os.Environ(), steps.variable())
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("berth backup: %w %s", err, out)
		}
		return nil
	}
	// restored is an installation made of the backup; nil if there is none.
	restored := func() *berth {
		t.Helper()
		dir, err := os.MkdirTemp(l.dir, "restored")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		b := newIdle(t, l.program, dir+"/data", dir+"/blobs")
		out, err := exec.Command(l.program, "restore", l.dir+"/backup", "--data", b.data, "--blobs", b.blobs).CombinedOutput()
		if err != nil {
			if !strings.Contains(string(out), "did not come to its end") && !strings.Contains(string(out), "there is no backup") {
				t.Errorf("berth restore: %v %s", err, out)
			}
			return nil
		}
		b.auth = l.auth
		b.start(t)
		b.fsck(t, "--deep")
		return b
	}
	// holds looks whether a restored installation has the images that it must have, and ends it.
	holds := func(b *berth, images map[string]*image) {
		t.Helper()
		if b == nil {
			if len(images) > 0 {
				t.Error("there was a backup, and there is none")
			}
			return
		}
		for tag, i := range images {
			if there, err := i.read(t.Context(), b); err != nil || !there {
				t.Errorf("%s in the backup: %v %v", tag, there, err)
			}
		}
		b.kill()
		os.RemoveAll(filepath.Dir(b.data))
	}
	before := map[string]*image{} // that are in the last backup that came to its end
	steps.each(t, l.random, operation{
		few:     2,
		prepare: func() { l.have(l.fresh()) },
		do: func() error {
			err := backup()
			if err == nil {
				before = maps.Clone(l.there)
			}
			return err
		},
		after: func() {
			holds(restored(), before)
			if err := backup(); err != nil {
				t.Fatal(err)
			}
			before = maps.Clone(l.there)
			holds(restored(), before)
		},
	})
	l.whole(true)
}
