package tracker

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"slices"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// Settled is what two ends agreed on, to be taken over into the state.
type Settled struct {
	Entries   []agreed.Entry
	Drop      []agreed.Key
	Folders   []string                   // both ends have them
	NoFolders []string                   // neither has them
	Seen      map[agreed.Key]agreed.Seen // files this end has just put in place
}

// Settle takes over what was agreed on, in a transaction of the state. What
// happened to a message since stays a change.
func (t *Tracker) Settle(tx *agreed.Tx, s Settled) error {
	for _, k := range s.Drop {
		r, known := tx.Get(k)
		if err := tx.Delete(k); err != nil {
			return err
		}
		if !t.dropped(k) && known {
			// Its file, if it is there still, is new: the next look tells.
			t.Touch(t.localOf(k.Folder) + "/" + r.Mark.Sub + "/" + k.Unique + r.Mark.Info)
		}
	}
	for _, e := range s.Entries {
		r := agreed.Record{Mark: e.Mark, Sum: e.Sum, Size: e.Size, Seen: t.seen(tx, e, s.Seen)}
		if err := tx.Put(e.Key, r); err != nil {
			return err
		}
		_, placed := s.Seen[e.Key]
		t.agreedOn(e.Key, r, placed)
	}
	for _, name := range s.Folders {
		if err := tx.AddFolder(name); err != nil {
			return err
		}
		if f := t.folders[name]; f != nil {
			f.made = false
		}
	}
	for _, name := range s.NoFolders {
		if err := tx.DropFolder(name); err != nil {
			return err
		}
		if f := t.folders[name]; f != nil {
			f.vanished = false
		}
		t.TouchFolder(t.localOf(name)) // what is there nevertheless is new
	}
	if len(t.touched) > touchedAtOnce {
		return nil // the caller goes on with SettleTouched
	}
	return t.settleTouched(tx, maps.Keys(t.touched))
}

// touchedAtOnce is how many files one transaction takes over that only look
// different: bbolt keeps all of it until commit.
const touchedAtOnce = 8 << 10

