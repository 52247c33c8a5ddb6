package twoway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// metaBrought lists the messages that went from one end to the other and were not
// agreed on: those that came with a hint, and those of a run that failed, new ones
// and new contents of known ones. A person may move or flag one at either end before
// the next run, which by this list takes it for the same message, and not for two.
const metaBrought = "early"

// brought is such a message, as it was put in place.
type brought struct {
	agreed.Entry
	// early says that it came with a hint. When the agent then no longer has it, it
	// was deleted there and goes here too. Of the others it is not known whether the
	// agent ever had them.
	early bool
}

type broughtEntry struct {
	Folder []byte `json:"folder"` // names need not be UTF-8
	Unique []byte `json:"unique"`
	Sub    string `json:"sub"`
	Info   []byte `json:"info,omitempty"`
	Header []byte `json:"header"`
	Body   []byte `json:"body"`
	Size   int64  `json:"size,omitempty"`
	Cut    bool   `json:"cut,omitempty"` // of a run that failed
}

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
	// The list is on disk before what it tells of.
	if err := r.noteEarly(wanted); err != nil {
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
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		listed, err := loadBrought(tx)
		if err != nil {
			return err
		}
		sizes := make(map[int64]bool)
		for _, b := range listed {
			sizes[b.Size] = true
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

func (r *run) noteEarly(hints []hint) error {
	more := make([]brought, 0, len(hints))
	for _, h := range hints {
		e := agreed.Entry{Key: h.change.Key, Mark: h.change.Mark, Sum: h.change.Sum, Size: h.change.Size}
		more = append(more, brought{e, true})
	}
	return r.end.DB.Update(func(tx *agreed.Tx) error { return addBrought(tx, more) })
}

// noteUnsettled lists, when a run fails, what it brought to either end and what may
// have come to the agent's.
func (r *run) noteUnsettled() error {
	if r.flying {
		f := <-r.flushed
		r.flying = false
		_ = discardAll(f.batch)
		r.safe = append(r.safe, f.named...)
	}
	tasks := slices.Concat(r.done, r.safe)
	for _, s := range r.ops {
		tasks = append(tasks, s.task)
	}
	return r.end.DB.Update(func(tx *agreed.Tx) error {
		more := r.unsettled(tx)
		for _, t := range tasks {
			for _, e := range t.Agree {
				if !settled(tx, e) {
					more = append(more, brought{Entry: e})
				}
			}
		}
		return addBrought(tx, more)
	})
}

// unsettled are the messages of the list that are not agreed on yet.
func (r *run) unsettled(tx *agreed.Tx) []brought {
	var list []brought
	for _, b := range r.brought {
		if !settled(tx, b.Entry) {
			list = append(list, b)
		}
	}
	return list
}

// settled reports whether a message is agreed on, with that content.
func settled(tx *agreed.Tx, e agreed.Entry) bool {
	was, agreedOn := tx.Get(e.Key)
	return agreedOn && was.Sum == e.Sum
}

// maxBrought bounds the list: runs that fail again and again agree in between on
// all but the last they did.
const maxBrought = 64 << 10

// settleBrought drops from the list what was agreed on; all of it, unless something
// changed meanwhile and another run is due.
func (r *run) settleBrought(tx *agreed.Tx) error {
	if err := tx.SetMeta(metaBrought, nil); err != nil || r.left == 0 {
		return err
	}
	return addBrought(tx, r.unsettled(tx))
}

func addBrought(tx *agreed.Tx, more []brought) error {
	if len(more) == 0 {
		return nil
	}
	all, err := loadBrought(tx)
	if err != nil {
		return err
	}
	for _, b := range more {
		if was, known := all[b.Key]; known && was.early && !b.early || len(all) >= maxBrought {
			continue
		}
		all[b.Key] = b
	}
	list := make([]broughtEntry, 0, len(all))
	for k, e := range all {
		list = append(list, broughtEntry{
			[]byte(k.Folder), []byte(k.Unique), e.Mark.Sub, []byte(e.Mark.Info), e.Sum.Header[:], e.Sum.Body[:], e.Size, !e.early,
		})
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return tx.SetMeta(metaBrought, b)
}

func loadBrought(tx *agreed.Tx) (map[agreed.Key]brought, error) {
	all := make(map[agreed.Key]brought)
	b := tx.Meta(metaBrought)
	if len(b) == 0 {
		return all, nil
	}
	var list []broughtEntry
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read the list of messages not yet agreed on: %w", err)
	}
	for _, e := range list {
		entry := agreed.Entry{
			Key:  agreed.Key{Folder: string(e.Folder), Unique: string(e.Unique)},
			Mark: agreed.Mark{Sub: e.Sub, Info: string(e.Info)},
			Size: e.Size,
		}
		copy(entry.Sum.Header[:], e.Header)
		copy(entry.Sum.Body[:], e.Body)
		all[entry.Key] = brought{entry, !e.Cut}
	}
	return all, nil
}

// readBrought reads the list at the start of a run. What came early is looked for
// where it is not as it was put: a person may have flagged or moved it in between,
// so lately that the watch need not have told of it.
func (r *run) readBrought(ctx context.Context) error {
	t := r.end.Tracker
	missing := false
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		all, err := loadBrought(tx)
		if err != nil {
			return err
		}
		for k, b := range all {
			r.brought[k] = b
		}
		for k, b := range r.brought {
			r.broughtSizes[b.Size] = true
			if _, agreedOn := tx.Get(k); agreedOn || !b.early || t.At(k) != nil {
				continue
			}
			if err := t.Seek(ctx, tx, k); err != nil {
				return err
			}
			missing = missing || t.At(k) == nil
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return r.end.look(ctx, r.opt.Watch, true)
}

// maxDropped bounds what is remembered of a state that the other end does not have:
// more than a run agrees on at a time was not lost by a cut.
const maxDropped = 2 * commitMost

// dropped notes a message that this end agreed on and the other did not, or not so:
// it went from one end to the other all the same.
func (r *run) dropped(k agreed.Key, rec agreed.Record) {
	if len(r.brought) < maxDropped {
		r.brought[k] = brought{Entry: agreed.Entry{Key: k, Mark: rec.Mark, Sum: rec.Sum, Size: rec.Size}}
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
	if !r.broughtSizes[c.Size] || c.Sum == agreed.Unread {
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
		same, err := r.end.Tracker.SameAnywhere(r.client.peer.ctx, c.Sum, r.taken)
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
	for k, b := range r.brought {
		if b.Size != c.Size || r.stillThere[k] || r.taken[k] {
			continue
		}
		m := r.end.Tracker.At(k)
		switch _, agreedOn := tx.Get(k); {
		case agreedOn:
		case m == nil && b.Sum == c.Sum: // moved at this end too
			if same, err := r.end.Tracker.SameAnywhere(r.client.peer.ctx, c.Sum, r.taken); same != nil || err != nil {
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
// it is known where it was put, and so which end moved it.
func (r *run) twoNew(mine, c reconcile.Change) reconcile.Decision {
	b, listed := r.brought[c.Key]
	if !listed || mine.Key == c.Key || mine.Sum != c.Sum {
		return reconcile.TwoNew(mine, c, unique)
	}
	base := reconcile.Known{Key: c.Key, Mark: b.Mark, Sum: c.Sum, Size: c.Size}
	here := reconcile.Change{Kind: reconcile.Moved, Key: c.Key, To: mine.Key, Mark: mine.Mark, Sum: mine.Sum, Size: mine.Size}
	there := reconcile.Change{Kind: reconcile.Marked, Key: c.Key, Mark: c.Mark, Sum: c.Sum, Size: c.Size}
	d := reconcile.Existing(base, &here, &there, unique)
	d.Drop = nil // it was never agreed on
	return d
}

// takeBack removes a message that was put in place early and that the agent no
// longer has. One that was touched here since is this end's own by now.
func (r *run) takeBack(tx *agreed.Tx, c reconcile.Change) (bool, error) {
	e, ok := r.brought[c.Key]
	if !ok || !e.early || c.Kind != reconcile.New || c.Mark != e.Mark || r.opt.DryRun {
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
