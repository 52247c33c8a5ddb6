package notify

import (
	"context"
	"strconv"
)

// Notice is a popup that answers something a person did. It is shown at once.
type Notice struct {
	Name    string // it replaces the one before of that name
	Title   string // empty: the one of that name goes
	Body    string // lines, plain
	Urgency Urgency
	Choices []Choice
}

// Choice is a button of a [Notice]. Do is called from Run's own goroutine and
// must not block.
type Choice struct {
	Label string
	Do    func()
}

func (s *screen) notice(ctx context.Context, n Notice) {
	if n.Title == "" {
		s.withdrawNotice(n.Name)
		return
	}
	p := Popup{Title: n.Title, Body: n.Body, Urgency: n.Urgency, Category: "transfer", Replaces: s.notices[n.Name]}
	for i, c := range n.Choices {
		p.Buttons = append(p.Buttons, Button{Key: strconv.Itoa(i), Label: c.Label, do: c.Do})
	}
	p.Pressed = s.press(ctx, p.Buttons)
	id, err := s.Sender.Show(ctx, p)
	if err != nil {
		delete(s.notices, n.Name)
		if ctx.Err() == nil {
			s.Logger.Warn("a popup can't be shown", "popup", p.Title, "error", err)
		}
		return
	}
	s.notices[n.Name] = id
}

func (s *screen) withdrawNotice(name string) {
	id := s.notices[name]
	delete(s.notices, name)
	s.takeOff(id)
}
