package smd2

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// specification reads docs/protocol.md.
func specification(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/protocol.md")
	check(t, err)
	return string(b)
}

// rules are the CDDL rules in a text, by name: each the lines of its body without
// comments.
func rules(text string) map[string][]string {
	_, text, _ = strings.Cut(text, "```cddl\n")
	text, _, _ = strings.Cut(text, "```")
	text = regexp.MustCompile(`(?m) *;.*$`).ReplaceAllString(text, "")
	found := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?ms)^([a-z-]+) = (?:\{|&\()\n(.*?)^[)}]$`).FindAllStringSubmatch(text, -1) {
		found[m[1]] = []string{}
		for line := range strings.Lines(m[2]) {
			if line = strings.TrimSpace(line); line != "" {
				found[m[1]] = append(found[m[1]], line)
			}
		}
	}
	return found
}

// kebab is the name of a Go type in the specification.
func kebab(name string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "$1-$2"))
}

// cddl is the type of a Go value in the specification. Structs are added to wanted.
func cddl(t reflect.Type, wanted map[string][]string) string {
	switch {
	case t == reflect.TypeFor[agreed.Digest]():
		return "digest"
	case t == reflect.TypeFor[Data]() || t.Kind() == reflect.String:
		return "bstr"
	case t == reflect.TypeFor[reconcile.Kind]():
		return "change-kind"
	case t == reflect.TypeFor[reconcile.OpKind]():
		return "op-kind"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64, reflect.Uint16, reflect.Uint64:
		return "uint"
	case reflect.Slice:
		return "[* " + cddl(t.Elem(), wanted) + "]"
	case reflect.Struct:
		describe(t, wanted)
		return kebab(t.Name())
	}
	return "no type for " + t.String()
}

// describe adds a struct to wanted, with all it is made of.
func describe(t reflect.Type, wanted map[string][]string) {
	name := kebab(t.Name())
	if wanted[name] != nil {
		return
	}
	lines := []string{}
	for f := range t.Fields() {
		tag := strings.Split(f.Tag.Get("cbor"), ",")
		line := tag[0] + ": " + cddl(f.Type, wanted)
		if slices.Contains(tag, "omitempty") || slices.Contains(tag, "omitzero") {
			line = "? " + line
		}
		if !slices.Contains(tag, "keyasint") {
			line += " and no number"
		}
		lines = append(lines, line)
	}
	wanted[name] = lines
}

// constants are the names of an enumeration in Go source, as the specification has
// them: "put: 1".
func constants(t *testing.T, file, typ string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	check(t, err)
	var lines []string
	ast.Inspect(tree, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return true
		}
		if first, ok := decl.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); ok && first.Name == typ {
			for i, spec := range decl.Specs {
				lines = append(lines, fmt.Sprintf("%s: %d", kebab(spec.(*ast.ValueSpec).Names[0].Name), i+1))
			}
		}
		return false
	})
	return lines
}

// TestSpecificationIsComplete: docs/protocol.md has every message, field and kind as
// the program sends them, and no other.
func TestSpecificationIsComplete(t *testing.T) {
	t.Parallel()
	wanted := map[string][]string{
		"change-kind": constants(t, "../../reconcile/change.go", "Kind"),
		"op-kind":     constants(t, "../../reconcile/op.go", "OpKind"),
	}
	for _, m := range messageTypes {
		describe(m.typ, wanted)
	}
	if len(wanted) < len(messageTypes)+10 || len(wanted["op-kind"]) < 6 {
		t.Fatalf("only these were found: %v", wanted)
	}
	text := specification(t)
	found := rules(text)
	for name, want := range wanted {
		got, ok := found[name]
		if !ok {
			t.Errorf("%s is not in docs/protocol.md", name)
		} else if !slices.Equal(got, want) {
			t.Errorf("docs/protocol.md has %s as\n%q\nit is sent as\n%q", name, got, want)
		}
		delete(found, name)
	}
	for name := range found {
		t.Errorf("docs/protocol.md tells of %s, which is never sent", name)
	}
	for _, m := range messageTypes {
		if row := fmt.Sprintf("| %d | `%s` |", m.number, kebab(m.typ.Name())); !strings.Contains(text, row) {
			t.Errorf("docs/protocol.md has no row %s", row)
		}
	}
	for what, has := range map[string]string{
		"greeting":        strings.ReplaceAll(fmt.Sprintf("% x ", magic), "  ", " "),
		"bound of frames": fmt.Sprintf("unpacked | %d MiB |", MaxFrame>>20), "of messages": fmt.Sprintf("of a message | %d MiB |", MaxMessage>>20),
		"of lists": fmt.Sprintf("list | %d,%03d |", MaxItems/1000, MaxItems%1000), "of maps": fmt.Sprintf("map | %d |", maxPairs),
		"of depth": fmt.Sprintf("each other | %d |", maxDepth),
	} {
		if !strings.Contains(text, has) {
			t.Errorf("docs/protocol.md does not have the %s: %q", what, has)
		}
	}
}

// TestEveryStructIsAMessage: what message.go declares travels.
func TestEveryStructIsAMessage(t *testing.T) {
	t.Parallel()
	reached := map[string][]string{}
	for _, m := range messageTypes {
		describe(m.typ, reached)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), "message.go", nil, parser.SkipObjectResolution)
	check(t, err)
	declared := 0
	ast.Inspect(tree, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if declared++; reached[kebab(spec.Name.Name)] == nil {
				t.Errorf("%s is in no message", spec.Name.Name)
			}
		}
		return true
	})
	if declared < len(messageTypes) {
		t.Errorf("only %d were found", declared)
	}
}
