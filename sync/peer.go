package sync

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/check"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/probe"
	"smd-applet/sync/remote"
)

// Check looks at an endpoint's set-up at both ends and says what is well and what
// is not. It changes nothing but to write templates where there is no
// configuration.
func (s *Sessions) Check(ctx context.Context, endpoint string) ([]check.Finding, error) {
	facts, err := check.Gather(ctx, s.Paths, endpoint, func(ctx context.Context, e *config.Endpoint) (check.Peer, error) {
		unlisted := *e
		unlisted.SubscribedOnly = false // whether there are lists is a question of its own
		r := &session{Sessions: s.dry(), endpoint: &unlisted, direction: Pull, report: func(Progress) {}}
		host, err := r.host(ctx)
		if err != nil {
			return nil, err
		}
		return &peer{r, host, e.SubscribedOnly}, nil
	})
	if err != nil {
		return nil, err
	}
	facts.Program = s.Version
	return check.Judge(facts), nil
}

// peer is the other end of an endpoint, as [check.Gather] asks for it.
type peer struct {
	*session
	reached remote.Host
	applet  bool // a pull starts smd-applet there, and nothing else
}

// How implements [check.Peer].
func (p *peer) How() string { return p.reached.How() }

// Probe implements [check.Peer].
func (p *peer) Probe(ctx context.Context) (*probe.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	a, there, err := p.ask(ctx, p.reached, io.Discard)
	if err != nil {
		return nil, err
	}
	if p.applet {
		p.there = there
	}
	a.Version = fmt.Sprintf("%s (%s)", a.Version, strings.Join(there, " "))
	return a, nil
}

// answerWithin is how long the other end may take to answer a question.
const answerWithin = time.Minute

// Serve implements [check.Peer]: a dry run that is broken off after the first word.
func (p *peer) Serve(ctx context.Context) (program, protocol string, err error) {
	var failed error
	for _, argv := range p.commands() {
		protocol, err := p.greeting(ctx, argv)
		if !fault.Is(err, fault.RemoteProgram) {
			return argv[0], protocol, err
		}
		if failed == nil {
			failed = err
		}
	}
	return "", "", failed
}

func (p *peer) greeting(ctx context.Context, argv []string) (string, error) {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	channel, err := p.reached.Start(within, argv, io.Discard)
	if err != nil {
		return "", err
	}
	said, err := bufio.NewReader(io.LimitReader(channel, 4<<10)).ReadString('\n')
	closed := channel.Close()
	if protocol, ok := strings.CutPrefix(strings.TrimSpace(said), "protocol "); ok {
		return protocol, nil
	}
	switch {
	case ctx.Err() != nil:
		return "", p.stopped(ctx.Err())
	case within.Err() != nil:
		return "", fault.New(fault.Locked, "start "+argv[0], p.endpoint.ServerName, fmt.Errorf("no answer within %v: is a sync going on", answerWithin))
	case said != "":
		return "", fault.New(fault.Protocol, "start "+argv[0], p.endpoint.ServerName, fmt.Errorf("the first that comes from there is %q", strings.TrimSpace(said)))
	}
	return "", p.blame(fault.New(fault.Network, "handshake", p.endpoint.ServerName, err), closed, argv)
}

// List implements [check.Peer], by the mddiff that stock syncmaildir has too.
func (p *peer) List(ctx context.Context, mailbox string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	starts := p.beside("mddiff")
	if program := p.endpoint.RemoteProgram; program != "" {
		starts = [][]string{{filepath.Join(filepath.Dir(program), "mddiff")}}
	}
	var failed error
	for _, start := range starts {
		folders, err := p.listBy(ctx, append(start, "-l", mailbox))
		if err == nil {
			return folders, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// maxListing bounds a list of folders, in bytes.
const maxListing = 32 << 20

func (p *peer) listBy(ctx context.Context, argv []string) ([]string, error) {
	channel, err := p.reached.Start(ctx, argv, io.Discard)
	if err != nil {
		return nil, err
	}
	said, err := io.ReadAll(io.LimitReader(channel, maxListing))
	if err := errors.Join(err, channel.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", argv[0], err)
	}
	var folders []string
	for line := range bytes.Lines(said) {
		folder, sub := path.Split(strings.TrimRight(string(line), "\r\n"))
		folder = path.Clean(folder)
		if (sub == "cur" || sub == "new") && maildir.CheckPath(folder) == nil {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders), nil
}
