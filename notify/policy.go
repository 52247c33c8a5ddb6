package notify

import (
	"reflect"
	"slices"
	"time"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

const (
	// merge is how long a problem waits for others to come along: what breaks
	// the network breaks every endpoint at once.
	merge = 5 * time.Second
	// gap is the least time between two bursts of popups.
	gap = 30 * time.Second
	// again is when what could not be shown is tried once more.
	again = time.Minute
)

// card is one popup over its life, whatever it is replaced by; 0 is none.
type card int

// board is what we have told and have yet to tell. It is a value: decide
// returns a new one.
type board struct {
	problems []problem // in the order they came
	mail     []mail
	last     card // the last one given out
	book     *phrase.Book
	toldAt   time.Time // when popups were last shown
	tellAt   time.Time // when those that wait will be; zero: none waits
}

// problem is one endpoint's.
type problem struct {
	endpoint string
	err      *fault.Error
	told     string // it waits while this is not err's matter
	card     card   // the popup that tells, or told, of it
}

// mail is what came for one endpoint.
type mail struct {
	endpoint string
	count    int // not told yet
	card     card
}

// action is one thing to do on the screen.
type action struct {
	card  card
	popup *Popup // nil: take the card off the screen
	quiet bool   // change it where it stands, but do not bring it back
}

// decide takes in what happened at now and returns what is to be done. A nil
// event is the passing of time: decide wants to be called at tellAt.
//
// Problems are told once, until they are over or become another kind of
// problem; those that come close together get one popup.
func decide(previous board, ev sync.Event, now time.Time) (board, []action) {
	b := previous
	b.problems, b.mail = slices.Clone(b.problems), slices.Clone(b.mail)

	var actions []action
	switch ev := ev.(type) {
	case sync.ProblemRaised:
		actions = b.raised(ev.Endpoint, ev.Problem.Err)
	case sync.ProblemCleared:
		actions = b.cleared(ev.Endpoint)
	case sync.NewMail:
		if ev.Announce {
			b.arrived(ev.Endpoint, ev.Count)
		}
	}
	if b.waiting() && !b.tellAt.IsZero() && !now.Before(b.tellAt) {
		actions = append(actions, b.tell()...)
		b.toldAt = now
	}
	b.plan(now)
	return b, actions
}

// unshown takes in that card could not be shown at now. Problems wait for
// another try, new mail is seen in the mail reader.
func (b board) unshown(c card, now time.Time) board {
	b.problems = slices.Clone(b.problems)
	for i := range b.problems {
		if p := &b.problems[i]; p.card == c {
			p.told, p.card = "", 0
			b.tellAt = now.Add(again)
		}
	}
	return b
}

func (b *board) raised(endpoint string, err *fault.Error) []action {
	i := slices.IndexFunc(b.problems, func(p problem) bool { return p.endpoint == endpoint })
	if i < 0 {
		b.problems = append(b.problems, problem{endpoint: endpoint, err: err})
		return nil
	}
	p := &b.problems[i]
	if p.told != matter(err) {
		p.err = err
		return nil
	}
	// The same again. What it says may have changed, and a button pressed must
	// be the answer to what is so now.
	before := b.popup(p.card)
	p.err = err
	if after := b.popup(p.card); !reflect.DeepEqual(before, after) {
		return []action{{card: p.card, popup: after, quiet: true}}
	}
	return nil
}

func (b *board) cleared(endpoint string) []action {
	i := slices.IndexFunc(b.problems, func(p problem) bool { return p.endpoint == endpoint })
	if i < 0 {
		return nil
	}
	c := b.problems[i].card
	b.problems = slices.Delete(b.problems, i, i+1)
	return b.remainder(c)
}

func (b *board) arrived(endpoint string, count int) {
	i := slices.IndexFunc(b.mail, func(m mail) bool { return m.endpoint == endpoint })
	if i < 0 {
		b.mail = append(b.mail, mail{endpoint: endpoint})
		i = len(b.mail) - 1
	}
	b.mail[i].count += count
}

func (b *board) waiting() bool {
	return slices.ContainsFunc(b.problems, problem.waits) ||
		slices.ContainsFunc(b.mail, func(m mail) bool { return m.count > 0 })
}

func (p problem) waits() bool { return p.told != matter(p.err) }

// matter is what a problem is about: one of the same matter is not told again.
// Another mistake in a configuration is news to the one who just edited it.
func matter(e *fault.Error) string {
	if e.Kind == fault.Config {
		return e.Error()
	}
	return string(e.Kind)
}

// plan sets when to tell what waits.
func (b *board) plan(now time.Time) {
	switch {
	case !b.waiting():
		b.tellAt = time.Time{}
	case b.tellAt.IsZero() || !now.Before(b.tellAt):
		b.tellAt = now.Add(merge)
		if earliest := b.toldAt.Add(gap); earliest.After(b.tellAt) {
			b.tellAt = earliest
		}
	}
}

// tell shows all that waits.
func (b *board) tell() []action {
	before := make([]card, len(b.problems))
	for i, p := range b.problems {
		before[i] = p.card
	}
	shown := append(b.tellVital(), b.tellOrdinary()...)

	// Cards that were left, by all or by some.
	touched := slices.Clone(shown)
	var actions []action
	for i, c := range before {
		if c != b.problems[i].card && !slices.Contains(touched, c) {
			touched = append(touched, c)
			actions = append(actions, b.remainder(c)...)
		}
	}
	for _, c := range shown {
		actions = append(actions, action{card: c, popup: b.popup(c)})
	}
	for i := range b.mail {
		if m := &b.mail[i]; m.count > 0 {
			if m.card == 0 {
				m.card = b.deal()
			}
			popup := mailPopup(b.book, m.endpoint, m.count)
			actions = append(actions, action{card: m.card, popup: &popup})
			m.count = 0
		}
	}
	return actions
}

// tellVital gives each vital problem that waits a card of its own, the one it
// has if nobody shares it.
func (b *board) tellVital() []card {
	var shown []card
	for i := range b.problems {
		p := &b.problems[i]
		if !p.waits() || !vital(p.err) {
			continue
		}
		if p.card == 0 || len(b.on(p.card)) > 1 {
			p.card = b.deal()
		}
		p.told = matter(p.err)
		shown = append(shown, p.card)
	}
	return shown
}

// tellOrdinary puts all others that wait on one card, with those that share a
// card with one of them already.
func (b *board) tellOrdinary() []card {
	var joining []card // cards that become one
	var found bool
	for _, p := range b.problems {
		if !p.waits() {
			continue
		}
		found = true
		if p.card != 0 && !slices.Contains(joining, p.card) {
			joining = append(joining, p.card)
		}
	}
	if !found {
		return nil
	}
	if len(joining) == 0 {
		joining = []card{b.deal()}
	}
	for i := range b.problems {
		if p := &b.problems[i]; p.waits() || slices.Contains(joining, p.card) {
			p.card, p.told = joining[0], matter(p.err)
		}
	}
	return joining[:1]
}

// remainder is what to do with card c after a problem left it.
func (b *board) remainder(c card) []action {
	switch {
	case c == 0:
		return nil
	case len(b.on(c)) == 0:
		return []action{{card: c}}
	default:
		return []action{{card: c, popup: b.popup(c), quiet: true}}
	}
}

// on returns the problems card c tells of.
func (b *board) on(c card) []problem {
	var on []problem
	for _, p := range b.problems {
		if p.card == c {
			on = append(on, p)
		}
	}
	return on
}

func (b *board) popup(c card) *Popup {
	p := problemPopup(b.book, b.on(c))
	return &p
}

func (b *board) deal() card {
	b.last++
	return b.last
}
