package sync

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"

	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/remote"
	"smd-applet/sync/translate"
)

// BothEnds is what both ends of an endpoint have, message by message.
type BothEnds struct {
	Here, There *census.Census
	local       func(remote string) (string, error)
	store       *maildir.Store
	line        *census.Line
	channel     remote.Channel
}

// Census counts both ends of an endpoint at the same time: what is excluded at
// either is left out at both. Where the other end has no smd-applet, or too old a
// one, the error is of kind [fault.RemoteProgram]. without is a header that the
// digests called bare leave out; progress hears of the files read at both ends.
// The caller closes it.
func (s *Sessions) Census(ctx context.Context, e *config.Endpoint, without string, progress func(files int)) (b *BothEnds, err error) {
	r := &session{Sessions: s.dry(), endpoint: e, direction: Pull, report: func(Progress) {}}
	host, err := r.host(ctx)
	if err != nil {
		return nil, err
	}
	translator, err := translate.New(e, s.Paths.Home)
	if err != nil {
		return nil, err
	}
	if e.SubscribedOnly {
		if err := r.askSubscriptions(ctx, host, io.Discard); err != nil {
			return nil, err
		}
	}
	leftOut, err := r.leftOut(translator)
	if err != nil {
		return nil, err
	}
	b = &BothEnds{local: translator.Local}
	var there <-chan error
	files := make(chan int)
	if b.store, err = maildir.Open(s.Paths.Home, maildir.SameBoxes(e.LocalMailboxes()), translate.Identity(), false); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	there = r.listen(ctx, host, without, b, files)
	here := make(chan error, 1)
	go func() {
		var err error
		b.Here, err = census.Take(ctx, b.store, census.Options{Excluded: leftOut.here, Without: without, Mailbox: e.LocalMailboxes(), Progress: report(ctx, files)})
		here <- err
	}()
	err = waitForBoth(here, there, files, cancel, progress)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.There = b.line.Without(leftOut.there)
	return b, nil
}

// report tells of files read until ctx ends.
func report(ctx context.Context, files chan<- int) func(int) {
	last := 0
	return func(n int) {
		select {
		case files <- n - last:
			last = n
		case <-ctx.Done():
		}
	}
}

// waitForBoth waits until both ends are counted; when one fails the other is
// cancelled. The first failure is returned.
func waitForBoth(here, there <-chan error, files <-chan int, cancel func(), progress func(int)) error {
	var first error
	for total := 0; here != nil || there != nil; {
		var err error
		select {
		case n := <-files:
			if total += n; progress != nil {
				progress(total)
			}
		case err = <-here:
			here = nil
		case err = <-there:
			there = nil
		}
		if err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// leftOut is what is excluded at either end, by the names of each.
type leftOut struct{ here, there func(folder string) bool }

func (r *session) leftOut(t *translate.Map) (*leftOut, error) {
	here, err := exclude.New(r.endpoint.ExcludeLocal, r.endpoint.LocalMailboxes()...)
	if err != nil {
		return nil, err
	}
	there, err := exclude.New(r.endpoint.ExcludeRemote, r.endpoint.RemoteMailboxes()...)
	if err != nil {
		return nil, err
	}
	excluded := here.Match
	if r.subscribed != nil {
		excluded = r.subscribed.Excluded(excluded, t.Remote)
	}
	return &leftOut{
		here: func(folder string) bool {
			if excluded(folder) {
				return true
			}
			name, err := t.Remote(folder)
			return err == nil && exclude.Above(name, there.Match)
		},
		there: func(folder string) bool {
			if exclude.Above(folder, there.Match) {
				return true
			}
			name, err := t.Local(folder)
			return err == nil && exclude.Above(name, excluded)
		},
	}, nil
}

// listen has smd-applet at the other end count what is there.
func (r *session) listen(ctx context.Context, host remote.Host, without string, b *BothEnds, files chan<- int) <-chan error {
	done := make(chan error, 1)
	go func() {
		var failed error
		for _, there := range r.applets() {
			argv := append(there[:len(there):len(there)], "tally")
			if without != "" {
				argv = append(argv, "--without", without)
			}
			for _, g := range r.endpoint.ExcludeRemote {
				argv = append(argv, "--exclude", exclude.Plain(g, r.endpoint.RemoteMailboxes()...))
			}
			argv = append(append(argv, r.endpoint.ClientName), r.endpoint.RemoteMailboxes()...)
			err := b.listenTo(ctx, host, argv, report(ctx, files))
			if err == nil || !fault.Is(err, fault.RemoteProgram) {
				done <- err
				return
			}
			if failed == nil {
				failed = err
			}
		}
		f := needsApplet(r.endpoint.ServerName, failed)
		r.namesProgram(f)
		done <- f
	}()
	return done
}

// needsApplet is the failure of what only two of ours can do.
func needsApplet(server string, err error) *fault.Error {
	return &fault.Error{
		Kind: fault.RemoteProgram, Op: "count the messages", Path: server, Err: err,
		Hint: "both ends need this version of smd-applet for a census: smd-applet deploy %s", HintArgs: []any{server},
	}
}

func (b *BothEnds) listenTo(ctx context.Context, host remote.Host, argv []string, progress func(int)) error {
	// The channel lives on for questions, when the counting is over.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, stop)
	channel, err := host.Start(life, argv, io.Discard)
	if err != nil {
		stop()
		return err
	}
	line, err := census.Listen(channel, progress)
	if err == nil && release() {
		b.line, b.channel = line, &lifelong{channel, stop}
		return nil
	}
	closed := channel.Close()
	stop()
	var exit *remote.ExitError
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Network, "count the messages", argv[0], context.Cause(ctx))
	case errors.As(closed, new(*fault.Error)):
		return closed
	case errors.As(closed, &exit) && exit.Status == 1, !errors.Is(err, census.ErrNotTold):
		return &fault.Error{
			Kind: fault.RemoteFailed, Op: "count the messages there", Path: argv[0], Err: errors.Join(closed, err), Elsewhere: true,
		}
	case closed != nil:
		err = closed
	}
	return fault.New(fault.RemoteProgram, "start "+argv[0], "", err)
}

