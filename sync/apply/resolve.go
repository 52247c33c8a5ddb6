package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
	"smd-applet/sync/wire/smd1"
)

// resolve carries out what an action asks for as far as this end has it, and
// notes the rest as fetches and removals. The rules are the table of smd 1.3,
// spec §5, with the design's conflict rules in place of its errors.
func (r *run) resolve(ctx context.Context, a *delta.Action) error {
	dst, err := maildir.ParseName(a.Dst)
	if err != nil {
		return fault.New(fault.Protocol, "apply", a.Dst, err)
	}
	var src maildir.Name
	if a.Src != "" {
		if src, err = maildir.ParseName(a.Src); err != nil {
			return fault.New(fault.Protocol, "apply", a.Src, err)
		}
	}
	switch a.Kind {
	case delta.Add:
		return r.add(ctx, a, dst)
	case delta.Copy:
		if r.deletes[a.Src] && delta.SameMessage(a.Src, a.Dst) {
			// A flag change from an end that sends no moves.
			return r.moveFlags(ctx, a, src, dst)
		}
		return r.copy(ctx, a, src, dst)
	case delta.Move:
		if delta.SameMessage(a.Src, a.Dst) {
			return r.moveFlags(ctx, a, src, dst)
		}
		return r.move(ctx, a, src, dst)
	case delta.CopyBody:
		return r.copyBody(ctx, a, src, dst)
	case delta.ReplaceHeader, delta.Replace:
		return r.replace(ctx, a, dst)
	}
	return fault.New(fault.Protocol, "apply", a.Dst, fmt.Errorf("unexpected action %s", a.Kind))
}

func (r *run) add(ctx context.Context, a *delta.Action, dst maildir.Name) error {
	if done, err := r.settle(ctx, a, dst); done || err != nil {
		return err
	}
	if done, err := r.movedMeanwhile(ctx, a, dst); done || err != nil {
		return err
	}
	return r.fetch(a, dst)
}

// settle looks at what has the place of a new message. done says that the
// message is there already. Something else in its place is a conflict: it makes
// room under a fresh name.
func (r *run) settle(ctx context.Context, a *delta.Action, dst maildir.Name) (done bool, err error) {
	have, ok, err := r.view.find(ctx, dst)
	if !ok || err != nil {
		return false, err
	}
	sum, ok, damaged, err := r.view.sum(have)
	switch {
	case err != nil || !ok:
		return false, err
	case damaged && have == dst:
		return false, r.makeRoom(ctx, have)
	case damaged:
		return false, nil
	case sum == a.Sum && have == dst:
		return true, nil
	case sum == a.Sum:
		// The same message with other flags, and no common ancestor: both
		// ends' flags count.
		return true, r.rename(ctx, have, merged(dst, have, maildir.MergeFlags("", have.Flags(), dst.Flags())))
	}
	if done, err := r.editedMeanwhile(a, have, sum); done || err != nil {
		return done, err
	}
	return false, r.conflict(ctx, a, have)
}

// smdContext is where SMD says that it met a conflict (smd 1.3, spec §7).
var smdContext = map[delta.Kind]string{
	delta.Add: "mail-addition", delta.Copy: "copy-message", delta.Move: "move-message", delta.CopyBody: "copy-body",
	delta.ReplaceHeader: "header-replacement", delta.Replace: "replace", delta.Delete: "delete-message",
}

// conflict makes room where this end and the other both changed something, or
// fails where the configuration wants it so.
func (r *run) conflict(ctx context.Context, a *delta.Action, have maildir.Name) error {
	if r.opt.FailOnConflict {
		place, err := r.opt.Store.Place(have)
		if err != nil {
			return err
		}
		return &fault.Error{
			Kind: fault.Conflict, Op: "apply", Path: place.Path(), Context: smdContext[a.Kind],
			Err:     fmt.Errorf("%s of %s meets another message here", a.Kind, a.Dst),
			Actions: []fault.Action{{Kind: fault.ShowMail, Arg: place.Path()}, {Kind: fault.KeepBoth, Arg: place.Path()}, {Kind: fault.Retry}, {Kind: fault.OpenLog}},
		}
	}
	r.result.Conflicts++
	r.log.Info("both ends changed a message: keeping both", "message", have.String(), "action", a.Kind)
	return r.makeRoom(ctx, have)
}

