package smd1_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/wire/smd1"
)

// The rule of smd 1.3, spec §4.1, with mine = (a, b) and theirs = (c, d).
func TestCompare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what         string
		mine, theirs smd1.Digests
		want         smd1.Agreement
	}{
		{"at rest", smd1.Digests{DB: "1", New: "-"}, smd1.Digests{DB: "1", New: "-"}, smd1.Agreed},
		{"they will catch up", smd1.Digests{DB: "2", New: "-"}, smd1.Digests{DB: "1", New: "2"}, smd1.Agreed},
		{"I catch up", smd1.Digests{DB: "1", New: "2"}, smd1.Digests{DB: "2", New: "-"}, smd1.CatchUp},
		{"my new state never got there", smd1.Digests{DB: "1", New: "2"}, smd1.Digests{DB: "1", New: "-"}, smd1.Agreed},
		{"theirs never got here", smd1.Digests{DB: "1", New: "-"}, smd1.Digests{DB: "1", New: "2"}, smd1.Agreed},
		{"nothing had changed", smd1.Digests{DB: "1", New: "1"}, smd1.Digests{DB: "1", New: "-"}, smd1.CatchUp},
		{"different", smd1.Digests{DB: "1", New: "-"}, smd1.Digests{DB: "2", New: "-"}, smd1.Mismatch},
		{"different, both cut", smd1.Digests{DB: "1", New: "3"}, smd1.Digests{DB: "2", New: "3"}, smd1.Mismatch},
	} {
		if got := smd1.Compare(c.mine, c.theirs); got != c.want {
			t.Errorf("%s: got %d, want %d", c.what, got, c.want)
		}
	}
}

// After the handshake both ends hold the same state, or both say that they don't.
func TestCompareFits(t *testing.T) {
	t.Parallel()
	var pairs []smd1.Digests
	for _, db := range []string{"1", "2", "3"} {
		for _, fresh := range []string{"1", "2", "3", "-"} {
			pairs = append(pairs, smd1.Digests{DB: db, New: fresh})
		}
	}
	after := func(d smd1.Digests, a smd1.Agreement) string {
		switch a {
		case smd1.CatchUp:
			return d.New
		case smd1.Mismatch:
			return "mismatch"
		}
		return d.DB
	}
	for _, x := range pairs {
		for _, y := range pairs {
			if x.DB != y.DB && x.New == y.DB && y.New == x.DB {
				continue // each would hold what the other has left: no cut run leaves that
			}
			a, b := after(x, smd1.Compare(x, y)), after(y, smd1.Compare(y, x))
			if a != b {
				t.Errorf("%+v and %+v go on with %s and %s", x, y, a, b)
			}
		}
	}
}

// stateFiles writes db-file, new one, and the times beside them.
func stateFiles(t *testing.T, contents map[string]string) index.Files {
	t.Helper()
	f := index.Files{DB: filepath.Join(t.TempDir(), "db")}
	for suffix, content := range contents {
		check(t, os.WriteFile(f.DB+suffix, []byte(content), 0o600))
	}
	return f
}

// contentsOf is the inverse of stateFiles; the suffix of a state put aside is
// cut at its time.
func contentsOf(t *testing.T, f index.Files) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(f.DB + "*")
	check(t, err)
	contents := make(map[string]string)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		check(t, err)
		suffix, _, _ := strings.Cut(strings.TrimPrefix(p, f.DB), "-")
		contents[suffix] = string(b)
	}
	return contents
}

// agree lets two ends make the handshake over a pipe without any buffer, where
// an end that only spoke or only listened at first would hang.
func agree(mine, theirs index.Files, readOnly bool) (myErr, theirErr error) {
	myIn, theirOut := io.Pipe()
	theirIn, myOut := io.Pipe()
	done := make(chan error)
	go func() { done <- smd1.NewConn(channel{theirIn, theirOut}).Agree(theirs, readOnly) }()
	myErr = smd1.NewConn(channel{myIn, myOut}).Agree(mine, readOnly)
	return myErr, <-done
}

