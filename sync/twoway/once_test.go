package twoway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/twoway"
)

// onceDeeds are what a person may do to the only message of a mailbox.
var onceDeeds = map[string]func(m *synctest.Mailbox, message string) (string, error){
	"flag":   func(m *synctest.Mailbox, message string) (string, error) { return m.Flag(message, "FS") },
	"move":   func(m *synctest.Mailbox, message string) (string, error) { return m.Move(message, ".a") },
	"refile": func(m *synctest.Mailbox, message string) (string, error) { return m.Refile(message, ".b") },
	"edit": func(m *synctest.Mailbox, message string) (string, error) {
		return m.EditHeader(message, "X-Label", "done")
	},
}

// do does a deed to the only message of an end, if it is there, and reports whether
// it was.
func (s *side) do(deed string) bool {
	s.t.Helper()
	all, err := s.box.Messages("")
	if err != nil {
		s.t.Fatal(err)
	}
	if len(all) == 0 || deed == "" {
		return false
	}
	if _, err := onceDeeds[deed](s.box, all[0]); err != nil {
		s.t.Fatal(err)
	}
	return true
}

// once fails the test unless both ends have one message, in the same place.
func (p *pair) once(why string) string {
	p.t.Helper()
	here, there := p.client.census(), p.side.census()
	if d := synctest.DiffNames(here, there); d != "" {
		p.t.Errorf("%s: the ends differ: %s", why, d)
	}
	all, err := p.client.box.Messages("")
	if err != nil || len(all) != 1 {
		p.t.Errorf("%s: there is %v, want one message (%v)", why, all, err)
		return ""
	}
	return all[0]
}

// TestEarlyArrivalIsKeptOnce has a message that came with a hint be flagged or moved
// at either end, or both, in the moment between its arrival and the run that
// tells of it, or after both ends have looked.
func TestEarlyArrivalIsKeptOnce(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before the look", "after the look"} {
		for _, here := range []string{"", "flag", "move", "refile"} {
			for _, there := range []string{"", "flag", "move", "refile"} {
				t.Run(fmt.Sprintf("%s here, %s there, %s", here, there, when), func(t *testing.T) {
					t.Parallel()
					earlyArrival(t, when == "before the look", here, there)
				})
			}
		}
	}
}

// announced returns a resident pair whose client was just told of the only message, at
// the server.
func announced(t *testing.T) (p *pair, line *resident, message string) {
	t.Helper()
	p = newPairWithRoots(t)
	watch := observe(p.side.home)
	line, err := p.resident(t.Context(), observe(p.client.home), watch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := line.run(t.Context(), p.opt); err != nil {
		t.Fatal(err)
	}
	if message, err = p.side.box.Deliver("."); err != nil {
		t.Fatal(err)
	}
	watch.nudge()
	<-line.client.Changed()
	return p, line, message
}

func earlyArrival(t *testing.T, beforeLook bool, here, there string) {
	p, line, _ := announced(t)
	arrived, done := false, false
	do := func() {
		if arrived && !done {
			done = true
			p.client.do(here)
			p.side.do(there)
		}
	}
	line.end.Changed = func(string, string, string) {
		arrived = true
		if beforeLook {
			do()
		}
	}
	opt := p.opt
	opt.Progress = func(s twoway.Step) {
		if s.Phase == twoway.Transferring {
			do()
		}
	}
	for range 2 {
		if res, err := line.run(t.Context(), opt); err != nil || res.Again {
			t.Fatalf("%v, %+v", err, res)
		}
	}
	if !done {
		t.Fatal("the message did not come early")
	}
	if err := line.close(); err != nil {
		t.Error(err)
	}
	p.once("in the end")
}

// mishaps end a sync of a pair after so many frames or steps, and report whether it
// had so many.
var mishaps = map[string]func(p *pair, n int) (bool, error){
	"frames read":         func(p *pair, n int) (bool, error) { return p.cutSync(n, false) },
	"frames written":      func(p *pair, n int) (bool, error) { return p.cutSync(n, true) },
	"steps of the client": func(p *pair, n int) (bool, error) { return p.diedSync(0, n) },
	"steps of the server": func(p *pair, n int) (bool, error) { return p.diedSync(1, n) },
}

func (p *pair) diedSync(end, n int) (bool, error) {
	m, _, err := p.dieSync(end, n)
	return m.died() != "", err
}

// TestMovedAfterAMishapIsKeptOnce cuts the line after each frame while a message goes
// over it, and has either end die before each step; then it is flagged, moved or edited
// at one end, or at both.
func TestMovedAfterAMishapIsKeptOnce(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"client", "server"} {
		for deed := range onceDeeds {
			t.Run(from+", "+deed, func(t *testing.T) {
				t.Parallel()
				afterMishaps(t, deed, []string{"client", "server", "both"}, func(t *testing.T) *pair {
					t.Helper()
					p := newPairWithRoots(t)
					if _, err := p.ends()[from].box.Deliver("."); err != nil {
						t.Fatal(err)
					}
					return p
				}, func(*side) bool { return true })
			})
		}
	}
}

