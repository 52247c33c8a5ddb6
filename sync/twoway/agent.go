package twoway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	stdsync "sync"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/tracker"
	"smd-applet/sync/wire/smd2"
)

// AgentOptions say how an agent gets at its mailbox.
type AgentOptions struct {
	// Open opens this end as the client's greeting asks for. The end is closed by Close.
	Open func(ctx context.Context, hello *smd2.Hello) (*End, error)
	// Close closes what Open opened.
	Close func(*End) error
	// Lock takes the locks of a run, and returns what gives them back.
	Lock func(ctx context.Context) (unlock func() error, err error)
	// Watch tells of changes in the mailbox between two runs; nil watches nothing.
	Watch func(ctx context.Context) (Watch, error)
	// Idle is called when a run is over and has been answered; it may be nil.
	Idle func()
	// Program is who the agent says it is.
	Program string
	Log     *slog.Logger
}

// Watch tells where a mailbox changed.
type Watch interface {
	// Changed has something whenever there may be something to take.
	Changed() <-chan struct{}
	// Take returns the local paths of files, and of folders, that changed since
	// the last call; all says that anything may have.
	Take() (files, folders []string, all bool)
	// Live reports whether changes are told as they happen, and not found by
	// looking from time to time.
	Live() bool
}

// quiet is how long a burst of changes must pause before the client is told.
const quiet = 10 * time.Millisecond

// idleFlush is how long arrivals wait for more to come before they are put in place.
const idleFlush = 3 * time.Millisecond

// Agent serves one client over rw until it says good-bye or the line ends.
func Agent(ctx context.Context, conn *smd2.Conn, opt AgentOptions) error {
	mine := smd2.Hello{Oldest: smd2.Version, Newest: smd2.Version, Program: opt.Program, Features: smd2.Features}
	if err := greet(conn, &mine); err != nil {
		return err
	}
	theirs, err := readHello(conn)
	if err != nil {
		return err
	}
	if _, _, err := smd2.Negotiate(mine, *theirs); err != nil {
		return refuse(conn, err)
	}
	end, err := opt.Open(ctx, theirs)
	if err != nil {
		return refuse(conn, err)
	}
	a := &agent{AgentOptions: opt, hello: theirs, end: end, peer: newPeer(ctx, conn)}
	err = a.serve()
	a.peer.close()
	return errors.Join(err, opt.Close(end))
}

// refuse tells the client why there will be no run, and returns that.
func refuse(conn *smd2.Conn, err error) error {
	f := smd2.NewFailure(err)
	f.Fatal = true
	return errors.Join(conn.Send(f), conn.Flush(), err)
}

// greet says hello.
func greet(conn *smd2.Conn, hello *smd2.Hello) error {
	if err := conn.Greet(); err != nil {
		return lost("greet", err)
	}
	err := conn.Send(hello)
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		return lost("greet", err)
	}
	return nil
}

func readHello(conn *smd2.Conn) (*smd2.Hello, error) {
	msg, err := conn.Receive()
	if err != nil {
		return nil, lost("greet", err)
	}
	switch m := msg.(type) {
	case *smd2.Hello:
		return m, nil
	case *smd2.Failure:
		return nil, m.Err()
	}
	return nil, unexpected(msg)
}

type agent struct {
	AgentOptions
	hello *smd2.Hello
	end   *End
	peer  *peer
	watch Watch

	run  *agentRun // nil between two runs
	ran  bool      // a run is over since Idle was called
	all  bool      // the next run looks at everything
	told bool      // the client knows of changes that no run has looked at yet
}

// agentRun is a run as the agent has it.
type agentRun struct {
	unlock  func() error
	cursor  *tracker.Cursor
	folders bool // were told
	in      *installer
	open    *arrival
	awaited []smd2.OpItem // whose content is on its way, in order
}

