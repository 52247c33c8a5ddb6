package twoway

import (
	"context"
	"errors"
	"maps"
	"slices"

	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// early puts messages in place that came with a hint, before the run that tells
// of them: that one finds the same message at both ends. Only what meets nothing
// here is taken; the rest is for the run.
func (r *run) early(hints []hint) error {
	wanted, err := r.wantedEarly(hints)
	if err != nil || len(wanted) == 0 {
		return err
	}
	for _, h := range wanted {
		c := h.change
		a, err := r.in.open(0, reconcile.Op{Kind: reconcile.Put, To: c.Key, Mark: c.Mark, Sum: c.Sum, Size: c.Size})
		if err != nil {
			return err
		}
		if _, err := a.Write(h.content); err != nil {
			a.discard()
			return err
		}
		if err := r.in.close(a, c.Sum); err != nil {
			return err
		}
	}
	if err := r.listEarly(wanted); err != nil {
		return errors.Join(err, discardAll(r.in.take()))
	}
	batch, err := r.in.install()
	if err != nil {
		return err
	}
	for _, a := range batch {
		p, err := r.end.place(a.op.To, a.op.Mark)
		if err != nil {
			return err
		}
		r.end.Tracker.Touch(p.Path())
		if !a.left {
			r.tally(&r.result.Here, a.op)
			r.result.Here.Bytes += a.size
		}
	}
	return r.end.dirs.Sync()
}

func (r *run) wantedEarly(hints []hint) ([]hint, error) {
	var wanted []hint
	if err := r.readList(); err != nil {
		return nil, err
	}
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		sizes := make(map[int64]bool)
		for _, b := range r.list {
			sizes[b.Size] = sizes[b.Size] || !settled(tx, b.Entry)
		}
		for _, h := range hints {
			c := h.change
			if err := checkChange(c); err != nil {
				return err
			}
			_, agreedOn := tx.Get(c.Key)
			if agreedOn || c.Kind != reconcile.New || c.Sum == agreed.Unread || r.end.Tracker.HasNew(c.Key.Folder) {
				continue
			}
			if sizes[c.Size] {
				continue // it may have come early before, and have another name since, here or there
			}
			// Of one that is told of twice, as it was before and after it was flagged, the
			// last word counts.
			wanted = slices.DeleteFunc(wanted, func(before hint) bool { return before.change.Key == c.Key })
			wanted = append(wanted, h)
		}
		return nil
	})
	return wanted, err
}

// listEarly lists what came with hints.
func (r *run) listEarly(hints []hint) error {
	var since int64
	for _, a := range r.in.batch {
		since = max(since, a.seen.Mtime)
	}
	s := r.end.newSegment(len(hints))
	for _, h := range hints {
		c := h.change
		b := brought{Entry: agreed.Entry{Key: c.Key, Mark: c.Mark, Sum: c.Sum, Size: c.Size}, Early: true, Since: since}
		s.list = append(s.list, b)
		r.list[c.Key] = b
	}
	return s.write()
}

// readList reads the list of earlier runs, once.
func (r *run) readList() (err error) {
	if r.list == nil {
		r.list, r.listFiles, err = r.end.readList()
	}
	return err
}

// readBrought takes over what of the list is not agreed on. What came early is looked for
// where it is not as it was put: a person may have flagged or moved it in between,
// so lately that the watch need not have told of it.
func (r *run) readBrought(ctx context.Context) error {
	if err := r.readList(); err != nil {
		return err
	}
	t := r.end.Tracker
	missing := false
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for k, b := range r.list {
			if settled(tx, b.Entry) {
				delete(r.list, k)
			} else {
				r.brought[k] = b
			}
		}
		for k, b := range r.brought {
			r.ofSize[b.Size] = append(r.ofSize[b.Size], k)
			if _, agreedOn := tx.Get(k); agreedOn || !b.Early || t.At(k) != nil {
				continue
			}
			if err := t.Seek(ctx, tx, k); err != nil {
				return err
			}
			missing = missing || t.At(k) == nil
		}
		return nil
	})
	if err == nil && len(r.listFiles) > 0 && !r.opt.DryRun { // of runs that were killed
		err = r.end.relist(slices.Collect(maps.Values(r.list)), r.listFiles)
	}
	r.list, r.listFiles = nil, nil
	if err != nil || !missing {
		return err
	}
	return r.end.look(ctx, r.opt.Watch, true)
}

