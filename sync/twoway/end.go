package twoway

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"path"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/tracker"
)

// End is one end's mailbox with what it remembers. All but the reading of
// messages is done by one goroutine at a time, the holder of the mailbox lock.
type End struct {
	Store   *maildir.Store
	DB      *agreed.DB
	Tracker *tracker.Tracker
	// Changed is told what was done to a message here, in the words of package
	// hooks, by paths below home; may be nil.
	Changed func(what, path, to string)
	// Leaving is told of a message that is about to be removed; may be nil.
	Leaving func(path string)
	Log     *slog.Logger

	hands   maildir.Hands              // of a batch of ops
	dirs    maildir.Dirs               // whose entries changed and are not yet durable
	made    map[string]bool            // folders seen to be whole
	placed  map[agreed.Key]agreed.Seen // files put in place and not yet agreed on
	cleared int                        // messages that had to make room: they are new under fresh names
	hasher  *agreed.Hasher
	scratch []byte

	ctx     context.Context           // of the run
	unknown map[int64][]maildir.Place // files that neither the state nor the tracker knows, by size; nil until asked for
}

// errLeft says that a message is not as an op expects: it is left alone.
var errLeft = errors.New("the message changed meanwhile")

func (e *End) changed(what string, p maildir.Place, to string) {
	if e.Changed != nil {
		e.Changed(what, p.Path(), to)
	}
}

// reset forgets what belongs to one run.
func (e *End) reset(ctx context.Context) {
	e.Tracker.Begin()
	e.ctx, e.unknown = ctx, nil
	e.dirs, e.cleared = make(maildir.Dirs), 0
	e.made = make(map[string]bool)
	e.placed = make(map[agreed.Key]agreed.Seen)
	if e.hasher == nil {
		e.hasher, e.scratch = agreed.NewHasher(e.Tracker.Legacy()), make([]byte, 64<<10)
	}
}

// release gives back what only a run needs: memory, and the agreed state, which
// others may want to open between two runs.
func (e *End) release() {
	e.hands.Close()
	e.dirs, e.made, e.placed, e.hasher, e.scratch = nil, nil, nil, nil, nil
	e.ctx, e.unknown = nil, nil
	if err := e.DB.Release(); err != nil {
		e.Log.Warn("the agreed state was not released", "err", err)
	}
}

func (e *End) place(k agreed.Key, m agreed.Mark) (maildir.Place, error) {
	err := checkName(k, m)
	if err == nil {
		err = e.checkFolder(k.Folder)
	}
	if err != nil {
		return maildir.Place{}, err
	}
	p, err := e.Store.Place(k.Name(m))
	if err != nil {
		return p, fault.New(maildir.KindOf(err), "find the folder", k.Folder, err)
	}
	return p, nil
}

// folder makes a folder where it is missing.
func (e *End) folder(remote string) (maildir.Folder, error) {
	if err := e.checkFolder(remote); err != nil {
		return maildir.Folder{}, err
	}
	f, err := e.Store.Folder(remote)
	if err != nil {
		return f, fault.New(maildir.KindOf(err), "find the folder", remote, err)
	}
	if !e.made[remote] {
		if err := f.Make(); err != nil {
			return f, err
		}
		if err := f.CleanStrays(); err != nil {
			return f, fault.New(maildir.KindOf(err), "clean", f.Path, err)
		}
		e.made[remote] = true
	}
	return f, nil
}

// untouched makes sure that a message is still what this end told of, or agreed
// on; else it is [errLeft].
func (e *End) untouched(tx *agreed.Tx, op reconcile.Op) (p maildir.Place, is agreed.Seen, err error) {
	if p, err = e.place(op.Key, op.From); err != nil {
		return p, is, err
	}
	st, err := e.hands.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, maildir.ErrBadName):
		e.Tracker.Touch(p.Path())
		return p, is, errLeft
	case err != nil:
		return p, is, fault.New(maildir.KindOf(err), "look at", p.Path(), err)
	}
	is = tracker.SeenIn(st)
	if seen, ok := e.placed[op.Key]; ok && seen == is {
		return p, is, nil
	}
	seen, sum, ok := e.Tracker.Expected(tx, op.Key)
	if ok && seen == is && (sum == op.Was || sum == agreed.Unread || op.Was == agreed.Unread) {
		return p, is, nil
	}
	// Nothing is known of the file, or it looks different, or the op is about another
	// content: what it holds counts.
	if same, err := e.holds(p, op.Was); err != nil || !same {
		e.Tracker.Touch(p.Path())
		return p, is, errLeft
	}
	return p, is, nil
}

// holds reports whether a message has that content.
func (e *End) holds(p maildir.Place, want agreed.Sum) (bool, error) {
	e.hasher.Reset()
	if err := p.ReadTo(e.hasher, e.scratch); err != nil {
		return false, err
	}
	sum, err := e.hasher.Sum()
	return err == nil && want != agreed.Unread && (sum == want || e.legacy(e.hasher) == want), err
}

