package index_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/index"
)

// newFiles are those of a client "pair" with mailbox "Mail", with the given
// contents by what follows the db-file's name.
func newFiles(t *testing.T, contents map[string]string) index.Files {
	t.Helper()
	f := index.Files{DB: filepath.Join(t.TempDir(), "pair__Mail.db.txt")}
	for suffix, content := range contents {
		if err := os.WriteFile(f.DB+suffix, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// expect compares the files there are, by suffix, with those there should be.
func expect(t *testing.T, f index.Files, want map[string]string) {
	t.Helper()
	there, err := filepath.Glob(filepath.Join(filepath.Dir(f.DB), "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(there) != len(want) {
		t.Errorf("there is %q, want %q", there, want)
	}
	for suffix, content := range want {
		if b, err := os.ReadFile(f.DB + suffix); err != nil || string(b) != content {
			t.Errorf("db-file%s: %q, %v, want %q", suffix, b, err, content)
		}
	}
}

// The names are those others use (smd 1.3, spec §1).
func TestFileNames(t *testing.T) {
	t.Parallel()
	f := index.Files{DB: "/home/me/.smd/pair__Mail.db.txt"}
	if f.New() != "/home/me/.smd/pair__Mail.db.txt.new" || f.Patch() != "/home/me/.smd/pair__Mail.db.txt.xdelta" {
		t.Errorf("%s and %s", f.New(), f.Patch())
	}
}

func TestDigests(t *testing.T) {
	t.Parallel()
	ofOld, ofFresh := fmt.Sprintf("%x", sha1.Sum([]byte("old\n"))), fmt.Sprintf("%x", sha1.Sum([]byte("fresh\n")))
	for name, c := range map[string]struct {
		files     map[string]string
		db, fresh string
	}{
		"first run":       {nil, ofNothing, "-"},
		"empty file":      {map[string]string{"": ""}, ofNothing, "-"},
		"at rest":         {map[string]string{"": "old\n", ".mtime": "1"}, ofOld, "-"},
		"cut run":         {map[string]string{"": "old\n", ".new": "fresh\n"}, ofOld, ofFresh},
		"cut first run":   {map[string]string{".new": "fresh\n"}, ofNothing, ofFresh},
		"empty new state": {map[string]string{"": "old\n", ".new": ""}, ofOld, ofNothing},
	} {
		f := newFiles(t, c.files)
		db, fresh, err := f.Digests()
		if err != nil || db != c.db || fresh != c.fresh {
			t.Errorf("%s: %s %s, %v", name, db, fresh, err)
		}
		expect(t, f, c.files)
	}
	if _, _, err := (index.Files{DB: t.TempDir()}).Digests(); err == nil {
		t.Error("a state that can't be read is not the empty one")
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, after map[string]string }{
		"server": {
			map[string]string{"": "old", ".new": "new", ".mtime": "1", ".mtime.new": "2"},
			map[string]string{"": "new", ".mtime": "2"},
		},
		"first run": {map[string]string{".new": "new", ".mtime.new": "2"}, map[string]string{"": "new", ".mtime": "2"}},
		"client":    {map[string]string{"": "old", ".new": "new"}, map[string]string{"": "new"}},
	} {
		f := newFiles(t, c.before)
		if err := f.Commit(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		expect(t, f, c.after)
	}
	// Without a new state the time of its scan is nobody's.
	before := map[string]string{"": "old", ".mtime": "1", ".mtime.new": "2"}
	f := newFiles(t, before)
	if err := f.Commit(); err == nil {
		t.Error("no new state: want an error")
	}
	expect(t, f, before)
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	agreed := map[string]string{"": "old", ".mtime": "1"}
	f := newFiles(t, map[string]string{"": "old", ".mtime": "1", ".new": "new", ".mtime.new": "2", ".xdelta": "patch"})
	for range 2 { // a second time there is nothing to do
		if err := f.Discard(); err != nil {
			t.Fatal(err)
		}
		expect(t, f, agreed)
	}
	f = newFiles(t, map[string]string{"": "old", ".new": "new", ".mtime.new": "2"})
	if err := f.DiscardMtime(); err != nil {
		t.Fatal(err)
	}
	expect(t, f, map[string]string{"": "old", ".new": "new"})
}

// A state the other end does not share is kept under a name of its own, and the
// run after starts from the empty one.
func TestSetAside(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 5)
	f := newFiles(t, map[string]string{"": "old", ".mtime": "1", ".new": "new", ".mtime.new": "2", ".xdelta": "patch"})
	aside, err := f.SetAside(now)
	if err != nil || !strings.HasPrefix(aside, f.DB+".") {
		t.Fatalf("kept as %q, %v", aside, err)
	}
	expect(t, f, map[string]string{strings.TrimPrefix(aside, f.DB): "old"})
	if db, fresh, err := f.Digests(); err != nil || db != ofNothing || fresh != index.Absent {
		t.Errorf("then the state is %s %s, %v", db, fresh, err)
	}
	if aside, err := f.SetAside(now); err != nil || aside != "" {
		t.Errorf("with no state kept %q, %v", aside, err)
	}
	if err := os.WriteFile(f.DB, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := f.SetAside(now.Add(time.Nanosecond))
	if err != nil || second == aside {
		t.Fatalf("kept as %q, %v", second, err)
	}
	expect(t, f, map[string]string{strings.TrimPrefix(aside, f.DB): "old", strings.TrimPrefix(second, f.DB): "second"})
}

// The time is decimal, without a newline (smd 1.3, spec §2).
func TestScanTime(t *testing.T) {
	t.Parallel()
	f := newFiles(t, map[string]string{".new": "new"})
	started := time.Unix(1700000000, 999_999_999)
	if err := f.WriteScanTime(started); err != nil {
		t.Fatal(err)
	}
	expect(t, f, map[string]string{".new": "new", ".mtime.new": "1700000000"})
	if got, err := f.ScanTime(); err != nil || !got.IsZero() {
		t.Errorf("before the commit: %v, %v", got, err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	// Not later than it was: what changed in that second is read again.
	if got, err := f.ScanTime(); err != nil || got.Unix() != 1700000000 || got.After(started) {
		t.Errorf("got %v, %v", got, err)
	}
	for content, want := range map[string]int64{
		"1700000001": 1700000001, "1700000001\n": 1700000001, // as an editor leaves it
		"": 0, "x": 0, "-1": 0, "0": 0, "1.5": 0, "99999999999999999999": 0, "\x00\x00\x00": 0,
	} {
		got, err := newFiles(t, map[string]string{".mtime": content}).ScanTime()
		if err != nil || want == 0 && !got.IsZero() || want != 0 && got.Unix() != want {
			t.Errorf("%q read as %v, %v", content, got, err)
		}
	}
}

// A new state that can't be finished does not come to be.
func TestWriteNewFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space")
	for _, before := range []map[string]string{{"": "old"}, {"": "old", ".new": "of a cut run"}} {
		f := newFiles(t, before)
		err := f.WriteNew(func(put func(index.Entry) error) error { return errors.Join(put(entry("a", "1", "")), full) })
		if !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		expect(t, f, before)
	}
}

// What tells of a person's mail is for that person only.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	f := newFiles(t, nil)
	if err := errors.Join(f.WriteNew(func(func(index.Entry) error) error { return nil }), f.WriteScanTime(time.Now())); err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadDir(filepath.Dir(f.DB))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range there {
		names = append(names, e.Name())
		if st, err := e.Info(); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), st.Mode(), err)
		}
	}
	if want := []string{"pair__Mail.db.txt.mtime.new", "pair__Mail.db.txt.new"}; !slices.Equal(names, want) {
		t.Errorf("wrote %q, want %q", names, want)
	}
}