// maxDropped bounds what is remembered of a state that only one end has:
// more than a run agrees on at a time was not lost by a cut.
const maxDropped = 2 * commitMost

// dropped notes a message that one end agreed on and the other did not, or not so:
// it went from one end to the other all the same.
func (r *run) dropped(k agreed.Key, rec agreed.Record) {
	if len(r.brought) < maxDropped {
		r.brought[k] = brought{Entry: agreed.Entry{Key: k, Mark: rec.Mark, Sum: rec.Sum, Size: rec.Size}, Dropped: true}
	}
}

// waits notes a message that is new there and may be one of the list under another
// name. Whether the agent has that one still, and this is a copy, or moved it, is
// known when all changes were told.
func (r *run) waits(c reconcile.Change) bool {
	if _, listed := r.brought[c.Key]; listed {
		r.stillThere[c.Key] = true
		return false
	}
	if len(r.ofSize[c.Size]) == 0 || c.Sum == agreed.Unread {
		return false
	}
	r.elsewhere = append(r.elsewhere, c)
	return true
}

// movedThere decides on what [run.waits] noted.
func (r *run) movedThere() error {
	if len(r.elsewhere)+len(r.edited) == 0 {
		return nil
	}
	return r.end.DB.View(func(tx *agreed.Tx) error {
		for _, c := range r.elsewhere {
			mine, err := r.mine(c)
			if mine == nil && err == nil {
				mine, err = r.cameAs(tx, c)
			}
			if err == nil {
				if was := r.refiledThere(c, mine); was != nil {
					err = r.sameEdit(tx, *was, nil, &c)
				} else {
					err = r.meet(tx, reconcile.Known{}, mine, c)
				}
			}
			if err != nil {
				return err
			}
		}
		for _, c := range r.edited { // they are gone there, and nowhere else
			base, _ := known(tx, c.Key)
			if err := r.meet(tx, base, r.end.Tracker.At(c.Key), c); err != nil {
				return err
			}
		}
		return nil
	})
}

// moot handles a change of a message of which a run that was cut brought a new
// content from one end to the other, and that one end has moved since: by that
// content, it is the same message. False where it is none of these.
func (r *run) moot(tx *agreed.Tx, mine *reconcile.Change, c reconcile.Change) (bool, error) {
	b, listed := r.brought[c.Key]
	if !listed || mine == nil {
		return false, nil
	}
	switch {
	case c.Kind == reconcile.Gone && mine.Kind == reconcile.Edited && mine.Sum == b.Sum:
		r.edited = append(r.edited, c) // until all is told
		return true, nil
	case c.Kind == reconcile.Edited && mine.Kind == reconcile.Gone && c.Sum == b.Sum:
		same, err := r.movedHere(b, c.Sum)
		if same == nil || err != nil {
			return false, err
		}
		return true, r.sameEdit(tx, c, same, nil)
	}
	return false, nil
}

// refiledThere returns this end's message that was edited, and that the agent has
// under the new name of c; nil where there is none.
func (r *run) refiledThere(c reconcile.Change, mine *reconcile.Change) *reconcile.Change {
	if mine != nil {
		return nil
	}
	for i, gone := range r.edited {
		if m := r.end.Tracker.At(gone.Key); m != nil && m.Kind == reconcile.Edited && m.Sum == c.Sum && !r.taken[m.Key] {
			r.edited = slices.Delete(r.edited, i, i+1)
			return m
		}
	}
	return nil
}

