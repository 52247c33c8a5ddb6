package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// wall is a Sender that remembers.
type wall struct {
	mu     stdsync.Mutex
	calls  []string
	last   Popup
	ids    ID
	broken error
}

func (w *wall) Show(_ context.Context, p Popup) (ID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		w.calls = append(w.calls, "fail")
		return 0, w.broken
	}
	id := p.Replaces
	if id == 0 {
		w.ids++
		id = w.ids
	}
	w.last = p
	w.calls = append(w.calls, fmt.Sprintf("show %d instead of %d: %s", id, p.Replaces, p.Title))
	return id, nil
}

func (w *wall) Withdraw(id ID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("withdraw %d", id))
	return nil
}

// took returns the calls since the last time.
func (w *wall) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *wall) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := w.took(); !reflect.DeepEqual(got, want) {
		t.Errorf("the sender got %q, want %q", got, want)
	}
}

// running starts Run and returns where to send events, and a function that
// ends it.
func running(t *testing.T, o Options) (chan<- sync.Event, func()) {
	t.Helper()
	events := make(chan sync.Event)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Run(ctx, events, o) }()
	return events, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// passes lets d go by, in a synctest bubble only.
func passes(d time.Duration) { <-time.After(d) }

func TestRunMergesReplacesAndWithdraws(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		events, end := running(t, Options{Sender: w})
		events <- raised("work", fault.Network, "cut")
		passes(merge - time.Second)
		events <- raised("home", fault.Network, "cut")
		w.expect(t)
		passes(time.Second)
		w.expect(t, "show 1 instead of 0: work and home: the server can't be reached")

		passes(time.Minute)
		events <- raised("work", fault.Network, "cut")
		w.expect(t)
		events <- sync.ProblemCleared{Endpoint: "home"}
		w.expect(t, "show 1 instead of 1: work: the server can't be reached")
		if !w.last.OnlyIfShown {
			t.Error("a popup that may be gone is brought back")
		}
		events <- raised("work", fault.DiskFull, "full")
		passes(merge)
		w.expect(t, "show 1 instead of 1: work: the disk is full")
		end()
		w.expect(t, "withdraw 1")
	})
}

func TestRunEndsWithItsEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		events := make(chan sync.Event, 1)
		done := make(chan error)
		go func() { done <- Run(t.Context(), events, Options{Sender: w}) }()
		events <- raised("work", fault.Network, "cut")
		passes(time.Hour)
		close(events)
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.expect(t, "show 1 instead of 0: work: the server can't be reached", "withdraw 1")
	})
}

func TestRunHandsButtonsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		actions := make(chan string, 10)
		events, end := running(t, Options{Sender: w, OnAction: func(endpoint string, a fault.Action) {
			actions <- endpoint + " " + string(a.Kind)
		}})
		events <- raised("work", fault.Network, "cut")
		events <- raised("home", fault.Network, "cut")
		passes(merge)
		synctest.Wait()
		w.last.Pressed("no such button")
		w.last.Pressed("retry")
		if one, two := <-actions, <-actions; one != "work retry" || two != "home retry" {
			t.Errorf("got %q, %q", one, two)
		}
		end()
		w.last.Pressed("retry") // too late: must not block
	})
}

func TestRunWithoutOnActionShowsNoButtons(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		events, end := running(t, Options{Sender: w})
		events <- raised("work", fault.Network, "cut")
		events <- sync.NewMail{Endpoint: "home", Count: 2, Announce: true}
		passes(merge)
		w.expect(t, "show 1 instead of 0: work: the server can't be reached", "show 2 instead of 0: home: 2 new messages")
		if w.last.Buttons != nil {
			t.Errorf("buttons %v that do nothing", w.last.Buttons)
		}
		end()
	})
}

func TestRunLogsOnceAndTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := &wall{broken: errors.New("no screen")}
		events, end := running(t, Options{Sender: w, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		events <- raised("work", fault.Network, "cut")
		passes(merge)
		w.expect(t, "fail")
		passes(again)
		w.expect(t, "fail")
		w.mu.Lock()
		w.broken = nil
		w.mu.Unlock()
		passes(again)
		w.expect(t, "show 1 instead of 0: work: the server can't be reached")
		end()
		if n := strings.Count(log.String(), "no screen"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, &log)
		}
	})
}
