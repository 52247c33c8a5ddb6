package maildir_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
)

// scan returns the remote names of the files found, sorted.
func scan(t *testing.T, s *maildir.Store, o maildir.ScanOptions) ([]string, *maildir.Report) {
	t.Helper()
	var found []string
	report, err := s.Scan(t.Context(), o, func(l maildir.Listing) error {
		for _, f := range l.Files {
			found = append(found, path.Join(l.Folder, l.Sub, f.Name))
		}
		return nil
	})
	check(t, err)
	slices.Sort(found)
	return found, report
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestScanSeesWhatACensusSees(t *testing.T) {
	t.Parallel()
	for name, layout := range map[string]synctest.Layout{"Maildir++": synctest.MaildirPP, "nested": synctest.Nested} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, box := newMail(t)
			census, err := synctest.Generate(box.Root, synctest.Options{Seed: 7, Messages: 300, Folders: 27, Layout: layout, Tiny: true})
			check(t, err)
			var want []string
			folders := make(map[string]bool)
			for folder, messages := range census {
				folders[path.Join("Mail", folder)] = true
				for _, m := range messages {
					sub, file := "new", m.Name
					if !m.New {
						sub, file = "cur", maildir.JoinFlags(m.Name, m.Flags)
					}
					want = append(want, path.Join("Mail", folder, sub, file))
				}
			}
			slices.Sort(want)
			found, report := scan(t, s, maildir.ScanOptions{})
			expect(t, "messages", found, want)
			if !maps.Equal(report.Folders, folders) {
				t.Errorf("folders %v, want %v", report.Folders, folders)
			}
			if len(report.Skipped)+len(report.Excluded)+report.Strays > 0 {
				t.Errorf("report %+v", report)
			}
		})
	}
}

// A regular file counts when it lies directly in cur or new (smd 1.3, spec §3).
func TestScanCountsOnlyMessages(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	for _, file := range []string{
		"cur/1:2,S", "new/2", "a/b/cur/3:2,", "a/b/new/with space", "a/b/new/100%20", // these count
		"tmp/4", "4", "a/4", "a/b/cur/sub/4", "a/b/cur/sub/cur/4", "a/b/tmp/cur/4", "a/b/cur/.hidden", "a/b/dovecot.index.log", "cur2/4", "a/b/maildirfolder",
	} {
		write(t, box.Path(file), "Subject: one\n\n")
	}
	check(t, unix.Mkfifo(box.Path("cur/fifo"), 0o600))
	check(t, box.AddFolder("empty"))
	found, report := scan(t, s, maildir.ScanOptions{})
	expect(t, "messages", found, []string{"Mail/a/b/cur/3:2,", "Mail/a/b/new/100%20", "Mail/a/b/new/with space", "Mail/cur/1:2,S", "Mail/new/2"})
	expect(t, "folders", slices.Collect(maps.Keys(report.Folders)), []string{"Mail", "Mail/a/b", "Mail/empty"})
}

func TestScanTellsSizeAndTime(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	when := time.Unix(1700000000, 123456789)
	for file, size := range map[string]int{"empty": 0, "large": 100000} {
		write(t, box.Path("cur/"+file), strings.Repeat("x", size))
		check(t, os.Chtimes(box.Path("cur/"+file), when, when))
	}
	var files []maildir.File
	_, err := s.Scan(t.Context(), maildir.ScanOptions{}, func(l maildir.Listing) error {
		files = append(files, l.Files...)
		return nil
	})
	check(t, err)
	inode := func(file string) uint64 {
		var st unix.Stat_t
		check(t, unix.Stat(box.Path("cur/"+file), &st))
		return uint64(st.Ino)
	}
	want := []maildir.File{
		{Name: "empty", Mtime: when.UnixNano(), Ino: inode("empty")},
		{Name: "large", Mtime: when.UnixNano(), Size: 100000, Ino: inode("large")},
	}
	if !slices.Equal(files, want) {
		t.Errorf("got %v, want %v", files, want)
	}
}

