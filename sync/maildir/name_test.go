package maildir_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"smd-applet/sync/maildir"
	"smd-applet/sync/translate"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	for s, want := range map[string]maildir.Name{
		"Mail/.work/cur/1700000000.M1P2.host:2,S": {"Mail/.work", "cur", "1700000000.M1P2.host:2,S"}, // smd 1.3, spec §1
		"Mail/new/1":              {"Mail", "new", "1"},
		"Mail/my folder/cur/1 a":  {"Mail/my folder", "cur", "1 a"},
		"Mail/100%20/cur/1%":      {"Mail/100%20", "cur", "1%"},
		"Mail/Grüße/cur/1":        {"Mail/Grüße", "cur", "1"},
		"Mail/\xfc/cur/1":         {"Mail/\xfc", "cur", "1"}, // not UTF-8
		"Mail/..work/cur/1..":     {"Mail/..work", "cur", "1.."},
		"Mail/cur/cur/1":          {"Mail/cur", "cur", "1"},
		`Mail/a\b/cur/1`:          {`Mail/a\b`, "cur", "1"},
		"Mail/" + long + "/cur/1": {"Mail/" + long, "cur", "1"},
		"Mail/cur/" + long:        {"Mail", "cur", long},
	} {
		got, err := maildir.ParseName(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for name, s := range map[string]string{
		"empty":               "",
		"absolute":            "/Mail/cur/1",
		"climbs":              "Mail/../../cur/1",
		"climbs at the start": "../Mail/cur/1",
		"climbs at the end":   "Mail/cur/..",
		"dot":                 "Mail/./cur/1",
		"empty component":     "Mail//cur/1",
		"no file":             "Mail/cur/",
		"only a folder":       "Mail",
		"no folder":           "cur/1",
		"in tmp":              "Mail/tmp/1",
		"in a folder":         "Mail/work/1",
		"below cur":           "Mail/cur/sub/1",
		"other case":          "Mail/CUR/1",
		"NUL":                 "Mail/cur/1\x00",
		"newline":             "Mail/cur/1\nADD",
		"carriage return":     "Mail/cur/1\r",
		"escape":              "Mail/\x1b[2J/cur/1",
		"delete":              "Mail/cur/1\x7f",
		"long component":      "Mail/cur/" + long + "x",
		"long folder":         "Mail/" + long + "x/cur/1",
		"long path":           "Mail/" + strings.Repeat("x/", 2048) + "cur/1",
	} {
		if n, err := maildir.ParseName(s); !errors.Is(err, maildir.ErrBadName) || n != (maildir.Name{}) {
			t.Errorf("%s: %+v, %v", name, n, err)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: the error quotes %d bytes", name, len(err.Error()))
		}
	}
}

// Whatever a peer calls a message, it lies in one of the mailboxes.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{
		"Mail/.work/cur/1.host:2,S", "Other/new/1", "Mail/cur/1", "/Mail/cur/1", "Mail/../cur/1", "Elsewhere/cur/1",
		"Mail/cur/1\n", "Mail//cur/1", "Mail2/cur/1", "Mail/cur/" + strings.Repeat("x", 256), "cur/1", "Mail/cur/..",
	} {
		f.Add(s)
	}
	home := f.TempDir()
	store, err := maildir.Open(home, []maildir.Box{{Local: "Mail", Remote: "Mail"}, {Local: "Other", Remote: "Other"}}, translate.Identity(), true)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	f.Fuzz(func(t *testing.T, s string) {
		n, err := maildir.ParseName(s)
		if err != nil {
			if !errors.Is(err, maildir.ErrBadName) {
				t.Errorf("unclassified: %v", err)
			}
			return
		}
		if n.String() != s || !filepath.IsLocal(s) || filepath.Clean(s) != s {
			t.Errorf("%q parsed as %+v", s, n)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q has a control byte", s)
		}
		if n.Sub != "cur" && n.Sub != "new" || strings.Contains(n.File, "/") {
			t.Errorf("%q is not directly in cur or new", s)
		}
		place, err := store.Place(n)
		if err != nil {
			if !errors.Is(err, maildir.ErrBadName) {
				t.Errorf("unclassified: %v", err)
			}
			return
		}
		root := place.Folder.Root.Name()
		if root != filepath.Join(home, "Mail") && root != filepath.Join(home, "Other") {
			t.Errorf("%q is below %s", s, root)
		}
		if !filepath.IsLocal(place.Rel()) || filepath.Join(root, place.Rel()) != filepath.Join(home, s) {
			t.Errorf("%q is at %s in %s", s, place.Rel(), root)
		}
	})
}

func TestSplitFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, unique, flags string }{
		{"1.host:2,S", "1.host", "S"},
		{"1.host:2,", "1.host", ""},
		{"1.host", "1.host", ""},
		{"1.host,U=5:2,FRS", "1.host,U=5", "FRS"},
		{"1.host:1,x", "1.host:1,x", ""}, // experimental info: no flags
		{"1:2,a:2,S", "1:2,a", "S"},
		{":2,S", "", "S"},
		{"", "", ""},
	} {
		unique, flags := maildir.SplitFlags(c.file)
		if unique != c.unique || flags != c.flags {
			t.Errorf("%q: %q and %q", c.file, unique, flags)
		}
		n := maildir.Name{Folder: "Mail", Sub: "cur", File: c.file}
		if n.Unique() != c.unique || n.Flags() != c.flags {
			t.Errorf("%v: %q and %q", n, n.Unique(), n.Flags())
		}
	}
}