// legacy is the sum a message has that was imported from SMD's state, unread
// where there are no such messages.
func (e *End) legacy(h *agreed.Hasher) agreed.Sum {
	if !e.Tracker.Legacy() {
		return agreed.Unread
	}
	sum, err := h.Legacy()
	if err != nil {
		return agreed.Unread
	}
	return sum
}

// do carries out an op that takes nothing from the other end.
func (e *End) do(tx *agreed.Tx, op reconcile.Op) error {
	switch op.Kind {
	case reconcile.Rename:
		return e.rename(tx, op)
	case reconcile.Remove:
		return e.remove(tx, op)
	case reconcile.MakeFolder:
		_, err := e.folder(op.Key.Folder)
		return err
	case reconcile.RemoveFolder:
		return e.removeFolder(op.Key.Folder)
	}
	return fault.New(fault.Protocol, "apply", op.Key.String(), errors.New("no such op"))
}

func (e *End) rename(tx *agreed.Tx, op reconcile.Op) error {
	from, seen, err := e.untouched(tx, op)
	if err != nil {
		return err
	}
	if op.Key == op.To && op.From == op.Mark {
		return nil // it is there: what takes its place is itself
	}
	// One that holds the message is there, whole since the last look at it.
	if op.Key.Folder != op.To.Folder {
		if _, err := e.folder(op.To.Folder); err != nil {
			return err
		}
	}
	to, err := e.place(op.To, op.Mark)
	if err != nil {
		return err
	}
	if !from.CanMoveTo(to) {
		return e.carry(tx, from, op)
	}
	err = e.hands.Move(from, to)
	if errors.Is(err, fs.ErrExist) {
		same, clearErr := e.clear(to, op.Was)
		switch {
		case clearErr != nil:
			return clearErr
		case same:
			// The message is there already: this one is its former place, if it does
			// hold what the other end says.
			if same, err := e.holds(from, op.Was); err != nil || !same {
				e.Tracker.Touch(from.Path())
				return errLeft
			}
			if err := e.unlink(from, seen); err != nil {
				return err
			}
			return e.notePlaced(op.To, to)
		}
		err = e.hands.Move(from, to)
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.Tracker.Touch(from.Path())
		return errLeft
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "move", from.Path(), err)
	}
	e.dirs.Add(from)
	e.dirs.Add(to)
	delete(e.placed, op.Key)
	e.placed[op.To] = seen
	e.Tracker.Placed(op.Key, op.To, op.Mark, seen)
	what := hooks.Moved
	if op.Key == op.To {
		what = hooks.Flagged
	}
	e.changed(what, from, to.Path())
	return nil
}

// carry moves a message between mailbox roots, which a rename can't: a copy,
// durable before the message goes.
func (e *End) carry(tx *agreed.Tx, from maildir.Place, op reconcile.Op) error {
	in := &installer{end: e}
	defer in.hands.Close()
	a, err := in.open(0, reconcile.Op{Kind: reconcile.Put, To: op.To, Mark: op.Mark, Sum: op.Was})
	if err != nil {
		return err
	}
	before, err := e.hands.Stat(from)
	if err == nil {
		err = from.ReadTo(a, e.scratch)
	}
	if err != nil {
		a.discard()
		return fault.New(maildir.KindOf(err), "copy", from.Path(), err)
	}
	if err := in.close(a, agreed.Unread); err != nil {
		return err
	}
	if a.left {
		return errLeft
	}
	err = flush(in.take())
	if err == nil {
		err = e.placeOne(tx, a, &in.hands)
	}
	if err != nil {
		a.discard()
		return err
	}
	if err := e.syncDirs(); err != nil {
		return err
	}
	return e.unlink(from, tracker.SeenIn(before))
}

// clear makes room at a place that is taken: same says that the message wanted
// there is what takes it. Another gets a fresh name and is told of as new.
func (e *End) clear(p maildir.Place, want agreed.Sum) (same bool, err error) {
	same, err = e.holds(p, want)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, maildir.ErrEmpty):
		if err := p.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fault.New(maildir.KindOf(err), "replace", p.Path(), err)
		}
		return false, nil
	case err != nil && !errors.Is(err, maildir.ErrNotMessage):
		return false, fault.New(maildir.KindOf(err), "read", p.Path(), err)
	case same:
		return true, nil
	}
	unique, _ := maildir.SplitFlags(p.File)
	fresh := p
	fresh.File = maildir.FreshUnique() + p.File[len(unique):]
	if err := p.MoveTo(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fault.New(maildir.KindOf(err), "keep both", p.Path(), err)
	}
	e.cleared++
	e.dirs.Add(fresh)
	e.Tracker.Touch(p.Path())
	e.Tracker.Touch(fresh.Path())
	e.changed(hooks.Moved, p, fresh.Path())
	return false, nil
}

// wentElsewhere reports whether a message that is to come back, because this end
// deleted it and the other changed it, was moved and not deleted: a look may see that
// it is no longer where it was, and not yet where it went.
func (e *End) wentElsewhere(tx *agreed.Tx, k agreed.Key) (bool, error) {
	c := e.Tracker.At(k)
	was, agreedOn := tx.Get(k)
	if !agreedOn || c == nil || c.Kind != reconcile.Gone {
		return false, nil
	}
	if e.unknown == nil {
		if err := e.findUnknown(tx); err != nil {
			return false, err
		}
	}
	for _, p := range e.unknown[was.Size] {
		same, err := e.holds(p, was.Sum)
		if err != nil {
			continue // gone again, or no message: not what is looked for
		}
		if same {
			e.Tracker.Touch(p.Path())
			return true, nil
		}
	}
	return false, nil
}