func TestScanLeavesOutExcluded(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), "Mail", "Other")
	for _, file := range []string{"Mail/cur/1", "Mail/Spam/cur/2", "Mail/Spam/sub/cur/3", "Mail/Spam2/cur/4", "Other/Spam/cur/5"} {
		write(t, filepath.Join(s.Home(), file), "Subject: one\n\n")
	}
	found, report := scan(t, s, maildir.ScanOptions{Excluded: func(local string) bool { return local == "Mail/Spam" }})
	expect(t, "messages", found, []string{"Mail/Spam2/cur/4", "Mail/cur/1", "Other/Spam/cur/5"})
	expect(t, "excluded", report.Excluded, []string{"Mail/Spam"})
}

// Names a scan hands out are the other end's.
func TestScanTranslates(t *testing.T) {
	t.Parallel()
	s := openRenamed(t, map[string]string{"Mail/bad": "../Maildir"})
	write(t, filepath.Join(s.Home(), "Mail/a/cur/1"), "Subject: one\n\n")
	found, _ := scan(t, s, maildir.ScanOptions{})
	expect(t, "messages", found, []string{"Maildir/a/cur/1"})
	check(t, os.MkdirAll(filepath.Join(s.Home(), "Mail/bad/cur"), 0o700))
	_, err := s.Scan(t.Context(), maildir.ScanOptions{}, func(maildir.Listing) error { return nil })
	if !fault.Is(err, fault.Translator) {
		t.Errorf("got %v", err)
	}
}

// A link to a directory inside the root is followed once; one that leaves it,
// leads nowhere or to a file is skipped and reported (smd 1.3, spec §3).
func TestScanLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		links    map[string]string // path below Mail → target
		messages []string          // besides those of a and b
		skipped  []string
	}{
		"to a folder":           {map[string]string{"c": "a"}, []string{"Mail/c/cur/1"}, nil},
		"to a folder elsewhere": {map[string]string{"b/c": "../a"}, []string{"Mail/b/c/cur/1"}, nil},
		"to the folder above":   {map[string]string{"a/up": ".."}, nil, []string{"Mail/a/up"}},
		"to its own folder":     {map[string]string{"a/self": "."}, nil, []string{"Mail/a/self"}},
		"to itself":             {map[string]string{"loop": "loop"}, nil, []string{"Mail/loop"}},
		"to each other": {
			map[string]string{"a/x": "../b", "b/x": "../a"},
			[]string{"Mail/a/x/cur/2", "Mail/b/x/cur/1"},
			[]string{"Mail/a/x/x", "Mail/b/x/x"},
		},
		"to a link":           {map[string]string{"c": "d", "d": "a"}, []string{"Mail/c/cur/1", "Mail/d/cur/1"}, nil},
		"as cur":              {map[string]string{"c/cur": "../a/cur"}, []string{"Mail/c/cur/1"}, nil},
		"out of the root":     {map[string]string{"out": "../outside", "a/abs": "/"}, nil, []string{"Mail/a/abs", "Mail/out"}},
		"cur out of it":       {map[string]string{"c/cur": "../../outside/cur"}, nil, []string{"Mail/c/cur"}},
		"tmp out of it":       {map[string]string{"c/tmp": "../../outside/tmp"}, nil, []string{"Mail/c/tmp"}},
		"dangling":            {map[string]string{"none": "nowhere", "a/cur/none": "nowhere"}, nil, []string{"Mail/a/cur/none", "Mail/none"}},
		"to a file":           {map[string]string{"a/cur/3": "1", "c": "a/cur/1"}, nil, []string{"Mail/a/cur/3", "Mail/c"}},
		"to a folder, in cur": {map[string]string{"a/cur/3": "../../b"}, nil, []string{"Mail/a/cur/3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, box := newMail(t)
			write(t, box.Path("a/cur/1"), "Subject: one\n\n")
			write(t, box.Path("b/cur/2"), "Subject: two\n\n")
			stray := filepath.Join(s.Home(), "outside/tmp", maildir.TempName())
			write(t, stray, "not ours to clean")
			write(t, filepath.Join(s.Home(), "outside/cur/9"), "Subject: outside\n\n")
			for from, to := range c.links {
				check(t, os.MkdirAll(filepath.Dir(box.Path(from)), 0o700))
				check(t, os.Symlink(to, box.Path(from)))
			}
			found, report := scan(t, s, maildir.ScanOptions{})
			want := append([]string{"Mail/a/cur/1", "Mail/b/cur/2"}, c.messages...)
			slices.Sort(want)
			expect(t, "messages", found, want)
			expect(t, "links", report.Skipped, c.skipped)
			if _, err := os.Lstat(stray); err != nil {
				t.Errorf("cleaned outside the mailbox: %v", err)
			}
		})
	}
}

