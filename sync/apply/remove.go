package apply

import (
	"context"
	"errors"
	"io/fs"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/hooks"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// removal is a message to remove at the end of the run, if it still has that
// content.
type removal struct {
	name maildir.Name
	sum  maildir.Sum
}

func (r *run) removeLater(n maildir.Name, sum maildir.Sum) {
	r.removals = append(r.removals, removal{n, sum})
}

// judge sends the deletions the guard lets pass to the end of the run, and
// notes the others in the ledger.
func (r *run) judge(deletions []*delta.Action) error {
	held := make(map[string]bool)
	if r.opt.Limits != nil {
		for _, f := range guard.Held(r.perFolder(deletions), *r.opt.Limits) {
			held[f] = true
		}
	}
	for _, a := range deletions {
		name, err := maildir.ParseName(a.Dst)
		if err != nil {
			return fault.New(fault.Protocol, "apply", a.Dst, err)
		}
		if held[name.Folder] {
			if ok, err := r.view.has(context.Background(), name); err != nil {
				return err
			} else if ok {
				r.opt.Ledger.HeldHere[a.Dst] = a.Was
				r.result.Held[name.Folder]++
			}
			continue
		}
		r.removeLater(name, a.Was)
	}
	return nil
}

// perFolder counts, for the guard, what each folder would lose. smd 1.3 has no
// word for a folder that is gone: one that loses everything counts as such.
func (r *run) perFolder(deletions []*delta.Action) []guard.Folder {
	counts := make(map[string]*guard.Folder)
	folder := func(name string) *guard.Folder {
		n, err := maildir.ParseName(name)
		if err != nil {
			return &guard.Folder{}
		}
		f := counts[n.Folder]
		if f == nil {
			f = &guard.Folder{Name: n.Folder, Root: r.opt.Store.RootOf(n.Folder), Vanished: true}
			counts[n.Folder] = f
		}
		return f
	}
	for i := range r.old.Len() {
		folder(r.old.At(i).Name).Total++
	}
	for _, a := range deletions {
		folder(a.Dst).Deleted++
	}
	// What moves away is no loss to be asked about, but no longer there either.
	for _, a := range r.actions {
		if a.Kind == delta.Move {
			folder(a.Src).Total--
		}
	}
	list := make([]guard.Folder, 0, len(counts))
	for _, f := range counts {
		list = append(list, *f)
	}
	return list
}

// remove carries out the removals. It is called when everything that arrived is
// durable. A message that changed since is not removed: the changed one stays.
func (r *run) remove(ctx context.Context) error {
	for _, d := range r.removals {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.removeOne(d); err != nil {
			return err
		}
		r.done++
		r.step(Transfer)
	}
	return nil
}

func (r *run) removeOne(d removal) error {
	p, err := r.opt.Store.Place(d.name)
	if err != nil {
		return fault.New(maildir.KindOf(err), "delete", d.name.String(), err)
	}
	before, err := p.Stat()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "delete", p.Path(), err)
	}
	sum, ok, damaged, err := r.view.sum(d.name)
	if err != nil {
		return err
	}
	if !ok {
		return nil
	}
	if damaged || sum != d.sum {
		if r.opt.FailOnConflict {
			return &fault.Error{
				Kind: fault.Conflict, Op: "delete", Path: p.Path(), Context: "delete-message",
				Err: errors.New("deleted at the other end, changed here"),
			}
		}
		r.result.Conflicts++
		r.log.Info("deleted at the other end, changed here: keeping it", "message", p.Path())
		return nil
	}
	// Somebody may have touched it while it was read.
	if after, err := p.Stat(); err != nil || !sameFile(before, after) {
		r.log.Info("changed while it was to be deleted: keeping it", "message", p.Path())
		return nil
	}
	if r.opt.Leaving != nil {
		r.opt.Leaving(p.Path())
	}
	if err := p.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(maildir.KindOf(err), "delete", p.Path(), err)
	}
	r.dirty.Add(p)
	r.changed(hooks.Removed, p, "")
	return nil
}

// settleLedger drops what is no longer to be asked about, and lists what a
// person decided: deletions to carry out now, and messages to get again.
func (r *run) settleLedger(ctx context.Context) error {
	l := r.opt.Ledger
	for name := range l.HeldHere {
		n, err := maildir.ParseName(name)
		if err != nil {
			delete(l.HeldHere, name)
			continue
		}
		_, here, err := r.view.find(ctx, n)
		if err != nil {
			return err
		}
		if !here || r.arrives[name] {
			delete(l.HeldHere, name)
		}
	}
	for name, sum := range l.DeleteHere {
		if n, err := maildir.ParseName(name); err == nil && !r.arrives[name] {
			r.removeLater(n, sum)
		}
	}
	for name, sum := range l.Fetch {
		n, err := maildir.ParseName(name)
		if err != nil {
			continue
		}
		if err := r.wantAgain(ctx, n, index.Entry{Name: name, Sum: sum}); err != nil {
			return err
		}
	}
	return nil
}

// wantAgain fetches a message this end lost or damaged, unless it is back or
// the other end changed it too.
func (r *run) wantAgain(ctx context.Context, n maildir.Name, e index.Entry) error {
	if agreed, ok := r.old.Lookup(e.Name); !ok || agreed.Sum != e.Sum || r.touched[e.Name] {
		delete(r.opt.Ledger.Fetch, e.Name)
		return nil
	}
	have, ok, err := r.view.find(ctx, n)
	if err != nil {
		return err
	}
	if ok {
		sum, ok, damaged, err := r.view.sum(have)
		if err != nil {
			return err
		}
		if ok && !damaged && sum == e.Sum {
			delete(r.opt.Ledger.Fetch, e.Name)
			return nil
		}
		if damaged {
			if err := r.makeRoom(ctx, have); err != nil {
				return err
			}
		}
	}
	r.fetched = append(r.fetched, e.Name)
	return r.fetch(&delta.Action{Kind: delta.Add, Dst: e.Name, Sum: e.Sum}, n)
}
