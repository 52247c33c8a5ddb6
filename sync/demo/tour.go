package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/synctest"
)

// Tour is what happens on a stage, told to a terminal.
type Tour struct {
	Stage  *Stage
	Engine *sync.Engine // running, with the stage's laptop as its home
	Out    io.Writer
	Pace   time.Duration // a pause between two steps, for the eye
	Once   bool          // end after each step was done once

	watch *sync.Subscription
}

// outage is how long the link is cut: a popup waits a while for others like it,
// and wants to be read.
const outage = 8 * time.Second

// errEnded is the end of a tour in the middle.
var errEnded = errors.New("the tour was ended")

// Run goes through the tour, then has a little mail come and go until ctx ends.
// After every step both mailboxes are compared, message by message: a difference
// is an error.
func (t *Tour) Run(ctx context.Context) error {
	t.watch = t.Engine.Subscribe()
	defer t.watch.Close()
	t.Engine.SyncNow("") // if the first run was over before we looked

	t.say("A laptop and a mail server that has %d messages. The first sync:", t.Stage.messages)
	err := t.settled(ctx)
	for _, s := range t.steps() {
		if err == nil {
			err = t.pause(ctx, t.Pace)
		}
		if err == nil {
			err = s(ctx)
		}
	}
	if err == nil && !t.Once {
		t.say("\nThat was the tour. Mail comes and goes from now on, until Ctrl-C.")
		err = t.goOn(ctx)
	}
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

func (t *Tour) steps() []func(context.Context) error {
	return []func(context.Context) error{
		func(ctx context.Context) error {
			return t.step(ctx, "A message arrives at the server; Sync now fetches it:", t.arrives)
		},
		func(ctx context.Context) error {
			return t.step(ctx, "A message is read and starred on the laptop, which sends that by itself:", t.flagged)
		},
		func(ctx context.Context) error {
			return t.step(ctx, "A message is written on the laptop:", func() error {
				_, err := t.Stage.here.Deliver("Sent")
				return err
			})
		},
		func(ctx context.Context) error {
			return t.step(ctx, "A message is deleted at the server, another one on the laptop:", t.deleted)
		},
		t.failure,
	}
}

func (t *Tour) say(format string, args ...any) {
	fmt.Fprintf(t.Out, format+"\n", args...)
}

// step tells what is done, does it, and waits until both sides are the same.
func (t *Tour) step(ctx context.Context, words string, do func() error) error {
	t.say("\n%s", words)
	if err := do(); err != nil {
		return err
	}
	return t.settled(ctx)
}

func (t *Tour) arrives() error {
	_, err := t.Stage.there.Deliver(".")
	t.Engine.SyncNow("")
	return err
}

func (t *Tour) flagged() error {
	// One that has these flags already would change nothing, and nothing be told.
	message, err := pick(t.Stage.here, func(name string) bool { return !strings.HasSuffix(name, ":2,FS") })
	if err == nil {
		_, err = t.Stage.here.Flag(message, "FS")
	}
	return err
}

func (t *Tour) deleted() error {
	for _, m := range []*synctest.Mailbox{t.Stage.there, t.Stage.here} {
		message, err := pick(m, func(string) bool { return true })
		if err == nil {
			err = m.Delete(message)
		}
		if err != nil {
			return err
		}
	}
	t.Engine.SyncNow("")
	return nil
}

// failure cuts the link and mends it: what a person sees then.
func (t *Tour) failure(ctx context.Context) error {
	t.say("\nThe link to the server is cut:")
	t.Stage.server.cutLink()
	defer t.Stage.server.mendLink()
	t.Engine.SyncNow("")
	if err := t.until(ctx, func(ev sync.Event) bool { _, is := ev.(sync.ProblemRaised); return is }); err != nil {
		return err
	}
	if err := t.pause(ctx, outage); err != nil {
		return err
	}
	err := t.step(ctx, "A message arrives at the server meanwhile, and the link is mended:", func() error {
		t.Stage.server.mendLink()
		return t.arrives()
	})
	if err != nil {
		return err
	}
	return t.until(ctx, func(ev sync.Event) bool { _, is := ev.(sync.ProblemCleared); return is })
}

// goOn has mail come and go, now here, now there.
func (t *Tour) goOn(ctx context.Context) error {
	for {
		for range 3 {
			if err := t.pause(ctx, t.Pace); err != nil {
				return err
			}
		}
		steps := t.steps()
		if err := steps[rand.IntN(len(steps)-1)](ctx); err != nil {
			return err
		}
	}
}

// settled waits until both mailboxes hold the same.
func (t *Tour) settled(ctx context.Context) error {
	var difference string
	var total int
	same := func(ev sync.Event) bool {
		if finished, is := ev.(sync.RunFinished); !is || finished.Err != nil || finished.Direction == sync.Pull {
			return false
		}
		here, err := synctest.TakeCensus(t.Stage.here.Root)
		if err != nil {
			return false
		}
		there, err := synctest.TakeCensus(t.Stage.there.Root)
		if err != nil {
			return false
		}
		difference, total = synctest.DiffNames(there, here), here.Total()
		return difference == ""
	}
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := t.until(limited, same)
	if errors.Is(err, errEnded) && ctx.Err() == nil {
		return fmt.Errorf("server and laptop are not the same after a minute: %s", difference)
	}
	if err == nil {
		t.say("  both sides hold the same %d messages", total)
	}
	return err
}

// until tells what the engine does until an event matches.
func (t *Tour) until(ctx context.Context, matches func(sync.Event) bool) error {
	for {
		select {
		case <-ctx.Done():
			return errEnded
		case ev := <-t.watch.Events():
			t.tell(ev)
			if matches(ev) {
				return nil
			}
		}
	}
}

// tell tells what is worth a line.
func (t *Tour) tell(ev sync.Event) {
	switch ev := ev.(type) {
	case sync.RunFinished:
		if ev.Err != nil {
			return
		}
		direction, summary := ev.Direction, ev.Summary
		if direction == sync.Both {
			direction, summary = sync.Pull, ev.Summary.Without(ev.Sent)
			if ev.Sent.Changed() {
				defer t.say("  %s: %s", sync.Push, words(ev.Sent))
			}
		}
		if summary.Changed() {
			t.say("  %s: %s", direction, words(summary))
		}
	case sync.ProblemRaised:
		t.say("  ! %s\n  ! %v\n  ! %s", ev.Problem.Err.Summary(), ev.Problem.Err, ev.Problem.Err.WayOut())
	case sync.ProblemCleared:
		t.say("  the problem is over")
	}
}

// words says what a run did.
func words(s sync.Summary) string {
	var all []string
	for _, part := range []struct {
		count int
		what  string
	}{{s.New, "new"}, {s.Deleted, "deleted"}, {s.Moved, "moved"}, {s.Flagged, "flagged"}, {s.Edited, "edited"}} {
		if part.count > 0 {
			all = append(all, fmt.Sprintf("%d %s", part.count, part.what))
		}
	}
	if s.Bytes > 0 {
		all = append(all, fmt.Sprintf("%.1f kB", float64(s.Bytes)/1000))
	}
	return strings.Join(all, ", ")
}

// pause gives the eye time, and tells what happens meanwhile.
func (t *Tour) pause(ctx context.Context, d time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := t.until(limited, func(sync.Event) bool { return false })
	if ctx.Err() == nil {
		return nil
	}
	return err
}

// pick picks one of the messages in the inbox that fit. When none does one comes in.
func pick(m *synctest.Mailbox, fits func(name string) bool) (string, error) {
	messages, err := m.Messages(".")
	if err != nil {
		return "", err
	}
	messages = slices.DeleteFunc(messages, func(name string) bool { return !fits(name) })
	if len(messages) == 0 {
		return m.Deliver(".")
	}
	return messages[rand.IntN(len(messages))], nil
}
