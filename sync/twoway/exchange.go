package twoway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/tracker"
	"smd-applet/sync/wire/smd2"
)

// What may be under way at once: enough to fill a long, fat line with small
// messages, little enough to hold in memory (docs/protocol.md, "Flow control").
const (
	windowFiles = 2048
	windowBytes = 32 << 20
	maxTasks    = 4 * windowFiles
)

// exchange brings the changes of both ends together: first all that adds, moves
// or marks, in both directions at once, then the deletions.
func (r *run) exchange(ctx context.Context) error {
	if err := r.readHolds(); err != nil {
		return err
	}
	if err := r.readBrought(ctx); err != nil {
		return r.local(err)
	}
	r.step(Transferring)
	r.ask()
	if err := r.await(ctx, func() bool { return r.told && len(r.sums) == 0 }); err != nil {
		return err
	}
	if err := r.movedThere(); err != nil {
		return err
	}
	r.cursor = r.end.Tracker.Cursor()
	idle := func() bool { return r.cursor == nil && r.tasks == 0 }
	if err := r.await(ctx, idle); err != nil {
		return err
	}
	if err := r.commit(); err != nil {
		return err
	}
	if err := r.makeFolders(); err != nil {
		return err
	}
	if err := r.await(ctx, idle); err != nil {
		return err
	}
	if err := r.deletions(); err != nil {
		return err
	}
	if err := r.await(ctx, idle); err != nil {
		return err
	}
	if err := r.commit(); err != nil {
		return err
	}
	if err := r.removeFolders(); err != nil {
		return err
	}
	if err := r.await(ctx, idle); err != nil {
		return err
	}
	return r.commit()
}

// ask asks for more changes while there is room for them.
func (r *run) ask() {
	if !r.told && r.asked == 0 && len(r.fetches) < windowFiles && r.tasks < maxTasks {
		r.asked++
		r.send(&smd2.Next{Max: chunk})
	}
}

// proceed does what has become possible.
func (r *run) proceed(ctx context.Context) error {
	if r.begun == nil || r.ended != nil || r.holds.entries == nil {
		return nil
	}
	r.ask()
	for r.cursor != nil && r.tasks < maxTasks {
		if err := r.localChanges(ctx); err != nil {
			return err
		}
	}
	r.sendOps()
	r.fetch()
	if err := r.sendContent(); err != nil {
		return r.local(err)
	}
	if !r.flying && (r.in.full() || len(r.wanted) == 0 && r.open == nil && len(r.in.batch) > 0) {
		r.flush()
	}
	if r.commitIsDue() {
		return r.commit()
	}
	return nil
}

// flush makes the batch that arrived durable, and with it the names the ones before
// it got: where many files are flushed by one call the names come for nothing.
func (r *run) flush() {
	batch, named, dirs := r.in.take(), r.done, r.end.dirs
	r.done, r.end.dirs, r.flying = nil, make(maildir.Dirs), true
	list := r.listArrivals(batch)
	go func() {
		err := list.write()
		if err == nil {
			err = flush(batch)
		}
		if err == nil {
			err = dirs.Sync()
		}
		r.flushed <- flushed{batch, named, err}
	}()
}

// A commit stops the run for some disk accesses, and what it saves after a cut is
// reading, for nothing is sent twice.
const (
	commitAfter = time.Second
	commitMost  = 8 * chunk
)

func (r *run) commitIsDue() bool {
	switch {
	case len(r.done)+len(r.safe) == 0:
		return false
	case len(r.ops) == 0 && len(r.wanted) == 0 && !r.flying && r.asked == 0:
		return true
	}
	n := len(r.safe)
	if !r.flying {
		n += len(r.done)
	}
	return n >= commitMost || n >= chunk && time.Since(r.committed) >= commitAfter
}

