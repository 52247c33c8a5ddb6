package twoway_test

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/synctest"
	"smd-applet/sync/twoway"
)

// change does one of each thing at an end, to messages from a position on.
func (s *side) change(from int) {
	s.t.Helper()
	all, err := s.box.Messages("")
	if err != nil {
		s.t.Fatal(err)
	}
	try := func(_ string, err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	try(s.box.Deliver("."))
	try(s.box.Flag(all[from], "FRS"))
	try(s.box.Move(all[from+1], ".moved"))
	try(s.box.Refile(all[from+2], ".moved"))
	try(s.box.Copy(all[from+3], ".copied"))
	try("", s.box.Delete(all[from+4]))
	try(s.box.EditHeader(all[from+5], "X-Label", "done"))
	try(s.box.EditBody(all[from+6], "edited\n"))
	try(s.box.RenameFolder(".moved", fmt.Sprint(".renamed", from)))
}

// The clock of an end may jump back a day, or be wrong by years: what came, went or
// changed is seen all the same, and what was synced is at rest.
func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"a day back": -24 * time.Hour, "years ahead": 3 * 365 * 24 * time.Hour, "before 1970": -100 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, p *pair, wrong, right *side, _ bool) {
				wrong.change(0)
				right.change(20)
				all, err := wrong.box.Messages("")
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range all {
					st, err := os.Stat(wrong.box.Path(m))
					if err != nil {
						t.Fatal(err)
					}
					then := st.ModTime().Add(by)
					if err := os.Chtimes(wrong.box.Path(m), then, then); err != nil {
						t.Fatal(err)
					}
				}
				p.mustSync()
				p.equal()
				if r := p.mustSync(); r.Here != (twoway.Tally{}) || r.There != (twoway.Tally{}) {
					t.Errorf("a second run did something: %+v", r)
				}
			})
		})
	}
}

// A line throttled to single bytes carries the same.
func TestDrippingLine(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for range 12 {
		if _, err := p.side.box.DeliverContent(".lists", fmt.Appendf(nil, "Subject: %d\n\nbody\n", time.Now().UnixNano())); err != nil {
			t.Fatal(err)
		}
	}
	p.line = func(d duplex) io.ReadWriteCloser { return synctest.Drip(d) }
	p.mustSync()
	p.equal()
	p.client.change(0)
	p.mustSync()
	p.equal()
}

// A mailbox that is moved away, mounted over or restored while the line stays open ends
// the run: nothing is done to what is no longer the mailbox, nor for its sake at the
// other end. A new line finds what is there.
func TestMailboxIsReplaced(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"client", "server"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			generate(t, p.side, 20, 1)
			p.mustSync()
			s, other := p.client, p.side
			if end == "server" {
				s, other = p.side, p.client
			}
			line, err := p.resident(t.Context(), observe(p.client.home), observe(p.side.home))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := line.run(t.Context(), p.opt); err != nil {
				t.Fatal(err)
			}
			want := other.census()
			away := s.box.Root + ".away"
			if err := os.Rename(s.box.Root, away); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(s.box.Root, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := other.box.Deliver("."); err != nil {
				t.Fatal(err)
			}
			if _, err := line.run(t.Context(), p.opt); !fault.Is(err, fault.FolderVanished) {
				t.Errorf("with another mailbox: %v", err)
			}
			if err := line.close(); err != nil {
				t.Error(err)
			}
			if _, err := p.sync(); !fault.Is(err, fault.MailboxMissing) {
				t.Errorf("with an empty mailbox: %v", err)
			}
			if n := len(other.census().Contents()); n != len(want.Contents())+1 {
				t.Errorf("at the other end there are %d contents", n)
			}
			if err := os.Remove(s.box.Root); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(away, s.box.Root); err != nil {
				t.Fatal(err)
			}
			p.mustSync()
			p.equal()
		})
	}
}
