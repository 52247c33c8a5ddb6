package twoway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/tracker"
	"smd-applet/sync/wire/smd2"
)

// RunOptions say what a run is to do.
type RunOptions struct {
	End *End
	// Pull applies the other end's changes here, Push this one's there. What
	// both changed is brought together in either.
	Pull, Push bool
	Full       bool // look at every message at both ends
	// Ahead tells that a look at every message of this end, begun under the lock of
	// this run, is over, and how it ended; nil: there was none.
	Ahead <-chan error
	// Watch says where this end changed since the last run; nil: nobody knows.
	Watch    Watch
	NoDelete bool // carry no deletion out
	DryRun   bool // change nothing
	Limits   guard.Limits
	// FailOnConflict ends the run where both ends changed a message, as SMD does.
	FailOnConflict bool
	Progress       func(Step) // may be nil
	// Planned is told, in a dry run, of what would be done here and there, in the
	// words of package hooks and by local paths; may be nil.
	Planned func(here bool, what, path, to string, size int64)
	// Sent is told of what was done at the other end, likewise; may be nil.
	Sent func(what, path, to string)
	Log  *slog.Logger
}

// Phase is what a run is doing.
type Phase int

// The phases of a run.
const (
	Comparing Phase = iota
	Transferring
	Agreeing
)

// Step is how far a run is.
type Step struct {
	Phase       Phase
	Done, Total int
	Bytes       int64
}

// Tally counts what was done at one end.
type Tally struct {
	New, Deleted, Moved, Flagged, Edited int
	Bytes                                int64 // of messages
}

// Result is what a run did.
type Result struct {
	Here, There Tally
	Conflicts   int            // messages kept twice, or kept though one end deleted them
	HeldHere    map[string]int // by folder: deletions of the other end that are held back here
	HeldThere   map[string]int // deletions made here that are not sent
	Damaged     []string       // messages found damaged at either end and not mended
	Skipped     []string       // links that are not followed, names no wire can carry, at either end
	Watched     bool           // the agent tells of changes as they happen
	Again       bool           // something changed meanwhile: another run is due
}

// run is a run as the client has it: one goroutine that handles what comes and
// says what goes, and beside it the sender, and the flushing of arrivals.
type run struct {
	client *Client
	opt    RunOptions
	end    *End
	log    *slog.Logger
	result *Result

	begun   *smd2.Begun
	agreed  bool // both ends remember the same
	folders answer[smd2.FolderDigest]
	listing answer[agreed.Entry]
	told    bool                 // the agent has told all its changes
	asked   int                  // Next without an answer
	sums    [][]reconcile.Change // asked for, in order
	gone    map[string]bool      // agreed folders that are gone there
	made    map[string]bool      // folders that appeared there
	ending  bool                 // End was said
	ended   *smd2.Ended

	taken   map[agreed.Key]bool // local changes that have been decided on
	cursor  *tracker.Cursor     // over the local changes
	removes []*task             // at either end, for the end of the run
	tasks   int                 // under way
	left    int                 // messages that changed meanwhile
	done    []*task             // to be agreed on, once their names are durable
	safe    []*task             // to be agreed on
	total   int
	count   int

	nextID  uint64             // the last one given to what was sent, or came
	fetches []fetch            // waiting for their turn
	wanted  []fetch            // asked for, in order
	window  int64              // bytes asked for
	untold  []smd2.OpItem      // without content, to be sent
	ops     map[uint64]*opSent // sent, without an outcome
	pushing int64              // bytes of these
	waiting []*opSent          // ops whose content waits for its turn

	in      *installer
	content []byte // came along with the change being decided on
	open    *arrival
	arrived map[uint64]*task
	flushed chan flushed // one batch at a time
	flying  bool

	committed time.Time // when this end last agreed on something

	holds      holds
	brought    map[agreed.Key]brought // from one end to the other, and not yet agreed on
	ofSize     map[int64][]agreed.Key // these, by their sizes
	list       map[agreed.Key]brought // of earlier runs; nil until it is read, and when it was taken over
	listFiles  []*segment             // of that
	listed     []*segment             // of this run, that this end has agreed on
	toldListed bool                   // what the agent has of its own is on the list
	stillThere map[agreed.Key]bool    // of these, what the agent told of under that name
	elsewhere  []reconcile.Change     // new there, perhaps one of these
	edited     []reconcile.Change     // of these: gone there, with a new content here
}

