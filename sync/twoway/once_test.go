package twoway_test

import (
	"fmt"
	"io"
	"testing"

	"smd-applet/sync/synctest"
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
// tells of it.
func TestEarlyArrivalIsKeptOnce(t *testing.T) {
	t.Parallel()
	for _, here := range []string{"", "flag", "move", "refile"} {
		for _, there := range []string{"", "flag", "move", "refile"} {
			t.Run(fmt.Sprintf("%s here, %s there", here, there), func(t *testing.T) {
				t.Parallel()
				p := newPair(t)
				for _, s := range []*side{p.client, p.side} {
					if err := s.box.AddFolder("."); err != nil {
						t.Fatal(err)
					}
				}
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
				arrived := false
				line.end.Changed = func(string, string, string) {
					if !arrived {
						arrived = true
						p.client.do(here)
						p.side.do(there)
					}
				}
				for range 2 {
					if res, err := line.run(t.Context(), p.opt); err != nil || res.Again {
						t.Fatalf("%v, %+v", err, res)
					}
				}
				if !arrived {
					t.Fatal("the message did not come early")
				}
				if err := line.close(); err != nil {
					t.Error(err)
				}
				p.once("in the end")
			})
		}
	}
}

// TestMovedAfterACutIsKeptOnce cuts the line after each frame while a message goes
// over it; then it is flagged or moved at one end, or at both.
func TestMovedAfterACutIsKeptOnce(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"client", "server"} {
		for deed := range onceDeeds {
			t.Run(from+", "+deed, func(t *testing.T) {
				t.Parallel()
				moved := 0
				for _, at := range []string{"client", "server", "both"} {
					for written := range 2 {
						for n := 0; ; n++ {
							was, did := cutThenDo(t, from, deed, at, n, written == 1)
							if did {
								moved++
							}
							if !was {
								break
							}
						}
					}
				}
				t.Logf("%d times there was something to %s", moved, deed)
			})
		}
	}
}

// cutThenDo reports whether the sync had so many frames, and whether the message had
// come to where the deed was to be done.
func cutThenDo(t *testing.T, from, deed, at string, n int, written bool) (cut, did bool) {
	t.Helper()
	p := newPair(t)
	for _, s := range []*side{p.client, p.side} {
		if err := s.box.AddFolder("."); err != nil {
			t.Fatal(err)
		}
	}
	origin := map[string]*side{"client": p.client, "server": p.side}[from]
	if _, err := origin.box.Deliver("."); err != nil {
		t.Fatal(err)
	}
	read, write := n, -1
	if written {
		read, write = -1, n
	}
	var line *synctest.CutChannel
	p.line = func(d duplex) io.ReadWriteCloser {
		line = synctest.CutAfter(d, frame, read, write)
		return line
	}
	_, err := p.sync()
	p.line = nil
	if err != nil && !line.WasCut() {
		t.Fatal(err)
	}
	for name, s := range map[string]*side{"client": p.client, "server": p.side} {
		if at == name || at == "both" {
			did = s.do(deed) || did
		}
	}
	p.mustSync()
	p.once(fmt.Sprintf("%s at %s after %d frames (written %t)", deed, at, n, written))
	return line.WasCut(), did
}
