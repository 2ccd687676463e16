// Package berth holds the laws of the house: tests that read the source, so that a shortcut is refused with the reason for the rule that it breaks.
package berth

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/berth-registry/berth/"

// source is one Go file of this repository.
type source struct {
	path string // from the root, with slashes
	dir  string
	test bool
	text []byte
	file *ast.File
	set  *token.FileSet
}

func (s *source) at(pos token.Pos) string { return s.set.Position(pos).String() }

// sources parses every Go file. The files are read each time, unlike the result of `go list`, which the test cache would keep.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	set := token.NewFileSet()
	walk(t, func(name string, text []byte) {
		if path.Ext(name) != ".go" {
			return
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		all = append(all, &source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), text, file, set})
	})
	if len(all) < 100 {
		t.Fatalf("only %d files were found", len(all))
	}
	return all
}

// walk calls f with every file of the repository that is not made by building or running it.
func walk(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if e.IsDir() {
			if slices.Contains([]string{".git", ".tools", "bin", "berth-data"}, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f(name, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// floors reads the table of ARCHITECTURE.md.
func floors(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d) \| (\S+) \|`).FindAllSubmatch(text, -1) {
		found[string(row[2])], _ = strconv.Atoi(string(row[1]))
	}
	return found
}

// outside reports whether a folder drives the program from without and may therefore import what it likes.
func outside(dir string) bool { return dir == "." || dir == "bench" || strings.HasPrefix(dir, "test/") }

func TestArchitectureNamesEveryPackage(t *testing.T) {
	documented := floors(t)
	there := map[string]bool{}
	for _, s := range sources(t) {
		if !outside(s.dir) {
			there[s.dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(there)) {
		if _, ok := documented[dir]; !ok {
			t.Errorf("package %s has no floor in ARCHITECTURE.md; a document that states facts about the code is tested or not written", dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !there[dir] {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", dir)
		}
	}
}

// What tests import is not held to the floors: a test of storage may start a whole berth.
func TestImportsGoDown(t *testing.T) {
	floor := floors(t)
	for _, s := range sources(t) {
		if s.test || outside(s.dir) {
			continue
		}
		for _, i := range s.file.Imports {
			imported, ours := strings.CutPrefix(importPath(i), module)
			if !ours {
				continue
			}
			switch {
			case floor[imported] > floor[s.dir]:
				t.Errorf("%s imports %s, which is on floor %d, above its own (%d): a package imports only from lower floors, so that each can be understood and tested without those above", s.at(i.Pos()), imported, floor[imported], floor[s.dir])
			case floor[imported] == floor[s.dir] && roof(imported) != roof(s.dir) && imported != "fault" && s.dir != "berthtest":
				t.Errorf("%s imports %s: on one floor only packages of the same folder may know each other", s.at(i.Pos()), imported)
			case strings.HasSuffix(imported, "test") && !strings.HasSuffix(s.dir, "test"):
				t.Errorf("%s imports %s, which is for tests", s.at(i.Pos()), imported)
			}
		}
	}
}

func roof(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

func importPath(i *ast.ImportSpec) string {
	p, _ := strconv.Unquote(i.Path.Value)
	return p
}

func TestLanguagesArePure(t *testing.T) {
	const reason = "lang/ is pure: no clock, no disk, no network and no dependency, so that its packages are libraries that anybody can import and test without a world around them"
	impure := []string{"os", "os/exec", "net", "syscall", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2"}
	calls := []string{"time.Now", "time.Sleep", "time.After", "time.NewTicker", "time.NewTimer", "time.Since", "time.Until", "http.Get", "http.Post", "http.DefaultClient", "http.Client"}
	for _, s := range sources(t) {
		if s.test || roof(s.dir) != "lang" && s.dir != "fault" {
			continue
		}
		for _, i := range s.file.Imports {
			p := importPath(i)
			ours := strings.HasPrefix(p, module+"lang/") || p == module+"fault"
			first, _, _ := strings.Cut(p, "/")
			if !ours && strings.Contains(first, ".") || slices.Contains(impure, p) {
				t.Errorf("%s imports %s; %s", s.at(i.Pos()), p, reason)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(calls, x.Name+"."+sel.Sel.Name) {
					t.Errorf("%s uses %s.%s; %s", s.at(n.Pos()), x.Name, sel.Sel.Name, reason)
				}
			}
			return true
		})
	}
}

func TestNoPackageForAnything(t *testing.T) {
	forbidden := []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "service", "services", "dao", "models", "types", "misc", "base", "pkg"}
	for _, s := range sources(t) {
		for part := range strings.SplitSeq(s.dir, "/") {
			if slices.Contains(forbidden, part) || slices.Contains(forbidden, strings.TrimSuffix(s.file.Name.Name, "_test")) {
				t.Errorf("%s: a package is named for what it is about; %q attracts everything that nobody thought about", s.path, part)
			}
		}
	}
}

func TestNothingHappensAtInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init() runs whether or not anybody wants it, in an order that nobody sees; server.Open builds every part in the open", s.at(f.Pos()))
			}
		}
	}
}

func TestNoSharedMutableState(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || outside(s.dir) {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if name.IsExported() && !strings.HasPrefix(name.Name, "Err") {
						t.Errorf("%s: the variable %s can be changed by everybody; make it a constant, a function or a field (errors to compare with are named Err…)", s.at(name.Pos()), name.Name)
					}
				}
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > 600 {
			t.Errorf("%s has %d lines; what needs more than 600 is several things: split it by topic", s.path, n)
		}
	}
}

func TestRepositoryStandsAlone(t *testing.T) {
	elsewhere := []byte("../" + "shared") // in two pieces, or this file would break its own law
	walk(t, func(name string, text []byte) {
		if bytes.Contains(text, elsewhere) {
			t.Errorf("%s refers to %s, which is not part of this repository: who clones it has only what is in it", name, elsewhere)
		}
	})
}

func TestExportedThingsAreDocumented(t *testing.T) {
	const reason = "an exported name is a promise: its comment says what it is for, and which errors it returns"
	for _, s := range sources(t) {
		if s.test || outside(s.dir) {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s: %s has no comment; %s", s.at(d.Pos()), d.Name.Name, reason)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
							t.Errorf("%s: %s has no comment; %s", s.at(spec.Pos()), spec.Name.Name, reason)
						}
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							if name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
								t.Errorf("%s: %s has no comment; %s", s.at(name.Pos()), name.Name, reason)
							}
						}
					}
				}
			}
		}
	}
}

// exportedReceiver reports whether the function is one, or the method of an exported type.
func exportedReceiver(f *ast.FuncDecl) bool {
	name := receiver(f)
	return name == "" || ast.IsExported(name)
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	x := f.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if generic, ok := x.(*ast.IndexExpr); ok {
		x = generic.X
	}
	if id, ok := x.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// Permission is a handle: the doors and the workers have no way to rows and bytes but through what authorises.
func TestDoorsDoNotReachBelowTheRegistry(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || strings.HasSuffix(s.dir, "test") || roof(s.dir) != "api" && roof(s.dir) != "worker" {
			continue
		}
		for _, i := range s.file.Imports {
			switch p := importPath(i); p {
			case module + "storage/sql", module + "storage/blob", "database/sql":
				t.Errorf("%s imports %s: permission is a handle; a door that reads rows or bytes by itself has asked nobody", s.at(i.Pos()), p)
			}
		}
	}
}

// Permission is a handle: each way into the registry authorises, and a Repo is made only where that was done.
func TestEveryWayIntoTheRegistryAuthorises(t *testing.T) {
	asksNobody := map[string]string{
		"Close":               "it ends the registry",
		"Secret":              "it is a key of the cell, for the server that builds the doors",
		"ExpireUploads":       "the sweep removes what nobody owns any more",
		"ExpireEvents":        "the sweep removes what was delivered or has waited too long",
		"ForgetRemoved":       "the sweep removes what was deleted, when its time is over",
		"Collect":             "it removes what nobody can see any more",
		"Garbage":             "it tells sums of the cell, for the operator's door and the worker's metrics",
		"Scrub":               "it looks whether bytes are whole, and shows them to nobody",
		"MoveLayers":          "it moves bytes from one store to another, which nobody sees",
		"ExpireInventories":   "the sweep removes what counts no more by its own word",
		"ExpirePreviews":      "the sweep removes what its reader was told would go",
		"RunLifecycle":        "who put the policy was asked; the service does what it says",
		"RunLifecyclePreview": "who started the preview was asked",
		"RemoveDeleted":       "the sweep removes what is deleted already",
		"SigningTasks":        "it was decided at the push, for the pusher, what is signed",
	}
	makers := map[string]bool{"open": true, "OpenImages": true, "CreateRepository": true, "equip": true, "finishActivations": true, "openAs": true}
	found := 0
	for _, s := range sources(t) {
		if s.test || s.dir != "registry" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			body := string(s.text[s.set.Position(f.Body.Pos()).Offset:s.set.Position(f.Body.End()).Offset])
			if strings.Contains(body, "&Repo{") && !makers[f.Name.Name] {
				t.Errorf("%s: %s makes a Repo; only open, OpenImages and CreateRepository do, after they have authorised, and equip and finishActivations for workers that do what a request has decided", s.at(f.Pos()), f.Name.Name)
			}
			if receiver(f) != "Registry" || !f.Name.IsExported() {
				continue
			}
			found++
			asks := slices.ContainsFunc([]string{"g.open(", "g.Open(", "g.OpenImages(", "g.CreateRepository(", "g.authorize(", "g.who.Authorize(", "g.who.AuthorizeImage("},
				func(call string) bool { return strings.Contains(body, call) })
			if reason, known := asksNobody[f.Name.Name]; !asks && !known {
				t.Errorf("%s: Registry.%s asks nobody whether the caller may; open the repository, or authorise the action", s.at(f.Pos()), f.Name.Name)
			} else if asks && known {
				t.Errorf("Registry.%s authorises: take it out of the list of those that do not (%s)", f.Name.Name, reason)
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d methods of Registry were found", found)
	}
}

// Every refusal can be explained: who is told "AccessDenied" gets the id of the request with it, because only Call.Refuse and what decides by policies make one.
func TestRefusalsAreMadeInOnePlace(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.path == "identity/iam/refusal.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isName(call.Fun, "fault", "New") && !isName(call.Fun, "fault", "Wrap") {
				return true
			}
			for _, arg := range call.Args {
				if isName(arg, "fault", "AccessDenied") {
					t.Errorf("%s makes a refusal by itself: its text has no request id, and the audit no reason; use iam.Call.Refuse", s.at(call.Pos()))
				}
			}
			return true
		})
	}
}

// isName reports whether x is the name of a package, qualified.
func isName(x ast.Expr, in, name string) bool {
	sel, ok := x.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == in && sel.Sel.Name == name
}
