package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	stdsync "sync"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/config"
	"smd-applet/sync/delta"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
	"smd-applet/sync/remote"
	"smd-applet/sync/tracker"
	"smd-applet/sync/translate"
	"smd-applet/sync/twoway"
	mailtree "smd-applet/sync/watch"
	"smd-applet/sync/wire/smd2"
)

// link is an endpoint's line to an agent, with this end's mailbox. Of resident
// sessions it stays between two runs.
type link struct {
	endpoint     *config.Endpoint // as it was when the line was made
	client       *twoway.Client
	channel      remote.Channel
	end          *twoway.End
	stderr       *redirect // what the agent says
	cancel       context.CancelFunc
	trafficDone  func()    // closes the copies that DEBUG=true asks for
	fullAt       time.Time // the last look at every message
	watchedThere bool      // the agent tells of changes as they happen
	ahead        *ahead    // nil where there is none, or a run took it

	mu   stdsync.Mutex  // held during a run, and while something is looked at
	tree *mailtree.Tree // nil while nothing is watched
	wait stdsync.WaitGroup
}

// fullEvery is how often a resident session looks at every message: for what no
// watch told of.
const fullEvery = time.Hour

// links are the lines of resident sessions, by endpoint.
type links struct {
	mu     stdsync.Mutex
	all    map[string]*link
	oneWay map[string]time.Time // endpoints whose server has no agent, and when that was seen
	starts map[string][]string  // the command that started the agent last
	closed bool
}

// askAgain is how long a server is taken to have no agent.
const askAgain = time.Hour

// errNoAgent says that the other end does not speak smd/2.
var errNoAgent = errors.New("the other end does not speak smd/2")

// redirect is a writer whose target changes from run to run.
type redirect struct {
	mu stdsync.Mutex
	to io.Writer
}

func (r *redirect) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to == nil {
		return len(b), nil
	}
	return r.to.Write(b)
}

func (r *redirect) set(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = w
}

// stateFile is where the client end of an endpoint keeps its agreed state of smd/2.
func stateFile(p config.Paths, clientName string, remoteMailboxes []string) string {
	return strings.TrimSuffix(filepath.Join(p.SMD(), config.DBFile(clientName, remoteMailboxes)), ".db.txt") + ".agreed"
}

// speaksTwo reports whether smd/2 is to be tried.
func (r *session) speaksTwo() bool {
	if r.endpoint.Protocol == config.SMD1 || r.endpoint.LocalSync() || r.nothingAgreed {
		return false
	}
	r.links.mu.Lock()
	defer r.links.mu.Unlock()
	seen, known := r.links.oneWay[r.endpoint.Name]
	return !known || time.Since(seen) > askAgain || r.endpoint.Protocol == config.SMD2
}

// takeLink returns the endpoint's line, a new one where there is none that
// serves. Errors are [errNoAgent], or say why there is no line.
func (r *session) takeLink(ctx context.Context) (*link, error) {
	r.links.mu.Lock()
	l := r.links.all[r.endpoint.Name]
	delete(r.links.all, r.endpoint.Name)
	r.links.mu.Unlock()
	if l != nil {
		if l.serves(r.endpoint) {
			return l, nil
		}
		l.close()
	}
	l, err := r.newLink(ctx)
	if errors.Is(err, errNoAgent) {
		r.links.mu.Lock()
		if r.links.oneWay == nil {
			r.links.oneWay = make(map[string]time.Time)
		}
		r.links.oneWay[r.endpoint.Name] = time.Now()
		r.links.mu.Unlock()
	}
	return l, err
}

// serves reports whether the line is alive and as the configuration wants it.
func (l *link) serves(e *config.Endpoint) bool {
	select {
	case <-l.client.Gone():
		return false
	default:
		return reflect.DeepEqual(l.endpoint, e)
	}
}

