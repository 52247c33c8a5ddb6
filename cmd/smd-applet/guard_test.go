package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"smd-applet/sync/synctest"
)

// loss is a way to lose mail, or the memory of it, at one end.
type loss struct {
	name string
	// do does it at an end; what it returns makes it good, nil where nobody can.
	do func(s *stage, end int) (undo func())
	// says is what the runs afterwards say, for which dialect ever; "" is nothing.
	says string
}

// lossesOfMail: mailboxes halt or heal, and nothing is deleted at the other end.
var lossesOfMail = []loss{
	{"an unmounted mailbox", func(s *stage, end int) func() {
		root := s.boxes()[end].Root
		s.moved(root, root+".away")
		s.made(root)
		return func() {
			s.must(os.RemoveAll(root))
			s.moved(root+".away", root)
		}
	}, `mount or create`},
	{"a mailbox that is gone", func(s *stage, end int) func() {
		root := s.boxes()[end].Root
		s.moved(root, root+".away")
		return func() {
			s.must(os.RemoveAll(root))
			s.moved(root+".away", root)
		}
	}, `no such file|mount or create`},
	{"rm -rf of everything in it", func(s *stage, end int) func() {
		all, err := filepath.Glob(s.boxes()[end].Path("*"))
		s.must(err)
		hidden, err := filepath.Glob(s.boxes()[end].Path(".?*"))
		s.must(err)
		for _, path := range append(all, hidden...) {
			s.must(os.RemoveAll(path))
		}
		return nil
	}, `mount or create`},
	{"rm -rf of every message", func(s *stage, end int) func() {
		all, err := s.boxes()[end].Messages("")
		s.must(err)
		for _, m := range all {
			s.must(s.boxes()[end].Delete(m))
		}
		return nil
	}, `held back`},
	{"one folder of many gone", func(s *stage, end int) func() {
		s.must(s.boxes()[end].RemoveFolder(".lists"))
		return nil
	}, `12 deletions in Mail/\.lists are held back`},
	{"a folder that cannot be read", func(s *stage, end int) func() {
		// Root may read everything: a link that leads nowhere takes its place.
		folder := s.boxes()[end].Path(".lists/cur")
		s.moved(folder, folder+".away")
		s.must(os.Symlink("cur", folder))
		return func() {
			s.must(os.Remove(folder))
			s.moved(folder+".away", folder)
		}
	}, ``},
	{"an old backup of the mail restored", func(s *stage, end int) func() {
		all, err := s.boxes()[end].Messages(".")
		s.must(err)
		for _, m := range all[:55] { // they came after it
			s.must(s.boxes()[end].Delete(m))
		}
		return nil
	}, `held back`},
	{"an old backup of mail and state restored", func(s *stage, end int) func() {
		s.must(os.RemoveAll(s.homes[end] + "/Mail"))
		s.must(os.CopyFS(s.homes[end]+"/Mail", os.DirFS(s.dir+"/backup/"+fmt.Sprint(end)+"/Mail")))
		s.forget(end)
		s.remember(s.dir+"/backup/"+fmt.Sprint(end), end)
		return nil
	}, `.*`},
	{"the agreed state lost", func(s *stage, end int) func() {
		s.forget(end)
		return nil
	}, `.*`},
	{"the agreed state lost at both ends", func(s *stage, end int) func() {
		s.forget(end)
		s.forget(1 - end)
		return nil
	}, `.*`},
	{"the agreed state of another mailbox", func(s *stage, end int) func() {
		other := newStage(s.t, filepath.Join(s.dir, "other"), s.protocolName)
		other.generate(other.there.Root, 30)
		other.well(other.settled())
		s.forget(end)
		s.remember(other.homes[end], end)
		return nil
	}, `.*`},
	{"a machine installed from scratch", func(s *stage, end int) func() {
		s.must(os.RemoveAll(s.boxes()[end].Root))
		s.forget(end)
		s.must(s.boxes()[end].AddFolder("."))
		return nil
	}, `.*`},
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) moved(from, to string) { s.t.Helper(); s.must(os.Rename(from, to)) }

func (s *stage) made(dir string) { s.t.Helper(); s.must(os.MkdirAll(dir, 0o700)) }

// forget removes what an end remembers of the other.
func (s *stage) forget(end int) {
	s.t.Helper()
	states, err := filepath.Glob(s.homes[end] + "/.smd/laptop__Mail*")
	s.must(err)
	for _, path := range states {
		s.must(os.RemoveAll(path))
	}
}

