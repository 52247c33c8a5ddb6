package serve_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
)

// A file older than the last agreed scan is taken as unchanged without being
// read (smd 1.3, spec §2); one as old may have changed since.
func TestOnlyWhatWasTouchedIsRead(t *testing.T) {
	t.Parallel()
	const scanned = 1700000000
	for name, c := range map[string]struct {
		mtime   time.Time
		changed bool
	}{
		"long before":      {time.Unix(scanned-86400, 0), false},
		"just before":      {time.Unix(scanned-1, 999_999_999), false},
		"when it started":  {time.Unix(scanned, 0), true},
		"within a second":  {time.Unix(scanned, 500_000_000), true},
		"after it":         {time.Unix(scanned+86400, 0), true},
		"ahead of the day": {time.Now().Add(24 * time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edited := message{one.name, one.header, "edited\n"}
			e := newEnd(t, []message{one}, []message{edited})
			e.write(".smd/pair__Mail.db.txt.mtime", "1700000000")
			check(t, os.Chtimes(filepath.Join(e.home, one.name), c.mtime, c.mtime))
			said, _, err := e.serve("COMMIT\nDONE\n")
			check(t, err)
			if got := strings.HasPrefix(said, "REPLACE Mail/cur/1:2,S "+one.hashes()+" WITH "+edited.hashes()+"\nEND\n"); got != c.changed {
				t.Errorf("heard %q", said)
			}
			want := map[bool]string{true: lines(edited), false: lines(one)}[c.changed]
			if got := e.state()[""]; got != want {
				t.Errorf("the state is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// A message that is empty or has no header any more is damage, not an edit: it
// is not sent, stays agreed, and is fetched again (design, "A message does not
// rot").
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "Subject: on", strings.Repeat("\x00", 25)} {
		e := newEnd(t, []message{one, two}, []message{{one.name, content, ""}, two})
		said, result, err := e.serve("COMMIT\nDONE\n")
		if err != nil || !strings.HasPrefix(said, "END\n") || !slices.Equal(result.Damaged, []string{one.name}) {
			t.Errorf("%q: heard %q, %+v, %v", content, said, result, err)
		}
		if got := e.state()[""]; got != lines(one, two) {
			t.Errorf("%q: the state is\n%s", content, got)
		}
		ledger, err := guard.LoadLedger(e.files.DB + ".held.json")
		check(t, err)
		if _, wanted := ledger.Fetch[one.name]; !wanted {
			t.Errorf("%q: it is not to be fetched again", content)
		}
		if got := e.read(one.name); got != content {
			t.Errorf("%q: the file is now %q", content, got)
		}
	}
}

// What is not looked at is not gone.
func TestExcludedIsNotDeleted(t *testing.T) {
	t.Parallel()
	spam := message{"Mail/Spam/cur/1", "Subject: spam\n\n", "spam\n"}
	below := message{"Mail/Spam/sub/cur/1", "Subject: more\n\n", "more\n"}
	elsewhere := message{"Other/cur/1", "Subject: else\n\n", ""} // of a mailbox no longer configured
	e := newEnd(t, []message{spam, one, below, elsewhere}, []message{one, two, {"Mail/Spam/cur/2", "Subject: new\n\n", ""}})
	e.opt.Excluded = func(local string) bool { return local == "Mail/Spam" }
	said, _, err := e.serve("COMMIT\nDONE\n")
	if want := "ADD Mail/new/2 " + two.hashes() + "\nEND\n"; err != nil || !strings.HasPrefix(said, want) {
		t.Errorf("heard %q, %v, want %q", said, err, want)
	}
	if got := e.state()[""]; got != lines(spam, one, below, elsewhere, two) {
		t.Errorf("the state is\n%s", got)
	}
}

// A failed scan is told to the client and commits nothing.
func TestFailedScan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, home string)
		kind   fault.Kind
	}{
		"an empty mount point": {func(t *testing.T, home string) {
			t.Helper()
			check(t, os.RemoveAll(filepath.Join(home, "Mail")))
			check(t, os.Mkdir(filepath.Join(home, "Mail"), 0o700))
		}, fault.MailboxMissing},
		"a state that is no state": {func(t *testing.T, home string) {
			t.Helper()
			check(t, os.WriteFile(filepath.Join(home, ".smd/pair__Mail.db.txt"), []byte("nonsense\n"), 0o600))
		}, fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, []message{one}, []message{one})
			c.change(t, e.home)
			// The store is opened at the start of a run.
			e.opt.Store = openStore(t, e.home)
			before := e.state()[""]
			said, _, err := e.serve("ABORT\n")
			if !fault.Is(err, c.kind) || !strings.HasPrefix(said, "ERROR ") || strings.Count(said, "\n") != 2 || !strings.HasSuffix(said, "\nEND\n") {
				t.Errorf("heard %q, %v", said, err)
			}
			if got := e.state(); len(got) != 1 || got[""] != before {
				t.Errorf("left %q", got)
			}
		})
	}
}

// What lies behind a link that is not followed, or has become one, is not gone.
func TestLinkedIsNotDeleted(t *testing.T) {
	t.Parallel()
	archived := message{"Mail/archive/cur/1", "Subject: a\n\n", "x\n"}
	for name, link := range map[string]func(e *end) error{
		"folder": func(e *end) error {
			err := os.Rename(filepath.Join(e.home, "Mail/archive"), filepath.Join(e.home, "archive"))
			return errors.Join(err, os.Symlink("../archive", filepath.Join(e.home, "Mail/archive")))
		},
		"cur": func(e *end) error {
			err := os.Rename(filepath.Join(e.home, "Mail/archive/cur"), filepath.Join(e.home, "archive"))
			return errors.Join(err, os.Symlink("../../archive", filepath.Join(e.home, "Mail/archive/cur")))
		},
		"message": func(e *end) error {
			err := os.Rename(filepath.Join(e.home, archived.name), filepath.Join(e.home, "message"))
			return errors.Join(err, os.Symlink("../../../message", filepath.Join(e.home, archived.name)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, []message{one, archived}, []message{one, archived})
			check(t, link(e))
			said, _, err := e.serve("COMMIT\nDONE\n")
			if strings.Contains(said, "DELETE") {
				t.Errorf("heard %q, %v", said, err)
			}
			if got := e.state()[""]; got != lines(one, archived) {
				t.Errorf("the state is\n%s", got)
			}
		})
	}
}

// A folder whose name no line of the protocol can hold is left out, and stops
// nothing.
func TestFolderThatCannotBeNamed(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, []message{one, {"Mail/we\nird/cur/1", "Subject: a\n\n", ""}})
	said, result, err := e.serve("COMMIT\nDONE\n")
	if want := "ADD " + one.name + " " + one.hashes() + "\nEND\n"; err != nil || !strings.HasPrefix(said, want) {
		t.Errorf("heard %q, %v", said, err)
	}
	if !slices.Equal(result.Skipped, []string{"Mail/we\nird"}) {
		t.Errorf("left out %q", result.Skipped)
	}
}
