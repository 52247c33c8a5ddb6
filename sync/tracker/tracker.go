package tracker

import (
	"log/slog"
	"slices"
	"strings"

	"smd-applet/sync/agreed"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// Options says what a Tracker looks at.
type Options struct {
	Store *maildir.Store
	DB    *agreed.DB
	// Excluded reports whether the folder at a local path, with all below it, is
	// left out; nil leaves nothing out.
	Excluded func(local string) bool
	Log      *slog.Logger // nil logs nothing
}

// Tracker is one end's changes. It is not safe for use by several goroutines.
type Tracker struct {
	opt     Options
	folders map[string]*folder // those with something to tell, by remote path
	touched map[agreed.Key]agreed.Seen
	dirty   dirt
	looked  dirt   // where the looks since [Tracker.Rest] were
	scanned bool   // a full scan has been made
	version uint64 // of the state, at the last look

	damaged  []agreed.Key
	doubles  []maildir.Name   // messages that share another's unique name
	half     []maildir.Folder // of which a crash left one directory alone
	restless []string         // folders that changed during a scan that had no last look
	skipped  []string

	legacy bool  // the state was imported: some messages are known by SMD's digests
	since  int64 // of an imported state: files not touched since then are as it says

	marks map[agreed.Mark]*agreed.Mark // each mark once
	junk  map[agreed.Key]agreed.Seen   // files that were read and are no messages
	went  map[int64]bool               // sizes of new messages that went away before they were read
}

// folder is what is to be told of one folder.
type folder struct {
	path     string
	vanished bool    // agreed on, and gone as a directory
	made     bool    // there, and not agreed on
	items    []*item // sorted by unique name; dead ones have no kind
	dead     int
	bySum    map[agreed.Sum][]*item // of the new ones; nil until it is asked for
}

// item is a message that is not as agreed on. Memory is kept small: a first sync
// has one for each message.
type item struct {
	unique string
	kind   reconcile.Kind
	mark   *agreed.Mark // nil when it is gone
	seen   agreed.Seen
	sum    *agreed.Sum // as it is now, nil: not read; of one that is gone, as it was
	to     *place      // of one that is gone: it was moved
	from   bool        // a moved one's new place: told of at the old one
	source *item       // that old one
}

type place struct {
	folder *folder
	item   *item
}

// New returns a Tracker that knows nothing until [Tracker.Refresh].
func New(opt Options) *Tracker {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Tracker{
		opt:     opt,
		folders: make(map[string]*folder),
		touched: make(map[agreed.Key]agreed.Seen),
		marks:   make(map[agreed.Mark]*agreed.Mark),
		junk:    make(map[agreed.Key]agreed.Seen),
		went:    make(map[int64]bool),
	}
}

// Damaged returns the messages the last look found empty or without the end of
// their header.
func (t *Tracker) Damaged() []agreed.Key { return t.damaged }

// Skipped returns the local paths of links that are not followed, and of folders
// and messages whose names no wire can carry.
func (t *Tracker) Skipped() []string { return t.skipped }

// Legacy reports whether some messages of the state are known by SMD's digests.
func (t *Tracker) Legacy() bool { return t.legacy }

func (t *Tracker) intern(m agreed.Mark) *agreed.Mark {
	if p, ok := t.marks[m]; ok {
		return p
	}
	p := &m
	t.marks[m] = p
	return p
}

func (t *Tracker) folder(path string) *folder {
	f := t.folders[path]
	if f == nil {
		f = &folder{path: path}
		t.folders[path] = f
	}
	return f
}

func (t *Tracker) sorted() []*folder {
	list := make([]*folder, 0, len(t.folders))
	for _, f := range t.folders {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *folder) int { return strings.Compare(a.path, b.path) })
	return list
}

func (f *folder) find(unique string) (int, bool) {
	return slices.BinarySearchFunc(f.items, unique, func(it *item, u string) int { return strings.Compare(it.unique, u) })
}

func (f *folder) get(unique string) *item {
	if i, ok := f.find(unique); ok && f.items[i].kind != 0 {
		return f.items[i]
	}
	return nil
}