func (e *End) findUnknown(tx *agreed.Tx) error {
	e.unknown = make(map[int64][]maildir.Place)
	// What lies in tmp is this run's.
	_, err := e.Store.Scan(e.ctx, maildir.ScanOptions{Excluded: e.Tracker.Excluded, StrayAge: math.MaxInt64}, func(l maildir.Listing) error {
		for _, f := range l.Files {
			unique, _ := maildir.SplitFlags(f.Name)
			k := agreed.Key{Folder: l.Folder, Unique: unique}
			if _, known := tx.Get(k); known || e.Tracker.At(k) != nil {
				continue
			}
			e.unknown[f.Size] = append(e.unknown[f.Size], maildir.Place{Folder: l.Local, Sub: l.Sub, File: f.Name})
		}
		return nil
	})
	return err
}

func (e *End) remove(tx *agreed.Tx, op reconcile.Op) error {
	p, st, err := e.untouched(tx, op)
	if err != nil {
		return err
	}
	if e.Leaving != nil {
		e.Leaving(p.Path())
	}
	if err := e.unlink(p, st); err != nil {
		return err
	}
	e.changed(hooks.Removed, p, "")
	return nil
}

// unlink removes a message that is still the file it was.
func (e *End) unlink(p maildir.Place, was agreed.Seen) error {
	if st, err := e.hands.Stat(p); err != nil || tracker.SeenIn(st) != was {
		e.Tracker.Touch(p.Path())
		return errLeft
	}
	if err := p.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(maildir.KindOf(err), "delete", p.Path(), err)
	}
	e.dirs.Add(p)
	return nil
}

func (e *End) notePlaced(k agreed.Key, p maildir.Place) error {
	st, err := e.hands.Stat(p)
	if err != nil {
		return errLeft
	}
	e.placed[k] = tracker.SeenIn(st)
	return nil
}

// removeFolder removes a folder that holds no message and nothing else that is
// not a Maildir's own; else it is [errLeft].
func (e *End) removeFolder(remote string) error {
	if err := e.checkFolder(remote); err != nil {
		return err
	}
	f, err := e.Store.Folder(remote)
	if err != nil {
		return fault.New(maildir.KindOf(err), "find the folder", remote, err)
	}
	if f.Dir == "." {
		return errLeft // a mailbox root stays
	}
	err = f.RemoveEmpty()
	switch {
	case errors.Is(err, maildir.ErrNotEmpty):
		return errLeft
	case err != nil:
		return fault.New(maildir.KindOf(err), "remove the folder", f.Path, err)
	}
	delete(e.made, remote)
	e.Tracker.TouchFolder(f.Path)
	e.dirs.AddDir(f.Root, path.Dir(f.Dir))
	return nil
}

// syncDirs makes the names durable that a batch of ops gave.
func (e *End) syncDirs() error {
	e.hands.Close()
	return e.dirs.Sync()
}

// settle makes durable what was done and takes what was agreed on over into the
// state.
func (e *End) settle(s tracker.Settled) error {
	if err := e.syncDirs(); err != nil {
		return err
	}
	return e.record(s)
}

// record takes over into the state what was agreed on and is durable.
func (e *End) record(s tracker.Settled) error {
	e.hands.Close()
	s.Seen = e.placed
	err := e.DB.Update(func(tx *agreed.Tx) error { return e.Tracker.Settle(tx, s) })
	if err == nil {
		err = e.Tracker.SettleTouched()
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "write the agreed state", "", err)
	}
	for _, entry := range s.Entries {
		delete(e.placed, entry.Key)
	}
	return nil
}

// maxLooks bounds how often an end looks again at what changes under its hands.
const maxLooks = 10

// look finds what changed at this end: everywhere, or where its watch saw something,
// if it has one, again and again until nothing moves. Else one look might see a message
// that moves where it was and where it went, or at neither place.
func (e *End) look(ctx context.Context, w Watch, all bool) error {
	if err := e.Store.Check(); err != nil {
		return err
	}
	if w == nil {
		err := e.Tracker.Refresh(ctx, all)
		e.Tracker.Rest()
		return err
	}
	e.takeWatch(w)
	for range maxLooks {
		if err := e.Tracker.Refresh(ctx, all); err != nil {
			return err
		}
		all = false
		if e.takeWatch(w); !e.Tracker.Dirty() {
			e.Tracker.Rest()
			return nil
		}
	}
	e.Tracker.Withhold()
	return nil
}

// takeWatch has the tracker look where the watch saw something.
func (e *End) takeWatch(w Watch) {
	files, folders, all := w.Take()
	for _, f := range files {
		e.Tracker.Touch(f)
	}
	for _, f := range folders {
		e.Tracker.TouchFolder(f)
	}
	if all {
		e.Tracker.TouchAll()
	}
}
