package tracker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/agreed"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// Refresh looks at what moved since the last look; at everything the first time,
// and when all says so. The caller holds the mailbox lock, or passes the changes
// on as a hint only. An error leaves the tracker to look at everything next time.
func (t *Tracker) Refresh(ctx context.Context, all bool) (err error) {
	if !all && !t.Dirty() && t.version == t.opt.DB.Version() && t.Count() == 0 {
		return nil // nothing moved, here or in the state
	}
	dirty := t.dirty
	t.dirty = dirt{}
	dirty.all = dirty.all || all || !t.scanned
	t.looked.add(dirty)
	defer func() {
		if err != nil {
			t.dirty.all = true
		}
	}()
	err = t.opt.DB.View(func(tx *agreed.Tx) error {
		t.readMeta(tx)
		for _, f := range t.folders {
			f.bySum = nil // the last run took from it what it paired
		}
		if dirty.all {
			if err := t.scan(ctx, tx); err != nil {
				return err
			}
			t.scanned = true
		} else if err := t.look(ctx, tx, dirty); err != nil {
			return err
		}
		if err := t.findMoves(ctx, tx); err != nil {
			return err
		}
		for _, remote := range t.restless {
			t.withhold(remote, nil)
		}
		t.restless = nil
		return nil
	})
	if err == nil {
		t.version = t.opt.DB.Version()
	}
	return err
}

// MetaSince is the meta value of the Unix time, in nanoseconds and decimal, at
// which the scan of an imported state began: files older than that are as it says.
const MetaSince = "since"

func (t *Tracker) readMeta(tx *agreed.Tx) {
	t.legacy = len(tx.Meta(agreed.LegacyMeta)) > 0
	t.since, _ = strconv.ParseInt(string(tx.Meta(MetaSince)), 10, 64)
}

// file is a message file of a folder, as it lies there.
type file struct {
	unique string
	mark   agreed.Mark
	seen   agreed.Seen
}

func filesOf(sub string, list []maildir.File) []file {
	files := make([]file, 0, len(list))
	for _, f := range list {
		if maildir.CheckPath(f.Name) != nil {
			continue
		}
		unique, _ := maildir.SplitFlags(f.Name)
		files = append(files, file{unique, agreed.Mark{Sub: sub, Info: f.Name[len(unique):]}, SeenIn(f)})
	}
	return files
}

