package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/apply"
	"smd-applet/sync/config"
	"smd-applet/sync/delta"
	"smd-applet/sync/deploy"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/history"
	"smd-applet/sync/hooks"
	"smd-applet/sync/index"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/notmuch"
	"smd-applet/sync/remote"
	"smd-applet/sync/serve"
	"smd-applet/sync/subscribe"
	"smd-applet/sync/translate"
	"smd-applet/sync/wire/smd1"
)

// Sessions makes runs as the endpoints' configurations say: the real [Runner].
type Sessions struct {
	Paths config.Paths
	// Program is the path of the local program: the remote end's is looked for
	// at the same place first, as SMD does.
	Program string
	Version string // of this program, to tell an older one at the other end by; may be empty
	Log     *slog.Logger
	Verbose bool
	DryRun  bool // write nothing at either end
	// Planned is told of every change a dry run finds, by local names; to is
	// empty where there is no second one. May be nil.
	Planned  func(what, path, to string)
	NoDelete bool // send no deletions
	// Notmuch updates notmuch beside the runs; nil: a run does it before it returns.
	Notmuch *notmuch.Background
	// Pool keeps the connections to the servers; the caller closes it.
	Pool *remote.Pool
	// Resident keeps the lines to agents between runs, until Close, and calls Wake
	// when an endpoint has changes at either end; Wake may be nil.
	Resident bool
	Wake     func(endpoint string)

	links   links
	configs config.Loader
	logs    runLogs
	ends    history.Ends
}

var (
	_ Runner   = (*Sessions)(nil)
	_ BothWays = (*Sessions)(nil)
)

// mailboxWait is how long a run waits for another endpoint's run in the same
// mailbox.
const mailboxWait = 30 * time.Second

// Run implements [Runner].
func (s *Sessions) Run(ctx context.Context, endpoint string, d Direction, report func(Progress)) (Result, error) {
	e, err := s.configs.Load(ctx, s.Paths, endpoint)
	if err != nil {
		return Result{}, named(err, endpoint, d)
	}
	r := &session{Sessions: s, endpoint: e, direction: d, report: report}
	if d == Both && !r.speaksTwo() {
		return Result{}, ErrOneWay
	}
	if e.Notmuch != "" && d != Push {
		r.journal = notmuch.NewJournal(s.Paths.NotmuchDir(), endpoint)
	}
	result, err := r.locked(ctx)
	if errors.Is(err, ErrOneWay) {
		return Result{}, errors.Join(err, r.journal.Close())
	}
	if fault.Is(err, fault.DBMismatch) && !s.DryRun {
		result, err = r.heal(ctx)
	}
	result.Unindexed = fault.As(named(r.tellNotmuch(ctx), endpoint, d))
	return result, named(err, endpoint, d)
}

// tellNotmuch has notmuch told of what this run changed, and of what earlier ones
// did that it does not know yet. The locks are given up by then: it may take long,
// and its hooks may sync.
func (r *session) tellNotmuch(ctx context.Context) error {
	if r.endpoint.Notmuch == "" || r.DryRun {
		return nil
	}
	if err := r.journal.Close(); err != nil || ctx.Err() != nil {
		return err
	}
	update := func(ctx context.Context) error {
		return notmuch.Update(ctx, notmuch.Options{
			Dir: r.Paths.NotmuchDir(), Endpoint: r.endpoint.Name, Insert: r.endpoint.Notmuch == "insert",
			Home: r.Paths.Home, LogFile: r.Paths.NotmuchLog(r.endpoint.Name), Log: r.Log,
		})
	}
	if r.Notmuch == nil {
		return update(ctx)
	}
	failed := r.Notmuch.Failed(r.endpoint.Name)
	r.Notmuch.Do(r.endpoint.Name, update)
	return failed
}

// RunBoth implements [BothWays].
func (s *Sessions) RunBoth(ctx context.Context, endpoint string, report func(Progress)) (Result, error) {
	return s.Run(ctx, endpoint, Both, report)
}

// dry returns sessions that only look.
func (s *Sessions) dry() *Sessions {
	return &Sessions{Paths: s.Paths, Program: s.Program, Log: s.Log, Pool: s.Pool, DryRun: true}
}

