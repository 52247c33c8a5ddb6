package apply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"

	"smd-applet/sync/delta"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/vcdiff"
	"smd-applet/sync/wire/smd1"
)

// Options says where changes are applied, and how.
type Options struct {
	Store    *maildir.Store
	Files    index.Files
	Ledger   *guard.Ledger
	Limits   *guard.Limits // nil: the other end guards
	Excluded func(local string) bool
	// FailOnConflict ends the run where both ends changed a message, as SMD does.
	FailOnConflict bool
	DryRun         bool // write nothing
	// SharedState says that both ends use one db-file, which only the server
	// renames (smd 1.3, -l).
	SharedState bool
	Progress    func(Step) // told of each phase and message; may be nil
	// Told is told each change the other end sent, as it stands on the wire, and
	// Planned those of a dry run that would change something; may be nil.
	Told, Planned func(delta.Action)
	// Changed is told what was done to a message here, in the words of package
	// hooks: paths as the store has them, the second one empty where there is no
	// new one. May be nil.
	Changed func(what, path, to string)
	// Leaving is told of a message that is about to be removed; may be nil.
	Leaving func(path string)
	Log     *slog.Logger
}

// Step is how far a run is.
type Step struct {
	Phase       Phase
	Done, Total int // messages; Total is 0 while it is unknown
	Bytes       int64
}

// Phase is SMD's numbering of what a run does.
type Phase int

// The phases of a run.
const (
	Handshake Phase = iota
	Detection
	Transfer
	Agreement
)

// Result is what a run changed at this end.
type Result struct {
	Counts    delta.Counts
	Conflicts int            // messages kept twice, or kept though deleted there
	Bytes     int64          // of messages received
	DBBytes   int64          // of the db-file patch
	Held      map[string]int // by remote folder: deletions held back
	Committed bool
}

// ErrPatch says that the new agreed state could not be taken over.
var ErrPatch = errors.New("the new agreed state can't be taken over")

