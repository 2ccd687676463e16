package front_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/registry"
)

// However many repositories clients make and pull from, their pulls are all counted, in a bounded number of series; those of a repository end with it.
func TestSeriesOfPullsAreBounded(t *testing.T) {
	measured := prometheus.NewRegistry()
	m := front.NewMetrics(measured)
	ref := func(n int) registry.Ref {
		return registry.Ref{Account: "111222333444", Region: "us-east-1", Name: fmt.Sprint("app-", n)}
	}
	counted := func() (series int, pulls float64) {
		families, err := measured.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "berth_pulls_total" {
				for _, c := range f.GetMetric() {
					series, pulls = series+1, pulls+c.GetCounter().GetValue()
				}
			}
		}
		return series, pulls
	}
	for n := range front.PullSeries + 100 {
		m.Pulled(ref(n), 2)
	}
	if series, pulls := counted(); series != front.PullSeries+1 || pulls != 2*(front.PullSeries+100) {
		t.Errorf("%d series of %v pulls", series, pulls)
	}
	for n := range front.PullSeries {
		m.Deleted(ref(n))
	}
	if series, pulls := counted(); series != 1 || pulls != 200 {
		t.Errorf("after the deletion of most: %d series of %v pulls", series, pulls)
	}
	m.Pulled(ref(front.PullSeries), 1)
	if series, _ := counted(); series != 2 {
		t.Errorf("with room again: %d series", series)
	}
}