// keepLink keeps the line for the next run, where the session is resident.
func (r *session) keepLink(l *link, err error) {
	if err != nil || !r.Resident {
		l.close()
		return
	}
	l.stderr.set(nil)
	r.links.mu.Lock()
	defer r.links.mu.Unlock()
	if r.links.closed {
		l.close()
		return
	}
	if r.links.all == nil {
		r.links.all = make(map[string]*link)
	}
	r.links.all[r.endpoint.Name] = l
}

// Close ends the lines that were kept between runs. No run may be going on.
func (s *Sessions) Close() {
	s.links.mu.Lock()
	all := s.links.all
	s.links.all, s.links.closed = nil, true
	s.links.mu.Unlock()
	for _, l := range all {
		l.close()
	}
}

// Drop ends the lines to all servers: the network changed, or the machine goes to
// sleep. The next runs make new ones.
func (s *Sessions) Drop() {
	s.links.mu.Lock()
	all := s.links.all
	s.links.all = nil
	clear(s.links.oneWay)
	s.links.mu.Unlock()
	for _, l := range all {
		l.close()
	}
}

// close says good-bye, ends the agent where that does not do, and waits. The line
// has one reader at a time: first the client's, then the channel's own.
func (l *link) close() {
	_ = l.channel.CloseWrite()
	select {
	case <-l.client.Gone():
	case <-time.After(farewell):
	}
	l.cancel()
	l.client.Close()
	_ = l.channel.Close()
	l.trafficDone()
	l.wait.Wait()
	l.ahead.stop()
	_ = errors.Join(l.end.DB.Close(), l.end.Store.Close())
}

// newLink opens this end's mailbox, starts the agent and greets it.
func (r *session) newLink(ctx context.Context) (_ *link, err error) {
	excludes, err := exclude.New(r.endpoint.ExcludeLocal, r.endpoint.LocalMailboxes()...)
	if err != nil {
		return nil, err
	}
	translator, err := translate.New(r.endpoint, r.Paths.Home)
	if err != nil {
		return nil, err
	}
	host, err := r.host(ctx)
	if err != nil {
		return nil, err
	}
	excluded := excludes.Match
	if r.endpoint.SubscribedOnly {
		if err := r.askSubscriptions(ctx, host, io.Discard); err != nil {
			return nil, err
		}
		excluded = r.subscribed.Excluded(excluded, translator.Remote)
	}
	end, err := r.openEnd(translator, excluded)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end.DB.Close(), end.Store.Close())
		}
	}()
	r.Log.Debug("connecting", "endpoint", r.endpoint.Name, "how", host.How())
	r.report(Progress{Phase: PhaseConnecting})
	l := &link{endpoint: r.endpoint, end: end, stderr: &redirect{}, ahead: r.lookAhead(ctx, end)}
	defer func() {
		if err != nil {
			l.ahead.stop()
		}
	}()
	life, err := r.startAgent(ctx, host, l)
	if err != nil {
		return nil, err
	}
	if r.Resident {
		l.watch(life, r.Sessions, excluded)
	}
	return l, nil
}

// ahead is a look at this end that goes on while the line is made: in a process of
// its own a run takes little else.
type ahead struct {
	cancel context.CancelFunc
	over   chan error
	wait   stdsync.WaitGroup
}

// lookAhead begins to look, where nothing changes the mailbox before the run does,
// and no watch has to be there before the look.
func (r *session) lookAhead(ctx context.Context, end *twoway.End) *ahead {
	if r.Resident {
		return nil
	}
	for _, d := range []Direction{Pull, Push} {
		if !r.DryRun && (r.direction == d || r.direction == Both) && hooks.Has(r.Paths.HooksDir(hooks.Pre, string(d))) {
			return nil
		}
	}
	a := &ahead{over: make(chan error, 1)}
	ctx, a.cancel = context.WithCancel(ctx)
	a.wait.Go(func() { a.over <- end.Tracker.Refresh(ctx, true) })
	return a
}

// stop ends the look and waits.
func (a *ahead) stop() {
	if a != nil {
		a.cancel()
		a.wait.Wait()
	}
}