// TestEditedAfterAMishapIsKeptOnce does so while the new content of a message both ends
// have goes over the line; the deed is done where that is.
func TestEditedAfterAMishapIsKeptOnce(t *testing.T) {
	t.Parallel()
	const edited = "edited\n"
	for _, from := range []string{"client", "server"} {
		for deed := range onceDeeds {
			if deed == "edit" {
				continue // edited twice: whether the one knew of the other nobody can tell
			}
			t.Run(from+", "+deed, func(t *testing.T) {
				t.Parallel()
				afterMishaps(t, deed, []string{"client", "server"}, func(t *testing.T) *pair {
					t.Helper()
					p := newPairWithRoots(t)
					message, err := p.side.box.Deliver(".")
					if err != nil {
						t.Fatal(err)
					}
					p.mustSync()
					if _, err := p.ends()[from].box.EditBody(message, edited); err != nil {
						t.Fatal(err)
					}
					return p
				}, func(s *side) bool {
					all, err := s.box.Messages("")
					if err != nil || len(all) != 1 {
						t.Fatalf("there is %v, %v", all, err)
					}
					content, err := os.ReadFile(s.box.Path(all[0]))
					if err != nil {
						t.Fatal(err)
					}
					return strings.HasSuffix(string(content), edited)
				})
			})
		}
	}
}

func newPairWithRoots(t *testing.T) *pair {
	t.Helper()
	p := newPair(t)
	for _, s := range p.ends() {
		if err := s.box.AddFolder("."); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *pair) ends() map[string]*side { return map[string]*side{"client": p.client, "server": p.side} }

// afterMishaps has each mishap happen to a sync of a new pair, and does the deed at each
// of the ends that may. Then there is to be one message.
func afterMishaps(t *testing.T, deed string, ends []string, fresh func(*testing.T) *pair, may func(*side) bool) {
	t.Helper()
	done, cases := 0, 0
	for _, at := range ends {
		for what, mishap := range mishaps {
			for n, happened := 0, true; happened; n++ {
				p := fresh(t)
				var err error
				if happened, err = mishap(p, n); err != nil && !happened {
					t.Fatal(err)
				}
				cases++
				for name, s := range p.ends() {
					if (at == name || at == "both") && may(s) && s.do(deed) {
						done++
					}
				}
				p.mustSync()
				p.once(fmt.Sprintf("%s at %s after %d %s", deed, at, n, what))
			}
		}
	}
	t.Attr("cases", strconv.Itoa(cases))
	if done == 0 {
		t.Errorf("there was never something to %s", deed)
	}
}

// cutSync cuts a sync after so many frames, and reports whether it had so many.
func (p *pair) cutSync(n int, written bool) (cut bool, err error) {
	read, write := n, -1
	if written {
		read, write = -1, n
	}
	var line *synctest.CutChannel
	p.line = func(d duplex) io.ReadWriteCloser {
		line = synctest.CutAfter(d, frame, read, write)
		return line
	}
	_, err = p.sync()
	p.line = nil
	return line.WasCut(), err
}

// TestAnotherOfThatNameStays has each mishap happen while a message goes over the line;
// where that has not come, a message that has nothing of it gets its name.
func TestAnotherOfThatNameStays(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"client", "server"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			done := 0
			for what, mishap := range mishaps {
				for n, happened := 0, true; happened; n++ {
					p := newPairWithRoots(t)
					message, err := p.ends()[from].box.DeliverContent(".", []byte("Subject: one\n\none\n"))
					if err != nil {
						t.Fatal(err)
					}
					if happened, err = mishap(p, n); err != nil && !happened {
						t.Fatal(err)
					}
					want := 1
					for name, s := range p.ends() {
						if all, err := s.box.Messages(""); err != nil || name == from || len(all) > 0 {
							continue
						}
						if err := os.WriteFile(s.box.Path(message), []byte("Subject: two\n\ntwo\n"), 0o600); err != nil {
							t.Fatal(err)
						}
						want = 2
						done++
					}
					p.mustSync()
					p.equal()
					if all, err := p.client.box.Messages(""); err != nil || len(all) != want {
						t.Errorf("after %d %s there is %q, want %d messages (%v)", n, what, all, want, err)
					}
				}
			}
			if done == 0 {
				t.Error("the message always came")
			}
		})
	}
}

