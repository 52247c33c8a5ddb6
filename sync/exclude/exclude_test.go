package exclude_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		globs   []string
		in, out []string // folders that match, and that don't
	}{
		"no globs": {
			out: []string{"", "Mail", "Mail/Spam"},
		},
		"a plain name is the whole path": {
			globs: []string{"Mail/Spam"},
			in:    []string{"Mail/Spam"},
			out:   []string{"Mail", "Mail/Spam2", "Mail/Spam/old", "Old/Mail/Spam", "mail/spam"},
		},
		"star matches slashes and leading dots": {
			globs: []string{"Mail/*old"},
			in:    []string{"Mail/old", "Mail/.old", "Mail/.a/b/old", "Mail/Spam.old"},
			out:   []string{"Mail", "Mail/older", "Mailold"},
		},
		"a part of a folder is no folder": {
			globs: []string{"Mail/*r", "Mail/*w"},
			in:    []string{"Mail/.far", "Mail/.a/cur2r"},
			out:   []string{"Mail/cur", "Mail/new", "Mail/.a/cur"},
		},
		"question mark matches one character, a slash or a dot too": {
			globs: []string{"Mail?Spam"},
			in:    []string{"Mail/Spam", "Mail.Spam", "Mail Spam", "Mail\nSpam", "MailüSpam"},
			out:   []string{"MailSpam", "Mail//Spam"},
		},
		"a byte that is no UTF-8 counts as a character": {
			globs: []string{"Mail/caf?"},
			in:    []string{"Mail/caf\xe9", "Mail/café"},
		},
		"bracket": {
			globs: []string{"Mail/[a-cx]"},
			in:    []string{"Mail/a", "Mail/c", "Mail/x"},
			out:   []string{"Mail/d", "Mail/ab", "Mail/[a-cx]", "Mail/"},
		},
		"bracket, negated": {
			globs: []string{"Mail/[!a]x"},
			in:    []string{"Mail/bx", "Mail//x", "Mail/.x"},
			out:   []string{"Mail/ax", "Mail/x"},
		},
		"bracket with a closing bracket in it": {
			globs: []string{"Mail/[]x]"},
			in:    []string{"Mail/]", "Mail/x"},
			out:   []string{"Mail/[]x]", "Mail/y"},
		},
		"bracket with a class in it": {
			globs: []string{"Mail/[[:digit:]]"},
			in:    []string{"Mail/0"},
			out:   []string{"Mail/d", "Mail/:"},
		},
		"Gmail's folder in brackets is a set, unless quoted": {
			globs: []string{`Mail/.\[Gmail\].Spam`},
			in:    []string{"Mail/.[Gmail].Spam"},
			out:   []string{"Mail/.G.Spam"},
		},
		"a backslash quotes": {
			globs: []string{`Mail/\*`, `Mail/\a\?`},
			in:    []string{"Mail/*", "Mail/a?"},
			out:   []string{"Mail/x", "Mail/ab", `Mail/\*`},
		},
		"no other character means anything": {
			globs: []string{"Mail/{a,b}", "Mail/+(c)", "Mail/d|e", "Mail/^f$", "Mail/g+"},
			in:    []string{"Mail/{a,b}", "Mail/+(c)", "Mail/d|e", "Mail/^f$", "Mail/g+"},
			out:   []string{"Mail/a", "Mail/c", "Mail/d", "Mail/f", "Mail/gg"},
		},
		"%20 is a blank, and & nothing special": {
			globs: []string{"Mail/Old%20Spam*", "Mail/.Entw&APw-rfe"},
			in:    []string{"Mail/Old Spam", "Mail/Old Spam 2", "Mail/.Entw&APw-rfe"},
			out:   []string{"Mail/Old%20Spam", "Mail/.Entw"},
		},
		"any one of several": {
			globs: []string{"Mail/.Spam", "Mail/.notmuch*"},
			in:    []string{"Mail/.Spam", "Mail/.notmuch", "Mail/.notmuch/xapian"},
			out:   []string{"Mail/.Sent"},
		},
		// The caller does not enter a folder that matches, so the folder is enough.
		"a trailing slash or slash star stands for the folder": {
			globs: []string{"Mail/a/", "Mail/b/*", "Mail/c//", "Mail/d/*/"},
			in:    []string{"Mail/a", "Mail/b", "Mail/c", "Mail/d"},
			out:   []string{"Mail", "Mail/ab"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := exclude.New(c.globs)
			if err != nil {
				t.Fatal(err)
			}
			for _, folder := range c.in {
				if !m.Match(folder) {
					t.Errorf("%q does not match %q", c.globs, folder)
				}
			}
			for _, folder := range c.out {
				if m.Match(folder) {
					t.Errorf("%q matches %q", c.globs, folder)
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ glob, want string }{
		"all":                   {"*", "leave out everything"},
		"all, with a slash":     {"*/", "leave out everything"},
		"all below all":         {"*/*", "leave out everything"},
		"nothing":               {"", "leave out everything"},
		"the root of all":       {"/", "leave out everything"},
		"a range upside down":   {"Mail/[z-a]", "Mail/[z-a]"},
		"a class that is none":  {"Mail/[[:letter:]]", "Mail/[[:letter:]]"},
		"the good among others": {"Mail/[z-a]/", "Mail/[z-a]/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := exclude.New([]string{"Mail/.Spam", c.glob})
			if !fault.Is(err, fault.Config) {
				t.Fatalf("%v, want a failure of kind %s", err, fault.Config)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
			if f := fault.As(err); f.Path != c.glob || !strings.Contains(f.WayOut(), "EXCLUDE") {
				t.Errorf("about %q, way out %q: want the glob, and EXCLUDE", f.Path, f.WayOut())
			}
		})
	}
}

// TestPlain: what a server gets that knows fnmatch(3) and nothing of what people
// mean. The third to fifth are those of the write-up that did nothing with SMD.
func TestPlain(t *testing.T) {
	t.Parallel()
	for glob, want := range map[string]string{
		"Maildir/Koumbit":          "Maildir/Koumbit",
		"Maildir/Koumbit/":         "Maildir/Koumbit",
		"Maildir/.notmuch/hooks/":  "Maildir/.notmuch/hooks",
		"Maildir/.notmuch/hooks/*": "Maildir/.notmuch/hooks",
		"Maildir/.notmuch/*":       "Maildir/.notmuch",
		"Maildir/*":                "Maildir/*",
		"My%20Mail/*":              "My%20Mail/*",
		"My%20Mail/a%20b/":         "My%20Mail/a%20b",
	} {
		if got := exclude.Plain(glob, "Maildir", "My Mail"); got != want {
			t.Errorf("%q becomes %q, want %q", glob, got, want)
		}
	}
}

// TestMatchIsFnmatch compares with the definition of * and ? in fnmatch(3).
func TestMatchIsFnmatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringMatching(`[ab/.*?]{0,7}[ab.?]`).Draw(t, "glob")
		folder := rapid.StringMatching(`[ab/.]{0,8}`).Draw(t, "folder")
		m, err := exclude.New([]string{glob})
		if fault.Is(err, fault.Config) && strings.Contains(glob, "*") && strings.Trim(glob, "*?/") == "" {
			t.Skip("it would leave out everything")
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, want := m.Match(folder), fnmatch(glob, folder); got != want {
			t.Fatalf("%q on %q: %v, want %v", glob, folder, got, want)
		}
	})
}

// fnmatch is fnmatch(3) without flags, for ASCII globs of *, ? and letters.
func fnmatch(glob, s string) bool {
	switch {
	case glob == "":
		return s == ""
	case glob[0] == '*':
		return fnmatch(glob[1:], s) || s != "" && fnmatch(glob, s[1:])
	case s == "":
		return false
	}
	return (glob[0] == '?' || glob[0] == s[0]) && fnmatch(glob[1:], s[1:])
}

// TestQuotedMatchesItself: whatever a folder is called, it can be left out.
func TestQuotedMatchesItself(t *testing.T) {
	t.Parallel()
	quote := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)
	name := rapid.StringMatching(`Mail/[ab/.*?\[\]!^$+(){}|\\äπ -]{0,8}x`)
	rapid.Check(t, func(t *rapid.T) {
		folder, other := name.Draw(t, "folder"), name.Draw(t, "other")
		m, err := exclude.New([]string{quote.Replace(folder)})
		if err != nil {
			t.Fatal(err)
		}
		if !m.Match(folder) {
			t.Fatalf("%q does not match itself", folder)
		}
		if m.Match(other) && other != folder {
			t.Fatalf("%q, quoted, matches %q", folder, other)
		}
	})
}

