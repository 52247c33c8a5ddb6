package maildir_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"smd-applet/sync/maildir"
)

// Only what a crash of ours left goes, and in passing only what is old.
func TestStrays(t *testing.T) {
	t.Parallel()
	const delivery, other = "170.M1P2.host", "x.smd-applet-tmp.170.M1P2.host"
	for name, c := range map[string]struct {
		age    time.Duration
		strays int
		left   []string // of the two strays "old" and "young"
	}{
		"under the lock": {0, 2, nil},
		"in passing":     {time.Hour, 1, []string{"young"}},
		"in no hurry":    {48 * time.Hour, 0, []string{"old", "young"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, box := newMail(t)
			stray := map[string]string{"old": maildir.TempName(), "young": maildir.TempName()}
			want := []string{delivery, other}
			for _, file := range []string{delivery, other, stray["old"], stray["young"]} {
				write(t, box.Path("a/tmp/"+file), "half a mess")
			}
			// A message of that name is a message.
			write(t, box.Path("a/cur/"+stray["old"]), "Subject: one\n\n")
			yesterday := time.Now().Add(-24 * time.Hour)
			for _, file := range []string{delivery, stray["old"]} {
				check(t, os.Chtimes(box.Path("a/tmp/"+file), yesterday, yesterday))
			}
			_, report := scan(t, s, maildir.ScanOptions{StrayAge: c.age})
			if report.Strays != c.strays {
				t.Errorf("%d strays removed, want %d", report.Strays, c.strays)
			}
			for _, which := range c.left {
				want = append(want, stray[which])
			}
			if got := names(t, box.Path("a/tmp")); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
				t.Errorf("left %q, want %q", got, want)
			}
			if got := names(t, box.Path("a/cur")); len(got) != 1 {
				t.Errorf("cur has %q", got)
			}
		})
	}
}

func TestCleanStrays(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	folder, err := s.Folder("Mail/a")
	check(t, err)
	check(t, folder.CleanStrays()) // no folder, no strays
	check(t, folder.Make())
	f, _, err := folder.CreateTemp()
	check(t, err)
	check(t, f.Close())
	write(t, box.Path("a/tmp/170.M1P2.host"), "being delivered")
	check(t, folder.CleanStrays())
	if got := names(t, box.Path("a/tmp")); !slices.Equal(got, []string{"170.M1P2.host"}) {
		t.Errorf("left %q", got)
	}
}

// names are the entries of a directory, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	for i := range entries {
		entries[i] = filepath.Base(entries[i])
	}
	return entries
}