// named puts the endpoint and the direction into a failure.
func named(err error, endpoint string, d Direction) error {
	f := fault.As(err)
	if f == nil {
		return nil
	}
	c := *f
	c.Endpoint = endpoint
	if c.Kind == fault.Internal && !errors.As(err, new(*fault.Error)) {
		c.Op = string(d)
	}
	return &c
}

// Confirm implements [Runner].
func (s *Sessions) Confirm(endpoint string) error {
	return s.decide(endpoint, (*guard.Ledger).Confirm, true)
}

// Restore implements [Runner].
func (s *Sessions) Restore(endpoint string) error {
	return s.decide(endpoint, (*guard.Ledger).Restore, false)
}

func (s *Sessions) decide(endpoint string, decision func(*guard.Ledger), carryOut bool) error {
	e, err := config.Load(context.Background(), s.Paths, endpoint)
	if err != nil {
		return err
	}
	r := &session{Sessions: s, endpoint: e}
	held, err := lock.Acquire(context.Background(), s.Paths.Home, mailboxWait, filepath.Base(r.files().DB))
	if err != nil {
		return err
	}
	defer held.Close()
	l, err := r.ledger()
	if err != nil {
		return err
	}
	decision(l)
	if err := l.Save(); err != nil {
		return err
	}
	return r.decideTwoWay(carryOut)
}

// session is one run.
type session struct {
	*Sessions
	endpoint  *config.Endpoint
	direction Direction
	report    func(Progress)
	channel   *idleChannel
	hooks     map[Direction]*hooks.Hooks // nil ones without any
	journal   *notmuch.Journal           // nil when notmuch need not know
	history   *history.Writer            // nil in a dry run
	link      *link                      // in smd/2
	folders   map[string]*delta.Counts   // of a dry run
	travels   transfer                   // of a dry run

	// With SUBSCRIBED_ONLY=true: what the server's users subscribed to, and the
	// words that start smd-applet there, which told it.
	subscribed subscribe.Mailboxes
	there      []string

	elsewhere string // the db-file of the other end, where it is not the usual one

	// For finding out what the other end has: the run begins with nothing
	// agreed, and told hears of every message.
	nothingAgreed bool
	told          func(*maildir.Store, delta.Action)
}

func (r *session) files() index.Files {
	if r.nothingAgreed {
		return index.Files{DB: filepath.Join(r.Paths.Home, noState)}
	}
	return index.Files{DB: filepath.Join(r.Paths.SMD(), config.DBFile(r.endpoint.ClientName, r.endpoint.RemoteMailboxes()))}
}

func (r *session) ledger() (*guard.Ledger, error) {
	path := r.files().DB + ".held.json"
	l, err := guard.LoadLedger(path)
	if err != nil {
		return nil, fault.New(maildir.KindOf(err), "read the list of held deletions", path, err)
	}
	return l, nil
}

// locked runs under the locks: nothing is touched before they are had.
func (r *session) locked(ctx context.Context) (Result, error) {
	stock, err := lock.Stock(r.Paths.Home)
	if err != nil {
		return Result{}, err
	}
	defer stock.Close()
	if !r.endpoint.LocalSync() || r.direction == Push {
		// With -l the ends share one db-file, and the server locks it.
		pair, err := lock.Acquire(ctx, r.Paths.Home, 0, filepath.Base(r.files().DB))
		if err != nil {
			return Result{}, err
		}
		defer pair.Close()
	}
	boxes, err := lock.Acquire(ctx, r.Paths.Home, mailboxWait, r.lockNames()...)
	if err != nil {
		return Result{}, err
	}
	defer boxes.Close()
	if r.speaksTwo() {
		r.link, err = r.takeLink(ctx)
		if err != nil && !errors.Is(err, errNoAgent) {
			return Result{}, err
		}
	}
	switch {
	case r.link != nil:
	case r.endpoint.Protocol == config.SMD2:
		return Result{}, r.noProgram("start smd-applet agent", errNoAgent)
	case r.direction == Both:
		return Result{}, ErrOneWay
	}
	var result Result
	if r.elsewhere, err = r.override(); err == nil {
		result, err = r.logged(ctx)
	}
	if r.link != nil {
		r.keepLink(r.link, err)
	}
	return result, err
}