// farewell is how long an agent may take to end by itself.
const farewell = 2 * time.Second

// openEnd opens this end's mailbox and its agreed state, which begins with what
// SMD agreed on, if it did.
func (r *session) openEnd(translator maildir.Translator, excluded func(string) bool) (*twoway.End, error) {
	path := stateFile(r.Paths, r.endpoint.ClientName, r.endpoint.RemoteMailboxes())
	_, missing := os.Stat(path)
	store, err := maildir.Open(r.Paths.Home, r.boxes(), translator, missing != nil && !r.DryRun && r.direction != Push)
	if r.DryRun && missing != nil && r.isNew() && fault.Is(err, fault.MailboxMissing) {
		return nil, errNoAgent // what smd 1.3 tells before the first sync is all there is to tell
	}
	if err != nil {
		return nil, err
	}
	db, err := twoway.OpenState(path, r.files(), r.DryRun, r.Log)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &twoway.End{
		Store: store, DB: db, Log: r.Log,
		Tracker: tracker.New(tracker.Options{Store: store, DB: db, Excluded: excluded, Log: r.Log}),
	}, nil
}

// agents are the command lines that may start the agent.
func (r *session) agents() [][]string {
	var programs []string
	switch {
	case r.endpoint.RemoteProgram != "":
		programs = []string{r.endpoint.RemoteProgram}
	default:
		if filepath.IsAbs(r.Program) {
			programs = append(programs, filepath.Join(filepath.Dir(r.Program), "smd-applet"))
		}
		programs = append(programs, "smd-applet", ".local/bin/smd-applet")
	}
	r.links.mu.Lock()
	last := r.links.starts[r.endpoint.Name]
	r.links.mu.Unlock()
	var lines [][]string
	for _, p := range programs {
		line := append([]string{p, "agent", r.endpoint.ClientName}, r.endpoint.RemoteMailboxes()...)
		if reflect.DeepEqual(line, last) {
			lines = append([][]string{line}, lines...)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

// startAgent starts the agent and greets it; where the program is not at the
// first place the next is tried. It returns the context of the line's life.
func (r *session) startAgent(ctx context.Context, host remote.Host, l *link) (life context.Context, err error) {
	for _, argv := range r.agents() {
		life, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
		channel, err := host.Start(life, argv, l.stderr)
		if err != nil {
			l.cancel()
			return nil, err
		}
		l.channel = channel
		l.client, err = r.greetAgent(ctx, life, l)
		if err == nil {
			r.links.mu.Lock()
			if r.links.starts == nil {
				r.links.starts = make(map[string][]string)
			}
			r.links.starts[r.endpoint.Name] = argv
			r.links.mu.Unlock()
			r.Log.Debug("connected", "endpoint", r.endpoint.Name, "agent", l.client.Program())
			return life, nil
		}
		closed := channel.Close()
		l.cancel()
		if l.trafficDone != nil {
			l.trafficDone()
		}
		if ctx.Err() != nil {
			return nil, r.stopped(context.Cause(ctx))
		}
		var exit *remote.ExitError
		var classified *fault.Error
		switch {
		case errors.As(closed, &classified):
			return nil, closed
		case errors.As(closed, &exit) && (exit.Status == 127 || exit.Status == 126):
			continue
		case fault.Is(err, fault.Network), fault.Is(err, fault.Protocol):
			// It ran and is no agent of ours: an older one, another program.
			r.Log.Debug("no agent", "command", argv[0], "cause", err)
			continue
		}
		return nil, err
	}
	return nil, errNoAgent
}

// greetTime is how long the agent may take to answer the greeting.
const greetTime = 30 * time.Second

func (r *session) greetAgent(ctx, life context.Context, l *link) (*twoway.Client, error) {
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	timer := time.AfterFunc(greetTime, l.cancel)
	defer timer.Stop()
	traffic, done, err := r.traffic(l.channel)
	if err != nil {
		return nil, err
	}
	l.trafficDone = done
	limited := smd2.Limit(life, traffic, r.endpoint.LimitUp, r.endpoint.LimitDown)
	conn := smd2.NewConn(limited, limited, smd2.Options{})
	return twoway.Connect(life, conn, smd2.Hello{
		Program: "smd-applet", Excludes: r.endpoint.ExcludeRemote, NoDelete: r.NoDelete || r.endpoint.NoDelete(),
		LimitUp: r.endpoint.LimitDown, DryRun: r.DryRun, Resident: r.Resident,
		Subscribe: r.endpoint.SubscribedOnly,
	}, r.Log)
}

// watch tells of changes at either end between two runs, through [Sessions.Wake].
func (l *link) watch(ctx context.Context, s *Sessions, skip func(string) bool) {
	tree, err := mailtree.OpenTree(ctx, s.Paths.Home, l.endpoint.LocalMailboxes(), skip, s.Log)
	if err != nil {
		s.Log.Warn("the mailboxes are not watched", "endpoint", l.endpoint.Name, "err", err)
	}
	var local <-chan struct{}
	if tree != nil {
		local = tree.Changed()
	}
	l.tree = tree
	l.wait.Go(func() {
		settle := time.NewTimer(watchQuiet)
		settle.Stop()
		defer func() {
			if tree != nil {
				for range tree.Changed() { //nolint:revive // until it is closed
				}
			}
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case <-l.client.Gone():
				s.wake(l.endpoint.Name)
				l.cancel()
				return
			case <-l.client.Changed():
				s.wake(l.endpoint.Name)
			case _, ok := <-local:
				if !ok {
					local = nil
					continue
				}
				settle.Reset(watchQuiet)
			case <-settle.C:
				if l.changedHere(ctx) {
					s.wake(l.endpoint.Name)
				}
			}
		}
	})
}

// watchQuiet is how long a burst of local changes must pause.
const watchQuiet = 15 * time.Millisecond

// changedHere looks where the watch saw something, unless a run does so.
func (l *link) changedHere(ctx context.Context) bool {
	if !l.mu.TryLock() {
		return true // the run going on may have passed it: another one looks
	}
	defer l.mu.Unlock()
	return l.end.Stir(ctx, l.tree)
}

func (s *Sessions) wake(endpoint string) {
	if s.Wake != nil {
		s.Wake(endpoint)
	}
}

// twoWay makes a run in smd/2.
func (r *session) twoWay(ctx context.Context, serverLog io.Writer) (Result, error) {
	l := r.link
	l.stderr.set(serverLog)
	l.mu.Lock()
	result, err := r.runOver(ctx, l)
	l.mu.Unlock()
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		err = r.stopped(context.Cause(ctx))
	}
	return result, err
}

// rounds is how many runs follow one another while messages change meanwhile.
const rounds = 3

func (r *session) runOver(ctx context.Context, l *link) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(scanSilence, func() {
		cancel(&fault.Error{Kind: fault.Network, Op: "wait for the other end", Context: "receive", Err: errors.New("nothing has come for too long")})
	})
	defer idle.Stop()
	full := l.tree == nil || !l.tree.Live() || !l.watchedThere || time.Since(l.fullAt) > fullEvery
	opt := twoway.RunOptions{
		End: l.end, Pull: r.direction != Push, Push: r.direction != Pull, Full: full, Watch: l.watchOf(),
		NoDelete: r.NoDelete || r.endpoint.NoDelete(), DryRun: r.DryRun, Limits: *r.limits(),
		FailOnConflict: r.endpoint.OnConflictFail, Log: r.Log, Sent: func(what, path, to string) { r.record(Push, what, path, to) },
		Planned: r.planTwoWay,
		Progress: func(s twoway.Step) {
			limit := silence
			if s.Phase == twoway.Comparing {
				limit = scanSilence
			}
			idle.Reset(limit)
			r.report(Progress{Phase: twoWayPhases[s.Phase], Done: s.Done, Total: s.Total, Bytes: s.Bytes})
		},
	}
	if l.ahead != nil {
		opt.Ahead = l.ahead.over
	}
	l.end.Changed = func(what, path, to string) { r.record(Pull, what, path, to) }
	l.end.Leaving = r.history.Leaving
	var sum Result
	for range rounds {
		got, err := l.client.Run(ctx, opt)
		opt.Ahead = nil
		if got != nil {
			sum = r.twoWayResult(sum, got)
		}
		if err != nil {
			return sum, err
		}
		if opt.Full {
			l.fullAt = time.Now()
		}
		l.watchedThere = got.Watched
		if !got.Again {
			return sum, nil
		}
		opt.Full = true
	}
	return sum, fault.New(fault.ConcurrentEdit, "sync", r.endpoint.Name, fmt.Errorf("messages changed in each of %d runs", rounds))
}