// put adds it, in place of another of its name.
func (f *folder) put(it *item) {
	f.bySum = nil
	i, ok := f.find(it.unique)
	if ok {
		if f.items[i].kind == 0 {
			f.dead--
		}
		f.items[i] = it
		return
	}
	f.items = slices.Insert(f.items, i, it)
}

// drop forgets an item. The place of it is kept until half of them are dead: a
// first sync drops one after the other.
func (f *folder) drop(unique string) {
	i, ok := f.find(unique)
	if !ok || f.items[i].kind == 0 {
		return
	}
	f.bySum = nil
	f.items[i].kind = 0
	if f.dead++; f.dead > len(f.items)/2 {
		f.items = slices.DeleteFunc(f.items, func(it *item) bool { return it.kind == 0 })
		f.dead = 0
	}
}

func (it *item) read() agreed.Sum {
	if it.sum == nil {
		return agreed.Unread
	}
	return *it.sum
}

// change is the item as the other end is told of it.
func (f *folder) change(it *item) reconcile.Change {
	c := reconcile.Change{Kind: it.kind, Key: agreed.Key{Folder: f.path, Unique: it.unique}}
	switch {
	case it.kind == reconcile.Gone && it.to != nil:
		to := it.to.item
		c.Kind = reconcile.Moved
		c.To = agreed.Key{Folder: it.to.folder.path, Unique: to.unique}
		c.Mark, c.Sum, c.Size = *to.mark, to.read(), to.seen.Size
	case it.kind == reconcile.Gone:
	default:
		c.Mark, c.Sum, c.Size = *it.mark, it.read(), it.seen.Size
	}
	return c
}

// told reports whether the item is told of under its own name, now or with the
// deletions.
func (it *item) told(deletions bool) bool {
	return it.kind != 0 && !it.from && deletions == (it.kind == reconcile.Gone && it.to == nil)
}

// Each yields every change, deletions last.
func (t *Tracker) Each(yield func(reconcile.Change) bool) {
	c := t.Cursor()
	for list := c.Next(eachChunk); len(list) > 0; list = c.Next(eachChunk) {
		for _, change := range list {
			if !yield(change) {
				return
			}
		}
	}
}

const eachChunk = 256

// Cursor walks the changes, deletions last, while some of those it has passed
// are settled.
type Cursor struct {
	folders   []*folder
	i         int
	after     string // the last unique name told of in the folder
	begun     bool   // one was
	deletions bool
}

// Cursor returns a cursor before the first change.
func (t *Tracker) Cursor() *Cursor { return &Cursor{folders: t.sorted()} }

// Next returns up to max further changes; none at the end.
func (c *Cursor) Next(max int) []reconcile.Change {
	var list []reconcile.Change
	for {
		for ; c.i < len(c.folders); c.i, c.begun = c.i+1, false {
			f := c.folders[c.i]
			i := 0
			if c.begun {
				var found bool
				if i, found = f.find(c.after); found {
					i++
				}
			}
			for ; i < len(f.items); i++ {
				if len(list) == max {
					return list
				}
				if it := f.items[i]; it.told(c.deletions) {
					list = append(list, f.change(it))
					c.after, c.begun = it.unique, true
				}
			}
		}
		if c.deletions {
			return list
		}
		c.i, c.begun, c.deletions = 0, false, true
	}
}

// Count returns how many changes there are, folders included.
func (t *Tracker) Count() int {
	n := 0
	for _, f := range t.folders {
		if f.made || f.vanished {
			n++
		}
		for _, it := range f.items {
			if it.kind != 0 && !it.from {
				n++
			}
		}
	}
	return n
}

// At returns the change of an agreed message, or of a new one; nil when there is none.
func (t *Tracker) At(k agreed.Key) *reconcile.Change {
	f := t.folders[k.Folder]
	if f == nil {
		return nil
	}
	it := f.get(k.Unique)
	if it == nil || it.from {
		return nil
	}
	c := f.change(it)
	return &c
}

// Folders returns the folders that appeared since the agreement, and the agreed
// ones that are gone, both sorted.
func (t *Tracker) Folders() (made, vanished []string) {
	for _, f := range t.sorted() {
		if f.made {
			made = append(made, f.path)
		}
		if f.vanished {
			vanished = append(vanished, f.path)
		}
	}
	return made, vanished
}