type flushed struct {
	batch []*arrival // its content is durable
	named []*task    // their names are
	err   error
}

// answer gathers the parts of an answer.
type answer[T any] struct {
	asked bool
	items []T
	last  bool
}

// maxAnswer bounds what is gathered: more than this end could hold anyway.
const maxAnswer = 4 << 20

// take adds a part, and reports whether one was to come.
func (a *answer[T]) take(items []T, last bool) bool {
	if !a.asked || a.last || len(a.items)+len(items) > maxAnswer {
		return false
	}
	a.items, a.last = append(a.items, items...), last
	return true
}

// fetch is a message to get from the agent.
type fetch struct {
	id   uint64 // once it is asked for
	op   reconcile.Op
	task *task
}

// opSent is an op the agent was told, or is to be.
type opSent struct {
	id   uint64 // once it is
	op   reconcile.Op
	task *task
}

// task is a decision under way.
type task struct {
	reconcile.Decision
	pending  int        // ops without an outcome
	renames  int        // of these, renames at the agent
	failed   bool       // an op was left
	missing  bool       // because the message is gone, or none: the next look tells
	folder   string     // it is about a folder,
	noFolder bool       // which goes
	listed   []*segment // that name what it brings
}

func newRun(c *Client, opt RunOptions) *run {
	opt.End.reset(c.peer.ctx)
	return &run{
		client: c, opt: opt, end: opt.End, log: opt.Log,
		result: &Result{HeldHere: make(map[string]int), HeldThere: make(map[string]int)},
		gone:   make(map[string]bool), made: make(map[string]bool), taken: make(map[agreed.Key]bool),
		brought: make(map[agreed.Key]brought), ofSize: make(map[int64][]agreed.Key), stillThere: make(map[agreed.Key]bool),
		ops: make(map[uint64]*opSent), arrived: make(map[uint64]*task),
		in: &installer{end: opt.End}, flushed: make(chan flushed, 1),
	}
}

func (r *run) send(msg any) { r.client.peer.send(msg) }

func (r *run) step(p Phase) {
	if r.opt.Progress != nil {
		r.opt.Progress(Step{Phase: p, Done: r.count, Total: max(r.total, r.count), Bytes: r.result.Here.Bytes + r.result.There.Bytes})
	}
}

func (r *run) do(ctx context.Context) error {
	if err := r.begin(ctx, r.opt.Full); err != nil {
		return err
	}
	if r.begun.Closed {
		return nil
	}
	healed, err := r.heal(ctx)
	if err != nil {
		return err
	}
	if healed {
		if err := r.begin(ctx, false); err != nil || r.begun.Closed {
			return err
		}
	}
	if err := r.exchange(ctx); err != nil {
		return err
	}
	r.step(Agreeing)
	r.ending = true
	r.send(&smd2.End{})
	if err := r.await(ctx, func() bool { return r.ended != nil }); err != nil {
		return err
	}
	return r.finish()
}

// begin has both ends look for changes, at once.
func (r *run) begin(ctx context.Context, full bool) error {
	r.step(Comparing)
	r.begun, r.told, r.asked = nil, false, 0
	begin := &smd2.Begin{Full: full}
	if full {
		r.send(&smd2.Begin{Full: true}) // both ends look at once
	}
	t := r.end.Tracker
	if err := r.look(ctx, full); err != nil {
		return r.local(err)
	}
	hints := r.client.takeHints()
	if !full && len(hints) > 0 && r.opt.Pull && !r.opt.DryRun {
		err := r.early(hints)
		if err == nil {
			err = t.Refresh(ctx, false)
		}
		if err != nil {
			return r.local(err)
		}
	}
	state, err := r.end.DB.Summary()
	if err != nil {
		return r.local(err)
	}
	begin.Digest = state.Digest
	if !full {
		begin.Close, begin.Want = t.Count() == 0, chunk/4
		r.send(begin)
	}
	if err := r.await(ctx, func() bool { return r.begun != nil }); err != nil {
		return err
	}
	r.agreed = begin.Digest == r.begun.Digest
	if begin.Want > 0 && r.agreed && r.begun.Changes > 0 {
		r.asked = 1
	}
	r.result.Watched = r.begun.Watched
	r.result.Skipped = append(t.Skipped(), r.begun.Skipped...)
	r.total = r.begun.Changes + t.Count()
	return nil
}