// makeRoom gives the message a fresh unique name in the same folder; the next
// push sends it. An empty file has nothing to keep and is replaced in place.
func (r *run) makeRoom(ctx context.Context, have maildir.Name) error {
	place, err := r.opt.Store.Place(have)
	if err != nil {
		return err
	}
	if st, err := place.Stat(); err == nil && st.Size() == 0 {
		r.view.folders[have.Folder].drop(have)
		r.empty[have] = true
		return nil
	}
	fresh := have
	fresh.File = maildir.FreshUnique()
	if have.Flags() != "" || have.Sub == "cur" {
		fresh.File = maildir.JoinFlags(fresh.File, have.Flags())
	}
	return r.rename(ctx, have, fresh)
}

// merged is the place of a message that keeps its place but has merged flags:
// dst itself where those are dst's flags.
func merged(dst, have maildir.Name, flags string) maildir.Name {
	switch flags {
	case maildir.MergeFlags("", dst.Flags(), dst.Flags()):
		if dst.Sub == "cur" || have.Sub == dst.Sub {
			return dst
		}
	case maildir.MergeFlags("", have.Flags(), have.Flags()):
		if have.Sub == "cur" && have.Folder == dst.Folder {
			return have
		}
	}
	return maildir.Name{Folder: dst.Folder, Sub: "cur", File: maildir.JoinFlags(dst.Unique(), flags)}
}

// moved is the place of a message that the other end moved from src to dst: dst
// where this end left it alone, else with the flags of both.
func moved(src, have, dst maildir.Name) maildir.Name {
	if have == src {
		return dst
	}
	return merged(dst, have, maildir.MergeFlags(src.Flags(), have.Flags(), dst.Flags()))
}

// rename moves a message at this end, and sees to it that the folder exists.
func (r *run) rename(ctx context.Context, from, to maildir.Name) error {
	if from == to {
		return nil
	}
	if _, err := r.view.makeFolder(ctx, to); err != nil {
		return err
	}
	src, err := r.opt.Store.Place(from)
	if err != nil {
		return err
	}
	dst, err := r.opt.Store.Place(to)
	if err != nil {
		return err
	}
	if !src.CanMoveTo(dst) {
		return r.copyThenRemove(ctx, from, to)
	}
	if err := src.MoveTo(dst); err != nil {
		return fault.New(maildir.KindOf(err), "move", src.Path(), err)
	}
	r.dirty.Add(src)
	r.dirty.Add(dst)
	what := hooks.Moved
	if from.Folder == to.Folder && from.Unique() == to.Unique() {
		what = hooks.Flagged
	}
	r.changed(what, src, dst.Path())
	if f := r.view.folders[from.Folder]; f != nil {
		f.drop(from)
	}
	r.view.folders[to.Folder].add(to)
	return nil
}

// holds reports whether the message has the content want. A message the agreed
// state knows and that was not touched since the last scan is not read again.
func (r *run) holds(n maildir.Name, want maildir.Sum) (bool, error) {
	if e, ok := r.old.Lookup(n.String()); ok && e.Sum == want && r.untouched(n) {
		return true, nil
	}
	sum, ok, damaged, err := r.view.sum(n)
	return ok && !damaged && sum == want, err
}

func (r *run) untouched(n maildir.Name) bool {
	p, err := r.opt.Store.Place(n)
	if err != nil {
		return false
	}
	st, err := p.Stat()
	return err == nil && st.Mode().IsRegular() && st.Size() > 0 && st.ModTime().UnixNano() < r.since
}

