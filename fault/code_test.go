package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Each code that is declared is in one group: the doors' tests find it there.
func TestEveryCodeIsInAGroup(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []fault.Code
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if text, ok := v.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
				code, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, fault.Code(code))
			}
		}
		return true
	})
	grouped := fault.Codes()
	slices.Sort(declared)
	slices.Sort(grouped)
	if len(declared) == 0 || !slices.Equal(declared, grouped) {
		t.Errorf("declared: %v\nin a group: %v", declared, grouped)
	}
}