// SettleTouched takes over, in transactions of its own, what files look like whose
// content turned out to be the same, where they are too many for [Tracker.Settle].
func (t *Tracker) SettleTouched() error {
	if len(t.touched) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(t.touched), agreed.Key.Compare)
	for part := range slices.Chunk(keys, touchedAtOnce) {
		err := t.opt.DB.Update(func(tx *agreed.Tx) error { return t.settleTouched(tx, slices.Values(part)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// seen is what this end's file system says of a message agreed on.
func (t *Tracker) seen(tx *agreed.Tx, e agreed.Entry, placed map[agreed.Key]agreed.Seen) agreed.Seen {
	if s, ok := placed[e.Key]; ok {
		return s
	}
	if f := t.folders[e.Key.Folder]; f != nil {
		if it := f.get(e.Key.Unique); it != nil && it.mark != nil && it.kind != reconcile.Damaged {
			return it.seen
		}
	}
	if r, ok := tx.Get(e.Key); ok {
		return r.Seen
	}
	return agreed.Seen{} // it is read at the next look
}

// settleTouched takes over what these files look like.
func (t *Tracker) settleTouched(tx *agreed.Tx, keys iter.Seq[agreed.Key]) error {
	for k := range keys {
		seen := t.touched[k]
		if r, ok := tx.Get(k); ok && r.Seen != seen {
			r.Seen = seen
			if err := tx.Put(k, r); err != nil {
				return err
			}
		}
		delete(t.touched, k)
	}
	return nil
}

// dropped forgets a key that was agreed on: what is there nevertheless is new. It
// reports whether anything was known of it.
func (t *Tracker) dropped(k agreed.Key) bool {
	f := t.folders[k.Folder]
	if f == nil {
		return false
	}
	it := f.get(k.Unique)
	switch {
	case it == nil:
		return false
	case it.kind == reconcile.Gone:
		f.release(k.Unique)
		f.drop(k.Unique)
	case it.kind != reconcile.New:
		it.kind = reconcile.New
		f.bySum = nil
	}
	return true
}

// agreedOn compares what is told of a message with what was just agreed on. One
// that was just put in place is no longer gone.
func (t *Tracker) agreedOn(k agreed.Key, r agreed.Record, placed bool) {
	f := t.folders[k.Folder]
	if f == nil {
		return
	}
	it := f.get(k.Unique)
	if it == nil || it.kind == reconcile.Gone && !placed {
		return
	}
	f.release(k.Unique)
	switch {
	case it.kind == reconcile.Gone:
		f.drop(k.Unique)
	case it.seen != r.Seen:
		it.kind = reconcile.Edited // changed since: the next look reads it
		t.TouchFolder(t.localOf(k.Folder))
	case *it.mark != r.Mark:
		sum := r.Sum
		it.kind, it.sum = reconcile.Marked, &sum
	default:
		f.drop(k.Unique)
	}
}

func (t *Tracker) localOf(remote string) string {
	f, err := t.opt.Store.Folder(remote)
	if err != nil {
		return remote
	}
	return f.Path
}

// Placed says that the holder of the mailbox lock put the message that was at
// from, if it is known of, in another place, or new content in its place.
func (t *Tracker) Placed(from, to agreed.Key, mark agreed.Mark, seen agreed.Seen) {
	f := t.folders[from.Folder]
	if f == nil {
		return
	}
	it := f.get(from.Unique)
	if it == nil || it.kind == reconcile.Gone {
		return
	}
	if from == to {
		it.mark, it.seen = t.intern(mark), seen
		f.bySum = nil
		return
	}
	moved := *it
	moved.unique, moved.mark, moved.seen = to.Unique, t.intern(mark), seen
	f.drop(from.Unique)
	if moved.kind != reconcile.New {
		return // told of at its agreed key, which is settled by the agreement
	}
	g := t.folder(to.Folder)
	g.release(to.Unique)
	g.put(&moved)
	if moved.source != nil {
		moved.source.to = &place{g, &moved}
	}
}

// Expected is what this end's file of a message looks like as far as is known, and
// its content then, [agreed.Unread] where nobody had to read it: a file that looks
// different was touched since. ok is false where nothing is known.
func (t *Tracker) Expected(tx *agreed.Tx, k agreed.Key) (seen agreed.Seen, sum agreed.Sum, ok bool) {
	if f := t.folders[k.Folder]; f != nil {
		if it := f.get(k.Unique); it != nil {
			return it.seen, it.read(), it.mark != nil
		}
	}
	r, ok := tx.Get(k)
	if s, touched := t.touched[k]; touched {
		return s, r.Sum, true
	}
	return r.Seen, r.Sum, ok && r.Seen != agreed.Seen{}
}

// Mend puts right what the looks found and a run that may change something is to
// find right: folders that are half made, and doubles. Not before: the line to the
// other end may not come about, or lead to one that speaks smd 1.3.
func (t *Tracker) Mend(ctx context.Context) error {
	for _, f := range t.half {
		if err := f.Make(); err != nil {
			t.opt.Log.Warn("a folder stays half made", "folder", f.Path, "cause", err)
		}
	}
	t.half = nil
	return t.SplitDoubles(ctx)
}

// SplitDoubles gives messages that share another's unique name one of their own:
// a name may stand for one message only (Maildir spec). The caller holds the
// mailbox lock.
func (t *Tracker) SplitDoubles(ctx context.Context) error {
	doubles := t.doubles
	t.doubles = nil
	for _, n := range doubles {
		p, err := t.opt.Store.Place(n)
		if err != nil {
			return err
		}
		fresh := p
		fresh.File = maildir.FreshUnique() + n.File[len(n.Unique()):]
		err = p.MoveTo(fresh)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New(maildir.KindOf(err), "rename", p.Path(), err)
		}
		t.Touch(p.Path())
		t.Touch(fresh.Path())
	}
	if len(doubles) == 0 {
		return nil
	}
	if err := t.Refresh(ctx, false); err != nil {
		return err
	}
	t.Withhold()
	return nil
}

// Loss is what a folder lost since the agreement.
type Loss struct {
	Folder      string
	Total, Gone int // messages; those moved away count in neither
	Vanished    bool
}

// Losses returns the folders that lost messages.
func (t *Tracker) Losses() (losses []Loss, err error) {
	for _, f := range t.sorted() {
		l := Loss{Folder: f.path, Vanished: f.vanished}
		for _, it := range f.items {
			switch {
			case it.kind != reconcile.Gone:
			case it.to != nil:
				l.Total--
			default:
				l.Gone++
			}
		}
		if l.Gone > 0 {
			losses = append(losses, l)
		}
	}
	if len(losses) == 0 {
		return nil, nil
	}
	err = t.opt.DB.View(func(tx *agreed.Tx) error {
		for i := range losses {
			known, _ := tx.Folder(losses[i].Folder)
			losses[i].Total += known.Count
		}
		return nil
	})
	return losses, err
}
