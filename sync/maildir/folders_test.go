package maildir_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/maildir"
)

func TestScanLeavesOutCurAndNew(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), "Mail")
	for _, file := range []string{"Mail/cur/1", "Mail/a/cur/2", "Mail/a/new/3", "Mail/a/b/cur/4"} {
		write(t, filepath.Join(s.Home(), file), "Subject: one\n\n")
	}
	found, report := scan(t, s, maildir.ScanOptions{Excluded: func(local string) bool { return filepath.Dir(local) == "Mail/a" && local != "Mail/a/b" }})
	expect(t, "messages", found, []string{"Mail/a/b/cur/4", "Mail/cur/1"})
	expect(t, "excluded", report.Excluded, []string{"Mail/a/cur", "Mail/a/new"})
	expect(t, "folders", slices.Collect(maps.Keys(report.Folders)), []string{"Mail", "Mail/a/b"})
}

// Folders finds them all, however many can't be read, and removes nothing.
func TestFolders(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), "Mail", "Other")
	stray := filepath.Join(s.Home(), "Mail/tmp", maildir.TempName())
	for _, file := range []string{"Mail/cur/1", "Mail/.a/cur/2", "Mail/.b/new/3", "Mail/.notmuch/hooks/4", "Other/x/cur/5"} {
		write(t, filepath.Join(s.Home(), file), "Subject: one\n\n")
	}
	write(t, stray, "half of a message")
	check(t, os.Symlink("/etc", filepath.Join(s.Home(), "Mail/away")))
	check(t, os.Chmod(filepath.Join(s.Home(), "Mail/.a/cur"), 0))
	check(t, os.Chmod(filepath.Join(s.Home(), "Mail/.b"), 0))
	t.Cleanup(func() {
		check(t, os.Chmod(filepath.Join(s.Home(), "Mail/.a/cur"), 0o700))
		check(t, os.Chmod(filepath.Join(s.Home(), "Mail/.b"), 0o700))
	})
	var looked []string
	report, err := s.Folders(t.Context(), maildir.ScanOptions{Excluded: func(local string) bool {
		looked = append(looked, local)
		return false
	}})
	check(t, err)
	folders, unreadable := []string{"Mail", "Mail/.a", "Mail/.b", "Other/x"}, []string(nil)
	if os.Geteuid() != 0 { // whom permissions stop
		folders, unreadable = []string{"Mail", "Mail/.a", "Other/x"}, []string{"Mail/.a/cur", "Mail/.b"}
	}
	expect(t, "folders", slices.Collect(maps.Keys(report.Folders)), folders)
	expect(t, "unreadable", report.Unreadable, unreadable)
	expect(t, "skipped", report.Skipped, []string{"Mail/away"})
	if !slices.Contains(looked, "Mail/.notmuch/hooks") {
		t.Errorf("looked at %q", looked)
	}
	if _, err := os.Stat(stray); err != nil {
		t.Errorf("it removed something: %v", err)
	}
}
