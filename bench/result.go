package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// measured is what one target did in one scenario; one value a round.
type measured struct {
	Target    string
	Durable   bool
	Careless  bool      `json:",omitempty"` // see target
	Rates     []float64 `json:",omitempty"` // operations a second
	CPU       []float64 `json:",omitempty"` // the server's CPU milliseconds an operation
	Generator []float64 `json:",omitempty"` // the generator's own
	Peak      []float64 `json:",omitempty"` // resident MB
	Seconds   []float64 `json:",omitempty"` // until the first answer
	Curve     []point   `json:",omitempty"` // of lists
	// Evaluations are of lifecycle policies.
	Evaluations []evaluation `json:",omitempty"`
	Latencies   []latencies  `json:",omitempty"` // of pulls, without and with garbage being collected
	Costs       []cost       `json:",omitempty"` // of each operation, in a small and in a large registry
	Nodes       []nodes      `json:",omitempty"` // what some nodes did
	Fair        []fairness   `json:",omitempty"` // without and beside a flood
	target      *target
}

// result is one row of the table.
type result struct {
	Scenario, Title, Unit string
	Targets               []*measured
	At                    string // when it was measured
	goals                 []goal
	reference             *result // the scenario that the goal names
}

// figure is what a goal is about.
type figure func(*measured) []float64

func rateFigure(m *measured) []float64    { return m.Rates }
func cpuFigure(m *measured) []float64     { return m.CPU }
func peakFigure(m *measured) []float64    { return m.Peak }
func secondsFigure(m *measured) []float64 { return m.Seconds }

// peers says against whom berth is measured.
type peers int

const (
	bestPeer    peers = iota // the better of the other registries
	durablePeer              // the better of those that are durable; without one of them, of those that sync at least the bytes
	nginx
)

// goal is what berth is to reach: a ratio to its peers, or a limit.
type goal struct {
	name    string // of the figure with a limit, when the unit of the scenario does not say it
	figure  figure
	against peers
	as      string  // not against peers, but against berth itself in the scenario of this name
	atMost  float64 // ratio; less is better
	atLeast float64 // ratio; more is better
	limit   float64 // absolute, at most
	least   float64 // absolute, at least
}

// print writes the row: each target's medians, and berth's ratio to each of them.
func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s  (%s)\n", r.Title, r.Scenario)
	berth := r.of("berth")
	for _, m := range r.Targets {
		if len(m.Curve) > 0 {
			m.printCurve(w)
			continue
		}
		if len(m.Evaluations) > 0 {
			m.printEvaluations(w)
			continue
		}
		if len(m.Latencies)+len(m.Costs)+len(m.Nodes)+len(m.Fair) > 0 {
			m.printFair(w)
			m.printLatencies(w)
			m.printCosts(w)
			m.printNodes(w)
			continue
		}
		line := fmt.Sprintf("  %-17s", m.Target)
		if len(m.Rates) > 0 {
			line += fmt.Sprintf("%11.1f %s/s %9.4f CPU ms each", median(m.Rates), r.Unit, median(m.CPU))
			line += fmt.Sprintf("  (rounds %s; generator %.4f ms)", spread(m.Rates), median(m.Generator))
			if berth != nil && m != berth {
				line += fmt.Sprintf("  berth: %.2f of its rate, %.2f of its CPU", median(berth.Rates)/median(m.Rates), median(berth.CPU)/median(m.CPU))
			}
		}
		if len(m.Peak) > 0 {
			line += fmt.Sprintf("%11.1f %s", median(m.Peak), r.Unit)
		}
		if len(m.Seconds) > 0 {
			line += fmt.Sprintf("%11.3f %s", median(m.Seconds), r.Unit)
		}
		if m.Careless {
			line += "  never syncs"
		} else if !m.Durable && len(m.Rates) > 0 && m.Target != "nginx" {
			line += "  not durable"
		}
		fmt.Fprintln(w, line)
	}
	for _, verdict := range r.verdicts() {
		fmt.Fprintf(w, "  %s\n", verdict)
	}
}

// verdicts compares berth with the goals, as far as there is something to compare it with.
func (r *result) verdicts() []string {
	berth := r.of("berth")
	if berth == nil {
		return nil
	}
	var all []string
	for _, g := range r.goals {
		if v := r.verdict(g, berth); v != "" {
			all = append(all, v)
		}
	}
	return all
}

func (r *result) verdict(g goal, berth *measured) string {
	own := median(g.figure(berth))
	if g.limit > 0 {
		return fmt.Sprintf("%s: %.3g %s, at most %.3g wanted", met(own <= g.limit), own, cmp.Or(g.name, r.Unit), g.limit)
	}
	if g.least > 0 {
		return fmt.Sprintf("%s: %.3g %s, at least %.3g wanted", met(own >= g.least), own, cmp.Or(g.name, r.Unit), g.least)
	}
	peer := r.peer(g)
	if peer == nil {
		return ""
	}
	ratio := own / median(g.figure(peer))
	if g.as != "" {
		return fmt.Sprintf("%s: %.2f of its own CPU time in %s, at most %.2f wanted", met(ratio <= g.atMost), ratio, g.as, g.atMost)
	}
	if g.atMost > 0 {
		return fmt.Sprintf("%s: %.2f of the CPU time of %s, at most %.2f wanted", met(ratio <= g.atMost), ratio, peer.Target, g.atMost)
	}
	return fmt.Sprintf("%s: %.2f times the rate of %s, at least %.2f wanted", met(ratio >= g.atLeast), ratio, peer.Target, g.atLeast)
}

func met(ok bool) string {
	if ok {
		return "reached"
	}
	return "MISSED"
}

// peer is whom the goal measures berth against, of those that were there.
func (r *result) peer(g goal) *measured {
	if g.as != "" {
		if r.reference == nil {
			return nil
		}
		return r.reference.of("berth")
	}
	if g.against == nginx {
		return r.of("nginx")
	}
	candidates := slices.DeleteFunc(slices.Clone(r.Targets), func(m *measured) bool {
		return m.Target == "berth" || !slices.Contains(registries, m.Target) || len(g.figure(m)) == 0
	})
	if g.against == durablePeer {
		candidates = slices.DeleteFunc(candidates, func(m *measured) bool { return m.Careless })
		if durable := slices.DeleteFunc(slices.Clone(candidates), func(m *measured) bool { return !m.Durable }); len(durable) > 0 {
			candidates = durable
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	better := func(a, b *measured) int {
		x, y := median(g.figure(a)), median(g.figure(b))
		if g.atLeast > 0 {
			x, y = y, x
		}
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return slices.MinFunc(candidates, better)
}

func (r *result) of(name string) *measured {
	i := slices.IndexFunc(r.Targets, func(m *measured) bool { return m.Target == name })
	if i < 0 {
		return nil
	}
	return r.Targets[i]
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is the lowest and the highest.
func spread(values []float64) string {
	return fmt.Sprintf("%.0f-%.0f", slices.Min(values), slices.Max(values))
}
