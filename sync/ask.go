package sync

import (
	"context"
	"errors"
	"fmt"
	"io"

	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
	"smd-applet/sync/remote"
)

// applets are the words that may start smd-applet at the other end.
func (r *session) applets() [][]string {
	if p := r.endpoint.RemoteProgram; p != "" {
		return [][]string{{p}}
	}
	if self := r.self(); self != "" {
		return [][]string{{self}}
	}
	return append(r.beside("smd-applet"), []string{".local/bin/smd-applet"})
}

// ask has smd-applet at the other end tell of itself and its mailboxes, and
// returns the words that start it there. Where it is not, the error is of kind
// [fault.RemoteProgram]. flags ask for more than usual.
func (r *session) ask(ctx context.Context, host remote.Host, log io.Writer, flags ...string) (a *probe.Answer, there []string, err error) {
	var failed error
	for _, there := range r.applets() {
		argv := append(append(there[:len(there):len(there)], "probe"), flags...)
		argv = append(append(argv, r.endpoint.ClientName), r.endpoint.RemoteMailboxes()...)
		a, err := probeBy(ctx, host, argv, log)
		if !fault.Is(err, fault.RemoteProgram) {
			return a, there, err
		}
		if failed == nil {
			failed = err
		}
	}
	return nil, nil, failed
}

func probeBy(ctx context.Context, host remote.Host, argv []string, log io.Writer) (*probe.Answer, error) {
	channel, err := host.Start(ctx, argv, log)
	if err != nil {
		return nil, err
	}
	a, err := probe.Read(channel)
	closed := channel.Close()
	if err == nil {
		return a, nil
	}
	var classified *fault.Error
	if errors.As(closed, &classified) {
		return nil, closed
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.New(fault.Network, "ask", argv[0], err)
	}
	if closed != nil {
		err = closed
	}
	return nil, fault.New(fault.RemoteProgram, "start "+argv[0], "", err)
}

// askSubscriptions finds out what SUBSCRIBED_ONLY=true needs to know. Nothing in
// smd 1.3 tells it, so stock syncmaildir can't be the other end.
func (r *session) askSubscriptions(ctx context.Context, host remote.Host, log io.Writer) error {
	a, there, err := r.ask(ctx, host, log)
	if fault.Is(err, fault.RemoteProgram) {
		return &fault.Error{
			Kind: fault.RemoteProgram, Op: "ask for the subscriptions", Path: r.endpoint.ServerName, Err: err,
			Hint: "SUBSCRIBED_ONLY needs smd-applet on the server; with syncmaildir there, remove it and name folders in EXCLUDE",
		}
	}
	if err != nil {
		return err
	}
	if len(a.Mailboxes) != len(r.endpoint.Mailboxes) {
		return fault.New(fault.Protocol, "ask for the subscriptions", r.endpoint.ServerName, fmt.Errorf("it tells of %d mailboxes", len(a.Mailboxes)))
	}
	for i, m := range a.Mailboxes {
		if m.Name != r.endpoint.Mailboxes[i].Remote {
			return fault.New(fault.Protocol, "ask for the subscriptions", r.endpoint.ServerName, fmt.Errorf("it tells of %q", m.Name))
		}
	}
	r.there = there
	r.subscribed, err = a.Subscriptions()
	return err
}