// moveFlags handles a message that only changed flags, or went from new to cur.
func (r *run) moveFlags(ctx context.Context, a *delta.Action, src, dst maildir.Name) error {
	have, ok, err := r.view.find(ctx, src)
	if err != nil {
		return err
	}
	if !ok {
		return r.moveFlagsElsewhere(ctx, a, src, dst)
	}
	same, err := r.holds(have, a.Sum)
	if err != nil {
		return err
	}
	if !same {
		if err := r.conflict(ctx, a, have); err != nil {
			return err
		}
		return r.fetch(a, dst)
	}
	if there, err := r.view.has(ctx, dst); err != nil || (there && have != dst) {
		if err != nil {
			return err
		}
		// Both names are there: dst counts, and src goes when it is the same.
		r.removeLater(have, a.Sum)
		return nil
	}
	return r.rename(ctx, have, moved(src, have, dst))
}

// moveFlagsElsewhere handles a flag change of a message this end has moved to
// another folder: it stays there and gets the flags.
func (r *run) moveFlagsElsewhere(ctx context.Context, a *delta.Action, src, dst maildir.Name) error {
	have, ok, err := r.elsewhere(ctx, a.Sum, anyOne)
	if err != nil {
		return err
	}
	if !ok {
		// Deleted here, changed there: the changed one stays.
		return r.fetch(a, dst)
	}
	flags := maildir.MergeFlags(src.Flags(), have.Flags(), dst.Flags())
	if flags == have.Flags() {
		return nil
	}
	return r.rename(ctx, have, maildir.Name{Folder: have.Folder, Sub: "cur", File: maildir.JoinFlags(have.Unique(), flags)})
}

func (r *run) move(ctx context.Context, a *delta.Action, src, dst maildir.Name) error {
	have, ok, err := r.view.find(ctx, src)
	if err != nil {
		return err
	}
	if ok {
		if ok, err = r.holds(have, a.Sum); err != nil {
			return err
		}
	}
	done, err := r.settle(ctx, a, dst)
	if err != nil {
		return err
	}
	if done {
		if ok {
			r.removeLater(have, a.Sum)
		}
		return nil
	}
	if !ok {
		// Moved to two places: the other end's place wins, once.
		if have, ok, err = r.elsewhere(ctx, a.Sum, anyOne); err != nil {
			return err
		}
	}
	if !ok {
		return r.fetch(a, dst)
	}
	err = r.rename(ctx, have, moved(src, have, dst))
	if errors.Is(err, fs.ErrNotExist) {
		// It went away between the look and the move: the other end has it.
		return r.fetch(a, dst)
	}
	return err
}

func (r *run) copy(ctx context.Context, a *delta.Action, src, dst maildir.Name) error {
	if done, err := r.settle(ctx, a, dst); done || err != nil {
		return err
	}
	have, ok, err := r.view.find(ctx, src)
	if err != nil {
		return err
	}
	if ok {
		if ok, err = r.holds(have, a.Sum); err != nil {
			return err
		}
	}
	if !ok {
		return r.fetch(a, dst)
	}
	copied, err := r.copyLocal(ctx, a, have, dst)
	if err != nil {
		return err
	}
	if !copied {
		return r.fetch(a, dst)
	}
	return nil
}

func (r *run) copyBody(ctx context.Context, a *delta.Action, src, dst maildir.Name) error {
	if done, err := r.settle(ctx, a, dst); done || err != nil {
		return err
	}
	have, ok, err := r.view.find(ctx, src)
	if err != nil {
		return err
	}
	if ok {
		var sum maildir.Sum
		var damaged bool
		if sum, ok, damaged, err = r.view.sum(have); err != nil {
			return err
		}
		ok = ok && !damaged && sum.Body == a.Sum.Body
	}
	if !ok {
		return r.fetch(a, dst)
	}
	r.jobs = append(r.jobs, job{request: smd1.GetHeader, action: a, to: dst, body: &have})
	return nil
}