// boxes are the mailboxes as both ends name them.
func (r *session) boxes() []maildir.Box {
	boxes := make([]maildir.Box, len(r.endpoint.Mailboxes))
	for i, m := range r.endpoint.Mailboxes {
		boxes[i] = maildir.Box{Local: m.Local, Remote: m.Remote}
	}
	return boxes
}

// lockNames names the local mailboxes, sorted, so that no two runs wait for
// each other.
func (r *session) lockNames() []string {
	return slices.Sorted(slices.Values(r.endpoint.LocalMailboxes()))
}

// logged runs with the endpoint's two logs, which are rewritten each run.
func (r *session) logged(ctx context.Context) (Result, error) {
	client, err := r.logs.rewrite(r.Paths.ClientLog(r.endpoint.Name))
	if err != nil {
		return Result{}, err
	}
	server, err := r.logs.rewrite(r.Paths.ServerLog(r.endpoint.Name))
	if err != nil {
		client.end("")
		return Result{}, err
	}
	defer server.end("")
	if !r.DryRun {
		r.history = history.Begin(r.Paths.HistoryDir(), r.Paths.Home, r.endpoint.Name, string(r.direction), &r.ends)
	}
	result, err := r.hooked(ctx, client, server)
	r.remember(result, fault.As(err))
	lines := TagLines(r.endpoint.Name, r.localProgram(), result, fault.As(err))
	if r.direction == Both && err == nil {
		lines = twoWayTags(r.endpoint.Name, result)
	}
	client.end(strings.Join(lines, "\n") + "\n")
	return result, err
}

