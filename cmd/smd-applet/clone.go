package main

import (
	"context"
	"fmt"
	"io"
	"os"
	stdsync "sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smd-applet/sync"
	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
	"smd-applet/sync/remote"
)

func newClone() *cobra.Command {
	var merge bool
	cmd := &cobra.Command{
		Use:   "clone [endpoint]",
		Short: "make the first full copy of the server's mailbox, then sync",
		Long: `make the first full copy of the server's mailbox, then sync

It looks how much mail there is and whether it fits, copies, telling how far it is and
how long it will take, syncs what changed meanwhile, and ends with the proof: both
ends read all their mail once more, and are compared message by message. Ended in the
middle, or killed, and started again it goes on where it was. A mailbox here that
has messages the server has not is refused, unless --merge brings the two together.
Where standard error is no terminal it is told every minute how far it is.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSessions(false)
			if err != nil {
				return err
			}
			defer s.Pool.Close()
			c := &clone{sessions: s, endpoint: endpointOf(args), out: cmd.OutOrStdout(), merge: merge}
			ctx := new(remote.Click).On(cmd.Context())
			return withProgram(ctx, s.Pool, c.out, func() error { return c.run(ctx) })
		},
	}
	cmd.Flags().BoolVar(&merge, "merge", false, "bring together what both ends have, though the mailbox here is no copy of the server's")
	return cmd
}

// clone is one first copy.
type clone struct {
	sessions *sync.Sessions
	endpoint string
	out      io.Writer
	merge    bool
}

// settleRuns is how many syncs may follow the copy until one changes nothing.
const settleRuns = 3

func (c *clone) run(ctx context.Context) error {
	before, err := c.sessions.Survey(ctx, c.endpoint)
	if err != nil {
		return err
	}
	c.say("%s", surveyed(before))
	if err := before.Room(); err != nil {
		return err
	}
	if !before.Begun && before.Here.Messages > 0 && !c.merge {
		c.say("comparing what is here already with what the server has")
		if err := c.sessions.Foreign(ctx, c.endpoint); err != nil {
			return err
		}
	}
	started, progress := time.Now(), newCloneProgress(before.Missing())
	result, err := sync.Once(ctx, c.sessions, c.endpoint, progress.show)
	progress.clear()
	if err != nil {
		return err
	}
	c.say("%s", copied(result.Summary, time.Since(started)))
	for range settleRuns {
		if result, err = sync.Once(ctx, c.sessions, c.endpoint, progress.show); err != nil {
			return err
		}
		if !result.Summary.Changed() {
			break
		}
	}
	progress.clear()
	if result.Unindexed != nil {
		printFault(os.Stderr, programOf(c.endpoint), result.Unindexed)
	}
	printHeld(os.Stderr, programOf(c.endpoint), c.endpoint, result.Held)
	return c.prove(ctx, result)
}

func (c *clone) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%s: %s\n", c.endpoint, fmt.Sprintf(format, args...))
}

// prove ends a copy: both ends have the same, by the content of every message, or
// it tells that they have not.
func (c *clone) prove(ctx context.Context, last sync.Result) error {
	problem := len(last.Held) > 0 || len(last.Damaged) > 0 || last.Unindexed != nil
	proof, err := c.census(ctx)
	switch {
	case fault.Is(err, fault.RemoteProgram):
		why := fault.As(err)
		after, err := c.sessions.Survey(ctx, c.endpoint)
		if err != nil {
			return err
		}
		c.say("up to date: here are %s; not compared message by message: %s", volume(after.Here), why.WayOut())
	case err != nil:
		return err
	case proof.Equal:
		c.say("up to date: both ends have %s, the same message by message", volume(volumeOf(proof.Here.Total)))
		if n := proof.There.Total.Flawed; n > 0 {
			c.say("at the server %s no message, empty or damaged, and not copied; named by: smd-applet census --compare %s", areNumbered(n, "file"), c.endpoint)
			problem = true
		}
	default:
		c.say("here are %s, at the server %s: messages that are damaged, held back or have names no sync can carry are not copied, and new ones come with the next sync",
			volume(volumeOf(proof.Here.Total)), volume(volumeOf(proof.There.Total)))
		c.say("each one that differs is named by: smd-applet census --compare %s", c.endpoint)
		problem = true
	}
	if problem {
		return exitStatus(exitProblems)
	}
	return nil
}

// census compares both ends by content. Mail that came since the last sync would
// make a difference: it is synced, and compared again.
func (c *clone) census(ctx context.Context) (*census.SideBySide, error) {
	e, err := config.Load(ctx, c.sessions.Paths, c.endpoint)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		line := newProgressLine(os.Stderr)
		both, err := c.sessions.Census(ctx, e, "", counting(line))
		line.clear()
		if err != nil {
			return nil, err
		}
		proof := both.SideBySide(0)
		if err := both.Close(); err != nil {
			return nil, err
		}
		if proof.Equal || try == settleRuns {
			return proof, nil
		}
		again, err := sync.Once(ctx, c.sessions, c.endpoint, line.show)
		line.clear()
		if err != nil {
			return nil, err
		}
		if !again.Summary.Changed() {
			return proof, nil
		}
	}
}

func volumeOf(n census.Count) probe.Volume {
	return probe.Volume{Messages: n.Messages, Bytes: n.Bytes}
}

func surveyed(v *sync.Survey) string {
	there := "the server does not tell how much it has, since it has no smd-applet or an older one"
	if v.There != nil {
		there = volume(*v.There) + " at " + v.Server
	}
	room := ""
	if v.Free != nil {
		room = fmt.Sprintf("; %s are free", size(*v.Free))
	}
	return fmt.Sprintf("%s, %s here%s", there, volume(v.Here), room)
}

func volume(v probe.Volume) string {
	return numbered(v.Messages, "message") + " (" + size(v.Bytes) + ")"
}

// areNumbered is numbered with its verb.
func areNumbered(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return numbered(n, what) + " are"
}

// numbered is so many of something.
func numbered(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func copied(s sync.Summary, took time.Duration) string {
	if s.New == 0 {
		return "all messages were here already"
	}
	return fmt.Sprintf("%s, %s, in %s: %s/s", numbered(s.New, "message"), size(s.Bytes), lasting(took), size(int64(float64(s.Bytes)/max(took.Seconds(), 0.001))))
}

// size tells bytes in the unit that leaves three digits or so.
func size(bytes int64) string {
	switch {
	case bytes < 1e6:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	case bytes < 1e9:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

// lasting tells a length of time as a person would.
func lasting(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// cloneProgress tells how far a copy is: in one line on a terminal, else by a line
// a minute.
type cloneProgress struct {
	w        io.Writer
	terminal bool
	total    probe.Volume // zero: not known
	now      func() time.Time

	mu    stdsync.Mutex
	first time.Time // when the first bytes came
	last  time.Time
	shown bool
}

func newCloneProgress(total probe.Volume) *cloneProgress {
	p := &cloneProgress{w: os.Stderr, terminal: term.IsTerminal(int(os.Stderr.Fd())), total: total, now: time.Now}
	p.last = p.now()
	return p
}

// cloneEvery is how often it is told where there is no terminal.
const cloneEvery = time.Minute

func (p *cloneProgress) show(s sync.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if s.Bytes > 0 && p.first.IsZero() {
		p.first = now
	}
	every := cloneEvery
	if p.terminal {
		every = progressEvery
	}
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	text := cloneLine(s, p.total, now.Sub(p.first))
	if !p.terminal {
		fmt.Fprintln(p.w, text)
		return
	}
	fmt.Fprint(p.w, "\r\x1b[K"+text)
	p.shown = true
}

func (p *cloneProgress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// cloneLine is how far a copy is, in words. took is the time since the first bytes.
func cloneLine(s sync.Progress, total probe.Volume, took time.Duration) string {
	if s.Phase != sync.PhaseTransferring || s.Bytes == 0 {
		return string(s.Phase)
	}
	text := numbered(s.Done, "message") + ", " + size(s.Bytes)
	done := min(s.Bytes, total.Bytes)
	if total.Bytes > 0 {
		text = bar(int(done*100/total.Bytes), 100) + " " + text + " of " + size(total.Bytes)
	}
	rate := float64(s.Bytes) / max(took.Seconds(), 0.001)
	if took >= time.Second {
		text += ", " + size(int64(rate)) + "/s"
	}
	if left := float64(total.Bytes-done) / rate; took >= time.Second && left > 0 {
		text += ", " + lasting(time.Duration(left*float64(time.Second))) + " left"
	}
	return text
}
