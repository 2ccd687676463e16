package fault_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// A berth that leaves out an fsync loses images here within a few power cuts.
func TestLaboratoryFindsMissingFsyncs(t *testing.T) {
	for name, c := range map[string]struct {
		kind      uint32
		mutations []mutation
	}{
		"bytes of blobs": {keeping, []mutation{{"storage/blob/files.go", "err = f.file.Sync()", "err = nil"}}},
		"names of blobs": {losing, []mutation{{"storage/blob/files.go", "if err := syncDir(filepath.Dir(final)); err != nil {", "if err := error(nil); err != nil {"}}},
		"commits": {losing, []mutation{
			{"storage/sql/sqlite.go", "_pragma=synchronous(FULL)", "_pragma=synchronous(NORMAL)"},
			{"storage/sql/sqlite.go", "synchronous != 2", "synchronous != 1"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaboratory(t, "ext4", build(t, overlay(t, c.mutations...)))
			const enough = 25
			for n := range enough {
				l.work(t, 1, 1+l.random.IntN(4), c.kind)
				for _, d := range l.disks {
					d.back()
				}
				l.launch()
				if err := l.ready(); err != nil {
					t.Logf("red after %d power cuts: %v", n+1, err)
					return
				}
				if found := l.oracle.compare(t, l.berth, false); len(found) > 0 {
					t.Logf("red after %d power cuts and %d acknowledged pushes: %s: %s", n+1, l.oracle.acks, found[0].kind, found[0].what)
					return
				}
			}
			t.Errorf("%d power cuts lost nothing of %d acknowledged pushes", enough, l.oracle.acks)
		})
	}
}

// A registry that gives no lease to layers, or does not keep what it was told, breaks pushes in the tests of the collection (F19).
func TestCollectionTestsFindMissingLeases(t *testing.T) {
	for name, m := range map[string]mutation{
		"no lease":         {"registry/lease.go", "return sql.Micros(g.now().Add(g.times.Lease))", "return 1"},
		"not looked again": {"registry/garbage.go", "			if used {\n", "			if used && l.repository < 0 {\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command("go", "test", "-overlay", overlay(t, m), "-run", "TestCollectionAmongPushes/sqlite|TestLayersStay/sqlite|TestWhatNoImageUsesIsCollected/sqlite", "github.com/berth-registry/berth/registry").CombinedOutput()
			var failed *exec.ExitError
			if !errors.As(err, &failed) || !strings.Contains(string(out), "--- FAIL: Test") {
				t.Errorf("the tests do not notice: %v\n%s", err, out)
			}
		})
	}
}