// look finds what changed at this end.
func (r *run) look(ctx context.Context, full bool) error {
	var err error
	if ahead := r.opt.Ahead; ahead != nil {
		r.opt.Ahead = nil
		if err = <-ahead; err == nil && r.opt.Watch != nil {
			err = r.end.look(ctx, r.opt.Watch, false)
		}
	} else {
		err = r.end.look(ctx, r.opt.Watch, full || r.opt.Watch == nil)
	}
	if err != nil || r.opt.DryRun {
		return err
	}
	return r.end.Tracker.Mend(ctx)
}

// local tells the agent that this end failed.
func (r *run) local(err error) error {
	r.send(&smd2.Cancel{})
	return err
}

// close gives up what a failed run left.
func (r *run) close() {
	if r.open != nil {
		r.open.discard()
	}
	if r.flying {
		f := <-r.flushed
		_ = discardAll(f.batch)
	}
	_ = discardAll(r.in.take())
	r.end.release()
	r.client.peer.conn.Release()
}

// await handles what comes until the condition holds.
func (r *run) await(ctx context.Context, done func() bool) error {
	if err := r.proceed(ctx); err != nil {
		return err
	}
	for !done() {
		select {
		case msg := <-r.client.msgs:
			err := r.handle(msg)
			r.client.peer.handled()
			if err != nil {
				return err
			}
		case f := <-r.flushed:
			r.flying = false
			if err := r.place(f); err != nil {
				return err
			}
		case <-r.client.gone:
			return r.client.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := r.proceed(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) handle(msg any) error {
	switch m := msg.(type) {
	case *smd2.Progress:
		r.step(Comparing)
	case *smd2.Begun:
		if r.begun != nil {
			return unexpected(msg)
		}
		r.begun = m
		r.client.takeHints() // the agent has looked since: they are told of, or outdated
	case *smd2.Folders:
		if !r.folders.take(m.Folders, m.Last) {
			return unexpected(msg)
		}
	case *smd2.Listing:
		if !r.listing.take(m.Entries, m.Last) {
			return unexpected(msg)
		}
	case *smd2.Changes:
		return r.changes(m)
	case *smd2.Sums:
		return r.summed(m.Sums)
	case *smd2.Bodies:
		return r.bodies(m.Parts)
	case *smd2.Outcomes:
		return r.outcomes(m.Items)
	case *smd2.Ended:
		if !r.ending {
			return unexpected(msg)
		}
		r.ended = m
	case *smd2.Failure:
		f := m.Err()
		f.Hint = "at the server: " + f.WayOut()
		return f
	default:
		return unexpected(msg)
	}
	return nil
}

// finish compares what both ends hold now.
func (r *run) finish() error {
	for _, k := range r.client.peer.takeJunk() {
		r.end.Tracker.Junk(k)
	}
	if r.opt.DryRun {
		return nil
	}
	return r.end.DB.Update(func(tx *agreed.Tx) error {
		if digest := tx.Digest(); digest != r.ended.Digest {
			r.log.Warn("the two ends' states differ after the run: the next one compares them")
		}
		return r.holds.save(tx, r.opt)
	})
}

// heal drops what the two agreed states do not have in common: there the ends
// are brought together without an ancestor, which deletes nothing. It reports
// whether there was such.
func (r *run) heal(ctx context.Context) (bool, error) {
	if r.agreed || r.opt.DryRun {
		return false, nil
	}
	r.folders = answer[smd2.FolderDigest]{asked: true}
	r.send(&smd2.Folders{})
	if err := r.await(ctx, func() bool { return r.folders.last }); err != nil {
		return false, err
	}
	theirs := make(map[string]smd2.FolderDigest)
	for _, f := range r.folders.items {
		theirs[f.Folder] = f
	}
	var differ []string
	var onlyMine, onlyTheirs []string
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for f := range tx.Folders() {
			t, both := theirs[f.Path]
			delete(theirs, f.Path)
			switch {
			case !both:
				onlyMine = append(onlyMine, f.Path)
				for unique, rec := range tx.Each(f.Path) {
					r.dropped(agreed.Key{Folder: f.Path, Unique: unique}, rec)
				}
			case t.Digest != f.Digest || t.Count != f.Count:
				differ = append(differ, f.Path)
			}
		}
		for name := range theirs {
			onlyTheirs = append(onlyTheirs, name)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	r.log.Info("the two ends remembered different states: agreeing anew where they differ, nothing is deleted",
		"folders", len(differ)+len(onlyMine)+len(onlyTheirs))
	for _, folder := range differ {
		if err := r.intersect(ctx, folder); err != nil {
			return false, err
		}
	}
	for _, folder := range onlyMine {
		r.touch(folder)
	}
	if err := r.end.settle(tracker.Settled{NoFolders: onlyMine}); err != nil {
		return false, err
	}
	r.send(&smd2.Agree{NoFolders: onlyTheirs})
	return true, nil
}

func (r *run) touch(folder string) {
	if f, err := r.end.Store.Folder(folder); err == nil {
		r.end.Tracker.TouchFolder(f.Path)
	}
}

// intersect drops at both ends what only one of them agreed on in a folder.
func (r *run) intersect(ctx context.Context, folder string) error {
	r.listing = answer[agreed.Entry]{asked: true}
	r.send(&smd2.List{Folder: folder})
	if err := r.await(ctx, func() bool { return r.listing.last }); err != nil {
		return err
	}
	theirs := make(map[string]agreed.Entry)
	for _, e := range r.listing.items {
		theirs[e.Key.Unique] = e
	}
	var mine, drop []agreed.Key
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for unique, rec := range tx.Each(folder) {
			k := agreed.Key{Folder: folder, Unique: unique}
			t, ok := theirs[unique]
			if ok && t.Mark == rec.Mark && t.Sum == rec.Sum {
				delete(theirs, unique)
				continue
			}
			mine = append(mine, k)
			r.dropped(k, rec)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for unique, t := range theirs {
		k := agreed.Key{Folder: folder, Unique: unique}
		drop = append(drop, k)
		if _, noted := r.brought[k]; !noted {
			r.dropped(k, agreed.Record{Mark: t.Mark, Sum: t.Sum, Size: t.Size})
		}
	}
	if err := r.end.settle(tracker.Settled{Drop: mine}); err != nil {
		return err
	}
	r.touch(folder)
	for len(drop) > 0 {
		n := min(len(drop), chunk)
		r.send(&smd2.Agree{Drop: drop[:n:n]})
		drop = drop[n:]
	}
	return nil
}

// known returns what both ends agreed on about a message.
func known(tx *agreed.Tx, k agreed.Key) (reconcile.Known, bool) {
	rec, ok := tx.Get(k)
	return reconcile.Known{Key: k, Mark: rec.Mark, Sum: rec.Sum, Size: rec.Size}, ok
}

func (r *run) conflict(d reconcile.Decision, k agreed.Key) error {
	if !d.Conflict {
		return nil
	}
	if r.opt.FailOnConflict {
		f := &fault.Error{
			Kind: fault.Conflict, Op: "sync", Path: k.String(), Context: "mail-addition",
			Err: errors.New("both ends changed it"),
		}
		if p, err := r.end.Store.Place(k.Name(agreed.Mark{Sub: "cur"})); err == nil {
			f.Path = p.Folder.Path
		}
		return r.local(f)
	}
	r.result.Conflicts++
	r.log.Info("both ends changed a message: nothing of it is given up", "message", k.String())
	return nil
}

func unique() string { return maildir.FreshUnique() }
