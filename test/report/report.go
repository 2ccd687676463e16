package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// event is one line of go test -json (see `go doc test2json`).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// report adds up events. It counts the tests that have no subtests, so that a table of ten cases is ten tests and not eleven.
type report struct {
	out    io.Writer
	passed int
	failed int
	skips  []skip

	output  map[key]*strings.Builder // what a test (or, with an empty name, its package) has printed
	parents map[key]bool             // tests that have subtests
	counts  map[string]*count
	builds  map[string]*strings.Builder
	failing []string
}

type key struct{ pkg, test string }
type skip struct{ name, reason string }
type count struct{ passed, failed, skipped int }

func newReport(out io.Writer) *report {
	return &report{
		out: out, output: map[key]*strings.Builder{}, parents: map[key]bool{},
		counts: map[string]*count{}, builds: map[string]*strings.Builder{},
	}
}

// line takes one line of go test -json. What is no event is shown as it is: go prints some of its own troubles so.
func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		fmt.Fprintf(r.out, "%s", line)
		return
	}
	switch e.Action {
	case "build-output":
		r.write(r.builds, e.ImportPath, e.Output)
	case "build-fail":
		fmt.Fprintf(r.out, "FAIL   %s does not build\n%s", e.ImportPath, indent(text(r.builds[e.ImportPath])))
	case "run":
		if parent, _, nested := cutLast(e.Test); nested {
			r.parents[key{e.Package, parent}] = true
		}
	case "output":
		k := key{e.Package, e.Test}
		if r.output[k] == nil {
			r.output[k] = &strings.Builder{}
		}
		r.output[k].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnds(e)
		} else {
			r.testEnds(e)
		}
	}
}

func (r *report) testEnds(e event) {
	k := key{e.Package, e.Test}
	said := text(r.output[k])
	delete(r.output, k)
	if r.counts[e.Package] == nil {
		r.counts[e.Package] = &count{}
	}
	n := r.counts[e.Package]
	name := short(e.Package) + " " + e.Test
	switch e.Action {
	case "pass":
		if !r.parents[k] {
			n.passed++
			r.passed++
		}
	case "skip":
		n.skipped++
		r.skips = append(r.skips, skip{name, reason(said)})
	case "fail":
		// A parent fails with its subtests: it counts only when it has something of its own to say.
		if r.parents[k] && !complains(said) {
			return
		}
		n.failed++
		r.failed++
		r.failing = append(r.failing, name)
		fmt.Fprintf(r.out, "FAIL   %s (%.1fs)\n%s", name, e.Elapsed, indent(said))
	}
}

func (r *report) packageEnds(e event) {
	n := r.counts[e.Package]
	if n == nil {
		n = &count{}
	}
	said := text(r.output[key{e.Package, ""}])
	name := short(e.Package)
	switch {
	case e.Action == "skip": // it has no test files
	case e.Action == "fail" && n.failed == 0:
		// It did not build, panicked, was stopped by the timeout, or its TestMain failed: what was printed by tests still running belongs to it.
		r.failed++
		r.failing = append(r.failing, name)
		if e.FailedBuild == "" {
			fmt.Fprintf(r.out, "FAIL   %s (%.1fs)\n%s%s", name, e.Elapsed, indent(r.unfinished(e.Package)), indent(said))
		}
	case e.Action == "fail":
		fmt.Fprintf(r.out, "fail   %-28s %7.1fs  %d passed, %d failed, %d skipped\n%s", name, e.Elapsed, n.passed, n.failed, n.skipped, indent(r.unfinished(e.Package)))
	default:
		skipped := ""
		if n.skipped > 0 {
			skipped = fmt.Sprintf(", %d skipped", n.skipped)
		}
		if strings.Contains(said, "(cached)") {
			skipped += " (cached)"
		}
		fmt.Fprintf(r.out, "ok     %-28s %7.1fs  %d passed%s\n", name, e.Elapsed, n.passed, skipped)
	}
}

// unfinished is what the tests of pkg printed that never ended.
func (r *report) unfinished(pkg string) string {
	var names []string
	for k := range r.output {
		if k.pkg == pkg && k.test != "" {
			names = append(names, k.test)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	for _, test := range names {
		b.WriteString(text(r.output[key{pkg, test}]))
		delete(r.output, key{pkg, test})
	}
	return b.String()
}

// broken notes that go test itself did not work.
func (r *report) broken(args string, err error) {
	r.failed++
	r.failing = append(r.failing, "go test "+args)
	fmt.Fprintf(r.out, "FAIL   go test %s: %v\n", args, err)
}

// close prints the skipped tests with their reasons, the names of those that failed, and the totals.
func (r *report) close(took time.Duration) {
	if len(r.skips) > 0 {
		fmt.Fprintf(r.out, "\nSkipped:\n")
		for _, s := range r.skips {
			fmt.Fprintf(r.out, "  %s: %s\n", s.name, s.reason)
		}
	}
	if len(r.failing) > 0 {
		fmt.Fprintf(r.out, "\nFailed:\n  %s\n", strings.Join(r.failing, "\n  "))
	}
	fmt.Fprintf(r.out, "\nin %s\n%d passed, %d failed, %d skipped\n", took.Round(time.Second), r.passed, r.failed, len(r.skips))
}

func (r *report) write(to map[string]*strings.Builder, name, s string) {
	if to[name] == nil {
		to[name] = &strings.Builder{}
	}
	to[name].WriteString(s)
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}

// reason finds why a test was skipped in what it printed: the text after "file_test.go:12: ".
func reason(said string) string {
	for _, line := range strings.Split(said, "\n") {
		trimmed := strings.TrimSpace(line)
		if file, rest, ok := strings.Cut(trimmed, ": "); ok && strings.Contains(file, ".go:") {
			return rest
		}
	}
	return "it gives no reason"
}

// complains tells whether a test printed something beside the marks of the test runner.
func complains(said string) bool {
	for _, line := range strings.Split(said, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			return true
		}
	}
	return false
}

// indent sets a text under a heading, without the marks of the test runner.
func indent(s string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "=== ") || trimmed == "FAIL" {
			continue
		}
		b.WriteString("       " + line + "\n")
	}
	return b.String()
}

func cutLast(test string) (parent, name string, ok bool) {
	i := strings.LastIndexByte(test, '/')
	if i < 0 {
		return "", test, false
	}
	return test[:i], test[i+1:], true
}

// short is a package's folder in this repository.
func short(pkg string) string { return strings.TrimPrefix(pkg, "github.com/berth-registry/berth/") }