func (l *link) watchOf() twoway.Watch {
	if l.tree == nil {
		return nil
	}
	return l.tree
}

var twoWayPhases = [...]Phase{PhaseComparing, PhaseTransferring, PhaseAgreeing}

// twoWayResult adds what a run did to what those before it did.
func (r *session) twoWayResult(sum Result, got *twoway.Result) Result {
	here, there := ofTally(got.Here), ofTally(got.There)
	here.Conflict = got.Conflicts
	sum.TwoWay = true
	sum.Arrived += here.New
	sum.Sent = added(sum.Sent, there)
	sum.Summary = added(sum.Summary, added(here, there))
	sum.Held = append(held(got.HeldHere, Pull), held(got.HeldThere, Push)...)
	sum.Damaged = got.Damaged
	sum.Folders, sum.Transfers = r.planned(), r.travels.names
	if len(got.Skipped) > 0 {
		r.Log.Info("links that are not followed, and names that can't be sent, are left out", "count", len(got.Skipped), "first", got.Skipped[0])
	}
	return sum
}

func ofTally(t twoway.Tally) Summary {
	return Summary{New: t.New, Deleted: t.Deleted, Moved: t.Moved, Flagged: t.Flagged, Edited: t.Edited, Bytes: t.Bytes}
}

// planTwoWay notes what a dry run of smd/2 would do.
func (r *session) planTwoWay(_ bool, what, from, to string, size int64) {
	if r.folders == nil {
		r.folders = make(map[string]*delta.Counts)
	}
	folder := path.Dir(path.Dir(cmp.Or(to, from)))
	c := r.folders[folder]
	if c == nil {
		c = &delta.Counts{}
		r.folders[folder] = c
	}
	switch what {
	case hooks.Added:
		c.New++
		r.travels.arrives(folder, cmp.Or(to, from), size)
	case hooks.Removed:
		c.Deleted++
	case hooks.Moved:
		c.Moved++
	case hooks.Flagged:
		c.Flagged++
	}
	if r.Planned != nil {
		r.Planned(what, from, to)
	}
}

// openTwoWay opens the state of smd/2; nil where there is none yet.
func (r *session) openTwoWay() (*agreed.DB, error) {
	path := stateFile(r.Paths, r.endpoint.ClientName, r.endpoint.RemoteMailboxes())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return agreed.Open(path)
}

// decideTwoWay notes in the state of smd/2, if there is one, what a person
// decided about held deletions.
func (r *session) decideTwoWay(carryOut bool) error {
	db, err := r.openTwoWay()
	if db == nil || err != nil {
		return err
	}
	return errors.Join(twoway.Decide(db, carryOut), db.Close())
}

// twoWayTags are the tags of a run both ways: those of the pull and of the push
// it stands for.
func twoWayTags(endpoint string, r Result) []string {
	here := r
	here.Summary = Summary{New: r.Arrived, Deleted: r.Summary.Deleted - r.Sent.Deleted, Bytes: r.Summary.Bytes - r.Sent.Bytes}
	return append(TagLines(endpoint, "smd-client", here, nil), TagLines(endpoint, "smd-server", Result{Summary: r.Sent}, nil)...)
}
