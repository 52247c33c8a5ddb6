//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"smd-applet/sync/synctest"
)

// field is a mailbox of one size, and those who keep it.
type field struct {
	*stage
	messages int
	rtts     []time.Duration
	whole    bool    // it is the one whose size was asked for
	part     float64 // of the time for peers, counted from the beginning: then it is over
	due      float64 // likewise, for lines with latency in the scenario under way
	seed     string  // the mailbox as it was made
	takes    int64   // bytes of the disk
	entrants []*entrant
	old      []string // clients that were measured, of larger mailboxes
}

// large reports that it is the mailbox of the size asked for.
func (f *field) large() bool { return f.whole }

// left is how much is left of a part of the time for peers.
func (s *stage) left(part float64) time.Duration {
	return time.Duration(part*float64(s.budget)) - time.Since(s.began)
}

// late reports that the time for peers is used up on such a line. What has latency is
// left out first, so that everything is measured once.
func (f *field) late(rtt time.Duration) bool {
	part := f.part
	if rtt > 0 {
		part = min(part, f.due)
	}
	return f.left(part) < 0
}

// entrant is a peer with its pair.
type entrant struct {
	peer
	field *field
	*pair
	failures int
	spoilt   bool   // it failed: what follows begins with a new pair
	out      string // why it takes no further part
}

// newField makes a mailbox of which there are to be so many copies.
func (s *stage) newField(messages int, peers []peer, copies int) (*field, error) {
	f := &field{stage: s, messages: messages, seed: filepath.Join(s.top, fmt.Sprintf("seed-%d-%d", len(s.fields), messages))}
	// The mean is 2.3 medians, and a file has its blocks to itself.
	most := int64(4 << 10)
	if !s.tiny {
		most += 3 * int64(s.median)
	}
	if err := s.room(int64(messages), int64(messages)*most); err != nil {
		return nil, err
	}
	if _, err := synctest.Generate(f.seed, synctest.Options{Seed: 1, Messages: messages, Folders: min(s.folders, messages/10), Tiny: s.tiny, MedianSize: s.median}); err != nil {
		return nil, err
	}
	var err error
	if f.takes, err = footprint(f.seed); err == nil {
		err = f.roomFor(copies)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.seed))
	}
	for _, p := range peers {
		f.entrants = append(f.entrants, &entrant{peer: p, field: f})
	}
	return f, undeleted(f.seed)
}

// roomFor is an error where the disk has no room for so many more of these mailboxes.
func (f *field) roomFor(copies int) error {
	return f.room(int64(copies)*int64(f.messages), int64(copies)*f.takes)
}

// undeleted takes the flag T from every message, with which an IMAP server would
// remove it.
func undeleted(root string) error {
	box := synctest.OpenMailbox(root, "seed")
	all, err := box.Messages("")
	if err != nil {
		return err
	}
	for _, message := range all {
		if unique, flags, ok := strings.Cut(message, ":2,"); ok && strings.Contains(flags, "T") {
			to := unique + ":2," + strings.ReplaceAll(flags, "T", "")
			if err := os.Rename(box.Path(message), box.Path(to)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ours reports whether a peer is this program or another build of it.
func (e *entrant) ours() bool {
	_, ok := e.peer.(*smd)
	return ok
}

// resident is the peer where it stays connected as a loop does, else nil.
func (e *entrant) resident() *smd {
	if s, ok := e.peer.(*smd); ok && s.resident() {
		return s
	}
	return nil
}

// begin makes the pair, with an empty client that reaches the server by the ssh name.
func (e *entrant) begin(host string) error {
	if e.pair == nil {
		p, err := e.field.newPair(e.field.seed)
		if err != nil {
			return err
		}
		if err := e.serve(p); err != nil {
			return err
		}
		e.pair = p
	}
	e.host = host
	return e.newClient(e.peer)
}

// ready brings the pair in step for what follows, on a line without latency, and
// reports whether the peer takes part; where it can but does not, the table gets a
// row that says why. rtt is the latency of what follows, lead are that row's first cells.
func (e *entrant) ready(t *table, do task, rtt time.Duration, lead ...string) (bool, error) {
	e.field.clock.turn(e.name())
	skip := func(why string) (bool, error) {
		t.without(why, append(lead, e.name())...)
		return false, nil
	}
	switch {
	case e.ended() != nil:
		return false, e.ended()
	case e.out != "":
		return skip(e.out)
	case e.field.late(rtt) && (!e.ours() || !e.field.whole):
		return skip("left out: no time left")
	}
	if e.spoilt {
		e.pair, e.spoilt = nil, false
	}
	if do == first {
		return true, nil
	}
	if _, ok := e.peer.(tar); ok {
		return false, nil // what follows is nothing it could do
	}
	if err := e.inStep(); err != nil {
		if e.ended() != nil {
			return false, e.ended()
		}
		return skip(e.fail(err))
	}
	if e.command(e.pair, do) == nil {
		return skip("goes one way only")
	}
	return true, nil
}

// inStep makes a client where there is none, and has it reach the server past a
// proxy that counts and does not delay.
func (e *entrant) inStep() error {
	if e.pair == nil {
		if err := e.begin(counted); err != nil {
			return err
		}
		_, err := e.bring(e.peer, first)
		return err
	}
	e.line.SetLatency(0)
	e.host = counted
	return e.setUp(e.pair)
}

// ended is why the bench is over.
func (e *entrant) ended() error { return e.field.ctx.Err() }

// maxFailures is how often a peer may fail and begin anew.
const maxFailures = 3

// fail notes that a peer failed, and says so in words. It takes part in what follows
// with a new pair, unless it failed too often.
func (e *entrant) fail(err error) string {
	e.field.Logf("%s: %v", e.name(), err)
	why := "failed: " + clip(err.Error())
	e.spoilt = true
	if e.failures++; e.failures == maxFailures {
		e.out = why
	}
	return why
}

func clip(text string) string {
	text = strings.NewReplacer("\n", " ", "|", "/").Replace(text)
	const most = 120
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// result is what a peer needed, and what became of the mail.
type result struct {
	what     string
	measured            // the median of runs
	runs     []measured // in order
	verdict  string
	failed   bool
}

// repeated measures a thing up to so many times, until that took enough, and
// compares the ends each time. A failure of the peer's is a result; an error ends
// the bench.
func (e *entrant) repeated(times int, do func() (measured, error)) (result, error) {
	r := result{what: e.name()}
	var took time.Duration
	for len(r.runs) < times && (len(r.runs) == 0 || took < e.field.enough) {
		m, err := do()
		if e.ended() != nil {
			return r, e.ended()
		}
		if err != nil {
			r.verdict, r.failed = e.fail(err), true
			return r, nil
		}
		r.runs = append(r.runs, m)
		took += m.wall
		if err := e.judge(&r); err != nil {
			return r, err
		}
	}
	r.measured = median(r.runs)
	return r, nil
}

// judge compares the ends, and keeps the first verdict that is not good.
func (e *entrant) judge(r *result) error {
	said, err := e.account.verdict(e.there.Root, e.here.Root)
	if r.verdict == "" || r.verdict == same {
		r.verdict = said
	}
	return err
}