// serve handles what the client sends.
func (a *agent) serve() error {
	ctx := a.peer.ctx
	defer a.endRun()
	var changed <-chan struct{}
	if a.hello.Resident && a.Watch != nil {
		w, err := a.Watch(ctx)
		if err != nil {
			a.Log.Warn("the mailbox is not watched", "err", err)
		} else {
			a.watch, changed = w, w.Changed()
		}
	}
	settle := time.NewTimer(quiet)
	settle.Stop()
	idle := time.NewTimer(idleFlush)
	idle.Stop()
	for {
		inbox := a.peer.inbox
		if a.peer.crowded() {
			inbox = nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-a.peer.eased:
		case r := <-inbox:
			if errors.Is(r.err, io.EOF) {
				return nil
			}
			if r.err != nil {
				return lost("receive", r.err)
			}
			err := a.handle(ctx, r.msg)
			a.peer.handled()
			if err != nil {
				a.fail(err)
			}
			switch {
			case a.run != nil && len(a.run.in.batch) > 0:
				idle.Reset(idleFlush)
			case a.ran && a.run == nil && a.Idle != nil:
				a.ran = false
				a.Idle()
			}
		case <-idle.C:
			if a.run != nil {
				if err := a.install(); err != nil {
					a.fail(err)
				}
			}
		case _, ok := <-changed:
			if !ok {
				a.Log.Warn("the mailbox is not watched any more")
				changed, a.watch = nil, nil
				continue
			}
			if a.run == nil {
				settle.Reset(quiet)
			}
		case <-settle.C:
			if a.run == nil {
				a.tell(ctx)
			}
		}
	}
}

// fail gives the run up and tells the client why.
func (a *agent) fail(err error) {
	a.Log.Error("the run failed", "err", err)
	a.endRun()
	a.all = true
	a.peer.send(smd2.NewFailure(err))
}

func (a *agent) endRun() {
	r := a.run
	if r == nil {
		return
	}
	a.run, a.ran = nil, true
	if r.open != nil {
		r.open.discard()
	}
	_ = discardAll(r.in.take())
	if err := r.unlock(); err != nil {
		a.Log.Warn("a lock was not given back", "err", err)
	}
	a.end.release()
	a.peer.conn.Release()
}

// tell looks where the watch saw something, and tells the client, once before each
// run, when there is something for it: one that does not come is not to be told of
// change after change.
func (a *agent) tell(ctx context.Context) {
	if a.watch == nil || a.told {
		return
	}
	// Without the lock: what is found is a hint, the run looks again.
	if a.end.Stir(ctx, a.watch) {
		a.told = true
		a.peer.send(a.hint())
	}
}

// maxHints bounds the new messages that come with a hint.
const maxHints = 64

// hint tells that there are changes. Small new messages come along, so that they
// are there before the run that tells of them.
func (a *agent) hint() *smd2.Changed {
	var found smd2.Changes
	for _, c := range a.end.Tracker.Cursor().Next(maxHints) {
		if c.Kind == reconcile.New {
			found.Changes = append(found.Changes, c)
		}
	}
	a.along(&found)
	m := &smd2.Changed{}
	for i, content := range found.Contents {
		if len(content) > 0 {
			m.Changes = append(m.Changes, found.Changes[i])
			m.Contents = append(m.Contents, content)
		}
	}
	return m
}

func unexpected(msg any) error {
	return fault.New(fault.Protocol, "receive", "", errors.New("unexpected message "+smd2.NameOf(msg)))
}

