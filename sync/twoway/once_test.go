package twoway_test

import (
	"fmt"
	"io"
	"os"
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

func earlyArrival(t *testing.T, beforeLook bool, here, there string) {
	p := newPairWithRoots(t)
	watch := observe(p.side.home)
	line, err := p.resident(t.Context(), observe(p.client.home), watch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := line.run(t.Context(), p.opt); err != nil {
		t.Fatal(err)
	}
	if _, err := p.side.box.Deliver("."); err != nil {
		t.Fatal(err)
	}
	watch.nudge()
	<-line.client.Changed()
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

// TestMovedAfterACutIsKeptOnce cuts the line after each frame while a message goes
// over it; then it is flagged or moved at one end, or at both.
func TestMovedAfterACutIsKeptOnce(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"client", "server"} {
		for deed := range onceDeeds {
			t.Run(from+", "+deed, func(t *testing.T) {
				t.Parallel()
				cutAnywhere(t, deed, []string{"client", "server", "both"}, func(t *testing.T) *pair {
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

// TestEditedAfterACutIsKeptOnce does so while the new content of a message both ends
// have goes over the line; the deed is done where that is.
func TestEditedAfterACutIsKeptOnce(t *testing.T) {
	t.Parallel()
	const edited = "edited\n"
	for _, from := range []string{"client", "server"} {
		for deed := range onceDeeds {
			t.Run(from+", "+deed, func(t *testing.T) {
				t.Parallel()
				cutAnywhere(t, deed, []string{"client", "server"}, func(t *testing.T) *pair {
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

// cutAnywhere cuts a sync of a new pair after each frame, either way, and does the
// deed at each of the ends that may. Then there is to be one message.
func cutAnywhere(t *testing.T, deed string, ends []string, fresh func(*testing.T) *pair, may func(*side) bool) {
	t.Helper()
	done := 0
	for _, at := range ends {
		for written := range 2 {
			for n, cut := 0, true; cut; n++ {
				p := fresh(t)
				var err error
				if cut, err = p.cutSync(n, written == 1); err != nil && !cut {
					t.Fatal(err)
				}
				for name, s := range p.ends() {
					if (at == name || at == "both") && may(s) && s.do(deed) {
						done++
					}
				}
				p.mustSync()
				p.once(fmt.Sprintf("%s at %s after %d frames (written %t)", deed, at, n, written == 1))
			}
		}
	}
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
