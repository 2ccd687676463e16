package registry_test

import (
	"testing"
	"time"
)

// A report that expired is told once, whichever node looks, and goes on being listed for a week as one that protects nothing.
func TestInventoryExpires(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("used")
		d := w.pushed(r, "v1")
		w.inUse(d)
		told := func(want int) {
			t.Helper()
			expired, err := w.ExpireInventories(w.Context())
			w.ok(err)
			if len(expired) != want || want == 1 && (expired[0].Source != "cluster" || expired[0].Account != vendor || expired[0].Region != region) {
				t.Fatalf("told of %+v", expired)
			}
		}
		listed := func(want ...bool) {
			t.Helper()
			list, _, err := w.Inventories(w.root(vendor), "", 10)
			w.ok(err)
			if len(list) != len(want) || len(list) == 1 && (list[0].Expired != want[0] || list[0].Images != 1) {
				t.Fatalf("listed are %+v", list)
			}
		}
		told(0)
		listed(false)
		w.clock.advance(day)
		listed(true)
		told(1)
		told(0)
		w.clock.advance(6 * day)
		told(0)
		listed(true)
		w.inUse(d) // a newer one takes its place
		listed(false)
		w.clock.advance(8*day + time.Second)
		listed()
		told(1)
		told(0)
	})
}