func (r *run) replace(ctx context.Context, a *delta.Action, dst maildir.Name) error {
	have, ok, err := r.view.find(ctx, dst)
	if err != nil {
		return err
	}
	if !ok {
		if have, ok, err = r.elsewhere(ctx, a.Was, anyOne); err != nil {
			return err
		}
	}
	if !ok {
		// A run that was cut has done it already, where this end moved the message.
		if _, done, err := r.elsewhere(ctx, a.Sum, anyOne); done || err != nil {
			return err
		}
		return r.fetch(a, dst)
	}
	sum, ok, damaged, err := r.view.sum(have)
	switch {
	case err != nil:
		return err
	case !ok:
		return r.fetch(a, dst)
	case !damaged && sum == a.Sum:
		return nil
	case !damaged && sum == a.Was:
		j := job{request: smd1.Get, action: a, to: have, replace: true}
		if a.Kind == delta.ReplaceHeader {
			j.request, j.body = smd1.GetHeader, &have
		}
		r.jobs = append(r.jobs, j)
		return nil
	case damaged:
		if err := r.makeRoom(ctx, have); err != nil {
			return err
		}
		return r.fetch(a, dst)
	}
	if err := r.conflict(ctx, a, have); err != nil {
		return err
	}
	return r.fetch(a, dst)
}

// fetch notes that dst must come whole from the other end.
func (r *run) fetch(a *delta.Action, dst maildir.Name) error {
	r.jobs = append(r.jobs, job{request: smd1.Get, action: a, to: dst})
	return nil
}

// elsewhere finds a message with this content that only this end has, and that may
// be it: one it moved, since its former place is empty.
func (r *run) elsewhere(ctx context.Context, sum maildir.Sum, may func(maildir.Name) (bool, error)) (maildir.Name, bool, error) {
	if r.localOnly == nil {
		if err := r.findLocalOnly(ctx); err != nil {
			return maildir.Name{}, false, err
		}
	}
	all := r.localOnly[sum]
	for i := len(all) - 1; i >= 0; i-- {
		n := all[i]
		if ok, err := may(n); err != nil {
			return maildir.Name{}, false, err
		} else if ok {
			r.localOnly[sum] = slices.Delete(all, i, i+1)
			return n, true, nil
		}
	}
	return maildir.Name{}, false, nil
}

// anyOne lets [run.elsewhere] take whichever it finds.
func anyOne(maildir.Name) (bool, error) { return true, nil }

// theirNames are the names that the other end's changes are about: true where one
// makes a message of that name, false where it is but deleted.
func (r *run) theirNames() map[string]bool {
	if r.theirs == nil {
		r.theirs = make(map[string]bool, len(r.actions))
		for _, a := range r.actions {
			r.theirs[a.Dst] = r.theirs[a.Dst] || a.Kind != delta.Delete
		}
	}
	return r.theirs
}

// findLocalOnly reads the messages this end has under names that neither the
// agreed state nor the other end's changes know. Only a run that meets a
// conflict pays for it.
func (r *run) findLocalOnly(ctx context.Context) error {
	theirs := r.theirNames()
	r.localOnly = make(map[maildir.Sum][]maildir.Name)
	// What lies in tmp is this run's: messages that are to be put in place.
	_, err := r.opt.Store.Scan(ctx, maildir.ScanOptions{Excluded: r.opt.Excluded, StrayAge: math.MaxInt64}, func(l maildir.Listing) error {
		for _, f := range l.Files {
			n := maildir.Name{Folder: l.Folder, Sub: l.Sub, File: f.Name}
			name := n.String()
			if _, known := r.old.Find(name); known {
				continue
			}
			if _, told := theirs[name]; told {
				continue
			}
			if _, held := r.opt.Ledger.HeldHere[name]; held {
				continue
			}
			sum, ok, damaged, err := r.view.sum(n)
			if err != nil {
				return err
			}
			if ok && !damaged {
				r.localOnly[sum] = append(r.localOnly[sum], n)
			}
		}
		return nil
	})
	return err
}
