package sqltest

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/berth-registry/berth/storage/sql"
)

// Excuses are why something may cost more the more is stored. Each stands under the beginning of a step of a plan, which is excused wherever it is ("SCAN collection"), or under a
// part of the text of a statement.
type Excuses map[string]string

// planned are the statements of this process whose plans were looked at.
var planned sync.Map

// Plans looks at how SQLite runs each statement that a test ran, and fails t for one that reads a whole table or index, or all of it that is of one repository or account, or
// sorts what it reads, without an excuse: it costs the more the more is stored, which nobody notices until much is. Statements in the package's tests, and in files of these names,
// are left out.
func Plans(t testing.TB, db *sql.DB, but Excuses, files ...string) {
	t.Helper()
	if db.Shared() || db.Err() != nil {
		return
	}
	statements, err := db.Statements(context.Background())
	if err != nil {
		t.Error(err)
		return
	}
	for _, statement := range statements {
		if _, seen := planned.LoadOrStore(statement, true); seen || !reads.MatchString(statement) {
			continue
		}
		steps, err := plan(db, statement)
		if err != nil {
			t.Errorf("%s: %v", statement, err)
		}
		if but.grows(statement, steps) && !strings.Contains(sources(append(files, "*_test.go")), statement) {
			t.Errorf("what this statement costs grows with what is stored:\n%s\n\t%s", statement, strings.Join(steps, "\n\t"))
		}
	}
}

// grows reports whether a statement with such a plan costs more the more is stored, without an excuse.
func (e Excuses) grows(statement string, steps []string) bool {
	result := map[string]bool{"CONSTANT": true} // names of what is scanned and is no table: a constant row, what another step reads
	for _, step := range steps {
		if name, is := strings.CutPrefix(step, "CO-ROUTINE "); is {
			result[name] = true
		}
		found := grow.FindStringSubmatch(step)
		grows := found != nil && !result[found[1]] || crowd.MatchString(step) && !strings.Contains(statement, "LIMIT")
		if grows && !e.excuse(statement, step) {
			return true
		}
	}
	return false
}

func (e Excuses) excuse(statement, step string) bool {
	for what := range e {
		if strings.HasPrefix(step, what) || strings.Contains(statement, what) {
			return true
		}
	}
	return false
}

var (
	reads     = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)
	parameter = regexp.MustCompile(`\$(\d+)`)
	grow      = regexp.MustCompile(`^SCAN (\w+)|USE TEMP B-TREE|AUTOMATIC`)
	crowd     = regexp.MustCompile(`^SEARCH .*(\(repository_id=\?\)|repository_2 \(account=\?( AND region=\?)?\))$`) // all that a repository has, all repositories that an account has
)

// plan asks SQLite for the steps by which it runs a statement.
func plan(db *sql.DB, statement string) (steps []string, err error) {
	most := 0
	for _, p := range parameter.FindAllStringSubmatch(statement, -1) {
		n, _ := strconv.Atoi(p[1])
		most = max(most, n)
	}
	err = db.Rows(context.Background(), `EXPLAIN QUERY PLAN `+statement, make([]any, most), func(row sql.Scanner) error {
		var id, parent, unused int
		var step string
		err := row.Scan(&id, &parent, &unused, &step)
		steps = append(steps, step)
		return err
	})
	return steps, err
}

// sources are the files with such names of the package that is tested.
func sources(names []string) string {
	var all strings.Builder
	for _, pattern := range names {
		found, _ := filepath.Glob(pattern)
		for _, name := range found {
			text, _ := os.ReadFile(name)
			all.Write(text)
		}
	}
	return all.String()
}
