package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// newSmallFormer is a laptop with what OfflineIMAP kept there of a few messages,
// and tags of notmuch's.
func newSmallFormer(t *testing.T) *former {
	t.Helper()
	if _, err := exec.LookPath("notmuch"); err != nil {
		synctest.Missing(t, "notmuch", "notmuch")
	}
	f := &former{laptop: newLaptop(t), tree: "Maildir/Me"}
	for _, path := range []string{filepath.Join(f.home, ".smd", "config.default"), filepath.Join(f.server, "Mail")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	f.local = synctest.OpenMailbox(filepath.Join(f.home, f.tree), "laptop")
	f.there = synctest.OpenMailbox(filepath.Join(f.server, "Maildir"), "server")
	writeFile(t, filepath.Join(f.home, ".offlineimaprc"), "[general]\naccounts = Me\n\n[Account Me]\nlocalrepository = L\nremoterepository = R\n\n"+
		"[Repository L]\ntype = Maildir\nlocalfolders = ~/Maildir/Me\n\n[Repository R]\ntype = IMAP\nremotehost = mailhost\n")
	for i, folder := range []string{".", ".", ".lists", ".lists", "."} {
		content := letter(i)
		if i < 4 {
			if _, err := f.there.DeliverContent(folder, content); err != nil {
				t.Fatal(err)
			}
		}
		here := "INBOX"
		if folder != "." {
			here = folder[1:]
		}
		if err := f.local.AddFolder(here); err != nil {
			t.Fatal(err)
		}
		f.put(f.local.Path(fmt.Sprintf("%s/cur/1525132800_%d.1.curie,U=%d:2,S", here, i, i+1)), marked(content, i%2 == 0, true, i))
	}
	writeFile(t, filepath.Join(f.home, ".notmuch-config"), "[database]\npath="+filepath.Join(f.home, "Maildir")+"\n[user]\nname=me\nprimary_email=me@example.org\n[new]\ntags=unread;inbox\n")
	f.notmuch("new", "--quiet")
	f.notmuch("tag", "-inbox", "+old", "--", "*")
	return f
}

// stepped runs a program of ours under an order.
func (f *former) stepped(o *steps.Order, args ...string) (out string, trace []steps.Step, err error) {
	f.t.Helper()
	dir := f.t.TempDir()
	o.Trace, o.Save = filepath.Join(dir, "trace"), dir
	order := filepath.Join(dir, "order")
	if err := o.Write(order); err != nil {
		f.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{filepath.Join(f.bin, "smd-applet")}, args...)...)
	cmd.Env = append(slices.Clone(f.env), steps.Variable+"="+order)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	if trace, readErr := o.Read(); readErr == nil {
		return string(said), trace, err
	}
	f.t.Fatalf("no steps were seen: %v: %s", err, said)
	return "", nil, nil
}

// migrated is what a migration leaves: both mailboxes, tags, and what files there
// are beside messages.
type migrated struct {
	here, there synctest.Census
	tags        []string
	files       []string
	texts       [2]string // of both configurations
}

func (f *former) migrated() migrated {
	f.t.Helper()
	m := migrated{here: f.bare(filepath.Join(f.home, f.tree+"-smd")), there: f.bare(f.there.Root), tags: f.tags()}
	err := filepath.WalkDir(f.home, func(path string, e fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, f.home)
		if err == nil && e.IsDir() && e.Name() == ".notmuch" {
			return fs.SkipDir // notmuch's own
		}
		if err == nil && !strings.HasPrefix(rel, "/.smd/log") && !strings.Contains(rel, "/cur/") && !strings.Contains(rel, "/new/") {
			m.files = append(m.files, rel)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for i, file := range []string{".smd/config.default", ".notmuch-config"} {
		text, err := os.ReadFile(filepath.Join(f.home, file))
		if err != nil {
			f.t.Fatal(err)
		}
		m.texts[i] = strings.ReplaceAll(string(text), f.home, "~")
	}
	return m
}

// Wherever a migration is killed: started again it ends as one that nobody killed,
// and the old tree is as it was.
func TestMigrateKilledAtEachStep(t *testing.T) {
	t.Parallel()
	if !steps.Supported {
		t.Skip("programs can be traced on Linux on amd64 only")
	}
	migrate := []string{"migrate", "offlineimap", "--yes"}
	whole := newSmallFormer(t)
	out, trace, err := whole.stepped(&steps.Order{}, migrate...)
	if err != nil {
		t.Fatalf("the run that nobody kills: %v: %s", err, out)
	}
	want := whole.migrated()
	if len(want.tags) != 5 {
		t.Fatalf("tags: %q", want.tags)
	}
	var all []death
	for step := 1; step <= len(trace); step++ {
		all = append(all, death{step: step, how: steps.Before})
	}
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_CRASH")); err == nil {
		all = eachNth(all, n)
	} else {
		// Each takes seconds. Between the record and the configuration it names is
		// where a run once could not go on.
		written := slices.IndexFunc(trace, func(s steps.Step) bool { return strings.Contains(s.Path, "/.config.default.tmp-") })
		all = append(eachNth(all, len(all)/2), all[written])
	}
	t.Logf("%d steps, killed at %d of them", len(trace), len(all))
	for _, d := range all {
		t.Run(strconv.Itoa(d.step), func(t *testing.T) {
			f := newSmallFormer(t)
			before := f.oldTree()
			out, trace, err := f.stepped(&steps.Order{Kill: d.step, How: d.how}, migrate...)
			if err == nil {
				t.Logf("it was over after %d steps", len(trace))
			} else {
				t.Logf("killed at %s\n%s", trace[len(trace)-1], out)
			}
			if out, err := f.run("smd-applet", migrate...); err != nil {
				t.Fatalf("started again: %v: %s", err, out)
			}
			got := f.migrated()
			if d := synctest.Diff(want.here, got.here); d != "" {
				t.Errorf("here: %s", d)
			}
			if d := synctest.Diff(want.there, got.there); d != "" {
				t.Errorf("there: %s", d)
			}
			if !slices.Equal(want.tags, got.tags) {
				t.Errorf("tags: %q, want %q", got.tags, want.tags)
			}
			if !slices.Equal(want.files, got.files) {
				t.Errorf("files: %q\nwant %q", got.files, want.files)
			}
			if want.texts != got.texts {
				t.Errorf("configurations: %s\nwant %s", got.texts, want.texts)
			}
			for path, was := range f.oldTree() {
				if before[path] != was {
					t.Errorf("the old tree changed: %s", path)
				}
			}
			if said, err := f.run("smd-pull", "-d"); err != nil || !strings.Contains(said, "would change: 0 new, 0 deleted, 0 moved, 0 flagged, 0 edited") {
				t.Errorf("afterwards: %v: %s", err, said)
			}
		})
	}
}