// Links that multiply would make 2^20 folders of twenty.
func TestScanIsNotMultipliedByLinks(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	for i := range 20 {
		write(t, box.Path(fmt.Sprintf("%02d/cur/1", i)), "Subject: one\n\n")
		for _, l := range []string{"x", "y"} {
			check(t, os.Symlink(fmt.Sprintf("../%02d", i+1), box.Path(fmt.Sprintf("%02d/%s", i, l))))
		}
	}
	found, _ := scan(t, s, maildir.ScanOptions{})
	if len(found) != 20+2*19 {
		t.Errorf("%d messages, want each of 20 folders and two links to all but the first", len(found))
	}
}

// A folder that goes away in mid-scan is no empty folder.
func TestScanOfVanishingFolders(t *testing.T) {
	t.Parallel()
	file := func(path string) error { return os.WriteFile(path, nil, 0o600) }
	for name, change := range map[string]func(box *synctest.Mailbox) error{
		"a folder further on":         func(b *synctest.Mailbox) error { return b.RemoveFolder("b") },
		"the folder itself":           func(b *synctest.Mailbox) error { return b.RemoveFolder("a") },
		"its other half":              func(b *synctest.Mailbox) error { return b.RemoveFolder("a/new") },
		"its tmp":                     func(b *synctest.Mailbox) error { return b.RemoveFolder("a/tmp") },
		"all":                         func(b *synctest.Mailbox) error { return b.RemoveFolder(".") },
		"a folder moved aside":        func(b *synctest.Mailbox) error { return os.Rename(b.Path("b"), b.Path("0")) },
		"a file takes its place":      func(b *synctest.Mailbox) error { return errors.Join(b.RemoveFolder("b"), file(b.Path("b"))) },
		"a file takes its other half": func(b *synctest.Mailbox) error { return errors.Join(b.RemoveFolder("a/new"), file(b.Path("a/new"))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, box := newMail(t)
			for _, folder := range []string{"a", "b"} {
				check(t, box.AddFolder(folder))
				write(t, box.Path(folder+"/cur/1"), "Subject: one\n\n")
			}
			changed := false
			report, err := s.Scan(t.Context(), maildir.ScanOptions{}, func(maildir.Listing) error {
				if !changed {
					changed = true
					return change(box)
				}
				return nil
			})
			if !fault.Is(err, fault.FolderVanished) || report != nil {
				t.Errorf("got %+v, %v", report, err)
			}
		})
	}
}

