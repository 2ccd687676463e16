package fault_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// next builds a berth of a version to come, whose database has a table and a column more.
func next(t testing.TB) string {
	t.Helper()
	c := newChanges(t)
	c.put("registry/migrations/09999_next.sql", "-- +goose Up\nCREATE TABLE of_the_next_version (id BIGINT PRIMARY KEY);\nALTER TABLE repository ADD COLUMN of_the_next_version BIGINT NOT NULL DEFAULT 0;\n")
	return build(t, c.overlay())
}

// F27: a cluster is upgraded one node at a time. The first new node brings the database up to date while the others serve; these go on beside it, also with uploads that were begun at the other version. An old program that is
// started again is refused, says why, and harms nothing.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	c := newCluster(t, build(t, ""), 2, newPostgres(t, time.Minute), nil)
	first, second := c.nodes[0], c.nodes[1]
	random, o := rand.New(rand.NewPCG(1, 10)), newOracle()
	push := func(b *berth, tag string) {
		t.Helper()
		if err := o.push(t.Context(), b, newImage(random, tag, nil, 300, 70_000)); err != nil {
			t.Errorf("%s: %v", tag, err)
		}
	}
	push(first, "before")
	content := newImage(random, "", nil, 200_000).blobs[1]
	old := first.program
	first.program = next(t)
	turn := 0
	if status, err := putBlob(t.Context(), func() *berth { // begun at the old version, gone on with at the new one, and ended at the old one
		turn++
		if turn == 2 {
			if err := first.end(40 * time.Second); err != nil {
				t.Error(err)
			}
			first.launch()
			if err := first.ready(); err != nil {
				t.Fatal(err)
			}
			return first
		}
		return second
	}, content, 150_000); err != nil || status != http.StatusCreated {
		t.Errorf("an upload over two versions: %d, %v", status, err)
	}
	push(second, "at-the-old-one")
	push(first, "at-the-new-one")
	for _, b := range c.nodes {
		for _, f := range o.compare(t, b, true) {
			t.Errorf("beside another version: %s: %s", f.kind, f.what)
		}
	}
	if err := second.end(40 * time.Second); err != nil {
		t.Error(err)
	}
	second.launch()
	if err := second.ready(); err == nil || !strings.Contains(err.Error(), "made by a newer berth") {
		t.Errorf("an old program on a newer database: %v", err)
	}
	second.program = first.program
	second.launch()
	if err := second.ready(); err != nil {
		t.Fatal(err)
	}
	push(second, "after")
	for _, f := range o.compare(t, second, true) {
		t.Errorf("after the upgrade: %s: %s", f.kind, f.what)
	}
	c.fsck(t)
	if out, err := fsckBy(old, c); err == nil || !strings.Contains(out, "newer") {
		t.Errorf("the fsck of the old program on a newer database: %v\n%s", err, out)
	}
}