func (a *agent) handle(ctx context.Context, msg any) error {
	if m, ok := msg.(*smd2.Begin); ok {
		return a.begin(ctx, m)
	}
	if m, ok := msg.(*smd2.Failure); ok {
		a.endRun()
		a.all = true
		a.Log.Error("the client gave the run up", "err", m.Err())
		return nil
	}
	if a.run == nil {
		switch msg.(type) {
		case *smd2.Cancel:
			return nil
		case *smd2.Begin:
		default:
			return nil // what was on its way when the run failed
		}
	}
	switch m := msg.(type) {
	case *smd2.Folders:
		return a.tellFolders()
	case *smd2.List:
		return a.tellListing(m.Folder)
	case *smd2.Next:
		return a.tellChanges(m.Max, false)
	case *smd2.Sums:
		return a.tellSums(ctx, m.Files)
	case *smd2.Get:
		return a.tellBodies(m.Items)
	case *smd2.Ops:
		return a.ops(m.Items)
	case *smd2.Bodies:
		return a.bodies(m.Parts)
	case *smd2.Agree:
		return a.agree(m)
	case *smd2.Cancel:
		a.endRun()
		a.all = true
		a.peer.send(&smd2.Ended{})
		return nil
	case *smd2.End:
		return a.finish()
	}
	return unexpected(msg)
}

// signOfLife is how often a long step tells the client that it goes on.
const signOfLife = 5 * time.Second

// begin takes the locks, unless the run has them already, and looks for changes.
func (a *agent) begin(ctx context.Context, m *smd2.Begin) error {
	defer every(signOfLife, func() { a.peer.send(&smd2.Progress{}) })()
	if a.run == nil {
		unlock, err := a.Lock(ctx)
		if err != nil {
			return err
		}
		a.end.reset(a.peer.ctx)
		a.run = &agentRun{unlock: unlock, in: &installer{end: a.end}}
	}
	a.run.folders, a.told = false, false
	t := a.end.Tracker
	if err := a.end.look(ctx, a.watch, m.Full || a.all); err != nil {
		return err
	}
	a.all = false
	if !a.hello.DryRun {
		if err := t.Mend(ctx); err != nil {
			return err
		}
	}
	losses, err := t.Losses()
	if err != nil {
		return err
	}
	state, err := a.end.DB.Summary()
	if err != nil {
		return err
	}
	answer := &smd2.Begun{
		Digest: state.Digest, Changes: t.Count(), Total: state.Count, Watched: a.watch != nil && a.watch.Live(), Damaged: t.Damaged(), Skipped: clip(t.Skipped()),
	}
	for _, l := range losses {
		answer.Losses = append(answer.Losses, smd2.Loss(l))
	}
	a.run.cursor = t.Cursor()
	same := answer.Digest == m.Digest
	if m.Close && same && answer.Changes == 0 {
		answer.Closed = true
		a.endRun()
		a.peer.send(answer)
		return nil
	}
	a.peer.send(answer)
	if m.Want > 0 && same && answer.Changes > 0 {
		return a.tellChanges(m.Want, true)
	}
	return nil
}

// What may come along with a change: small new messages, a frame of them.
const (
	maxAlong    = 64 << 10
	maxAlongAll = 256 << 10
)

// along adds the content of small new messages to their changes.
func (a *agent) along(m *smd2.Changes) {
	room := int64(maxAlongAll)
	h, scratch := agreed.NewHasher(false), make([]byte, 32<<10)
	for i := range m.Changes {
		c := &m.Changes[i]
		if c.Kind != reconcile.New || c.Size > maxAlong || c.Size > room {
			continue
		}
		p, err := a.end.place(c.Key, c.Mark)
		if err != nil {
			continue
		}
		var content bytes.Buffer
		h.Reset()
		if err := p.ReadTo(io.MultiWriter(&content, h), scratch); err != nil {
			continue // it is asked for, and found missing
		}
		sum, err := h.Sum()
		if err != nil || int64(content.Len()) > room {
			continue
		}
		if m.Contents == nil {
			m.Contents = make([]smd2.Data, len(m.Changes))
		}
		m.Contents[i] = content.Bytes()
		c.Sum = sum
		room -= int64(content.Len())
	}
}

