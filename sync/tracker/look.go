package tracker

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// look looks at what moved: message by message, so that the size of a folder does
// not count.
func (t *Tracker) look(ctx context.Context, tx *agreed.Tx, d dirt) error {
	for _, local := range slices.Sorted(maps.Keys(d.folders)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if exclude.Above(path.Join(local, "cur"), t.opt.Excluded) {
			continue
		}
		remote, err := t.opt.Store.Remote(local)
		if err != nil {
			return err
		}
		folder, err := t.opt.Store.Folder(remote)
		if err != nil {
			return err
		}
		names := d.folders[local]
		if names == nil {
			err = t.lookFolder(ctx, tx, remote, folder)
		} else {
			err = t.lookNames(ctx, tx, remote, folder, names)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// LeavesOut reports whether a place is excluded.
func (t *Tracker) LeavesOut(p maildir.Place) bool {
	return exclude.Above(path.Join(p.Folder.Path, p.Sub), t.opt.Excluded)
}

// Excluded reports whether a local path, with all below it, is left out.
func (t *Tracker) Excluded(local string) bool {
	return t.opt.Excluded != nil && t.opt.Excluded(local)
}

// lookFolder looks at a whole folder.
func (t *Tracker) lookFolder(ctx context.Context, tx *agreed.Tx, remote string, local maildir.Folder) error {
	var all []file
	present := false
	for _, sub := range []string{"cur", "new"} {
		if !has(local, sub) {
			continue
		}
		list, _, err := maildir.List(ctx, local, sub)
		if err != nil {
			return err
		}
		present = true
		all = append(all, filesOf(sub, list)...)
	}
	t.forgetDamage(remote, nil)
	if present {
		return t.compare(ctx, tx, remote, all)
	}
	t.forget(remote)
	if _, known := tx.Folder(remote); known {
		t.vanished(tx, remote)
	}
	return nil
}

// lookNames looks at some messages of a folder.
func (t *Tracker) lookNames(ctx context.Context, tx *agreed.Tx, remote string, local maildir.Folder, names map[string]bool) error {
	if !has(local, "cur") && !has(local, "new") {
		return t.lookFolder(ctx, tx, remote, local)
	}
	var hands maildir.Hands
	defer hands.Close()
	there := make(map[string][]file) // by unique name
	for name := range names {
		unique, _ := maildir.SplitFlags(name)
		there[unique] = nil
	}
	for name := range names {
		for _, sub := range []string{"cur", "new"} {
			if err := statInto(&hands, there, local, sub, name); err != nil {
				return err
			}
		}
	}
	// A message may lie under a name nobody told of: where it was, or another. And one
	// that was told of may have come to another's unique name.
	var missing []string
	for unique := range there {
		r, agreedOn := tx.Get(agreed.Key{Folder: remote, Unique: unique})
		if agreedOn && !names[unique+r.Mark.Info] {
			if err := statInto(&hands, there, local, r.Mark.Sub, unique+r.Mark.Info); err != nil {
				return err
			}
		}
		var told *item
		if f := t.folders[remote]; f != nil {
			told = f.get(unique)
		}
		if told != nil && told.mark != nil && !names[unique+told.mark.Info] {
			if err := statInto(&hands, there, local, told.mark.Sub, unique+told.mark.Info); err != nil {
				return err
			}
		}
		if files, message := there[unique]; message && len(files) == 0 && (agreedOn || told != nil) {
			missing = append(missing, unique)
		}
	}
	if len(missing) > 0 {
		if err := t.searchFor(ctx, there, local); err != nil {
			return err
		}
	}
	return t.note(ctx, tx, remote, there)
}

// Seek looks for a message in all of its folder: whatever its flags are by now.
func (t *Tracker) Seek(ctx context.Context, tx *agreed.Tx, k agreed.Key) error {
	local, err := t.opt.Store.Folder(k.Folder)
	if err != nil {
		return err
	}
	there := map[string][]file{k.Unique: nil}
	if err := t.searchFor(ctx, there, local); err != nil {
		return err
	}
	if err := t.note(ctx, tx, k.Folder, there); err != nil {
		return err
	}
	return t.findMoves(ctx, tx)
}

// note notes how some messages of a folder, by their unique names, differ from the
// agreed state.
func (t *Tracker) note(ctx context.Context, tx *agreed.Tx, remote string, there map[string][]file) error {
	t.forgetDamage(remote, there)
	f := t.folder(remote)
	if _, known := tx.Folder(remote); !known {
		f.made = true
	}
	var check []*item
	for _, unique := range slices.Sorted(maps.Keys(there)) {
		k := agreed.Key{Folder: remote, Unique: unique}
		f.release(unique)
		f.drop(unique)
		r, known := tx.Get(k)
		var record *agreed.Record
		if known {
			record = &r
		}
		if !known && len(there[unique]) == 0 {
			continue
		}
		it := t.judge(k, record, there[unique])
		if it == nil {
			continue
		}
		f.put(it)
		if it.kind == reconcile.Edited {
			check = append(check, it)
		}
	}
	return t.readChanged(ctx, tx, f, check)
}

// statInto adds the file of that name, if there is one.
func statInto(hands *maildir.Hands, there map[string][]file, local maildir.Folder, sub, name string) error {
	st, err := hands.Stat(maildir.Place{Folder: local, Sub: sub, File: name})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, maildir.ErrBadName):
		// A link, or something that is no message: what was there is not gone.
		unique, _ := maildir.SplitFlags(name)
		delete(there, unique)
		return nil
	case err != nil:
		return fault.New(maildir.KindOf(err), "look at", local.Path+"/"+sub+"/"+name, err)
	}
	unique, _ := maildir.SplitFlags(name)
	f := file{unique: unique, mark: agreed.Mark{Sub: sub, Info: name[len(unique):]}, seen: SeenIn(st)}
	if !slices.Contains(there[unique], f) {
		there[unique] = append(there[unique], f)
	}
	return nil
}

// SeenIn is what a scan, or the like, has seen of a message.
func SeenIn(f maildir.File) agreed.Seen {
	return agreed.Seen{Mtime: f.Mtime, Size: f.Size, Ino: f.Ino}
}

// searchFor lists the folder for the messages that were not found. One that is
// renamed meanwhile may be missed under both names: it is listed again then.
func (t *Tracker) searchFor(ctx context.Context, there map[string][]file, local maildir.Folder) error {
	for range maxFollowUps {
		before, err := changedAt(local)
		if err != nil {
			return err
		}
		if err := t.search(ctx, there, local); err != nil {
			return err
		}
		after, err := changedAt(local)
		if err != nil || after == before || !slices.ContainsFunc(slices.Collect(maps.Values(there)), func(files []file) bool { return len(files) == 0 }) {
			return err
		}
	}
	return nil
}

// changedAt returns when each of a folder's directories last changed.
func changedAt(local maildir.Folder) (at [2]time.Time, err error) {
	for i, sub := range []string{"cur", "new"} {
		if !has(local, sub) {
			continue
		}
		if at[i], err = local.Changed(sub); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (t *Tracker) search(ctx context.Context, there map[string][]file, local maildir.Folder) error {
	var hands maildir.Hands // the folder may be another by now than when others were opened
	defer hands.Close()
	for _, sub := range []string{"cur", "new"} {
		if !has(local, sub) {
			continue
		}
		names, err := maildir.Names(ctx, local, sub)
		if err != nil {
			return err
		}
		for _, name := range names {
			unique, _ := maildir.SplitFlags(name)
			if files, wanted := there[unique]; wanted && len(files) == 0 {
				if err := statInto(&hands, there, local, sub, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// forgetDamage forgets the damage of the named messages, of all where there is nil.
func (t *Tracker) forgetDamage(remote string, there map[string][]file) {
	t.damaged = slices.DeleteFunc(t.damaged, func(k agreed.Key) bool {
		_, named := there[k.Unique]
		return k.Folder == remote && (there == nil || named)
	})
}

// release undoes that a message was taken for moved: one of its two ends is being
// looked at again.
func (f *folder) release(unique string) {
	if it := f.get(unique); it != nil {
		it.release()
	}
}

func (it *item) release() {
	if it.to != nil {
		it.to.item.from, it.to.item.source = false, nil
		it.to.folder.bySum = nil // it is one of the new ones again
		it.to = nil
	}
	if it.from {
		if it.source != nil {
			it.source.to = nil
		}
		it.from, it.source = false, nil
	}
}

// forget forgets what is to be told of a folder, which is looked at anew. What was
// taken for moved to it or from it is not, until the two are paired again: else its
// other half would never be told of.
func (t *Tracker) forget(remote string) {
	f := t.folders[remote]
	if f == nil {
		return
	}
	for _, it := range f.items {
		if it.kind != 0 {
			it.release()
		}
	}
	delete(t.folders, remote)
}