// hooked makes the run between its hooks. A dry run has none: it changes nothing.
func (r *session) hooked(ctx context.Context, clientLog, serverLog io.Writer) (result Result, err error) {
	if r.DryRun {
		return r.exchange(ctx, serverLog)
	}
	ways := []Direction{r.direction}
	if r.direction == Both {
		ways = []Direction{Pull, Push}
	}
	r.hooks = make(map[Direction]*hooks.Hooks)
	for _, d := range ways {
		h, openErr := hooks.Open(hooks.Options{
			Dir: r.Paths.HooksDir, Home: r.Paths.Home, Endpoint: r.endpoint.Name, Direction: string(d), Output: clientLog, Log: r.Log,
		})
		if openErr != nil {
			return Result{}, openErr
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		r.hooks[d] = h
	}
	for _, d := range ways {
		if err == nil {
			err = r.hooks[d].Run(ctx, hooks.Pre, 0)
		}
	}
	if err == nil {
		result, err = r.exchange(ctx, serverLog)
	}
	status := 0
	if err != nil {
		status = 1
	}
	for _, d := range ways {
		if failed := r.hooks[d].Run(ctx, hooks.Post, status); err == nil {
			err = failed // else the run's own failure comes first
		}
	}
	return result, err
}

// localProgram and remoteProgram are the roles at the two ends.
func (r *session) localProgram() string {
	if r.direction == Pull {
		return "smd-client"
	}
	return "smd-server"
}

func (r *session) remoteProgram() string {
	if r.direction == Pull {
		return "smd-server"
	}
	return "smd-client"
}

// exchange connects and runs the local role; where the remote program is not at
// the first place, the next is tried.
func (r *session) exchange(ctx context.Context, serverLog io.Writer) (Result, error) {
	if r.link != nil {
		return r.twoWay(ctx, serverLog)
	}
	translator, err := translate.New(r.endpoint, r.Paths.Home)
	if err != nil {
		return Result{}, err
	}
	excludes, err := exclude.New(r.endpoint.ExcludeLocal, r.endpoint.LocalMailboxes()...)
	if err != nil {
		return Result{}, err
	}
	store, err := maildir.Open(r.Paths.Home, r.boxes(), translator, r.direction == Pull && !r.DryRun)
	if r.DryRun && r.direction == Pull && fault.Is(err, fault.MailboxMissing) && r.isNew() {
		// Before the first sync the mailbox is as good as empty.
		empty, tempErr := os.MkdirTemp("", "smd-dry-run-")
		if tempErr != nil {
			return Result{}, errors.Join(err, tempErr)
		}
		defer os.RemoveAll(empty)
		store, err = maildir.Open(empty, r.boxes(), translator, true)
	}
	if err != nil {
		return Result{}, err
	}
	defer store.Close()
	host, err := r.host(ctx)
	if err != nil {
		return Result{}, err
	}
	r.Log.Debug("connecting", "endpoint", r.endpoint.Name, "how", host.How())
	excluded := excludes.Match
	if r.endpoint.SubscribedOnly {
		r.report(Progress{Phase: PhaseConnecting})
		if err := r.askSubscriptions(ctx, host, serverLog); err != nil {
			return Result{}, err
		}
		excluded = r.subscribed.Excluded(excluded, translator.Remote)
	}
	var result Result
	var failed error
	for _, argv := range r.commands() {
		result, err = r.attempt(ctx, host, argv, store, excluded, serverLog)
		if !fault.Is(err, fault.RemoteProgram) {
			return result, err
		}
		if failed == nil {
			failed = err
		}
	}
	return result, failed
}

func (r *session) host(ctx context.Context) (remote.Host, error) {
	if r.endpoint.LocalSync() {
		return remote.Local{}, nil
	}
	return r.Pool.Host(ctx, r.endpoint.ServerName, r.endpoint.SSH)
}

// isNew reports whether the two ends have never agreed on anything.
func (r *session) isNew() bool {
	_, err := os.Stat(r.files().DB)
	return errors.Is(err, fs.ErrNotExist)
}

// commands are the command lines that may start the remote role: at the place of
// the local program as SMD has it, then where else it may be.
func (r *session) commands() [][]string {
	name := r.remoteProgram()
	sub := name[len("smd-"):]
	var starts [][]string
	switch p := r.endpoint.RemoteProgram; {
	case r.there != nil:
		starts = [][]string{append(slices.Clone(r.there), sub)}
	case p != "":
		starts = [][]string{{p, sub}}
	default:
		if self := r.self(); self != "" {
			starts = append(starts, []string{self, sub})
		}
		starts = append(starts, r.beside(name)...)
		starts = append(starts, []string{".local/bin/smd-applet", sub}, []string{"smd-applet", sub})
	}
	args := r.remoteArgs()
	for i := range starts {
		starts[i] = append(starts[i], args...)
	}
	return starts
}

// self is this program where it is the other end too, else "": the one behind the
// link it was called by, as which it would be another role.
func (r *session) self() string {
	if r.endpoint.LocalSync() {
		if self, err := filepath.EvalSymlinks(r.Program); err == nil {
			return self
		}
	}
	return ""
}

// beside are the command lines that may start a program at the other end: at the
// place of the local one, as SMD has it, then where $PATH has it.
func (r *session) beside(name string) [][]string {
	var starts [][]string
	if filepath.IsAbs(r.Program) {
		starts = append(starts, []string{filepath.Join(filepath.Dir(r.Program), name)})
	}
	return append(starts, []string{name})
}

// remoteArgs are the remote program's options and arguments (smd 1.3, spec §7).
func (r *session) remoteArgs() []string {
	var args []string
	if r.direction == Pull {
		for _, g := range r.endpoint.ExcludeRemote {
			args = append(args, "--exclude", exclude.Plain(g, r.endpoint.RemoteMailboxes()...))
		}
		if r.endpoint.SubscribedOnly {
			args = append(args, "--subscribed-only")
		}
	}
	if r.Verbose {
		args = append(args, "-v")
	}
	if r.DryRun {
		args = append(args, "-d")
	}
	if r.direction == Pull {
		if r.NoDelete {
			args = append(args, "-n")
		}
		args = append(args, r.endpoint.ServerOpts...)
	} else {
		args = append(args, r.endpoint.ClientOpts...)
	}
	switch {
	case r.nothingAgreed:
		args = append(args, "--override-db", noState)
	case r.elsewhere != "":
		args = append(args, "--override-db", r.elsewhere)
	}
	args = append(args, r.endpoint.ClientName)
	for _, m := range r.endpoint.RemoteMailboxes() {
		args = append(args, strings.ReplaceAll(m, " ", "%20")) // as the configuration has it
	}
	return args
}

// attempt makes the run with one command line at the other end.
func (r *session) attempt(ctx context.Context, host remote.Host, argv []string, store *maildir.Store, excluded func(string) bool, serverLog io.Writer) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.report(Progress{Phase: PhaseConnecting})
	channel, err := host.Start(ctx, argv, serverLog)
	if err != nil {
		return Result{}, err
	}
	idle := newIdleChannel(channel, cancel)
	defer idle.stop()
	r.channel = idle
	traffic, done, err := r.traffic(idle)
	if err != nil {
		return Result{}, errors.Join(err, channel.Close())
	}
	defer done()
	conn := smd1.NewConn(traffic)
	var result Result
	if r.direction == Pull {
		result, err = r.pull(ctx, conn, store, excluded)
	} else {
		result, err = r.push(ctx, conn, store, excluded)
	}
	closed := channel.Close()
	if err == nil {
		return result, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return result, r.stopped(cause)
	}
	return result, r.blame(err, closed, argv)
}