func TestAgree(t *testing.T) {
	t.Parallel()
	type files = map[string]string
	for name, c := range map[string]struct {
		mine, theirs           files
		afterMine, afterTheirs files // nil: as before
		readOnly               bool
		kind                   fault.Kind // of this end's error
	}{
		"first run":                  {},
		"an empty state is no state": {mine: files{"": ""}},
		"at rest":                    {mine: files{"": "1", ".mtime": "5"}, theirs: files{"": "1"}},
		"cut before the client's commit": {
			mine: files{"": "1", ".new": "2", ".mtime": "5", ".mtime.new": "6"}, theirs: files{"": "1"},
		},
		"cut behind the client's commit": {
			mine: files{"": "1", ".new": "2", ".mtime": "5", ".mtime.new": "6"}, theirs: files{"": "2"},
			afterMine: files{"": "2", ".mtime": "6"},
		},
		"the other end was cut": {
			mine: files{"": "2"}, theirs: files{"": "1", ".new": "2"}, afterTheirs: files{"": "2"},
		},
		"first run, cut": {mine: files{".new": "1"}, theirs: files{"": "1"}, afterMine: files{"": "1"}},
		"different": {
			mine: files{"": "1", ".new": "3", ".mtime": "5", ".mtime.new": "6"}, theirs: files{"": "2"},
			afterMine: files{".mismatch": "1"}, afterTheirs: files{".mismatch": "2"}, kind: fault.DBMismatch,
		},
		"lost here": {theirs: files{"": "2"}, afterTheirs: files{".mismatch": "2"}, kind: fault.DBMismatch},

		"dry run at rest": {mine: files{"": "1"}, theirs: files{"": "1"}, readOnly: true},
		"dry run, cut":    {mine: files{"": "1", ".new": "2"}, theirs: files{"": "2"}, readOnly: true, kind: fault.DBMismatch},
		"dry run, different": {
			mine: files{"": "1", ".new": "3"}, theirs: files{"": "2"}, readOnly: true, kind: fault.DBMismatch,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine, theirs := stateFiles(t, c.mine), stateFiles(t, c.theirs)
			err, theirErr := agree(mine, theirs, c.readOnly)
			if c.kind == "" && (err != nil || theirErr != nil) || c.kind != "" && !fault.Is(err, c.kind) {
				t.Errorf("got %v and %v", err, theirErr)
			}
			for _, end := range []struct {
				f             index.Files
				before, after files
			}{{mine, c.mine, c.afterMine}, {theirs, c.theirs, c.afterTheirs}} {
				want := end.after
				if want == nil {
					want = end.before
				}
				if got := contentsOf(t, end.f); !maps.Equal(got, want) {
					t.Errorf("there is %v, want %v", got, want)
				}
			}
			if c.readOnly {
				return
			}
			// Whatever it was, the next handshake finds nothing amiss.
			if err, theirErr := agree(mine, theirs, false); err != nil || theirErr != nil {
				t.Errorf("the next time: %v and %v", err, theirErr)
			}
		})
	}
}

// An end that breaks off, or speaks something else, changes no state.
func TestAgreeFails(t *testing.T) {
	t.Parallel()
	before := map[string]string{"": "1", ".new": "2", ".mtime": "5", ".mtime.new": "6"}
	for name, c := range map[string]struct {
		says string
		kind fault.Kind
	}{
		"silence":       {"", fault.Network},
		"cut":           {"protocol 1.3\ndbfile 356a192b", fault.Network},
		"a login shell": {"Last login: Monday\n", fault.Protocol},
		"older":         {"protocol 1.2\ndbfile - -\n", fault.Protocol},
		"no digests":    {"protocol 1.3\ndbfile\n", fault.Protocol},
	} {
		f := stateFiles(t, before)
		conn, out := said(c.says)
		if err := conn.Agree(f, false); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
		if got := contentsOf(t, f); !maps.Equal(got, before) {
			t.Errorf("%s: left %v", name, got)
		}
		want := fmt.Sprintf("protocol 1.3\ndbfile %s %s\n", digest("1"), digest("2"))
		if !bytes.Equal(out.Bytes(), []byte(want)) {
			t.Errorf("%s: said %q, want %q", name, out, want)
		}
	}
}

// A state put aside is named in the error, so that a person can find it.
func TestMismatchNamesTheFile(t *testing.T) {
	t.Parallel()
	mine, theirs := stateFiles(t, map[string]string{"": "1"}), stateFiles(t, map[string]string{"": "2"})
	err, _ := agree(mine, theirs, false)
	kept, globErr := filepath.Glob(mine.DB + ".mismatch*")
	check(t, globErr)
	if err == nil || len(kept) != 1 || !slices.ContainsFunc(strings.Fields(err.Error()), func(w string) bool { return w == kept[0] }) {
		t.Errorf("kept %q, told %v", kept, err)
	}
}