// changes decides on what the agent tells.
func (r *run) changes(m *smd2.Changes) error {
	if r.asked--; r.asked < 0 || len(m.Contents) > len(m.Changes) {
		return fault.New(fault.Protocol, "receive", "", errors.New("changes nobody asked for"))
	}
	r.told = m.Last
	for _, f := range m.MadeFolders {
		if err := r.end.checkFolder(f); err != nil {
			return err
		}
		r.made[f] = true
	}
	for _, f := range m.GoneFolders {
		r.gone[f] = true
	}
	var unread []reconcile.Change
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for i, c := range m.Changes {
			if err := checkChange(c); err != nil {
				return err
			}
			r.content = nil
			if i < len(m.Contents) && len(m.Contents[i]) > 0 {
				r.content = m.Contents[i]
			}
			if c.Kind == reconcile.New && c.Sum == agreed.Unread && r.mayBeHere(c) {
				unread = append(unread, c) // it may be one this end has too
				continue
			}
			if err := r.theirs(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	r.content = nil
	if err != nil {
		return err
	}
	if len(unread) > 0 {
		ask := &smd2.Sums{}
		for _, c := range unread {
			ask.Files = append(ask.Files, smd2.File{Key: c.Key, Mark: c.Mark})
		}
		r.sums = append(r.sums, unread)
		r.send(ask)
	}
	return nil
}

// mayBeHere reports whether this end may have a message that is new there, so that
// its content has to be known.
func (r *run) mayBeHere(c reconcile.Change) bool {
	t := r.end.Tracker
	_, brought := r.brought[c.Key]
	return brought || len(r.ofSize[c.Size]) > 0 || t.HasNew(c.Key.Folder) || t.HasNamesake(c.Key)
}

// checkChange refuses what no end can have done.
func checkChange(c reconcile.Change) error {
	if c.Kind < reconcile.New || c.Kind > reconcile.Damaged || c.Size < 0 {
		return fault.New(fault.Protocol, "receive", c.Key.String(), fmt.Errorf("a change of kind %d and size %d", c.Kind, c.Size))
	}
	err := checkName(c.Key, agreed.Mark{Sub: "cur"})
	if c.Kind != reconcile.Gone && err == nil {
		err = checkName(c.Place(), c.Mark)
	}
	return err
}

func (r *run) summed(sums []agreed.Sum) error {
	if len(r.sums) == 0 || len(r.sums[0]) != len(sums) {
		return fault.New(fault.Protocol, "receive", "", errors.New("sums nobody asked for"))
	}
	list := r.sums[0]
	r.sums = r.sums[1:]
	return r.end.DB.View(func(tx *agreed.Tx) error {
		for i, c := range list {
			if sums[i] == agreed.Unread {
				r.left++ // gone again: the next run hears of it
				continue
			}
			c.Sum = sums[i]
			if err := r.theirs(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// theirs decides on one change of the other end.
func (r *run) theirs(tx *agreed.Tx, c reconcile.Change) error {
	base, agreedOn := known(tx, c.Key)
	if !agreedOn && c.Kind != reconcile.New {
		if c.Kind == reconcile.Gone || c.Kind == reconcile.Damaged {
			return nil
		}
		// Its state has a message that this end's has not: as good as new.
		c = reconcile.Change{Kind: reconcile.New, Key: c.Place(), Mark: c.Mark, Sum: c.Sum, Size: c.Size}
		base, agreedOn = known(tx, c.Key)
		if agreedOn {
			return nil
		}
	}
	if err := r.makeWay(tx, c); err != nil {
		return err
	}
	if c.Kind == reconcile.New && r.waits(c) {
		return nil
	}
	mine, err := r.mine(c)
	if err != nil {
		return err
	}
	if done, err := r.moot(tx, mine, c); done || err != nil {
		return err
	}
	return r.meet(tx, base, mine, c)
}

// meet decides on a change of the other end and this end's of the same message,
// nil where there is none.
func (r *run) meet(tx *agreed.Tx, base reconcile.Known, mine *reconcile.Change, c reconcile.Change) error {
	if mine != nil {
		r.taken[mine.Key] = true
		r.taken[c.Key] = true // where it will be
	}
	if !r.opt.Pull && mine == nil {
		return nil
	}
	if mine == nil && c.Kind == reconcile.New && r.end.Tracker.Went(c.Size) {
		r.left++ // it may be what a person here has just moved: the next look finds that
		return nil
	}
	var d reconcile.Decision
	var err error
	switch {
	case c.Kind != reconcile.New:
		d = reconcile.Existing(base, mine, &c, unique)
	case mine != nil:
		d, err = r.twoNew(*mine, c)
	default:
		d = reconcile.OneNew(c, false)
	}
	if err != nil {
		return err
	}
	return r.decided(tx, d, c.Key)
}

// makeWay sees to it that the place of the other end's message is not taken here
// by a message that came there by another way.
func (r *run) makeWay(tx *agreed.Tx, c reconcile.Change) error {
	if c.Kind == reconcile.New {
		r.end.Tracker.Unpair(c.Key)
		return nil
	}
	if c.Kind != reconcile.Moved || r.opt.DryRun {
		return nil
	}
	m := r.end.Tracker.At(c.To)
	if m == nil || m.Kind != reconcile.New {
		return nil
	}
	p, err := r.end.place(m.Key, m.Mark)
	if err != nil {
		return err
	}
	if same, err := r.end.holds(p, c.Sum); same || err != nil {
		return nil // the same message; or it went away, which is found when it is needed
	}
	err = r.end.do(tx, reconcile.Op{
		Kind: reconcile.Rename, Key: m.Key, From: m.Mark, Was: m.Sum, Mark: m.Mark,
		To: agreed.Key{Folder: m.Key.Folder, Unique: unique()},
	})
	if errors.Is(err, errLeft) {
		return nil
	}
	return err
}

// mine finds this end's change of the same message: by its key or, of a new one,
// by its content: within the folder, under its unique name in another, and wherever
// it be where it is known to have come from one end to the other.
func (r *run) mine(c reconcile.Change) (*reconcile.Change, error) {
	ctx := r.client.peer.ctx
	t := r.end.Tracker
	m := t.At(c.Key)
	if c.Kind != reconcile.New {
		return m, nil
	}
	if m != nil && m.Kind == reconcile.New {
		if r.taken[m.Key] {
			return nil, nil
		}
		if m.Sum != agreed.Unread {
			return m, nil
		}
		return r.readNew(c.Key)
	}
	if c.Sum == agreed.Unread {
		return nil, nil
	}
	if m, err := t.Namesake(ctx, c.Key, c.Sum, r.taken); m != nil || err != nil {
		return m, err
	}
	if b, listed := r.brought[c.Key]; listed {
		return r.movedHere(b, c.Sum)
	}
	return t.Same(ctx, c.Key.Folder, c.Sum, func(c reconcile.Change) (bool, error) { return !r.taken[c.Key], nil })
}

// readNew reads a new message of this end and returns it as it is now; nil where it
// is no message, or gone.
func (r *run) readNew(k agreed.Key) (*reconcile.Change, error) {
	t := r.end.Tracker
	sums, err := t.Read(r.client.peer.ctx, k.Folder, []string{k.Unique})
	if err != nil || sums[0] == agreed.Unread {
		return nil, err
	}
	return t.At(k), nil
}

// localChanges decides on what only this end changed.
func (r *run) localChanges(ctx context.Context) error {
	list := r.cursor.Next(chunk)
	if len(list) == 0 {
		r.cursor = nil
		return nil
	}
	return r.end.DB.View(func(tx *agreed.Tx) error {
		for _, c := range list {
			if r.taken[c.Key] {
				continue
			}
			if gone, err := r.takeBack(tx, c); gone || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			if !r.opt.Push {
				continue
			}
			var d reconcile.Decision
			if c.Kind == reconcile.New {
				d = reconcile.OneNew(c, true)
			} else {
				base, ok := known(tx, c.Key)
				if !ok {
					continue
				}
				d = reconcile.Existing(base, &c, nil, unique)
			}
			if err := r.decided(tx, d, c.Key); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// decided sets a decision to work.
func (r *run) decided(tx *agreed.Tx, d reconcile.Decision, k agreed.Key) error {
	if err := r.conflict(d, k); err != nil {
		return err
	}
	t := &task{Decision: d}
	removes := func(op reconcile.Op) bool { return op.Kind == reconcile.Remove }
	if slices.ContainsFunc(d.Here, removes) || slices.ContainsFunc(d.There, removes) {
		r.removes = append(r.removes, t)
		return nil
	}
	return r.start(tx, t)
}

// start does what this end can do at once, and asks for the rest.
func (r *run) start(tx *agreed.Tx, t *task) error {
	r.tasks++
	if r.opt.DryRun {
		r.plan(t)
		r.tasks--
		r.count++
		return nil
	}
	for _, op := range t.There {
		if op.Kind != reconcile.Put && op.Kind != reconcile.Replace {
			r.tell(t, op)
			t.renames++
		}
	}
	for _, op := range t.Here {
		switch op.Kind {
		case reconcile.Put, reconcile.Replace:
			t.pending++
			if op.Kind == reconcile.Put && r.content != nil && r.open == nil {
				if err := r.take(t, op); err != nil {
					return err
				}
			} else if t.renames == 0 {
				r.queue(t, op)
			}
		default:
			err := r.end.do(tx, op)
			if errors.Is(err, errLeft) {
				t.failed = true
				continue
			}
			if err != nil {
				return err
			}
			r.tally(&r.result.Here, op)
		}
	}
	if err := r.settleBefore(t); err != nil {
		return r.local(err)
	}
	for _, op := range t.There {
		if op.Kind == reconcile.Put || op.Kind == reconcile.Replace {
			t.pending++
			r.waiting = append(r.waiting, &opSent{op: op, task: t})
		}
	}
	r.check(t)
	return nil
}

// settleBefore makes names durable that were given here before content is sent
// under them: else a power cut here would leave the other end with a message of
// its own, and the next run would send the content again.
func (r *run) settleBefore(t *task) error {
	content := func(op reconcile.Op) bool { return op.Kind == reconcile.Put || op.Kind == reconcile.Replace }
	if !slices.ContainsFunc(t.There, content) || !slices.ContainsFunc(t.Here, func(op reconcile.Op) bool { return !content(op) }) {
		return nil
	}
	return r.end.syncDirs()
}

// take takes a message that came along with the change.
func (r *run) take(t *task, op reconcile.Op) error {
	r.nextID++
	a, err := r.in.open(r.nextID, op)
	if err != nil {
		return r.local(err)
	}
	r.arrived[r.nextID] = t
	if _, err := a.Write(r.content); err != nil {
		a.discard()
		return r.local(err)
	}
	r.result.Here.Bytes += int64(len(r.content))
	if err := r.in.close(a, op.Sum); err != nil {
		return r.local(err)
	}
	return nil
}

// tell has the agent do an op that needs no content.
func (r *run) tell(t *task, op reconcile.Op) {
	t.pending++
	r.nextID++
	r.ops[r.nextID] = &opSent{r.nextID, op, t}
	r.untold = append(r.untold, smd2.OpItem{ID: r.nextID, Op: op})
}

// sendOps sends the ops that need no content, many at once: the agent makes those
// of a message durable together.
func (r *run) sendOps() {
	for len(r.untold) > 0 {
		n := min(len(r.untold), chunk)
		r.send(&smd2.Ops{Items: r.untold[:n:n]})
		r.untold = r.untold[n:]
	}
}

// queue has a message fetched. By then the agent has it where both will.
func (r *run) queue(t *task, op reconcile.Op) {
	r.fetches = append(r.fetches, fetch{op: op, task: t})
}

// fetch asks for what was queued, as much at once as the window allows.
func (r *run) fetch() {
	var items []smd2.GetItem
	for len(r.fetches) > 0 && len(r.wanted) < windowFiles && (r.window == 0 || r.window+r.fetches[0].op.Size <= windowBytes) {
		f := r.fetches[0]
		r.fetches = r.fetches[1:]
		r.nextID++
		f.id = r.nextID
		r.wanted = append(r.wanted, f)
		r.window += f.op.Size
		items = append(items, smd2.GetItem{ID: f.id, File: smd2.File{Key: f.op.To, Mark: f.op.Mark}})
		if len(items) == chunk {
			r.send(&smd2.Get{Items: items})
			items = nil
		}
	}
	if len(items) > 0 {
		r.send(&smd2.Get{Items: items})
	}
}

// sendContent sends ops with their content, as much at once as the window allows.
func (r *run) sendContent() error {
	n, size := 0, r.pushing
	for n < len(r.waiting) && len(r.ops)+n < windowFiles && (size == 0 || size+r.waiting[n].op.Size <= windowBytes) {
		size += r.waiting[n].op.Size
		n++
	}
	going := r.waiting[:n]
	r.waiting = r.waiting[n:]
	if n == 0 {
		return nil
	}
	if err := r.listSent(going); err != nil {
		return err
	}
	var items []smd2.OpItem
	var bodies []content
	flush := func() {
		if len(items) > 0 {
			r.send(&smd2.Ops{Items: items})
		}
		for _, b := range bodies {
			r.client.peer.sendBody(b)
		}
		items, bodies = nil, nil
	}
	for _, s := range going {
		p, err := r.end.place(s.op.To, s.op.Mark)
		if err != nil {
			// Only a name of this end's own could be refused, and none was told.
			s.task.failed = true
			s.task.pending--
			r.check(s.task)
			continue
		}
		r.nextID++
		s.id = r.nextID
		r.ops[s.id] = s
		r.pushing += s.op.Size
		items = append(items, smd2.OpItem{ID: s.id, Op: s.op})
		bodies = append(bodies, content{id: s.id, key: s.op.To, place: p})
		if len(items) == chunk {
			flush()
		}
	}
	flush()
	return nil
}

// bodies takes what was asked for, in order.
func (r *run) bodies(parts []smd2.Part) error {
	for _, part := range parts {
		if r.open == nil {
			if len(r.wanted) == 0 || r.wanted[0].id != part.ID {
				return fault.New(fault.Protocol, "receive", "", errors.New("content nobody asked for"))
			}
			var err error
			if r.open, err = r.in.open(part.ID, r.wanted[0].op); err != nil {
				return r.local(err)
			}
			r.arrived[part.ID] = r.wanted[0].task
			r.answered(part.ID)
		}
		whole, err := r.in.piece(r.open, part)
		if err != nil {
			return r.local(err)
		}
		r.result.Here.Bytes += int64(len(part.Data))
		if !whole {
			continue
		}
		r.window -= r.wanted[0].op.Size
		r.wanted = r.wanted[1:]
		r.open = nil
	}
	return nil
}

// agreeMost is how many entries go into one Agree: each of them is a commit there,
// and none is larger than a message may be.
const agreeMost = 2 * chunk

// place puts a batch that is durable in its places.
func (r *run) place(f flushed) error {
	if f.err != nil {
		return r.local(errors.Join(f.err, discardAll(f.batch)))
	}
	r.safe = append(r.safe, f.named...)
	if err := r.end.placeAll(f.batch); err != nil {
		return r.local(err)
	}
	for _, a := range f.batch {
		t := r.arrived[a.id]
		delete(r.arrived, a.id)
		t.pending--
		if a.left {
			t.failed, t.missing = true, t.missing || a.missing
		} else {
			r.tally(&r.result.Here, a.op)
		}
		r.check(t)
	}
	return nil
}

// read notes the content of a message that was not read when it was told of.
func (t *task) read(k agreed.Key, sum agreed.Sum) {
	for i := range t.Agree {
		if t.Agree[i].Key == k && t.Agree[i].Sum == agreed.Unread {
			t.Agree[i].Sum = sum
		}
	}
}

// outcomes takes in what the agent has done.
func (r *run) outcomes(items []smd2.Outcome) error {
	for _, o := range items {
		s := r.ops[o.ID]
		if s == nil {
			return fault.New(fault.Protocol, "receive", "", errors.New("an outcome of no op"))
		}
		delete(r.ops, o.ID)
		r.answered(o.ID)
		t := s.task
		t.pending--
		content := s.op.Kind == reconcile.Put || s.op.Kind == reconcile.Replace
		if content {
			r.pushing -= s.op.Size
		}
		switch {
		case o.Left && t.noFolder:
			// Something is left in it there: it is a folder at both ends again.
			if _, err := r.end.folder(t.folder); err != nil {
				return r.local(err)
			}
			t.noFolder = false
		case o.Left && content && r.client.peer.wasMissing(o.ID):
			t.failed, t.missing = true, true
		case o.Left:
			t.failed = true
		default:
			if content {
				t.read(s.op.To, o.Sum)
				r.result.There.Bytes += s.op.Size
			}
			r.tally(&r.result.There, s.op)
			r.sent(s.op)
		}
		if !content && t.renames > 0 {
			if t.renames--; t.renames == 0 {
				for _, op := range t.Here {
					if op.Kind == reconcile.Put || op.Kind == reconcile.Replace {
						r.queue(t, op)
					}
				}
			}
		}
		r.check(t)
	}
	return nil
}

// check closes a task of which nothing is under way any more.
func (r *run) check(t *task) {
	if t.pending > 0 {
		return
	}
	r.tasks--
	r.count++
	r.step(Transferring)
	if t.failed {
		if !t.missing {
			r.left++
		}
		return
	}
	r.done = append(r.done, t)
}

// commit agrees on what is done and durable, here and then there. While a batch is
// on its way to the disk that is what was durable before; else it is all.
func (r *run) commit() error {
	if !r.flying {
		r.safe, r.done = append(r.safe, r.done...), nil
	}
	if len(r.safe) == 0 || r.opt.DryRun {
		return nil
	}
	var s tracker.Settled
	for _, t := range r.safe {
		switch {
		case t.folder == "":
		case t.noFolder:
			s.NoFolders = append(s.NoFolders, t.folder)
		default:
			s.Folders = append(s.Folders, t.folder)
		}
		s.Drop = append(s.Drop, t.Drop...)
		unread := false
		for _, e := range t.Agree {
			if e.Sum == agreed.Unread {
				unread = true
				continue
			}
			s.Entries = append(s.Entries, e)
		}
		if !unread {
			r.agreedOn(t)
		}
	}
	r.safe = nil
	r.committed = time.Now()
	if r.flying {
		return r.agreeDurable(s)
	}
	return r.agree(s)
}

// agree makes durable what was done here, and has both ends agree on it.
func (r *run) agree(s tracker.Settled) error {
	if err := r.end.syncDirs(); err != nil {
		return r.local(err)
	}
	return r.agreeDurable(s)
}

// agreeDurable has both ends take over what is durable at both, side by side: each
// waits for its disk. Where only one of them gets to it, the next run finds that by
// the digests.
func (r *run) agreeDurable(s tracker.Settled) error {
	r.tellAgreed(s)
	if err := r.end.record(s); err != nil {
		return r.local(err)
	}
	return nil
}

// tellAgreed has the agent take over what is agreed on.
func (r *run) tellAgreed(s tracker.Settled) {
	m := &smd2.Agree{Folders: s.Folders, NoFolders: s.NoFolders}
	for len(s.Drop)+len(s.Entries)+len(m.Folders)+len(m.NoFolders) > 0 {
		n := min(len(s.Drop), agreeMost)
		m.Drop, s.Drop = s.Drop[:n:n], s.Drop[n:]
		n = min(len(s.Entries), agreeMost)
		m.Entries, s.Entries = s.Entries[:n:n], s.Entries[n:]
		r.send(m)
		m = &smd2.Agree{}
	}
}

// tally counts an op that was done.
func (r *run) tally(t *Tally, op reconcile.Op) {
	switch op.Kind {
	case reconcile.Put:
		t.New++
	case reconcile.Replace:
		t.Edited++
	case reconcile.Remove:
		t.Deleted++
	case reconcile.Rename:
		if op.Key == op.To {
			t.Flagged++
		} else {
			t.Moved++
		}
	}
}

// words tells an op in the words of hooks, by this end's names.
func (r *run) words(op reconcile.Op) (what, from, to string) {
	local := func(k agreed.Key, m agreed.Mark) string {
		p, err := r.end.Store.Place(k.Name(m))
		if err != nil {
			return k.Name(m).String()
		}
		return p.Path()
	}
	switch op.Kind {
	case reconcile.Put, reconcile.Replace:
		return hooks.Added, local(op.To, op.Mark), ""
	case reconcile.Remove:
		return hooks.Removed, local(op.Key, op.From), ""
	case reconcile.Rename:
		what = hooks.Moved
		if op.Key == op.To {
			what = hooks.Flagged
		}
		return what, local(op.Key, op.From), local(op.To, op.Mark)
	}
	return "", "", ""
}

func (r *run) sent(op reconcile.Op) {
	if what, from, to := r.words(op); r.opt.Sent != nil && what != "" {
		r.opt.Sent(what, from, to)
	}
}

// plan counts, in a dry run, what would be done.
func (r *run) plan(t *task) {
	for _, side := range []struct {
		here  bool
		tally *Tally
		ops   []reconcile.Op
	}{{true, &r.result.Here, t.Here}, {false, &r.result.There, t.There}} {
		for _, op := range side.ops {
			r.tally(side.tally, op)
			side.tally.Bytes += op.Size
			if what, from, to := r.words(op); r.opt.Planned != nil && what != "" {
				r.opt.Planned(side.here, what, from, to, op.Size)
			}
		}
	}
}

// makeFolders makes folders that one end has made at the other.
func (r *run) makeFolders() error {
	made, _ := r.end.Tracker.Folders()
	var s tracker.Settled
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for _, folder := range made {
			if r.made[folder] {
				delete(r.made, folder)
				s.Folders = append(s.Folders, folder)
			} else if r.opt.Push && !r.opt.DryRun {
				r.folderTask(folder, reconcile.MakeFolder, false)
			}
		}
		for folder := range r.made {
			if !r.opt.Pull || r.opt.DryRun {
				continue
			}
			if err := r.end.do(tx, reconcile.Op{Kind: reconcile.MakeFolder, Key: agreed.Key{Folder: folder}}); err != nil {
				return r.local(err)
			}
			s.Folders = append(s.Folders, folder)
		}
		return nil
	})
	if err != nil || len(s.Folders) == 0 || r.opt.DryRun {
		return err
	}
	return r.agree(s)
}

// folderTask has the agent make or remove a folder; what becomes of it is
// agreed on in the task's outcome.
func (r *run) folderTask(folder string, kind reconcile.OpKind, gone bool) {
	t := &task{folder: folder, noFolder: gone}
	r.tasks++
	r.tell(t, reconcile.Op{Kind: kind, Key: agreed.Key{Folder: folder}})
}

// removeFolders removes folders that are gone at one end from the other, when no
// message is left in them; else they are made again where they are gone.
func (r *run) removeFolders() error {
	_, vanished := r.end.Tracker.Folders()
	var s tracker.Settled
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for _, folder := range vanished {
			f, ok := tx.Folder(folder)
			switch {
			case !ok || f.Count > 0 || r.opt.DryRun:
			case r.gone[folder]:
				s.NoFolders = append(s.NoFolders, folder)
			case r.opt.Push && !r.opt.NoDelete:
				r.folderTask(folder, reconcile.RemoveFolder, true)
			}
			delete(r.gone, folder)
		}
		for folder := range r.gone {
			f, ok := tx.Folder(folder)
			if !ok || f.Count > 0 || !r.opt.Pull || r.opt.DryRun || r.opt.NoDelete {
				continue
			}
			op := reconcile.Op{Kind: reconcile.RemoveFolder, Key: agreed.Key{Folder: folder}}
			switch err := r.end.do(tx, op); {
			case errors.Is(err, errLeft):
				r.folderTask(folder, reconcile.MakeFolder, false)
			case err != nil:
				return r.local(err)
			default:
				s.NoFolders = append(s.NoFolders, folder)
			}
		}
		return nil
	})
	if err != nil || len(s.NoFolders) == 0 {
		return err
	}
	slices.SortFunc(s.NoFolders, cmp.Compare[string])
	return r.agree(s)
}