func TestScanOfUnreadableFolders(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	for _, dir := range []string{".", "a", "a/cur", "a/tmp"} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			s, box := newMail(t)
			check(t, box.AddFolder("a"))
			check(t, os.Chmod(box.Path(dir), 0o300))
			t.Cleanup(func() { check(t, os.Chmod(box.Path(dir), 0o700)) })
			_, err := s.Scan(t.Context(), maildir.ScanOptions{}, func(maildir.Listing) error { return nil })
			if !fault.Is(err, fault.Permission) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestScanEnds(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	check(t, box.AddFolder("a"))
	enough := errors.New("enough")
	if _, err := s.Scan(t.Context(), maildir.ScanOptions{}, func(maildir.Listing) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	check(t, box.AddFolder("b"))
	report, err := s.Scan(ctx, maildir.ScanOptions{}, func(maildir.Listing) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("got %+v, %v", report, err)
	}
}

// between is a context that calls change once, between two readings of a
// directory: List asks there whether it is canceled.
type between struct {
	context.Context
	change *func()
}

func (b between) Err() error {
	if f := *b.change; f != nil {
		*b.change = nil
		f()
	}
	return b.Context.Err()
}

// listWhile lists a/cur, which is read more than once since it seems to be
// changing, and makes a change meanwhile.
func listWhile(t *testing.T, change func(box *synctest.Mailbox)) ([]string, error) {
	t.Helper()
	s, box := newMail(t)
	for _, file := range []string{"1:2,", "2:2,", "3:2,"} {
		write(t, box.Path("a/cur/"+file), "Subject: one\n\n")
	}
	later := time.Now().Add(time.Hour)
	check(t, os.Chtimes(box.Path("a/cur"), later, later))
	folder, err := s.Folder("Mail/a")
	check(t, err)
	do := func() { change(box) }
	files, _, err := maildir.List(between{t.Context(), &do}, folder, "cur")
	if do != nil {
		t.Fatal("the directory was read only once")
	}
	var found []string
	for _, f := range files {
		found = append(found, f.Name)
	}
	return found, err
}

// A message that is renamed while its directory is read is neither missed nor
// seen twice.
func TestListOfChangingDirectory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(box *synctest.Mailbox) error
		want   []string
	}{
		"flagged": {func(b *synctest.Mailbox) error { _, err := b.Flag("a/cur/1:2,", "S"); return err }, []string{"1:2,S", "2:2,", "3:2,"}},
		"removed": {func(b *synctest.Mailbox) error { return b.Delete("a/cur/2:2,") }, []string{"1:2,", "3:2,"}},
		"moved":   {func(b *synctest.Mailbox) error { _, err := b.Move("a/cur/3:2,", "b"); return err }, []string{"1:2,", "2:2,"}},
		"added":   {func(b *synctest.Mailbox) error { return os.WriteFile(b.Path("a/cur/4:2,"), nil, 0o600) }, []string{"1:2,", "2:2,", "3:2,", "4:2,"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := listWhile(t, func(box *synctest.Mailbox) { check(t, c.change(box)) })
			check(t, err)
			expect(t, "files", found, c.want)
		})
	}
}

func TestListOfVanishingDirectory(t *testing.T) {
	t.Parallel()
	found, err := listWhile(t, func(box *synctest.Mailbox) { check(t, box.RemoveFolder("a")) })
	if !fault.Is(err, fault.FolderVanished) {
		t.Errorf("got %q, %v", found, err)
	}
}

// TestScanOfReplacedFolder: what took a folder's place while it was read tells
// nothing of what was in it.
func TestScanOfReplacedFolder(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	for _, sub := range []string{"cur", "new", "tmp"} {
		check(t, os.MkdirAll(box.Path("a/"+sub), 0o700))
	}
	_, err := box.Deliver("a")
	check(t, err)
	_, err = s.Scan(t.Context(), maildir.ScanOptions{}, func(l maildir.Listing) error {
		if l.Folder != "Mail/a" || l.Sub != "cur" {
			return nil
		}
		if err := os.Rename(box.Path("a"), box.Path("../aside")); err != nil {
			return err
		}
		return errors.Join(os.MkdirAll(box.Path("a/cur"), 0o700), os.MkdirAll(box.Path("a/new"), 0o700))
	})
	if !fault.Is(err, fault.FolderVanished) {
		t.Errorf("%v, want a failure of kind %s", err, fault.FolderVanished)
	}
}

func TestListOfReplacedDirectory(t *testing.T) {
	t.Parallel()
	got, err := listWhile(t, func(box *synctest.Mailbox) {
		if err := os.Rename(box.Path("a/cur"), box.Path("aside")); err != nil {
			t.Error(err)
		}
		if err := os.Mkdir(box.Path("a/cur"), 0o700); err != nil {
			t.Error(err)
		}
	})
	if !fault.Is(err, fault.FolderVanished) {
		t.Errorf("listed %q, %v", got, err)
	}
}