// TestSameContentStaysTwice has each mishap happen while each end has a message of the
// same content in a folder of its own: neither is taken for the other one, moved.
func TestSameContentStaysTwice(t *testing.T) {
	t.Parallel()
	for what, mishap := range mishaps {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cases := 0
			for happened := true; happened; cases++ {
				p := newPair(t)
				for name, s := range p.ends() {
					if _, err := s.box.DeliverContent("."+name, []byte("Subject: same\n\nsame\n")); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Tick(t, p.client.home)
				var err error
				if happened, err = mishap(p, cases); err != nil && !happened {
					t.Fatal(err)
				}
				p.mustSync()
				p.equal()
				if all, err := p.client.box.Messages(""); err != nil || len(all) != 2 {
					t.Errorf("after %d %s there is %q, want both messages (%v)", cases, what, all, err)
				}
			}
			t.Attr("cases", strconv.Itoa(cases))
		})
	}
}

// TestListGoesWithItsState has a message come early in a run that is given up, then both
// ends begin anew, the server without mail: it is not taken for one that was deleted
// there.
func TestListGoesWithItsState(t *testing.T) {
	t.Parallel()
	p, line, message := announced(t)
	ctx, giveUp := context.WithCancel(t.Context())
	line.end.Changed = func(string, string, string) { giveUp() } // it is in its place
	if res, err := line.run(ctx, p.opt); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, %+v", err, res)
	}
	if err := line.close(); err != nil {
		t.Error(err)
	}
	for _, s := range p.ends() {
		if err := os.Remove(filepath.Join(s.home, "state")); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.side.box.Delete(message); err != nil {
		t.Fatal(err)
	}
	p.mustSync()
	p.once("in the end")
}

// TestListIsShort looks, again and again in a first sync, at the list of what it brings:
// that is as long as what is under way, and gone in the end.
func TestListIsShort(t *testing.T) {
	t.Parallel()
	const messages, most = 16_000, 2 << 20 // all of them would make 2.3 MB
	for _, from := range []string{"client", "server"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			box := p.ends()[from].box
			for n := range messages {
				if _, err := box.DeliverContent(".", fmt.Appendf(nil, "Subject: letter %d\n\nbody\n", n)); err != nil {
					t.Fatal(err)
				}
			}
			list := filepath.Join(p.client.home, "state.brought")
			var steps int
			var largest int64
			p.opt.Progress = func(twoway.Step) {
				if steps++; steps%200 > 0 {
					return
				}
				files, err := os.ReadDir(list)
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Error(err)
				}
				var size int64
				for _, file := range files {
					if st, err := file.Info(); err == nil {
						size += st.Size()
					}
				}
				largest = max(largest, size)
			}
			p.mustSync()
			if largest == 0 || largest > most {
				t.Errorf("the list was up to %d bytes long, want at most %d", largest, most)
			}
			if _, err := os.Lstat(list); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the list is left: %v", err)
			}
		})
	}
}
