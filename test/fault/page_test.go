package fault_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/faults.md names every fault, and only cases that there are.
func TestPageOfFaults(t *testing.T) {
	page, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 35 {
		if id := fmt.Sprintf("F%02d", n+1); !strings.Contains(string(page), id) {
			t.Errorf("the page says nothing of %s", id)
		}
	}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 5 || !strings.Contains(cells[3], "Test") {
			continue
		}
		cases := ""
		for _, folder := range strings.Split(strings.TrimSuffix(strings.TrimSpace(cells[4]), " |"), ", ") {
			files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s has no tests, %v", folder, err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				cases += string(text)
			}
		}
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(cells[3], -1) {
			if !strings.Contains(cases, "func "+name+"(") {
				t.Errorf("there is no %s in %s", name, cells[4])
			}
		}
	}
}
