package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// pageCommand makes the page; TestPage holds the page to it.
const pageCommand = "go run ./bench -results bin/bench.json -page docs/performance.md"

// keep puts the results into the file of earlier runs, in place of those of the same scenarios, and answers all of them in the order of the scenarios.
func keep(file string, results []*result) ([]*result, error) {
	var all []*result
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &all)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var kept []*result
	for _, s := range scenarios() {
		for _, list := range [][]*result{results, all} {
			if i := slices.IndexFunc(list, func(r *result) bool { return r.Scenario == s.name }); i >= 0 {
				list[i].Targets = slices.DeleteFunc(list[i].Targets, func(m *measured) bool { return m.Target == "before" })
				list[i].goals, list[i].Title, list[i].Unit = s.goals, s.title, s.unit
				kept = append(kept, list[i])
				break
			}
		}
	}
	for _, r := range kept {
		for _, g := range r.goals {
			if i := slices.IndexFunc(kept, func(o *result) bool { return o.Scenario == g.as }); i >= 0 {
				r.reference = kept[i]
			}
		}
	}
	if text, err = json.MarshalIndent(kept, "", " "); err != nil {
		return nil, err
	}
	return kept, os.WriteFile(file, text, 0o644)
}

// page writes what was measured for people to read.
func (b *bench) page(results []*result) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, `# How fast berth is, beside its peers

Made by `+"`%s`"+` (`+"`make bench`"+` prints the same); do not edit it. The last figures are of %s.

berth runs as its users run it: every request signed in and decided by IAM policies, everything audited, every push durable before it is answered. The peers run without
sign-in, except distribution-auth. "Not durable" is what may lose an acknowledged push with the power; "never syncs" asks nothing of the disk at all. Rounds alternate between the
targets, and medians stand here. The generator and the server share the processors: the CPU time for one operation, and the ratios, say more than the rates.

`, pageCommand, latest(results))
	fmt.Fprintf(&w, "- Machine: %s, %d CPUs, %s of memory, %s\n", cpuName(), runtime.NumCPU(), memory(), strings.TrimSpace(output("uname", "-sr")))
	fmt.Fprintf(&w, "- Versions: %s\n\n", strings.Join(b.versions(), "; "))
	fmt.Fprint(&w, "| what | target | result |\n| --- | --- | --- |\n")
	for _, r := range results {
		for _, v := range r.verdicts() {
			verdict, detail, _ := strings.Cut(v, ": ")
			fmt.Fprintf(&w, "| [%s](#%s) | %s | %s |\n", r.Title, r.Scenario, map[string]string{"reached": "reached", "MISSED": "**missed**"}[verdict], detail)
		}
	}
	dominates := nowDominates()
	for _, s := range scenarios() {
		fmt.Fprintf(&w, "\n## %s\n\n", s.name)
		if i := slices.IndexFunc(results, func(r *result) bool { return r.Scenario == s.name }); i >= 0 {
			fmt.Fprint(&w, "```")
			results[i].print(&w)
			fmt.Fprint(&w, "```\n")
		} else {
			fmt.Fprintf(&w, "%s: not measured in these runs.\n", s.title)
		}
		fmt.Fprintf(&w, "\n%s\n", dominates[s.name])
	}
	return w.Bytes()
}

func latest(results []*result) string {
	last := ""
	for _, r := range results {
		last = max(last, r.At)
	}
	return strings.TrimSuffix(last[:min(len(last), len(time.DateOnly))], " ")
}

// versions are those of the programs that are measured.
func (b *bench) versions() []string {
	all := []string{runtime.Version()}
	if version := strings.Fields(output(b.berth, "version")); len(version) > 1 {
		all = append(all, "berth "+version[1])
	}
	for _, name := range []string{"registry", "zot", "olareg"} {
		path, err := program(name)
		if err != nil {
			continue
		}
		version := "of no known version"
		for line := range strings.Lines(output("go", "version", "-m", path)) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "mod" {
				version = f[2]
			}
		}
		all = append(all, strings.Replace(name, "registry", "distribution", 1)+" "+version)
	}
	if out, err := exec.Command("nginx", "-v").CombinedOutput(); err == nil {
		all = append(all, strings.TrimSpace(strings.TrimPrefix(string(out), "nginx version: ")))
	}
	return all
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// procLine is what a file of /proc says of a name.
func procLine(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}

func cpuName() string { return procLine("/proc/cpuinfo", "model name") }

func memory() string {
	var kib int
	if _, err := fmt.Sscanf(procLine("/proc/meminfo", "MemTotal"), "%d kB", &kib); err != nil {
		return "?"
	}
	return fmt.Sprintf("%.0f GB", float64(kib)*1024/1e9)
}
