package phrase

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// text is one to be translated; plural is empty where there is but one form.
type text struct{ english, plural string }

// entry is how a catalogue has the text.
func (x text) entry() string {
	if x.plural == "" {
		return fmt.Sprintf("msgid %q\nmsgstr \"\"\n", x.english)
	}
	return fmt.Sprintf("msgid %q\nmsgid_plural %q\nmsgstr[0] \"\"\nmsgstr[1] \"\"\n", x.english, x.plural)
}

// texts finds every text in the source: the literals of calls of Say, SayN and
// Mark, the words of package fault's table, and every Hint.
func texts(t *testing.T) []text {
	t.Helper()
	var all []text
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		path = strings.TrimPrefix(filepath.ToSlash(path), "../")
		ast.Inspect(file, func(n ast.Node) bool {
			found, err := textsOf(path, n)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			all = append(all, found...)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b text) int { return strings.Compare(a.english, b.english) })
	return slices.Compact(all)
}

func textsOf(path string, n ast.Node) ([]text, error) {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		switch {
		case name == "Say" || name == "Mark":
			s, ok := literal(n.Args[0])
			if !ok {
				return nil, fmt.Errorf("%s wants a literal", name)
			}
			return []text{{english: s}}, nil
		case name == "SayN":
			one, ok := literal(n.Args[1])
			many, ok2 := literal(n.Args[2])
			if !ok || !ok2 {
				return nil, fmt.Errorf("SayN wants two literals")
			}
			return []text{{one, many}}, nil
		}
	case *ast.KeyValueExpr:
		if key, is := n.Key.(*ast.Ident); is && key.Name == "Hint" && strings.HasPrefix(path, "sync/") {
			if s, ok := literal(n.Value); ok {
				return []text{{english: s}}, nil
			}
		}
		if row, is := n.Value.(*ast.CompositeLit); is && path == "sync/fault/kind.go" && len(row.Elts) > 2 {
			var found []text
			for _, e := range row.Elts[:2] { // summary, hint
				if s, ok := literal(e); ok {
					found = append(found, text{english: s})
				}
			}
			return found, nil
		}
	case *ast.ValueSpec: // const someHint = "…"
		var found []text
		for i, name := range n.Names {
			if strings.HasSuffix(name.Name, "Hint") && i < len(n.Values) && strings.HasPrefix(path, "sync/") {
				if s, ok := literal(n.Values[i]); ok {
					found = append(found, text{english: s})
				}
			}
		}
		return found, nil
	case *ast.AssignStmt:
		var found []text
		for i, left := range n.Lhs {
			sel, is := left.(*ast.SelectorExpr)
			if !is || sel.Sel.Name != "Hint" || !strings.HasPrefix(path, "sync/") || len(n.Rhs) != len(n.Lhs) {
				continue
			}
			if s, ok := literal(n.Rhs[i]); ok {
				found = append(found, text{english: s})
			}
		}
		return found, nil
	}
	return nil, nil
}

func literal(e ast.Expr) (string, bool) {
	lit, is := e.(*ast.BasicLit)
	if !is || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

var (
	verb      = regexp.MustCompile(`%(\[\d+\])?[a-z]`)
	accessKey = regexp.MustCompile(`(^|[^_])_[^_]`)
	msgid     = regexp.MustCompile(`(?m)^msgid "(.+)"$`)
)

// verbs are those of a format, in the order of the arguments.
func verbs(format string) []string {
	var found []string
	for i, v := range verb.FindAllString(format, -1) {
		if !strings.Contains(v, "[") {
			v = fmt.Sprintf("%%[%d]%s", i+1, v[1:])
		}
		found = append(found, v)
	}
	slices.Sort(found)
	return found
}

var languages = []string{"de", "fr", "it"}

// Every text has its translation in every language, with the same verbs and an
// access key where it has one, and no translation is left over.
func TestTranslationsAreComplete(t *testing.T) {
	t.Parallel()
	all := texts(t)
	if len(all) < 100 {
		t.Fatalf("only %d texts were found", len(all))
	}
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			b := open(language)
			if b == nil {
				t.Fatal("there is no catalogue")
			}
			var missing []string
			for _, x := range all {
				numbers := []int{1}
				if x.plural != "" {
					numbers = []int{0, 1, 2, 1000}
				}
				for _, n := range numbers {
					translated, ok := b.po.Get(x.english, []any(nil)...), b.po.IsTranslated(x.english)
					if x.plural != "" {
						translated, ok = b.po.GetN(x.english, x.plural, n), b.po.IsTranslatedN(x.english, n)
					}
					if !ok || translated == "" {
						missing = append(missing, x.entry())
						break
					}
					// A text for 1 may say it in words.
					if got, want := verbs(translated), verbs(x.english); !slices.Equal(got, want) {
						t.Errorf("%q for %d: %q has the verbs %v", x.english, n, translated, got)
					}
					if accessKey.MatchString(x.english) != accessKey.MatchString(translated) {
						t.Errorf("%q: %q has an access key, or lacks one", x.english, translated)
					}
				}
			}
			if missing != nil {
				t.Errorf("po/%s.po lacks %d texts:\n\n%s", language, len(missing), strings.Join(missing, "\n"))
			}
			source, err := os.ReadFile("po/" + language + ".po")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgid.FindAllStringSubmatch(string(source), -1) {
				english, err := strconv.Unquote(`"` + m[1] + `"`)
				if err != nil || !slices.ContainsFunc(all, func(x text) bool { return x.english == english }) {
					t.Errorf("%q is in no source any more", m[1])
				}
			}
		})
	}
}
