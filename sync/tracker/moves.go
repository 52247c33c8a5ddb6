package tracker

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"smd-applet/sync/agreed"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// findMoves pairs what is gone with what is new and has the same content. New
// messages are read for that, but only while something is gone.
func (t *Tracker) findMoves(ctx context.Context, tx *agreed.Tx) error {
	gone := make(map[agreed.Sum][]place)
	for _, f := range t.folders {
		for _, it := range f.items {
			if it.kind == reconcile.Gone && it.to == nil && it.sum != nil {
				gone[*it.sum] = append(gone[*it.sum], place{f, it})
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	type fresh struct {
		place
		reading
	}
	var all []fresh
	for _, f := range t.sorted() {
		items := f.fresh()
		readings, err := t.sums(ctx, f, items)
		if err != nil {
			return err
		}
		for i, it := range items {
			if readings[i].err == nil && (len(gone[readings[i].sum]) > 0 || len(gone[readings[i].legacy]) > 0) {
				all = append(all, fresh{place{f, it}, readings[i]})
			}
		}
	}
	// One that kept its unique name has moved, a copy has a fresh one.
	for _, sameName := range []bool{true, false} {
		for _, n := range all {
			if !n.item.from {
				pair(n.folder, n.item, gone, n.reading, sameName)
			}
		}
	}
	return nil
}

// fresh returns the new messages of a folder that are not moved ones.
func (f *folder) fresh() []*item {
	var items []*item
	for _, it := range f.items {
		if it.kind == reconcile.New && !it.from {
			items = append(items, it)
		}
	}
	return items
}

// pair takes a new message for a moved one where one of its content is gone.
func pair(f *folder, it *item, gone map[agreed.Sum][]place, got reading, sameName bool) {
	for _, sum := range []agreed.Sum{got.sum, got.legacy} {
		list := gone[sum]
		n := 0
		if sameName {
			n = slices.IndexFunc(list, func(p place) bool { return p.item.unique == it.unique })
		}
		if len(list) == 0 || n < 0 || sum == agreed.Unread {
			continue
		}
		src := list[n].item
		gone[sum] = append(list[:n:n], list[n+1:]...)
		known := *src.sum
		src.to = &place{f, it}
		it.from, it.source, it.sum = true, src, &known // as it is agreed on, even by SMD's digests
		return
	}
}

// sums returns the content of new messages, reading those nobody has read. One
// that is no message, or no longer there, is dropped and has an error.
func (t *Tracker) sums(ctx context.Context, f *folder, items []*item) ([]reading, error) {
	results := make([]reading, len(items))
	var unread []*item
	var at []int
	for i, it := range items {
		if it.sum != nil && !t.legacy {
			results[i].sum = *it.sum
			continue
		}
		unread = append(unread, it)
		at = append(at, i)
	}
	readings, err := t.readRenamed(ctx, f, unread)
	if err != nil {
		return nil, err
	}
	for i, got := range readings {
		it := unread[i]
		results[at[i]] = got
		switch {
		case got.err == nil:
			it.sum = &got.sum
		case errors.Is(got.err, fs.ErrNotExist):
			t.went[it.seen.Size] = true
			f.drop(it.unique)
			t.Touch(got.local)
		case errors.Is(got.err, maildir.ErrEmpty), errors.Is(got.err, maildir.ErrNotMessage):
			t.noMessage(agreed.Key{Folder: f.path, Unique: it.unique}, it.seen)
			f.drop(it.unique)
		default:
			return nil, got.err
		}
	}
	return results, nil
}

// maxRenames bounds how often a message is looked for that is given another name
// each time just before it is read.
const maxRenames = 5

// readRenamed reads messages, also those that a person flagged since the look: what
// is not under its name is looked for in the folder.
func (t *Tracker) readRenamed(ctx context.Context, f *folder, items []*item) ([]reading, error) {
	readings, err := t.read(ctx, f, items)
	if err != nil {
		return nil, err
	}
	for range maxRenames {
		there := make(map[string][]file)
		for i, got := range readings {
			if errors.Is(got.err, fs.ErrNotExist) {
				there[items[i].unique] = nil
			}
		}
		if len(there) == 0 {
			break
		}
		local, err := t.opt.Store.Folder(f.path)
		if err != nil {
			return nil, err
		}
		if err := t.searchFor(ctx, there, local); err != nil {
			return nil, err
		}
		var found []*item
		var at []int
		for i, it := range items {
			if files := there[it.unique]; len(files) > 0 {
				file := t.pick(agreed.Key{Folder: f.path, Unique: it.unique}, nil, files)
				it.mark, it.seen = t.intern(file.mark), file.seen
				found, at = append(found, it), append(at, i)
			}
		}
		if len(found) == 0 {
			break
		}
		again, err := t.read(ctx, f, found)
		if err != nil {
			return nil, err
		}
		for i, got := range again {
			readings[at[i]] = got
		}
	}
	return readings, nil
}

// Read returns the content of new messages of one folder, in order; unread where
// one is no message, or not there any more.
func (t *Tracker) Read(ctx context.Context, remote string, uniques []string) ([]agreed.Sum, error) {
	sums := make([]agreed.Sum, len(uniques))
	f := t.folders[remote]
	if f == nil {
		return sums, nil
	}
	var items []*item
	var at []int
	for i, unique := range uniques {
		if it := f.get(unique); it != nil && it.kind == reconcile.New {
			items = append(items, it)
			at = append(at, i)
		}
	}
	readings, err := t.sums(ctx, f, items)
	if err != nil {
		return nil, err
	}
	for i, got := range readings {
		if got.err == nil {
			sums[at[i]] = got.sum
		}
	}
	return sums, nil
}

// Junk says that a new file turned out to be no message: it is told of no more
// until it changes.
func (t *Tracker) Junk(k agreed.Key) {
	f := t.folders[k.Folder]
	if f == nil {
		return
	}
	if it := f.get(k.Unique); it != nil && it.kind == reconcile.New {
		t.noMessage(k, it.seen)
		f.release(k.Unique)
		f.drop(k.Unique)
	}
}

// maxJunk bounds the files that are remembered to be no messages: those forgotten are
// read once more.
const maxJunk = 4096

func (t *Tracker) noMessage(k agreed.Key, seen agreed.Seen) {
	if len(t.junk) >= maxJunk {
		clear(t.junk)
	}
	t.junk[k] = seen
}

// Went reports whether a new message of that size went away before anyone read it,
// since [Tracker.Begin]: a person moved or deleted it after the look. What the other
// end has of that size may be the same.
func (t *Tracker) Went(size int64) bool { return t.went[size] }

// Begin says that a run begins, before it looks.
func (t *Tracker) Begin() { clear(t.went) }

// Unpair undoes that the message at k was taken for a moved one, if it was: what
// it was is gone, and it is new.
func (t *Tracker) Unpair(k agreed.Key) {
	f := t.folders[k.Folder]
	if f == nil {
		return
	}
	if it := f.get(k.Unique); it != nil && it.from {
		f.release(k.Unique)
		f.bySum = nil
	}
}

// HasNew reports whether a folder has new messages, moved ones included.
func (t *Tracker) HasNew(remote string) bool {
	f := t.folders[remote]
	if f == nil {
		return false
	}
	return slices.ContainsFunc(f.items, func(it *item) bool { return it.kind == reconcile.New })
}

// Same takes from a folder a new message of this content that may be the one that is
// looked for, and returns it; nil when there is none.
func (t *Tracker) Same(ctx context.Context, remote string, sum agreed.Sum, may func(reconcile.Change) (bool, error)) (*reconcile.Change, error) {
	f := t.folders[remote]
	if f == nil {
		return nil, nil
	}
	if f.bySum == nil {
		fresh := f.fresh()
		readings, err := t.sums(ctx, f, fresh)
		if err != nil {
			return nil, err
		}
		f.bySum = make(map[agreed.Sum][]*item)
		for i, it := range fresh {
			if readings[i].err == nil {
				f.bySum[readings[i].sum] = append(f.bySum[readings[i].sum], it)
			}
		}
	}
	list := f.bySum[sum]
	for i, it := range list {
		if it.kind != reconcile.New {
			continue
		}
		c := f.change(it)
		if ok, err := may(c); err != nil {
			return nil, err
		} else if ok {
			f.bySum[sum] = slices.Delete(list, i, i+1)
			return &c, nil
		}
	}
	return nil, nil
}

// Namesake returns a new message of this unique name and content that lies in
// another folder than k says and that no other was paired with; nil when there is
// none. Such a one is the same message: a person moved it.
func (t *Tracker) Namesake(ctx context.Context, k agreed.Key, sum agreed.Sum, taken map[agreed.Key]bool) (*reconcile.Change, error) {
	var in *folder // the first by name, so that it does not depend on chance
	for path, f := range t.folders {
		it := f.get(k.Unique)
		fits := it != nil && it.kind == reconcile.New && !it.from && path != k.Folder && !taken[agreed.Key{Folder: path, Unique: k.Unique}]
		if fits && (in == nil || path < in.path) {
			in = f
		}
	}
	if in == nil {
		return nil, nil
	}
	it := in.get(k.Unique)
	readings, err := t.sums(ctx, in, []*item{it})
	if err != nil || readings[0].err != nil || readings[0].sum != sum {
		return nil, err
	}
	c := in.change(it)
	return &c, nil
}

// HasNamesake reports whether another folder has a new message of this unique name.
func (t *Tracker) HasNamesake(k agreed.Key) bool {
	for path, f := range t.folders {
		if it := f.get(k.Unique); it != nil && it.kind == reconcile.New && path != k.Folder {
			return true
		}
	}
	return false
}

// SameAnywhere is [Tracker.Same] in whatever folder.
func (t *Tracker) SameAnywhere(ctx context.Context, sum agreed.Sum, may func(reconcile.Change) (bool, error)) (*reconcile.Change, error) {
	for _, f := range t.sorted() {
		if c, err := t.Same(ctx, f.path, sum, may); c != nil || err != nil {
			return c, err
		}
	}
	return nil, nil
}
