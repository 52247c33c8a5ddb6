package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/fault"
)

// kinds reads the kinds of failure from the source.
func kinds(t *testing.T) []fault.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []fault.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fault.Kind(text))
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only the kinds %q are found", all)
	}
	return all
}

// TestTroubleshootingIsComplete makes sure that docs/troubleshooting.md has a
// section for every kind of failure, by the words it is told in.
func TestTroubleshootingIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	for _, s := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		sections[title] = body
	}
	for _, kind := range kinds(t) {
		e := &fault.Error{Kind: kind}
		context, cause := e.Tags()
		want := "*" + e.WayOut() + "* — `" + context + "/" + cause + "`\n"
		if body, ok := sections[e.Summary()]; !ok || !strings.HasPrefix(body, want) {
			t.Errorf("docs/troubleshooting.md should have:\n## %s\n%s", e.Summary(), want)
		}
	}
}