// lifelong is a channel whose life ends when it is closed.
type lifelong struct {
	remote.Channel
	stop func()
}

func (l *lifelong) Close() error {
	err := l.Channel.Close()
	l.stop()
	return err
}

// Close ends the line to the other end.
func (b *BothEnds) Close() error {
	var err error
	if b.line != nil {
		b.line.Close()
		err = b.channel.Close()
	}
	return errors.Join(err, b.store.Close())
}

// Compare puts the ends side by side.
func (b *BothEnds) Compare() *census.Comparison {
	return census.Compare(b.Here, b.There, func(remote string) string {
		local, err := b.local(remote)
		if err != nil {
			return ""
		}
		return local
	})
}

// HeaderThere asks the other end for a message's header.
func (b *BothEnds) HeaderThere(m *census.Message) ([]byte, error) { return b.line.Header(m.Name) }

// title finds out what a person knows a message by, at the end it is at.
func (b *BothEnds) title(d *census.Difference) (census.Title, error) {
	var header []byte
	var err error
	if d.Here != nil {
		header, err = census.Header(b.store, d.Here.Name)
	} else {
		header, err = b.line.Header(d.There.Name)
	}
	if err != nil {
		return census.Title{}, fault.New(maildir.KindOf(err), "look at", path.Base(d.Message().Name.File), err)
	}
	return census.TitleOf(header), nil
}

// SideBySide compares the ends and names the differences: at most limit of a kind
// in a folder, all where limit is negative.
func (b *BothEnds) SideBySide(limit int) *census.SideBySide {
	return b.Compare().Show(b.Here, b.There, limit, b.title)
}

// CountHere counts mailboxes at this end alone; without any named, those of the
// endpoint default. The caller closes the store.
func (s *Sessions) CountHere(ctx context.Context, mailboxes []string, progress func(files int)) (*census.Census, *maildir.Store, error) {
	var excluded func(string) bool
	if len(mailboxes) == 0 {
		e, err := config.Load(ctx, s.Paths, defaultEndpoint)
		if err != nil {
			return nil, nil, err
		}
		leftOut, err := exclude.New(e.ExcludeLocal, e.LocalMailboxes()...)
		if err != nil {
			return nil, nil, err
		}
		mailboxes, excluded = e.LocalMailboxes(), leftOut.Match
	}
	store, err := maildir.Open(s.Paths.Home, maildir.SameBoxes(mailboxes), translate.Identity(), false)
	if err != nil {
		return nil, nil, err
	}
	c, err := census.Take(ctx, store, census.Options{Excluded: excluded, Mailbox: mailboxes, Progress: progress})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return c, store, nil
}

// defaultEndpoint is the endpoint that is meant where none is named (smd 1.3).
const defaultEndpoint = "default"

// EndpointsOf returns what a person means by a name: the endpoint called so, else
// those that sync with that server, else that host itself for mailboxes that have
// the same names there.
func (s *Sessions) EndpointsOf(ctx context.Context, name string, mailboxes []string) ([]*config.Endpoint, error) {
	if len(mailboxes) > 0 {
		e := &config.Endpoint{Name: name, ServerName: name, ClientName: "census"}
		for _, m := range mailboxes {
			e.Mailboxes = append(e.Mailboxes, config.Mailbox{Local: m, Remote: m})
		}
		return []*config.Endpoint{e}, nil
	}
	names, err := config.Endpoints(s.Paths)
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, name) {
		e, err := config.Load(ctx, s.Paths, name)
		return []*config.Endpoint{e}, err
	}
	var all []*config.Endpoint
	for _, n := range names {
		e, err := config.Load(ctx, s.Paths, n)
		if err != nil {
			return nil, err
		}
		if e.ServerName == name {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "compare with", Path: name, Err: errors.New("there is neither an endpoint nor a server of that name in ~/.smd"),
			Hint: "name the mailboxes: smd-applet census --compare %s Mail", HintArgs: []any{name},
		}
	}
	return all, nil
}