// traffic is the channel, copied to two files where DEBUG=true asks for that.
func (r *session) traffic(channel io.ReadWriter) (rw io.ReadWriter, done func(), err error) {
	if !r.endpoint.Debug {
		return channel, func() {}, nil
	}
	var files [2]*os.File
	for i, what := range []string{"received", "sent"} {
		path := r.Paths.TrafficLog(r.endpoint.Name, what)
		if files[i], err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return nil, nil, fault.New(maildir.KindOf(err), "open the log", path, err)
		}
	}
	rw = struct {
		io.Reader
		io.Writer
	}{io.TeeReader(channel, files[0]), io.MultiWriter(channel, files[1])}
	return rw, func() { files[0].Close(); files[1].Close() }, nil
}

func (r *session) stopped(cause error) error {
	if f := (*fault.Error)(nil); errors.As(cause, &f) {
		return cause
	}
	return fault.New(fault.Network, string(r.direction), r.endpoint.ServerName, fmt.Errorf("stopped: %w", cause))
}

// blame finds the cause of a failed run: what the local role says is often only
// that the other end went away, and that one's words say why.
func (r *session) blame(err, remoteErr error, argv []string) error {
	var exit *remote.ExitError
	var classified *fault.Error
	switch {
	case errors.As(remoteErr, &classified):
		return remoteErr
	case remoteErr == nil && fault.Is(err, fault.Network) && fault.As(err).Op == "handshake":
		// It ended, and well: the link is not to blame.
		return fault.New(fault.Protocol, "handshake", r.endpoint.ServerName, fmt.Errorf("%s ended without a word", argv[0]))
	case !errors.As(remoteErr, &exit):
		return err
	case exit.Status == 127 || exit.Status == 126:
		return r.noProgram("start "+argv[0], exit)
	case fault.Is(err, fault.Network), fault.Is(err, fault.RemoteFailed):
		return remoteFault(r.remoteProgram(), r.endpoint.ServerName, exit)
	}
	return err
}

// noProgram is the failure of a server that lacks the program.
func (r *session) noProgram(op string, err error) *fault.Error {
	f := fault.New(fault.RemoteProgram, op, r.endpoint.ServerName, err)
	if r.namesProgram(f) {
		return f
	}
	if !r.endpoint.LocalSync() {
		f.Hint, f.HintArgs = "put it there: smd-applet deploy %s", []any{r.endpoint.ServerName}
		f.Actions = []fault.Action{{Kind: fault.RunCommand, Arg: remote.Quote([]string{r.applet(), "deploy", r.endpoint.ServerName})}}
	}
	return f
}

// namesProgram gives the failure its way out where the configuration names the program
// at the other end: one put where a deploy puts it would not be looked at. It reports
// whether that is so.
func (r *session) namesProgram(f *fault.Error) bool {
	p := r.endpoint.RemoteProgram
	if p == "" || path.Clean(p) == deploy.Place {
		return false
	}
	file := r.Paths.Config(r.endpoint.Name)
	f.Hint = "REMOTE_PROGRAM=%s is not there, or another version: put this version in that place, or take the line out of %s"
	f.HintArgs = []any{p, file}
	f.Actions = []fault.Action{{Kind: fault.EditConfig, Arg: file}, {Kind: fault.Retry}}
	return true
}