func TestJoinFlags(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{"": "1.host:2,", "S": "1.host:2,S", "SRF": "1.host:2,FRS", "SSaS": "1.host:2,Sa"} {
		if got := maildir.JoinFlags("1.host", flags); got != want {
			t.Errorf("%q: got %q, want %q", flags, got, want)
		}
	}
}

func TestJoinFlagsUndoesSplitFlags(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unique := rapid.StringMatching(`[0-9]{1,4}\.[a-zA-Z0-9=,:%]{0,8}`).Draw(t, "unique")
		flags := drawFlags(t, "flags")
		file := maildir.JoinFlags(unique, flags)
		gotUnique, gotFlags := maildir.SplitFlags(file)
		if gotUnique != unique || gotFlags != sorted(flags) {
			t.Errorf("%q split into %q and %q", file, gotUnique, gotFlags)
		}
		if again := maildir.JoinFlags(gotUnique, gotFlags); again != file {
			t.Errorf("%q joined again is %q", file, again)
		}
	})
}

func drawFlags(t *rapid.T, label string) string {
	return rapid.StringMatching(`[DFPRSTab]{0,5}`).Draw(t, label)
}

// sorted returns flags as they stand in a file name: in order, each once.
func sorted(flags string) string {
	b := []byte(flags)
	slices.Sort(b)
	return string(slices.Compact(b))
}

func TestMergeFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, mine, theirs, want string }{
		{"", "", "", ""},
		{"", "S", "", "S"},
		{"", "S", "F", "FS"},
		{"", "S", "S", "S"},
		{"S", "", "S", ""},
		{"S", "S", "", ""},
		{"S", "S", "S", "S"},
		{"S", "", "FS", "F"},
		{"FS", "F", "S", ""},
		{"S", "RS", "", "R"},
		{"ba", "ab", "cab", "abc"}, // out of order
	} {
		if got := maildir.MergeFlags(c.base, c.mine, c.theirs); got != c.want {
			t.Errorf("base %q, mine %q, theirs %q: got %q, want %q", c.base, c.mine, c.theirs, got, c.want)
		}
	}
}

func TestMergeFlagsIsFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base, mine, theirs := drawFlags(t, "base"), drawFlags(t, "mine"), drawFlags(t, "theirs")
		merged := maildir.MergeFlags(base, mine, theirs)
		if merged != sorted(merged) {
			t.Errorf("%q is not in order", merged)
		}
		if other := maildir.MergeFlags(base, theirs, mine); other != merged {
			t.Errorf("the ends merge to %q and %q", merged, other)
		}
		if got := maildir.MergeFlags(base, mine, base); got != sorted(mine) {
			t.Errorf("untouched at the other end: %q, want %q", got, sorted(mine))
		}
		for _, f := range []byte("DFPRSTab") {
			in := func(s string) bool { return strings.IndexByte(s, f) >= 0 }
			changed := in(mine) != in(base) || in(theirs) != in(base)
			if in(merged) != (in(base) != changed) {
				t.Errorf("flag %c: base %q, mine %q, theirs %q made %q", f, base, mine, theirs, merged)
			}
		}
	})
}

func TestFreshUnique(t *testing.T) {
	t.Parallel()
	const each = 200
	names := make([][]string, 8)
	var g errgroup.Group
	for i := range names {
		g.Go(func() error {
			for range each {
				names[i] = append(names[i], maildir.FreshUnique())
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(names...)
	slices.Sort(all)
	if n := len(slices.Compact(slices.Clone(all))); n != 8*each {
		t.Errorf("%d different names, want %d", n, 8*each)
	}
	for _, name := range all {
		if strings.ContainsAny(name, "/:\n ") {
			t.Fatalf("%q can't be a unique name", name)
		}
		if _, err := maildir.ParseName("Mail/cur/" + maildir.JoinFlags(name, "S")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]int64{
		"1700000000.M1P2.host,S=4096,W=4200:2,S":      4096,
		"1700000000.M1P2.host,S=0":                    0,
		"1700000000.M1P2.host,W=7,S=12:2,":            12,
		"1700000000.M1P2.host:2,S":                    -1,
		"1700000000.M1P2.host,S=:2,S":                 -1,
		"1700000000.M1P2.host,S=-5:2,S":               -1,
		"1700000000.M1P2.host,S=99999999999999999999": -1,
		"1700000000.S=4.host:2,S":                     -1,
		"1700000000.host:2,S=4":                       -1,
	} {
		n := maildir.Name{Folder: "Mail", Sub: "cur", File: file}
		if got, known := n.Size(); known != (want >= 0) || known && got != want {
			t.Errorf("%s: %d, %t, want %d", file, got, known, want)
		}
	}
}
