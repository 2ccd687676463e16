package main

import (
	"os"
	"strings"
	"testing"
)

// The page is the benchmark's own: its header names the command that makes it, and no scenario is left out or goes without an account of what dominates it.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(text), "\n- Machine:")
	if !strings.Contains(header, pageCommand) {
		t.Errorf("the header does not name %q", pageCommand)
	}
	dominates := nowDominates()
	for _, s := range scenarios() {
		if !strings.Contains(string(text), "\n## "+s.name+"\n") {
			t.Errorf("%s is not on the page", s.name)
		}
		if dominates[s.name] == "" {
			t.Errorf("nothing is said of what dominates %s", s.name)
		} else if !strings.Contains(string(text), dominates[s.name]) {
			t.Errorf("the page does not say what dominates %s now", s.name)
		}
	}
}