// Run applies the other end's changes. Whatever it returns, no message is lost:
// what was not reached is done by the next run.
func Run(ctx context.Context, conn *smd1.Conn, opt Options) (*Result, error) {
	r := &run{
		conn: conn, opt: opt, log: opt.Log,
		view: newView(opt.Store, opt.DryRun), dirty: make(maildir.Dirs), empty: make(map[maildir.Name]bool),
		deletes: make(map[string]bool), arrives: make(map[string]bool), touched: make(map[string]bool),
		arriving: maildir.NewHasher(), buf: make([]byte, 64<<10),
		result: &Result{Held: make(map[string]int)},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	err := r.do(ctx)
	if r.placed != nil {
		if err := r.placed.close(r.result.Committed); err != nil {
			r.log.Warn("the list of what was put in place is not in order: what is moved before the next run may be kept twice", "err", err)
		}
	}
	if err != nil {
		discard(r.copies)
		if !r.committing {
			// The other end learns that it is over; it may be gone already.
			_ = conn.SendAbort()
		}
	}
	return r.result, err
}

// run is the state of one run.
type run struct {
	conn  *smd1.Conn
	opt   Options
	log   *slog.Logger
	old   *index.Index
	since int64 // files not touched since then (Unix ns) are as the agreed state says

	actions []*delta.Action // pointers: jobs share them, and growing copies little
	deletes map[string]bool // names of DELETE actions
	arrives map[string]bool // names the other end adds again though held here
	touched map[string]bool // names any action is about

	view      *view
	localOnly map[maildir.Sum][]maildir.Name
	placed    *placed               // nil in a dry run
	theirs    map[string]bool       // see theirNames; nil until it is asked for
	empty     map[maildir.Name]bool // empty files to be replaced
	jobs      []job
	copies    []arrival
	removals  []removal
	fetched   []string // names of the ledger that are fetched again
	dirty     maildir.Dirs

	// committing says that this end may have the new state by now. The other end must
	// not give it up then: without an abort it keeps both, as when the line is cut, and
	// the next handshake tells which it is.
	committing bool

	arriving    *maildir.Hasher
	buf         []byte
	done, total int
	result      *Result
}

func (r *run) step(p Phase) {
	if r.opt.Progress != nil {
		r.opt.Progress(Step{Phase: p, Done: r.done, Total: r.total, Bytes: r.result.Bytes})
	}
}

func (r *run) changed(what string, path maildir.Place, to string) {
	if r.opt.Changed != nil {
		r.opt.Changed(what, path.Path(), to)
	}
}

func (r *run) do(ctx context.Context) error {
	r.step(Handshake)
	if err := r.conn.Agree(r.opt.Files, r.opt.DryRun); err != nil {
		return err
	}
	var err error
	if r.old, err = index.Load(r.opt.Files.DB); err != nil {
		return fault.New(maildir.KindOf(err), "read the agreed state", r.opt.Files.DB, err)
	}
	since, err := r.opt.Files.ScanTime()
	if err != nil {
		return fault.New(maildir.KindOf(err), "read the time of the last scan", r.opt.Files.DB, err)
	}
	if !since.IsZero() {
		r.since = since.UnixNano()
	}
	r.step(Detection)
	if err := r.readActions(ctx); err != nil {
		return err
	}
	if err := r.countActions(ctx); err != nil {
		return err
	}
	r.total = len(r.actions)
	if !r.opt.DryRun {
		list := r.opt.Files.Placed()
		if r.opt.SharedState {
			list = r.opt.Files.PlacedShared()
		}
		if r.placed, err = readPlaced(list); err != nil {
			r.log.Warn("the list of what a run that was cut put in place can't be read", "err", err)
		}
	}
	r.step(Transfer)
	if !r.opt.DryRun {
		if err := r.applyAll(ctx); err != nil {
			return err
		}
	}
	r.view, r.localOnly = nil, nil // their memory is needed for the new state
	r.step(Agreement)
	return r.commit()
}

// countActions counts what the other end sent; in a dry run, what of it would
// change something here.
func (r *run) countActions(ctx context.Context) error {
	for _, a := range r.actions {
		if r.opt.DryRun && (a.Kind == delta.Add || a.Kind == delta.Copy || a.Kind == delta.CopyBody) {
			if here, err := r.alreadyHere(ctx, a); err != nil {
				return err
			} else if here {
				continue
			}
		}
		r.result.Counts.Add(*a)
		if r.opt.Planned != nil {
			r.opt.Planned(*a)
		}
	}
	return nil
}

// alreadyHere reports whether this end has the new message, with these flags.
func (r *run) alreadyHere(ctx context.Context, a *delta.Action) (bool, error) {
	dst, err := maildir.ParseName(a.Dst)
	if err != nil {
		return false, fault.New(fault.Protocol, "apply", a.Dst, err)
	}
	have, ok, err := r.view.find(ctx, dst)
	if err != nil || !ok || merged(dst, have, maildir.MergeFlags("", have.Flags(), dst.Flags())) != have {
		return false, err
	}
	sum, ok, damaged, err := r.view.sum(have)
	return ok && !damaged && sum == a.Sum, err
}

func (r *run) readActions(ctx context.Context) error {
	var size int64
	for {
		a, err := r.conn.ReadAction()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, smd1.ErrAborted):
			return fault.New(fault.RemoteFailed, "receive the changes", "", err)
		case err != nil:
			return lost("receive the changes", err)
		case a.Kind == delta.Fail:
			return fault.New(fault.RemoteFailed, "scan at the other end", "", errors.New(a.Text))
		case len(r.actions) >= maxActions, size > maxActionBytes:
			return fault.New(fault.Protocol, "receive the changes", "", errors.New("more changes than any mailbox has"))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.actions = append(r.actions, &a)
		size += int64(len(a.Src)+len(a.Dst)) + actionBytes
		if r.opt.Told != nil {
			r.opt.Told(a)
		}
	}
}

// What is kept of the other end's changes is bounded by their number, and by the
// memory they take.
const (
	maxActions  = 8 << 20
	actionBytes = 192 // of one, beside its names
)

var maxActionBytes int64 = 1 << 30 // a variable for tests