// every calls f from time to time until stop has returned.
func every(d time.Duration, f func()) (stop func()) {
	var mu stdsync.Mutex // f is not called once stopped
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(d, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			f()
			timer.Reset(d)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// maxSkipped bounds what is told of links and the like.
const maxSkipped = 100

func clip(paths []string) []string { return paths[:min(len(paths), maxSkipped)] }

// chunk is how many entries go into one message.
const chunk = 1024

func (a *agent) tellFolders() error {
	return a.end.DB.View(func(tx *agreed.Tx) error {
		m := &smd2.Folders{}
		for f := range tx.Folders() {
			if len(m.Folders) == chunk {
				a.peer.send(m)
				m = &smd2.Folders{}
			}
			m.Folders = append(m.Folders, smd2.FolderDigest{Folder: f.Path, Digest: f.Digest, Count: f.Count})
		}
		m.Last = true
		a.peer.send(m)
		return nil
	})
}

func (a *agent) tellListing(folder string) error {
	return a.end.DB.View(func(tx *agreed.Tx) error {
		m := &smd2.Listing{}
		for unique, r := range tx.Each(folder) {
			if len(m.Entries) == chunk {
				a.peer.send(m)
				m = &smd2.Listing{}
			}
			m.Entries = append(m.Entries, agreed.Entry{Key: agreed.Key{Folder: folder, Unique: unique}, Mark: r.Mark, Sum: r.Sum, Size: r.Size})
		}
		m.Last = true
		a.peer.send(m)
		return nil
	})
}

func (a *agent) tellChanges(limit int, along bool) error {
	m := &smd2.Changes{}
	if !a.run.folders {
		a.run.folders = true
		m.MadeFolders, m.GoneFolders = a.end.Tracker.Folders()
	}
	limit = min(max(limit, 1), 4*chunk)
	m.Changes = a.run.cursor.Next(limit)
	if a.hello.NoDelete {
		for i, c := range m.Changes {
			if c.Kind == reconcile.Gone { // deletions come last: the rest is of them
				m.Changes = m.Changes[:i]
				break
			}
		}
		m.GoneFolders = nil
	}
	m.Last = len(m.Changes) == 0 || len(m.Changes) < limit
	if along {
		a.along(m)
	}
	a.peer.send(m)
	return nil
}

func (a *agent) tellSums(ctx context.Context, files []smd2.File) error {
	m := &smd2.Sums{Sums: make([]agreed.Sum, len(files))}
	byFolder := make(map[string][]int)
	for i, f := range files {
		byFolder[f.Key.Folder] = append(byFolder[f.Key.Folder], i)
	}
	for folder, at := range byFolder {
		uniques := make([]string, len(at))
		for i, n := range at {
			uniques[i] = files[n].Key.Unique
		}
		sums, err := a.end.Tracker.Read(ctx, folder, uniques)
		if err != nil {
			return err
		}
		for i, n := range at {
			m.Sums[n] = sums[i]
		}
	}
	a.peer.send(m)
	return nil
}

func (a *agent) tellBodies(items []smd2.GetItem) error {
	if a.peer.queued()+len(items) > maxAwaited {
		return fault.New(fault.Protocol, "receive", "", errors.New("too many messages asked for at once"))
	}
	for _, item := range items {
		p, err := a.end.place(item.File.Key, item.File.Mark)
		if err != nil {
			return err
		}
		a.peer.sendBody(content{id: item.ID, key: item.File.Key, place: p, hidden: a.end.Tracker.LeavesOut(p)})
	}
	return nil
}

// maxAwaited bounds the ops whose content is on its way, and the messages that
// wait to be sent.
const maxAwaited = 16 << 10

// ops does at once what needs no content, and notes the rest.
func (a *agent) ops(items []smd2.OpItem) error {
	if len(a.run.awaited)+len(items) > maxAwaited {
		return fault.New(fault.Protocol, "receive", "", errors.New("too many ops at once"))
	}
	if a.hello.DryRun {
		return fault.New(fault.Protocol, "receive", "", errors.New("an op in a dry run"))
	}
	var done []smd2.Outcome
	err := a.end.DB.View(func(tx *agreed.Tx) error {
		for _, item := range items {
			if item.Op.Kind == reconcile.Put || item.Op.Kind == reconcile.Replace {
				a.run.awaited = append(a.run.awaited, item)
				continue
			}
			err := a.end.do(tx, item.Op)
			if err != nil && !errors.Is(err, errLeft) {
				return err
			}
			done = append(done, smd2.Outcome{ID: item.ID, Left: err != nil})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.outcomes(done)
}

// outcomes tells what was done, once it is on disk.
func (a *agent) outcomes(done []smd2.Outcome) error {
	if len(done) == 0 {
		return nil
	}
	if err := a.end.syncDirs(); err != nil {
		return err
	}
	a.peer.send(&smd2.Outcomes{Items: done})
	return nil
}

// bodies takes the content of the ops that wait for it, in their order.
func (a *agent) bodies(parts []smd2.Part) error {
	r := a.run
	for _, part := range parts {
		if r.open == nil {
			if len(r.awaited) == 0 || r.awaited[0].ID != part.ID {
				return fault.New(fault.Protocol, "receive", "", errors.New("content nobody asked for"))
			}
			var err error
			if r.open, err = r.in.open(part.ID, r.awaited[0].Op); err != nil {
				return err
			}
			r.awaited = r.awaited[1:]
		}
		whole, err := r.in.piece(r.open, part)
		if err != nil {
			return err
		}
		if whole {
			r.open = nil
		}
		if r.in.full() {
			if err := a.install(); err != nil {
				return err
			}
		}
	}
	return nil
}

// piece adds a part to an arrival, and reports whether that is whole now.
func (in *installer) piece(a *arrival, part smd2.Part) (whole bool, err error) {
	if part.ID != a.id {
		return false, fault.New(fault.Protocol, "receive", "", errors.New("the pieces of a message are not in order"))
	}
	if part.Missing {
		in.leave(a)
		return true, nil
	}
	if len(part.Data) > 0 {
		if _, err := a.Write(part.Data); err != nil {
			return false, err
		}
	}
	if !part.Last {
		return false, nil
	}
	return true, in.close(a, part.Sum)
}

func (a *agent) install() error {
	batch, err := a.run.in.install()
	if err != nil {
		return err
	}
	var done []smd2.Outcome
	for _, arr := range batch {
		done = append(done, smd2.Outcome{ID: arr.id, Left: arr.left, Sum: arr.sum})
	}
	return a.outcomes(done)
}

func (a *agent) agree(m *smd2.Agree) error {
	if a.hello.DryRun {
		return fault.New(fault.Protocol, "receive", "", errors.New("an agreement in a dry run"))
	}
	s := tracker.Settled{Drop: m.Drop, Folders: m.Folders, NoFolders: m.NoFolders, Entries: m.Entries}
	for _, e := range m.Entries {
		if err := errors.Join(checkName(e.Key, e.Mark), a.end.checkFolder(e.Key.Folder)); err != nil {
			return err
		}
	}
	for _, folder := range m.Folders {
		if err := a.end.checkFolder(folder); err != nil {
			return err
		}
	}
	return a.end.settle(s)
}

// finish ends a run well.
func (a *agent) finish() error {
	if err := a.install(); err != nil {
		return err
	}
	state, err := a.end.DB.Summary()
	if err != nil {
		return err
	}
	answer := &smd2.Ended{Digest: state.Digest, Again: a.end.cleared > 0}
	for _, k := range a.peer.takeJunk() {
		a.end.Tracker.Junk(k)
	}
	a.endRun()
	a.peer.send(answer)
	if a.watch != nil {
		a.tell(a.peer.ctx) // what came while the run went on
	}
	return nil
}