// applet is what a shell here starts this program by.
func (r *session) applet() string {
	const name = "smd-applet"
	beside := filepath.Join(filepath.Dir(r.Program), name)
	if _, err := exec.LookPath(name); err != nil {
		if _, err := exec.LookPath(beside); err == nil {
			return beside
		}
	}
	return name
}

func (r *session) limits() *guard.Limits {
	return &guard.Limits{Percent: r.endpoint.MaxDeletePercent, Count: r.endpoint.MaxDeleteCount}
}

var phases = [...]Phase{PhaseConnecting, PhaseComparing, PhaseTransferring, PhaseAgreeing}

func (r *session) pull(ctx context.Context, conn *smd1.Conn, store *maildir.Store, excluded func(string) bool) (Result, error) {
	ledger, err := r.ledger()
	if err != nil {
		return Result{}, err
	}
	got, err := apply.Run(ctx, conn, apply.Options{
		Store: store, Files: r.files(), Ledger: ledger, Limits: r.limits(), Excluded: excluded,
		FailOnConflict: r.endpoint.OnConflictFail, DryRun: r.DryRun, SharedState: r.endpoint.LocalSync(), Log: r.Log,
		Changed: func(what, path, to string) { r.record(Pull, what, path, to) }, Leaving: r.history.Leaving,
		Told: func(a delta.Action) {
			if r.told != nil {
				r.told(store, a)
			}
		},
		Planned: func(a delta.Action) { r.plan(store, a) },
		Progress: func(s apply.Step) {
			r.channel.expect(s.Phase == apply.Detection)
			r.report(Progress{Phase: phases[s.Phase], Done: s.Done, Total: s.Total, Bytes: s.Bytes})
		},
	})
	result := Result{Summary: summary(got.Counts, got.Bytes, got.DBBytes), Held: held(heldHere(ledger), Pull), Folders: r.planned(), Transfers: r.travels.names}
	result.Summary.Conflict = got.Conflicts
	return result, err
}

// heldHere counts what is held back at this end, from this run or earlier ones.
func heldHere(l *guard.Ledger) map[string]int {
	folders := make(map[string]int)
	for name := range l.HeldHere {
		if n, err := maildir.ParseName(name); err == nil {
			folders[n.Folder]++
		}
	}
	return folders
}

func (r *session) push(ctx context.Context, conn *smd1.Conn, store *maildir.Store, excluded func(string) bool) (Result, error) {
	ledger, err := r.ledger()
	if err != nil {
		return Result{}, err
	}
	sent, err := serve.Run(ctx, conn, serve.Options{
		Store: store, Files: r.files(), Ledger: ledger, Limits: r.limits(), Excluded: excluded,
		NoDelete: r.NoDelete || slices.Contains(r.endpoint.ServerOpts, "-n"), NoMove: slices.Contains(r.endpoint.ServerOpts, "--no-move"), DryRun: r.DryRun, Sent: func(a delta.Action) { r.plan(store, a); r.recordSent(store, a) },
		Progress: func(s serve.Step) {
			r.channel.expect(s.Phase == serve.Detection)
			r.report(Progress{Phase: phases[s.Phase], Done: s.Done, Bytes: s.Bytes})
		},
	})
	if len(sent.Skipped) > 0 {
		r.Log.Info("links that are not followed, and names that can't be sent, are left out", "count", len(sent.Skipped), "first", sent.Skipped[0])
	}
	return Result{
		Summary: summary(sent.Counts, sent.Bytes, sent.DBBytes), Held: held(sent.Held, Push), Damaged: sent.Damaged, Folders: r.planned(), Transfers: r.travels.names,
	}, err
}

// record tells the history and the hooks what happened to a message here, in a
// pull, or was sent, in a push, and notmuch of the former; paths are below the home.
func (r *session) record(d Direction, what, path, to string) {
	r.history.Change(d == Push, what, path, to)
	if to != "" {
		to = filepath.Join(r.Paths.Home, to)
	}
	path = filepath.Join(r.Paths.Home, path)
	r.hooks[d].Record(what, path, to)
	if d == Pull {
		r.journal.Add(what, path, to)
	}
}

// recordSent tells the hooks of a local change that was sent.
func (r *session) recordSent(store *maildir.Store, a delta.Action) {
	if r.hooks != nil {
		what, from, to := localWords(store, a)
		r.record(Push, what, from, to)
	}
}
