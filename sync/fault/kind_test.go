package fault

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// declaredKinds reads the constants of type Kind out of fault.go, so that one
// added there without a row is found.
func declaredKinds(t *testing.T) []Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Kind" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, Kind(value))
		}
		return false
	})
	return kinds
}

func TestEveryKindHasARow(t *testing.T) {
	t.Parallel()
	kinds := declaredKinds(t)
	if !slices.Contains(kinds, Network) || !slices.Contains(kinds, Internal) {
		t.Fatalf("only these kinds were found: %v", kinds)
	}
	for _, k := range kinds {
		if _, ok := rows[k]; !ok {
			t.Errorf("%s has no row", k)
		}
	}
	if len(rows) != len(kinds) {
		t.Errorf("%d rows for %d kinds", len(rows), len(kinds))
	}
}

// TestRowsReadWell holds the rows to the rules of our output: no capital at the
// start, no full stop, a way out and an action for each.
func TestRowsReadWell(t *testing.T) {
	t.Parallel()
	for k, r := range rows {
		for what, text := range map[string]string{"summary": r.summary, "hint": r.hint} {
			first, _ := utf8.DecodeRuneInString(text)
			if text == "" || unicode.IsUpper(first) || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: %s %q", k, what, text)
			}
		}
		if strings.Contains(r.summary, "/") {
			t.Errorf("%s: a path in the summary %q", k, r.summary)
		}
		for what, tag := range map[string]string{"context": r.context, "cause": r.cause} {
			// SMD's tags are words in parentheses.
			if tag == "" || strings.ContainsAny(tag, " ()\n") {
				t.Errorf("%s: %s %q", k, what, tag)
			}
		}
		if len(r.actions) == 0 {
			t.Errorf("%s: nothing to do about it", k)
		}
		// SMD's loop retries only what suggests it (smd 1.3, spec §7).
		if r.avoidable && !slices.Contains(r.actions, Action{Kind: Retry}) {
			t.Errorf("%s: avoidable, but no retry is suggested", k)
		}
	}
}

// TestTagsOfSMD has the words that scripts of SMD's users look for.
func TestTagsOfSMD(t *testing.T) {
	t.Parallel()
	for kind, c := range map[Kind]struct {
		context, cause string
		avoidable      bool
	}{
		Network:        {"ssh", "network", true},
		Protocol:       {"handshake", "protocol-mismatch", false},
		DBMismatch:     {"handshake", "db-mismatch", false},
		Locked:         {"locking", "another-instance-is-running", true},
		Permission:     {"mkdir", "wrong-permissions", false},
		FolderVanished: {"mddiff", "directory-disappeared", true},
		Conflict:       {"mail-addition", "concurrent-mailbox-edit", false},
		ConcurrentEdit: {"transmit", "simultaneous-mailbox-edit", true},
		Translator:     {"translate", "bad-translator", false},
	} {
		e := &Error{Kind: kind}
		context, cause := e.Tags()
		if context != c.context || cause != c.cause || e.Avoidable() != c.avoidable {
			t.Errorf("%s: %s/%s, avoidable %v; want %s/%s, %v", kind, context, cause, e.Avoidable(), c.context, c.cause, c.avoidable)
		}
	}
}

// TestOfCause: a cause told by the other end is the kind it came from there.
func TestOfCause(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{
		Locked, Permission, DiskFull, FolderVanished, MailboxMissing, Conflict, ConcurrentEdit, FileSystem,
	} {
		_, cause := (&Error{Kind: kind}).Tags()
		if got, ok := OfCause(cause); !ok || got != kind {
			t.Errorf("%s is of kind %q, %v; want %s", cause, got, ok, kind)
		}
	}
	// A login refused there is not one refused here.
	for _, cause := range []string{"network", "authentication", "bug", "no-such-cause", ""} {
		if got, ok := OfCause(cause); ok {
			t.Errorf("%q is of kind %s", cause, got)
		}
	}
}

// TestUnknownKindIsABug: a kind nobody declared still has words and actions.
func TestUnknownKindIsABug(t *testing.T) {
	t.Parallel()
	unknown, bug := &Error{Kind: "made-up"}, &Error{Kind: Internal}
	if unknown.Summary() != bug.Summary() || unknown.WayOut() != bug.WayOut() || unknown.Avoidable() ||
		!slices.Equal(unknown.Suggested(), bug.Suggested()) {
		t.Errorf("%q, %q, %v", unknown.Summary(), unknown.WayOut(), unknown.Suggested())
	}
}