// TestMatchIsUnion: a list leaves out what any one of its globs does.
func TestMatchIsUnion(t *testing.T) {
	t.Parallel()
	globs := rapid.SliceOfN(rapid.StringMatching(`[ab/*?]{0,4}[ab]`), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		list := globs.Draw(t, "globs")
		folder := rapid.StringMatching(`[ab/]{0,6}`).Draw(t, "folder")
		all, err := exclude.New(list)
		if err != nil {
			t.Fatal(err)
		}
		want := false
		for _, g := range list {
			one, err := exclude.New([]string{g})
			if err != nil {
				t.Fatal(err)
			}
			want = want || one.Match(folder)
		}
		if got := all.Match(folder); got != want {
			t.Fatalf("%q on %q: %v, want %v", list, folder, got, want)
		}
	})
}

// FuzzNew: a glob is understood, or refused in words a person can act on; a
// slash at its end changes nothing.
func FuzzNew(f *testing.F) {
	for _, glob := range []string{
		"Mail/Spam", "Mail/*", "*", "", "/", `\`, "[", "[]", "[!]", "[a-", "[[:alpha:]]", "[z-a]",
		"a/**/b", `\/*`, "(?i)x", "{1,9999}", "\xff", "a\x00b",
	} {
		f.Add(glob, "Mail/Spam")
	}
	f.Fuzz(func(t *testing.T, glob, folder string) {
		m, err := exclude.New([]string{glob})
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Config || e.Path != glob || e.Hint == "" {
				t.Fatalf("%q: %#v", glob, err)
			}
		}
		slashed, slashedErr := exclude.New([]string{glob + "/"})
		if (err == nil) != (slashedErr == nil) {
			t.Fatalf("%q: %v, with a slash: %v", glob, err, slashedErr)
		}
		if err == nil && m.Match(folder) != slashed.Match(folder) {
			t.Fatalf("%q on %q: %v without a slash only", glob, folder, m.Match(folder))
		}
	})
}

// TestRootIsSpared: of a mailbox root /* is what lies below it.
func TestRootIsSpared(t *testing.T) {
	t.Parallel()
	m, err := exclude.New([]string{"Mail/*", "Other/"}, "Mail", "Other")
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]bool{"Mail": false, "Mail/.work": true, "Mail/a/b": true, "Other": true} {
		if got := m.Match(folder); got != want {
			t.Errorf("%q: %v, want %v", folder, got, want)
		}
	}
}
