package fault_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A berth that leaves out an fsync loses images here within a few power cuts.
func TestLaboratoryFindsMissingFsyncs(t *testing.T) {
	for name, kind := range map[string]uint32{"bytes not durable": keeping, "names not durable": losing, "commits not durable": losing} {
		t.Run(name, func(t *testing.T) {
			careless(t, name)
			l := newLaboratory(t, "ext4", hasty(t))
			const enough = 25
			for n := range enough {
				l.work(t, 1, 1+l.random.IntN(4), kind)
				l.powered()
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

// A berth that takes faults of its disks lightly is found out by the cases that are about them (F06-F11).
func TestCasesFindCarelessness(t *testing.T) {
	cases := []struct{ of, name string }{
		{"failed commit", "TestFailedCommit"}, {"failed fsync", "TestFailedSyncOfBlobs"}, {"bytes not verified", "TestDamagedLayers"},
		{"disks not looked at", "TestDiskGone/blobs"}, {"path in an answer", "TestDiskFull/inodes"}, {"no reserve", "TestDiskFull/database"},
	}
	for _, c := range cases {
		t.Run(c.of, func(t *testing.T) {
			careless(t, c.of)
			out, err := exec.Command(os.Args[0], "-test.run", "^"+strings.ReplaceAll(c.name, "/", "$/^"), "-under", hasty(t)).CombinedOutput()
			var failed *exec.ExitError
			if !errors.As(err, &failed) || !strings.Contains(string(out), "--- FAIL: "+c.name) || strings.Contains(string(out), "panic:") {
				t.Errorf("%s does not notice: %v\n%s", c.name, err, out)
			}
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
