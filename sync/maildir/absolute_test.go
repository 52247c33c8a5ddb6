package maildir_test

import (
	"os"
	"path/filepath"
	"testing"

	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
)

// A link that names its folder by the whole path is one inside the mailbox too,
// also where a link leads to the mailbox itself.
func TestAbsoluteLinks(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]string{"the mailbox itself": "Mail", "its other name": "Other"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			check(t, os.MkdirAll(filepath.Join(home, "Other/a/cur"), 0o700))
			check(t, os.Symlink("Other", filepath.Join(home, "Mail")))
			box := synctest.OpenMailbox(filepath.Join(home, "Mail"), "test")
			s := openStore(t, home, "Mail")
			write(t, box.Path("a/cur/1"), "Subject: one\n\n")
			write(t, box.Path("a/b/cur/2"), "Subject: two\n\n")
			write(t, filepath.Join(home, "Mailbox/cur/9"), "Subject: outside\n\n")
			for from, to := range map[string]string{
				"c": way + "/a", "a/up": way, "self": way + "/self", // followed, a loop, nowhere
				"out": "Mailbox", "dots": way + "/a/../../Mailbox", "file": way + "/a/cur/1", "d/cur": way + "/a/cur", // not followed
			} {
				check(t, os.MkdirAll(filepath.Dir(box.Path(from)), 0o700))
				check(t, os.Symlink(home+"/"+to, box.Path(from)))
			}
			found, report := scan(t, s, maildir.ScanOptions{})
			expect(t, "messages", found, []string{"Mail/a/b/cur/2", "Mail/a/cur/1", "Mail/c/b/cur/2", "Mail/c/cur/1"})
			expect(t, "links", report.Skipped, []string{"Mail/a/up", "Mail/c/up", "Mail/d/cur", "Mail/dots", "Mail/file", "Mail/out", "Mail/self"})

			// What was seen there can be read, and new mail put there.
			for _, message := range []string{"Mail/c/cur/1", "Mail/c/b/cur/2"} {
				n, err := maildir.ParseName(message)
				check(t, err)
				p, err := s.Place(n)
				check(t, err)
				f, err := p.Open()
				check(t, err)
				check(t, f.Close())
			}
			fresh, err := s.Folder("Mail/c/fresh")
			check(t, err)
			check(t, fresh.Make())
			if _, err := os.Stat(box.Path("a/fresh/cur")); err != nil {
				t.Error(err)
			}
			if outside, err := s.Folder("Mail/out"); err == nil && outside.Make() == nil {
				t.Error("a folder was made behind a link that leads out")
			}
		})
	}
}