// Mail or memory that is lost at one end halts the runs or heals, as the
// architecture says: at the other end nothing is deleted, and in the end
// everything is at both.
func TestLosses(t *testing.T) {
	t.Parallel()
	for i, protocol := range []string{"2", "1.3"} {
		before := newStage(t, t.TempDir(), protocol)
		before.prepareLoss()
		for end, name := range []string{"client", "server"} {
			for n, l := range lossesOfMail {
				if os.Getenv("SMD_APPLET_CRASH") == "" && (n%2 != i || n/2%2 != end) {
					continue // make test has each once
				}
				t.Run(fmt.Sprintf("%s: %s at the %s", protocol, l.name, name), func(t *testing.T) {
					t.Parallel()
					s := newStage(t, t.TempDir(), protocol)
					s.copy(before)
					s.lose(l, end)
				})
			}
		}
	}
}

// copy takes over mail, memory and backups of another stage.
func (s *stage) copy(from *stage) {
	s.t.Helper()
	for _, dir := range []string{"here/Mail", "there", "backup"} {
		to := filepath.Join(s.dir, dir)
		s.must(os.RemoveAll(to))
		s.must(os.CopyFS(to, os.DirFS(filepath.Join(from.dir, dir))))
	}
	s.remember(from.homes[here], here)
}

// remember gives an end the memory of a home.
func (s *stage) remember(home string, end int) {
	s.t.Helper()
	states, err := filepath.Glob(home + "/.smd/laptop__Mail*")
	s.must(err)
	if len(states) == 0 {
		s.t.Fatalf("%s remembers nothing", home)
	}
	for _, state := range states {
		b, err := os.ReadFile(state)
		s.must(err)
		s.must(os.WriteFile(filepath.Join(s.homes[end], ".smd", filepath.Base(state)), b, 0o600))
	}
}

// prepareLoss brings both ends to 147 messages, after a backup when there were 87.
func (s *stage) prepareLoss() {
	t := s.t
	t.Helper()
	if _, err := synctest.Generate(s.there.Root, synctest.Options{Seed: 9, Messages: 75, Folders: 3, Tiny: true, NoCopies: true}); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		if _, err := s.there.Deliver(".lists"); err != nil {
			t.Fatal(err)
		}
	}
	s.well(s.settled())
	for i, home := range s.homes {
		s.must(os.CopyFS(filepath.Join(s.dir, "backup", fmt.Sprint(i)), os.DirFS(home)))
	}
	for range 60 {
		if _, err := s.there.Deliver("."); err != nil {
			t.Fatal(err)
		}
	}
	s.well(s.settled())
}

// lose has an end lose something, and looks at what comes of it.
func (s *stage) lose(l loss, end int) {
	t := s.t
	t.Helper()
	want := s.contents(1 - end)
	undo := l.do(s, end)
	said := ""
	for range 2 {
		for _, argv := range s.settled() {
			out, err := s.run(argv...)
			if err != nil {
				said += out
			}
		}
		s.keeps(1-end, want)
	}
	if (said == "") != (l.says == "") && l.says != ".*" || !regexp.MustCompile(l.says).MatchString(said) {
		t.Errorf("it says %q, want %q", said, l.says)
	}
	t.Log(said)
	if undo != nil {
		undo()
	} else if regexp.MustCompile(`held back`).MatchString(said) {
		if out, err := s.run("smd-applet", "restore", "default"); err != nil {
			t.Errorf("restore: %v: %s", err, out)
		}
	} else if regexp.MustCompile(`mount or create`).MatchString(said) {
		s.must(s.boxes()[end].AddFolder(".")) // as it says
		for _, argv := range s.settled() {
			_, _ = s.run(argv...) // many are held back
		}
		s.keeps(1-end, want)
		if out, err := s.run("smd-applet", "restore", "default"); err != nil {
			t.Errorf("restore: %v: %s", err, out)
		}
	}
	for range 2 {
		for _, argv := range s.settled() {
			if out, err := s.run(argv...); err != nil {
				t.Errorf("%s afterwards: %v: %s", argv, err, out)
			}
		}
	}
	for e := range s.homes {
		s.keeps(e, want)
	}
	r := s.atRest()
	if d := synctest.DiffNames(r.census[there], r.census[here]); d != "" {
		t.Errorf("the ends differ: %s", d)
	}
	if got := r.census[here].Total(); got != len(want) {
		t.Errorf("%d messages, want %d", got, len(want))
	}
}

// contents are those of the messages at an end.
func (s *stage) contents(end int) map[[32]byte]int {
	s.t.Helper()
	c, err := synctest.TakeCensus(s.boxes()[end].Root)
	s.must(err)
	return c.Contents()
}

// keeps checks that nothing is lost at an end.
func (s *stage) keeps(end int, want map[[32]byte]int) {
	s.t.Helper()
	have := s.contents(end)
	missing := 0
	for sum := range want {
		if have[sum] == 0 {
			missing++
		}
	}
	if missing > 0 {
		s.t.Errorf("the %s lost %d messages of %d", [...]string{"client", "server"}[end], missing, len(want))
	}
}
