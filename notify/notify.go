package notify

import (
	"context"
	"log/slog"
	"time"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// Options are what [Run] needs besides the events.
type Options struct {
	// Sender shows the popups. Run opens the desktop's own and closes it at
	// the end if this is nil; one given stays the caller's to close.
	Sender Sender
	// Icon is the application's as a PNG file's bytes, for the desktop's own
	// sender; nil means the icon smd-applet of the theme.
	Icon []byte
	// OnAction is told of a problem's button pressed, once for each endpoint the
	// popup was about; nil means that there are no buttons. The endpoint is empty
	// for the configuration as a whole. It is called from Run's own goroutine
	// and must not block.
	OnAction func(endpoint string, a fault.Action)
	// Notices delivers popups that do not come of events; nil means none.
	Notices <-chan Notice
	// Book has the language; nil means English.
	Book *phrase.Book
	// Logger is told why popups can't be shown; nil means slog's default.
	Logger *slog.Logger
}

// Run shows popups for events until ctx or events end, then withdraws what is
// still shown. That popups can't be shown is logged, once, and no failure. The
// error is that of closing the desktop's own sender.
func Run(ctx context.Context, events <-chan sync.Event, o Options) (err error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Book == nil {
		o.Book = phrase.English
	}
	if o.Sender == nil {
		desktop := NewDesktop(o.Logger, o.Icon)
		defer func() { err = desktop.Close() }()
		o.Sender = desktop
	}
	// The Sender's goroutine may be handing over a button: release it before
	// waiting for it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	s := screen{Options: o, board: board{book: o.Book}, ids: make(map[card]ID), notices: make(map[string]ID), pressed: make(chan Button)}
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for {
		var ev sync.Event
		select {
		case <-ctx.Done():
			s.clear()
			return nil
		case b := <-s.pressed:
			for _, d := range b.Deeds {
				o.OnAction(d.Endpoint, d.Action)
			}
			if b.do != nil {
				b.do()
			}
			continue
		case n := <-o.Notices:
			s.notice(ctx, n)
			continue
		case <-timer.C:
		case e, open := <-events:
			if !open {
				s.clear()
				return nil
			}
			ev = e
		}
		var actions []action
		s.board, actions = decide(s.board, ev, time.Now())
		for _, a := range actions {
			s.do(ctx, a)
		}
		if s.board.tellAt.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(s.board.tellAt))
		}
	}
}

// screen is what Run has put up.
type screen struct {
	Options
	board   board
	ids     map[card]ID
	notices map[string]ID // by the notice's name
	pressed chan Button
	blind   bool // nothing can be shown, and that was logged
}

func (s *screen) do(ctx context.Context, a action) {
	if a.popup == nil {
		s.withdraw(a.card)
		return
	}
	p := *a.popup
	p.Replaces, p.OnlyIfShown = s.ids[a.card], a.quiet
	if a.quiet && p.Replaces == 0 {
		return
	}
	p.Pressed = s.press(ctx, p.Buttons)
	if s.OnAction == nil {
		p.Buttons = nil
	}
	id, err := s.Sender.Show(ctx, p)
	switch {
	case err == nil:
		s.ids[a.card], s.blind = id, false
	case ctx.Err() != nil || a.quiet:
	default:
		delete(s.ids, a.card)
		s.board = s.board.unshown(a.card, time.Now())
		if !s.blind {
			s.blind = true
			s.Logger.Warn("popups can't be shown, the menu and this log tell the same", "popup", p.Title, "error", err)
		}
	}
}

// press hands the button pressed over to Run.
func (s *screen) press(ctx context.Context, buttons []Button) func(key string) {
	return func(key string) {
		for _, b := range buttons {
			if b.Key != key {
				continue
			}
			select {
			case s.pressed <- b:
			case <-ctx.Done():
			}
		}
	}
}

func (s *screen) withdraw(c card) {
	id := s.ids[c]
	delete(s.ids, c)
	s.takeOff(id)
}

func (s *screen) takeOff(id ID) {
	if id == 0 {
		return
	}
	if err := s.Sender.Withdraw(id); err != nil {
		s.Logger.Debug("a popup could not be withdrawn", "error", err)
	}
}

func (s *screen) clear() {
	for c := range s.ids {
		s.withdraw(c)
	}
	for name := range s.notices {
		s.withdrawNotice(name)
	}
}