// applyAll brings the mailbox to the state the actions describe, durably.
func (r *run) applyAll(ctx context.Context) error {
	var deletions []*delta.Action
	adds := 0
	for _, a := range r.actions {
		if a.Kind == delta.Add {
			adds++
		}
		if a.Kind == delta.Delete {
			r.deletes[a.Dst] = true
			deletions = append(deletions, a)
		}
		if _, held := r.opt.Ledger.HeldHere[a.Dst]; held && a.Kind != delta.Delete {
			r.arrives[a.Dst] = true
		}
		if _, wanted := r.opt.Ledger.Fetch[a.Dst]; wanted {
			r.touched[a.Dst] = true
		}
		if _, wanted := r.opt.Ledger.Fetch[a.Src]; wanted {
			r.touched[a.Src] = true
		}
	}
	r.jobs = make([]job, 0, adds)
	for _, a := range r.actions {
		if a.Kind == delta.Delete {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		before := len(r.jobs)
		if err := r.resolve(ctx, a); err != nil {
			return err
		}
		if len(r.jobs) == before {
			r.done++
			r.step(Transfer)
		}
	}
	if err := r.judge(deletions); err != nil {
		return err
	}
	if err := r.settleLedger(ctx); err != nil {
		return err
	}
	if err := r.installCopies(); err != nil {
		return err
	}
	jobs := r.jobs
	r.jobs = nil
	if err := r.fetchAll(ctx, jobs); err != nil {
		return err
	}
	if err := r.dirty.Sync(); err != nil {
		return err
	}
	if err := r.remove(ctx); err != nil {
		return err
	}
	if err := r.dirty.Sync(); err != nil {
		return err
	}
	clear(r.opt.Ledger.DeleteHere)
	for _, name := range r.fetched {
		delete(r.opt.Ledger.Fetch, name)
	}
	if err := r.opt.Ledger.Save(); err != nil {
		return fault.New(maildir.KindOf(err), "write the list of held deletions", "", err)
	}
	return nil
}

// commit takes the new agreed state over from the server.
func (r *run) commit() error {
	if err := r.conn.SendWord(smd1.Commit); err != nil {
		return lost("commit", err)
	}
	size, chunk, err := r.conn.ReadChunk()
	if err != nil {
		if errors.Is(err, smd1.ErrAborted) {
			return fault.New(fault.RemoteFailed, "commit", "", err)
		}
		return &fault.Error{Kind: fault.Network, Op: "commit", Context: "receive-delta", Err: err}
	}
	r.result.DBBytes = size
	if r.opt.DryRun || r.opt.SharedState {
		if _, err := io.Copy(io.Discard, chunk); err != nil {
			return lost("commit", err)
		}
	} else if err := r.takeOver(chunk); err != nil {
		return err
	}
	if err := r.conn.SendWord(smd1.Done); err != nil {
		return lost("commit", err)
	}
	r.result.Committed = true
	return nil
}

// takeOver makes the new state from the patch, checks it and commits it.
func (r *run) takeOver(chunk io.Reader) error {
	files := r.opt.Files
	patch := files.Patch()
	if err := durable.WriteFile(patch, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, chunk)
		return err
	}); err != nil {
		return &fault.Error{Kind: networkOr(err), Op: "commit", Path: patch, Context: "receive-delta", Err: fmt.Errorf("%w: %w", ErrPatch, err)}
	}
	defer os.Remove(patch)
	if err := files.DiscardMtime(); err != nil {
		return fault.New(maildir.KindOf(err), "commit", files.DB, err)
	}
	if err := durable.WriteFile(files.New(), 0o600, func(w io.Writer) error { return decode(w, files.DB, patch) }); err != nil {
		return fault.New(patchKind(err), "commit", files.New(), fmt.Errorf("%w: %w", ErrPatch, err))
	}
	if err := r.check(files.New()); err != nil {
		return errors.Join(fault.New(fault.Protocol, "commit", files.New(), fmt.Errorf("%w: %w", ErrPatch, err)), files.Discard())
	}
	r.committing = true
	if err := files.Commit(); err != nil {
		return fault.New(maildir.KindOf(err), "commit", files.DB, err)
	}
	return nil
}

func networkOr(err error) fault.Kind {
	if k := maildir.KindOf(err); k != fault.Internal {
		return k
	}
	return fault.Network
}

func patchKind(err error) fault.Kind {
	if k := maildir.KindOf(err); k == fault.DiskFull || k == fault.Permission {
		return k
	}
	return fault.Protocol
}

// maxState bounds a db-file made from a patch, in bytes: ten million messages.
const maxState = 2 << 30

func decode(w io.Writer, old, patch string) error {
	var source io.ReaderAt = bytesNone{}
	var size int64
	switch f, err := os.Open(old); {
	case err == nil:
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		source, size = f, st.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	p, err := os.Open(patch)
	if err != nil {
		return err
	}
	defer p.Close()
	return vcdiff.Decode(w, source, size, bufio.NewReader(p), vcdiff.Limits{Target: maxState})
}

type bytesNone struct{}

func (bytesNone) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

// check refuses a new state that lists a message this end was never told of: the
// next push would take it for one deleted here.
func (r *run) check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	told := make(map[string]int32, len(r.actions))
	for i, a := range r.actions {
		if a.Kind != delta.Delete {
			told[a.Dst] = int32(i)
		}
	}
	return index.EachLine(bufio.NewReaderSize(f, 64<<10), func(e index.Entry) error {
		if i, ok := told[e.Name]; ok && r.actions[i].Sum == e.Sum {
			return nil
		}
		if was, ok := r.old.Lookup(e.Name); ok && was.Sum == e.Sum {
			return nil
		}
		return fmt.Errorf("it lists %q, which was not among the changes", e.Name)
	})
}

// HeldFolders returns the folders with held deletions, sorted.
func (r *Result) HeldFolders() []string {
	names := make([]string, 0, len(r.Held))
	for n := range r.Held {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
