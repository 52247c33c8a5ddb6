package explain_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/explain"
	"smd-applet/sync/history"
	"smd-applet/sync/hooks"
)

// change is what a run is told of.
type change struct {
	sent           bool
	what, path, to string
}

// run makes the history of a run.
func run(t *testing.T, dir, way string, o history.Outcome, changes ...change) {
	t.Helper()
	w := history.Begin(dir, filepath.Dir(dir), "default", way, nil)
	for _, c := range changes {
		w.Change(c.sent, c.what, c.path, c.to)
	}
	if err := w.End(o); err != nil {
		t.Fatal(err)
	}
}

func told(t *testing.T, dir string, o explain.Options) string {
	t.Helper()
	o.Now = time.Now()
	var b strings.Builder
	if err := explain.Runs(&b, dir, "default", o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRuns(t *testing.T) {
	t.Parallel()
	came := change{false, hooks.Added, "Mail/cur/1:2,", ""}
	for _, c := range []struct {
		name       string
		make       func(dir string)
		runs       int
		want, lack []string
	}{
		{name: "none", make: func(string) {}, want: []string{"no run is known"}},
		{name: "other endpoint", make: func(dir string) {
			if err := history.Begin(dir, dir, "default.x", "sync", nil).End(history.Outcome{}); err != nil {
				t.Error(err)
			}
		}, want: []string{"no run is known"}},
		{
			name: "both ends", make: func(dir string) {
				run(
					t, dir, "sync", history.Outcome{}, came,
					change{false, hooks.Moved, "Mail/cur/2:2,", "Mail/.Old/cur/2:2,"},
					change{false, hooks.Moved, "Mail/cur/4:2,", "Mail/cur/5:2,"},
					change{true, hooks.Removed, "Mail/.Old/cur/3:2,", ""}, change{true, hooks.Flagged, "Mail/new/6", "Mail/cur/6:2,S"},
				)
			},
			want: []string{
				"changed here, as the server's mailbox had changed:\n    Mail: 1 came, 1 moved to Mail/.Old, 1 renamed\n",
				"changed at the server, as this mailbox had changed:\n    Mail: 1 marked\n    Mail/.Old: 1 deleted\n",
				"which ones: smd-applet explain --messages default",
			},
			lack: []string{"held", "kept twice"},
		},
		{
			name: "kept twice", make: func(dir string) {
				run(t, dir, "pull", history.Outcome{}, change{false, hooks.Moved, "Mail/cur/1:2,", "Mail/cur/9:2,"}, came)
			},
			want: []string{"kept twice, as both ends had changed it; both versions are there:\n    Mail/cur/1:2, is the server's, Mail/cur/9:2, the one from here\n"},
			lack: []string{"renamed"},
		},
		{
			name: "490 held", make: func(dir string) {
				run(t, dir, "sync", history.Outcome{Held: []history.Held{{Folder: "Mail/.Lists", Count: 490}, {Folder: "Mail", Count: 60, Sent: true}}})
			},
			want: []string{
				"nothing was changed at either end", "490 deleted at the server from Mail/.Lists are still here",
				"60 deleted here from Mail are still at the server", "bring them back at both ends: smd-applet restore default",
			},
		},
		{
			name: "failed, and too many", make: func(dir string) {
				run(t, dir, "push", history.Outcome{Kind: "disk-full", Failure: "write: no space", WayOut: "free some space", Damaged: []string{"Mail/cur/7"}})
			},
			want: []string{"and failed\n  why: write: no space\n  what to do: free some space\n", "Mail/cur/7 is empty or cut short"},
		},
		{
			name: "the dialect spoken last", make: func(dir string) {
				run(t, dir, "pull", history.Outcome{}, came)
				run(t, dir, "push", history.Outcome{})
				run(t, dir, "sync", history.Outcome{}, came)
			},
			want: []string{"the sync that ended"}, lack: []string{"pull", "push"},
		},
		{
			name: "several", make: func(dir string) {
				for range 3 {
					run(t, dir, "sync", history.Outcome{}, came)
				}
			},
			runs: 2, want: []string{"1 came\ndefault: the sync"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "history")
			c.make(dir)
			got := told(t, dir, explain.Options{Runs: max(1, c.runs)})
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("it lacks %q:\n%s", w, got)
				}
			}
			for _, l := range c.lack {
				if strings.Contains(got, l) {
					t.Errorf("it has %q:\n%s", l, got)
				}
			}
			if n := strings.Count(got, "that ended"); n > 2*max(1, c.runs) {
				t.Errorf("%d runs are told:\n%s", n, got)
			}
		})
	}
}