// scan looks at every folder.
func (t *Tracker) scan(ctx context.Context, tx *agreed.Tx) error {
	t.folders = make(map[string]*folder)
	t.marks = make(map[agreed.Mark]*agreed.Mark) // of all that is told of from now on
	t.damaged, t.doubles, t.half, t.restless = nil, nil, nil, nil
	waiting := make(map[string][]file) // cur, until new comes
	alone := make(map[string]maildir.Folder)
	var read []listed
	report, err := t.opt.Store.Scan(ctx, maildir.ScanOptions{Excluded: t.opt.Excluded}, func(l maildir.Listing) error {
		read = append(read, listed{l.Folder, l.Local, l.Sub, l.Before})
		files := filesOf(l.Sub, l.Files)
		first, second := waiting[l.Folder]
		if !second {
			waiting[l.Folder], alone[l.Folder] = files, l.Local
			return nil
		}
		delete(waiting, l.Folder)
		delete(alone, l.Folder)
		return t.compare(ctx, tx, l.Folder, append(first, files...))
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		if f := alone[name]; f.IsHalf() {
			t.half = append(t.half, f)
		}
		if err := t.compare(ctx, tx, name, waiting[name]); err != nil {
			return err
		}
	}
	if err := t.followUp(ctx, tx, read); err != nil {
		return err
	}
	t.skipped = report.Skipped
	t.keepLinked(tx)
	lost := 0
	for f := range tx.Folders() {
		if !report.Folders[f.Path] && !t.unseen(f.Path, report.Skipped) {
			t.vanished(tx, f.Path)
			lost += f.Count
		}
	}
	if lost > 0 && len(report.Folders) == 0 {
		return fault.New(fault.MailboxMissing, "scan", t.opt.Store.Home(),
			fmt.Errorf("there is no folder in the mailbox, where %d messages were: is it mounted?", lost))
	}
	return tx.Err()
}

// listed is a directory that a scan has read, and when it had changed before.
type listed struct {
	remote string
	folder maildir.Folder
	sub    string
	before time.Time
}

// maxFollowUps bounds how often a scan looks again at what changes under its hands.
const maxFollowUps = 10

// followUp looks again at the folders that changed since they were read, until none
// does: a message that moved meanwhile was seen in both places, or in neither.
func (t *Tracker) followUp(ctx context.Context, tx *agreed.Tx, read []listed) error {
	changed := make(map[string]bool)
	for range maxFollowUps {
		if len(t.folders) == 0 {
			return nil // there is nothing to tell
		}
		again := make(map[string]maildir.Folder)
		for i := range read {
			l := &read[i]
			if t.Excluded(path.Join(l.folder.Path, "cur")) || t.Excluded(path.Join(l.folder.Path, "new")) {
				continue
			}
			now, err := l.folder.Changed(l.sub)
			if err != nil {
				return err
			}
			if !now.Equal(l.before) {
				l.before = now
				again[l.remote], changed[l.remote] = l.folder, true
			}
		}
		if len(again) == 0 {
			return nil
		}
		for _, remote := range slices.Sorted(maps.Keys(again)) {
			if err := t.lookFolder(ctx, tx, remote, again[remote]); err != nil {
				return err
			}
		}
	}
	t.restless = slices.Collect(maps.Keys(changed))
	return nil
}

// unseen reports whether a folder was not looked at: it is excluded, or behind a
// link that is not followed, or has no place here.
func (t *Tracker) unseen(remote string, skipped []string) bool {
	f, err := t.opt.Store.Folder(remote)
	if err != nil {
		return true
	}
	isSkipped := func(p string) bool { return slices.Contains(skipped, p) }
	for _, sub := range []string{"cur", "new"} {
		if p := path.Join(f.Path, sub); exclude.Above(p, t.opt.Excluded) || exclude.Above(p, isSkipped) {
			return true
		}
	}
	return false
}

// keepLinked takes nothing for gone that became a link, or lies in a cur or new
// that did: what is behind it was not looked at.
func (t *Tracker) keepLinked(tx *agreed.Tx) {
	if len(t.skipped) == 0 {
		return
	}
	links := make(map[string]bool, len(t.skipped))
	for _, l := range t.skipped {
		links[l] = true
	}
	for _, f := range t.folders {
		local := t.localOf(f.path)
		f.items = slices.DeleteFunc(f.items, func(it *item) bool {
			if it.kind != reconcile.Gone {
				return false
			}
			r, ok := tx.Get(agreed.Key{Folder: f.path, Unique: it.unique})
			dir := path.Join(local, r.Mark.Sub)
			return ok && (links[dir] || links[path.Join(dir, it.unique+r.Mark.Info)])
		})
	}
}

// vanished notes that an agreed folder is no longer there, nor its messages.
func (t *Tracker) vanished(tx *agreed.Tx, remote string) {
	f := t.folder(remote)
	f.vanished = true
	for unique, r := range tx.Each(remote) {
		f.put(&item{unique: unique, kind: reconcile.Gone, sum: &r.Sum, seen: agreed.Seen{Size: r.Size}})
	}
}

// compare notes how a folder's files differ from the agreed state.
func (t *Tracker) compare(ctx context.Context, tx *agreed.Tx, remote string, files []file) error {
	t.forget(remote)
	byUnique := func(a, b file) int { return strings.Compare(a.unique, b.unique) }
	if !slices.IsSortedFunc(files, byUnique) {
		slices.SortStableFunc(files, byUnique)
	}
	f := &folder{path: remote}
	if _, known := tx.Folder(remote); !known {
		f.made = true
	}
	var check []*item // content that may have changed
	var losses bool
	i := 0
	add := func(unique string, r *agreed.Record, here ...file) {
		switch it := t.judge(agreed.Key{Folder: remote, Unique: unique}, r, here); {
		case it == nil:
		case it.kind == reconcile.Gone:
			losses = true
			f.items = append(f.items, it)
		default:
			f.items = append(f.items, it)
			if it.kind == reconcile.Edited {
				check = append(check, it)
			}
		}
	}
	same := func() []file { // the files of the next unique name
		n := i + 1
		for n < len(files) && files[n].unique == files[i].unique {
			n++
		}
		group := files[i:n]
		i = n
		return group
	}
	for unique, r := range tx.Each(remote) {
		for i < len(files) && files[i].unique < unique {
			unique := files[i].unique
			add(unique, nil, same()...)
		}
		if i < len(files) && files[i].unique == unique {
			add(unique, &r, same()...)
		} else {
			add(unique, &r)
		}
	}
	for i < len(files) {
		unique := files[i].unique
		add(unique, nil, same()...)
	}
	if losses {
		if err := t.lookAgain(ctx, f); err != nil {
			return err
		}
	}
	if err := t.readChanged(ctx, tx, f, check); err != nil {
		return err
	}
	if f.made || len(f.items) > 0 {
		t.folders[remote] = f
	}
	return nil
}

// judge compares the files of one unique name with the agreed record of it, and
// returns nil where there is nothing to tell. A file whose content may have
// changed is Edited until it is read.
func (t *Tracker) judge(k agreed.Key, r *agreed.Record, files []file) *item {
	if len(files) == 0 {
		return &item{unique: k.Unique, kind: reconcile.Gone, sum: &r.Sum, seen: agreed.Seen{Size: r.Size}}
	}
	here := t.pick(k, r, files)
	if r == nil {
		if here.seen.Size == 0 || t.junk[k] == here.seen {
			return nil // no message (smd 1.3, spec §2)
		}
		return &item{unique: k.Unique, kind: reconcile.New, mark: t.intern(here.mark), seen: here.seen}
	}
	unchanged := here.seen == r.Seen || r.Seen == (agreed.Seen{}) && here.seen.Size > 0 && here.seen.Mtime < t.since
	switch {
	case !unchanged:
		return &item{unique: k.Unique, kind: reconcile.Edited, mark: t.intern(here.mark), seen: here.seen}
	case here.mark != r.Mark:
		return &item{unique: k.Unique, kind: reconcile.Marked, mark: t.intern(here.mark), seen: here.seen, sum: &r.Sum}
	case here.seen != r.Seen && len(t.touched) < maxTouched:
		t.touched[k] = here.seen
	}
	return nil
}

// maxTouched bounds what is remembered of an imported state's files, which nobody
// has to read: what is left over is found again by the next scan.
const maxTouched = 64 << 10

// pick chooses the file that counts among those of one unique name: one in cur
// before one in new, and the one with more flags, which is the later name of a
// message caught between two names. Of two messages it is the one agreed on; the
// other needs a name of its own.
func (t *Tracker) pick(k agreed.Key, r *agreed.Record, files []file) file {
	if len(files) == 1 {
		return files[0]
	}
	best := slices.MaxFunc(files, func(a, b file) int {
		if c := strings.Compare(b.mark.Sub, a.mark.Sub); c != 0 {
			return c
		}
		return cmp.Compare(len(a.mark.Info), len(b.mark.Info))
	})
	if r != nil {
		for _, f := range files {
			if f.seen == r.Seen {
				best = f
			}
		}
	}
	for _, f := range files {
		if f.seen.Ino != best.seen.Ino {
			t.doubles = append(t.doubles, k.Name(f.mark))
		}
	}
	return best
}

// lookAgain lists a folder that seems to have lost messages once more: one that
// was renamed meanwhile may have been missed under both names. What only one of
// the two readings saw is left for the next run.
func (t *Tracker) lookAgain(ctx context.Context, f *folder) error {
	local, err := t.opt.Store.Folder(f.path)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, sub := range []string{"cur", "new"} {
		if !has(local, sub) {
			continue
		}
		files, _, err := maildir.List(ctx, local, sub)
		if err != nil {
			return err
		}
		for _, file := range files {
			unique, _ := maildir.SplitFlags(file.Name)
			there[unique] = true
		}
	}
	f.items = slices.DeleteFunc(f.items, func(it *item) bool {
		if it.kind == reconcile.Gone && there[it.unique] {
			t.TouchFolder(local.Path)
			return true
		}
		return false
	})
	return nil
}

// has reports whether the folder has that directory: one that was never there has
// not vanished, and what is behind a link is not looked at.
func has(local maildir.Folder, sub string) bool {
	st, err := local.Root.Lstat(local.Rel(sub, ""))
	return err == nil && st.IsDir()
}

// readChanged reads the messages whose files are not as they were last seen: most
// of them only look different.
func (t *Tracker) readChanged(ctx context.Context, tx *agreed.Tx, f *folder, check []*item) error {
	if len(check) == 0 {
		return nil
	}
	results, err := t.read(ctx, f, check)
	if err != nil {
		return err
	}
	drop := make(map[*item]bool)
	for i, it := range check {
		k := agreed.Key{Folder: f.path, Unique: it.unique}
		r, ok := tx.Get(k)
		got := results[i]
		switch {
		case errors.Is(got.err, fs.ErrNotExist), !ok:
			drop[it] = true
			t.Touch(got.local)
		case errors.Is(got.err, maildir.ErrEmpty), errors.Is(got.err, maildir.ErrNotMessage):
			it.kind = reconcile.Damaged
			t.damaged = append(t.damaged, k)
		case got.err != nil:
			return got.err
		case got.sum == r.Sum || got.legacy == r.Sum:
			sum := r.Sum
			it.kind, it.sum = reconcile.Marked, &sum
			if *it.mark == r.Mark {
				drop[it] = true
				t.touched[k] = it.seen
			}
		default:
			it.sum = &got.sum
		}
	}
	f.items = slices.DeleteFunc(f.items, func(it *item) bool { return drop[it] })
	return nil
}

// reading is what came of reading one message.
type reading struct {
	local       string
	sum, legacy agreed.Sum
	err         error
}

// readers is how many messages are read side by side.
const readers = 4

// read reads messages side by side. What concerns one message is in its reading.
func (t *Tracker) read(ctx context.Context, f *folder, items []*item) ([]reading, error) {
	local, err := t.opt.Store.Folder(f.path)
	if err != nil {
		return nil, err
	}
	results := make([]reading, len(items))
	next := make(chan int)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(next)
		for i := range items {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range min(readers, len(items)) {
		g.Go(func() error {
			h, buf := agreed.NewHasher(t.legacy), make([]byte, 64<<10)
			for i := range next {
				p := maildir.Place{Folder: local, Sub: items[i].mark.Sub, File: items[i].unique + items[i].mark.Info}
				results[i] = readOne(p, h, t.legacy, buf)
			}
			return nil
		})
	}
	return results, g.Wait()
}

func readOne(p maildir.Place, h *agreed.Hasher, legacy bool, buf []byte) reading {
	got := reading{local: p.Path()}
	h.Reset()
	if got.err = p.ReadTo(h, buf); got.err == nil {
		got.sum, got.err = h.Sum()
		if legacy && got.err == nil {
			got.legacy, got.err = h.Legacy()
		}
	}
	if got.err != nil && !errors.Is(got.err, fs.ErrNotExist) && !errors.Is(got.err, maildir.ErrEmpty) && !errors.Is(got.err, maildir.ErrNotMessage) {
		got.err = fault.New(maildir.KindOf(got.err), "read", got.local, got.err)
	}
	return got
}