// sameEdit decides about a message whose new content both ends have, as if they had
// agreed on that. was is the end's change that left it where it was, the other one is
// new where it went: here or there.
func (r *run) sameEdit(tx *agreed.Tx, was reconcile.Change, here, there *reconcile.Change) error {
	base, ok := known(tx, was.Key)
	if !ok {
		return nil
	}
	base.Sum, base.Size = was.Sum, was.Size
	stayed := &reconcile.Change{Kind: reconcile.Marked, Key: was.Key, Mark: was.Mark, Sum: was.Sum, Size: was.Size}
	moved := func(c *reconcile.Change) *reconcile.Change {
		r.taken[c.Key] = true
		return &reconcile.Change{Kind: reconcile.Moved, Key: was.Key, To: c.Key, Mark: c.Mark, Sum: was.Sum, Size: was.Size}
	}
	if here != nil {
		return r.meet(tx, base, moved(here), *stayed)
	}
	return r.meet(tx, base, stayed, *moved(there))
}

// cameAs returns this end's message of the list that the agent has under another
// name since; nil where there is none.
func (r *run) cameAs(tx *agreed.Tx, c reconcile.Change) (*reconcile.Change, error) {
	for _, k := range r.ofSize[c.Size] {
		if r.stillThere[k] || r.taken[k] {
			continue
		}
		b, m := r.brought[k], r.end.Tracker.At(k)
		switch _, agreedOn := tx.Get(k); {
		case agreedOn:
		case m == nil && (b.Sum == c.Sum || b.Sum == agreed.Unread): // moved at this end too
			if same, err := r.movedHere(b, c.Sum); same != nil || err != nil {
				return same, err
			}
		case m != nil && m.Kind == reconcile.New:
			if m, err := r.readNew(k); err != nil || m != nil && m.Sum == c.Sum {
				return m, err
			}
		}
	}
	return nil, nil
}

// twoNew decides about two messages that are new at the two ends. Of one of the list
// it is known where it was put, and with what content, and so which end moved or
// edited it.
func (r *run) twoNew(mine, c reconcile.Change) (reconcile.Decision, error) {
	b, listed := r.brought[c.Key]
	base := reconcile.Known{Key: c.Key, Mark: b.Mark, Sum: b.Sum, Size: b.Size}
	here, there := mine, c
	here.Kind, there.Kind = reconcile.Marked, reconcile.Marked
	switch {
	case !listed:
		return reconcile.TwoNew(mine, c, unique), nil
	case mine.Key != c.Key && mine.Sum == c.Sum:
		base.Sum, base.Size = c.Sum, c.Size
		here.Kind, here.Key, here.To = reconcile.Moved, c.Key, mine.Key
	case mine.Key == c.Key && c.Sum == b.Sum && b.editedTo(mine.Sum) && (b.Since != 0 || b.Dropped):
		if ours, err := r.changedSince(b, mine); !ours || err != nil {
			return reconcile.TwoNew(mine, c, unique), err
		}
		here.Kind = reconcile.Edited
	case mine.Key == c.Key && mine.Sum == b.Sum && b.editedTo(c.Sum) && b.Since != 0:
		there.Kind = reconcile.Edited
	default:
		return reconcile.TwoNew(mine, c, unique), nil
	}
	d := reconcile.Existing(base, &here, &there, unique)
	d.Drop = nil // it was never agreed on
	return d, nil
}

// takeBack removes a message that was put in place early and that the agent no
// longer has. One that was touched here since is this end's own by now.
func (r *run) takeBack(tx *agreed.Tx, c reconcile.Change) (bool, error) {
	e, ok := r.brought[c.Key]
	if !ok || !e.Early || c.Kind != reconcile.New || c.Mark != e.Mark || r.opt.DryRun {
		return false, nil
	}
	p, err := r.end.place(c.Key, c.Mark)
	if err != nil {
		return false, err
	}
	if same, err := r.end.holds(p, e.Sum); err != nil || !same {
		return false, nil // it is looked at as any other
	}
	err = r.end.do(tx, reconcile.Op{Kind: reconcile.Remove, Key: c.Key, From: c.Mark, Was: e.Sum})
	if errors.Is(err, errLeft) {
		return false, nil
	}
	if err == nil {
		r.end.Tracker.Touch(p.Path())
		// It may be an earlier run that counted it.
		r.result.Here.New = max(0, r.result.Here.New-1)
		r.result.Here.Bytes = max(0, r.result.Here.Bytes-c.Size)
	}
	return err == nil, err
}
