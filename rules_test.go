package berth

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each rule that is cited anywhere says in docs/rules.md what it is: an id alone would tell a newcomer nothing.
func TestCitedRulesAreExplained(t *testing.T) {
	page, err := os.ReadFile("docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if id, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok {
			known[id] = true
		}
	}
	cited := regexp.MustCompile(`\b(?:API|HTTP|STS|IAM|ORG|REP|PTC|LC|EVT)-\d+\b|\bIAMP-\d+(?:\.\d+)?|\(H\d{2,3}\b|\(F\d{2}\b`)
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "berth-data" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" && ext != ".sql" || path == "docs/rules.md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, id := range cited.FindAllString(string(text), -1) {
			if id = strings.TrimPrefix(id, "("); !known[id] {
				t.Errorf("%s cites %s, which docs/rules.md does not explain", path, id)
				known[id] = true // once is enough
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
