package twoway

import (
	"slices"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// brought is a message that went from one end to the other, or was about to, and is not
// agreed on: a new one, or a new content of a known one, as it was put in place. A
// person may move, flag or edit it at either end before the next run, which by the list
// of these takes it for the same message, and not for two. It is listed before it
// appears anywhere: this end may be killed at any step.
type brought struct {
	agreed.Entry
	// Early says that it came with a hint. When the agent then no longer has it, it
	// was deleted there and goes here too. Of the others it is not known whether the
	// agent ever had them.
	Early bool
	// Since is when a new message was listed, in nanoseconds of Unix time; 0 where
	// nobody knows. What did not change since is another message, and this one never
	// came to its place.
	Since int64
	// Dropped says that one end had agreed on it, and the other had not, or not so.
	Dropped bool
	// Theirs says that the agent has it of its own, and that it is not here yet.
	Theirs bool
}

// settled reports whether a message is agreed on, with that content.
func settled(tx *agreed.Tx, e agreed.Entry) bool {
	was, agreedOn := tx.Get(e.Key)
	return agreedOn && (was.Sum == e.Sum || e.Sum == agreed.Unread)
}

// add has a segment name what a task brings.
func (s *segment) add(t *task, since int64) {
	replaces := func(op reconcile.Op) bool { return op.Kind == reconcile.Replace }
	if slices.ContainsFunc(t.Here, replaces) || slices.ContainsFunc(t.There, replaces) {
		since = 0 // what it replaces may have been changed at the same time
	}
	for _, e := range t.Agree {
		s.list = append(s.list, brought{Entry: e, Since: since})
	}
	s.open++
	t.listed = append(t.listed, s)
}

// listArrivals returns what is to be listed before a batch is put in place.
func (r *run) listArrivals(batch []*arrival) *segment {
	var since int64
	for _, a := range batch {
		since = max(since, a.seen.Mtime)
	}
	s := r.end.newSegment(len(batch))
	for _, a := range batch {
		if !a.left {
			t := r.arrived[a.id]
			t.read(a.op.To, a.sum)
			s.add(t, since)
		}
	}
	return s
}

// clockStep is how far the time that a file gets may be behind that of a program.
const clockStep = 100 * time.Millisecond

// readFirst is how many messages are read before they are listed and sent, so that one
// that is edited then is known too. A first sync reads none of them twice.
const readFirst = 16

// listSent lists what is about to be sent.
func (r *run) listSent(going []*opSent) error {
	since := time.Now().Add(-clockStep).UnixNano()
	s := r.end.newSegment(len(going))
	for _, op := range going {
		s.add(op.task, since)
	}
	if len(going)+len(r.ops)+len(r.waiting) <= readFirst {
		for i := range s.list {
			b := &s.list[i]
			if b.Sum != agreed.Unread {
				continue
			}
			sums, err := r.end.Tracker.Read(r.client.peer.ctx, b.Key.Folder, []string{b.Key.Unique})
			if err != nil {
				return err
			}
			b.Sum = sums[0]
		}
	}
	if !r.toldListed {
		// What the agent has of its own is not taken for what it was sent.
		r.toldListed = true
		sent := len(s.list)
		for _, t := range r.arrived {
			s.add(t, 0)
		}
		for _, f := range slices.Concat(r.fetches, r.wanted) {
			s.add(f.task, 0)
		}
		for i := range s.list[sent:] {
			s.list[sent+i].Theirs = true
		}
	}
	return s.write()
}

// agreedOn notes that this end has agreed on a task, and the agent is told to.
func (r *run) agreedOn(t *task) {
	for _, s := range t.listed {
		if s.open--; s.open == 0 {
			s.told = r.nextID
			r.listed = append(r.listed, s)
		}
	}
}

// answered takes off the list what the agent has agreed on: it has when it answers to
// what it was sent later. Until then, should this end be killed, the agent has messages
// that it takes for its own.
func (r *run) answered(id uint64) {
	for len(r.listed) > 0 && r.listed[0].told < id {
		if err := r.listed[0].remove(); err != nil {
			r.log.Warn("a list of what was brought stays until the run is over", "err", err)
		}
		r.listed = r.listed[1:]
	}
}

// listUnsettled lists, when a run fails, what it brought to either end, or may have,
// and is not on the list.
func (r *run) listUnsettled() error {
	if r.flying {
		f := <-r.flushed
		r.flying = false
		_ = discardAll(f.batch)
		r.safe = append(r.safe, f.named...)
	}
	s := r.end.newSegment(0)
	for _, b := range r.brought {
		if b.Dropped {
			s.list = append(s.list, b)
		}
	}
	for _, t := range slices.Concat(r.done, r.safe) {
		s.add(t, 0)
	}
	for _, op := range r.ops {
		s.add(op.task, 0)
	}
	return s.write()
}

// changedSince reports whether a new message of this end may be that one of the list.
func (r *run) changedSince(b brought, c reconcile.Change) (bool, error) {
	if b.Since == 0 || b.Theirs {
		return !b.Theirs, nil
	}
	p, err := r.end.place(c.Key, c.Mark)
	if err != nil {
		return false, err
	}
	return p.ChangedSince(b.Since)
}

// movedHere finds this end's message of the list that is no longer where it was put.
func (r *run) movedHere(b brought, sum agreed.Sum) (*reconcile.Change, error) {
	return r.end.Tracker.SameAnywhere(r.client.peer.ctx, sum, func(c reconcile.Change) (bool, error) {
		if r.taken[c.Key] {
			return false, nil
		}
		return r.changedSince(b, c)
	})
}

// editedTo reports whether a content may be that of the list, edited: the header or the
// body is as it was. Where neither is, it may as well be another message of that name.
func (b brought) editedTo(sum agreed.Sum) bool {
	return sum != b.Sum && (sum.Header == b.Sum.Header || sum.Body == b.Sum.Body)
}