// A run that was killed has changes and no end.
func TestRunCutOff(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "history")
	run(t, dir, "sync", history.Outcome{})
	w := history.Begin(dir, dir, "default", "sync", nil)
	for range 5000 { // enough that some of it is written
		w.Change(false, hooks.Added, "Mail/cur/100.abcdefghijklmnop:2,S", "")
	}
	got := told(t, dir, explain.Options{Runs: 1})
	if !strings.Contains(got, "has no end here") || !strings.Contains(got, "Mail: ") {
		t.Errorf("it is told as:\n%s", got)
	}
}

// Of two copies of one message, with one Message-ID, each has a history of its own,
// also under former names; another message of the same name elsewhere has none of it.
func TestMessages(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir := filepath.Join(home, "history")
	for _, name := range []string{"Mail/cur/1:2,", "Mail/.Sent/cur/2:2,S"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), []byte("Message-ID: <a@b>\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "sync", history.Outcome{}, change{false, hooks.Added, "Mail/cur/1:2,", ""}, change{true, hooks.Added, "Mail/.Sent/cur/2:2,S", ""})
	run(t, dir, "sync", history.Outcome{}, change{false, hooks.Moved, "Mail/cur/1:2,", "Mail/.Old/cur/1.new:2,"})
	run(t, dir, "sync", history.Outcome{}, change{true, hooks.Moved, "Mail/.Old/cur/1.new:2,", "Mail/.Older/cur/1.new:2,"})
	run(t, dir, "sync", history.Outcome{}, change{false, hooks.Removed, "Mail/.Older/cur/1.new:2,", ""}, change{false, hooks.Added, "Mail/.Other/cur/1:2,", ""})
	byID, err := explain.ByMessageID(dir, "<a@b>")
	if err != nil {
		t.Fatal(err)
	}
	if len(byID) != 2 || len(byID[0].Steps) != 4 || !byID[0].Gone || len(byID[1].Steps) != 1 || byID[1].Gone {
		t.Fatalf("by Message-ID they are %+v", byID)
	}
	for _, name := range []string{"Mail/cur/1:2,S", "Mail/new/1", "Mail/.Old/cur/1.new", "Mail/.Older/cur/1.new:2,"} {
		found, err := explain.ByPath(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || len(found[0].Steps) != 4 || found[0].Path != "Mail/.Older/cur/1.new:2," {
			t.Errorf("as %s it is %+v", name, found)
		}
	}
	if found, err := explain.ByPath(dir, "Mail/cur/2"); err != nil || found != nil {
		t.Errorf("of a name that no run knows there is %+v, %v", found, err)
	}
	if since, err := explain.Since(dir); err != nil || time.Since(since) > time.Hour {
		t.Errorf("the history begins %v, %v", since, err)
	}
	files, err := explain.Find(t.Context(), home, []string{"Mail", "Missing"}, "a@b")
	if err != nil || len(files) != 2 {
		t.Errorf("in the mailboxes it is %q, %v", files, err)
	}
}

// A message both ends had changed is told as kept twice, whether the version from
// here is sent before the server's comes or after it.
func TestKeptTwice(t *testing.T) {
	t.Parallel()
	moved := change{false, hooks.Moved, "Mail/cur/1:2,", "Mail/cur/9:2,"}
	sent := change{true, hooks.Added, "Mail/cur/9:2,", ""}
	came := change{false, hooks.Added, "Mail/cur/1:2,", ""}
	for name, changes := range map[string][]change{
		"sent first": {moved, sent, came},
		"sent last":  {moved, came, sent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "history")
			run(t, dir, "sync", history.Outcome{}, change{false, hooks.Added, "Mail/cur/1:2,", ""})
			run(t, dir, "sync", history.Outcome{}, changes...)
			found, err := explain.ByPath(dir, "Mail/cur/1:2,")
			if err != nil || len(found) != 1 {
				t.Fatalf("it is %+v, %v", found, err)
			}
			var b strings.Builder
			found[0].Write(&b)
			for _, want := range []string{
				"kept twice, as both ends had changed it: the version from here became Mail/cur/9:2,\n",
				"sync: sent to the server: Mail/cur/9:2,\n",
			} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("it lacks %q:\n%s", want, b.String())
				}
			}
			if n := strings.Count(b.String(), "came from the server: Mail/cur/1:2,\n"); n != 2 {
				t.Errorf("it came %d times:\n%s", n, b.String())
			}
		})
	}
}
