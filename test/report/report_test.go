package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The report of a module in which a test passes, one fails in a subtest, one is skipped, one panics, and one does not build.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"go.mod":               "module example.org/m\n\ngo 1.26\n",
		"good/good_test.go":    "package good\n\nimport \"testing\"\n\nfunc TestTable(t *testing.T) {\n\tt.Run(\"a\", func(t *testing.T) {})\n\tt.Run(\"b\", func(t *testing.T) {})\n}\n\nfunc TestAway(t *testing.T) { t.Skip(\"no docker here\") }\n",
		"bad/bad_test.go":      "package bad\n\nimport \"testing\"\n\nfunc TestParent(t *testing.T) {\n\tt.Run(\"fine\", func(t *testing.T) {})\n\tt.Run(\"wrong\", func(t *testing.T) { t.Error(\"two is not three\") })\n}\n",
		"panics/panic_test.go": "package panics\n\nimport \"testing\"\n\nfunc TestPanics(t *testing.T) { panic(\"the roof\") }\n",
		"broken/b_test.go":     "package broken\n\nvar _ int = \"text\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out strings.Builder
	r := newReport(&out)
	if err := run(r, []string{"./..."}); err != nil {
		t.Fatal(err)
	}
	r.close(90 * time.Second)
	got := out.String()
	for _, want := range []string{
		"example.org/m/good TestAway: no docker here\n",
		"2 passed, 1 skipped\n",
		"FAIL   example.org/m/bad TestParent/wrong",
		"two is not three",
		"the roof",
		"example.org/m/broken",
		"cannot use \"text\"",
		"in 1m30s\n3 passed, 3 failed, 1 skipped\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(got, "TestParent (") {
		t.Error("a parent that fails only with its subtest is reported beside it")
	}
	if t.Failed() {
		t.Log(got)
	}
}

// go test that cannot start at all is a failure, not an empty success.
func TestReportWithoutEvents(t *testing.T) {
	t.Chdir(t.TempDir())
	var out strings.Builder
	r := newReport(&out)
	if err := run(r, []string{"-nosuchflag"}); err == nil && r.failed == 0 {
		t.Errorf("nothing failed: %s", out.String())
	}
}
