// Package guide asks a person at a terminal, question by question. What it may
// find is known before: an answer that is there already is not asked for.
package guide

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"charm.land/huh/v2"
	"golang.org/x/term"
)

// ErrStopped says that the person broke off.
var ErrStopped = errors.New("broken off; nothing more was changed")

// Guide asks. The zero value, and nil, ask nobody: every question keeps the answer
// that is proposed.
type Guide struct {
	In  io.Reader
	Out io.Writer
	// Plain asks line by line, without drawing: for screen readers, and where the
	// terminal is not one.
	Plain bool
}

// AtTerminal returns a guide for the terminal the program runs in; nil where there
// is none to ask at.
func AtTerminal() *Guide {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return nil
	}
	return &Guide{In: os.Stdin, Out: os.Stdout, Plain: os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb"}
}

// Option is one answer to choose.
type Option struct{ Value, Label string }

// Choose asks for one of several; *value is proposed.
func (g *Guide) Choose(ctx context.Context, title, about string, options []Option, value *string) error {
	var all []huh.Option[string]
	for _, o := range options {
		all = append(all, huh.NewOption(o.Label, o.Value))
	}
	if err := g.ask(ctx, about, huh.NewSelect[string]().Title(title).Description(about).Options(all...).Value(value)); err != nil {
		return err
	}
	g.note(title, *value)
	return nil
}

// Pick asks for any of several; *values are proposed.
func (g *Guide) Pick(ctx context.Context, title, about string, options []Option, values *[]string) error {
	var all []huh.Option[string]
	for _, o := range options {
		all = append(all, huh.NewOption(o.Label, o.Value))
	}
	// Without a height it shows none of a few.
	many := huh.NewMultiSelect[string]().Title(title).Description(about).Options(all...).Height(min(len(options), 12) + 3).Value(values)
	if err := g.ask(ctx, about, many); err != nil {
		return err
	}
	g.note(title, strings.Join(*values, " "))
	return nil
}

// Input asks for a line; *value is proposed.
func (g *Guide) Input(ctx context.Context, title, about string, value *string, valid func(string) error) error {
	if err := g.ask(ctx, about, huh.NewInput().Title(title).Description(about).Validate(valid).Value(value)); err != nil {
		return err
	}
	g.note(title, *value)
	return nil
}

// Confirm asks for yes or no; *value is proposed.
func (g *Guide) Confirm(ctx context.Context, title, about string, value *bool) error {
	if err := g.ask(ctx, about, huh.NewConfirm().Title(title).Description(about).Value(value)); err != nil {
		return err
	}
	g.note(title, map[bool]string{true: "yes", false: "no"}[*value])
	return nil
}

// note leaves the answer on the screen, where the question was drawn and is gone.
func (g *Guide) note(title, answer string) {
	if g != nil && !g.Plain && answer != "" {
		g.tell("%s %s", title, answer)
	}
}

func (g *Guide) ask(ctx context.Context, about string, field huh.Field) error {
	if g == nil || g.In == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	form := huh.NewForm(huh.NewGroup(field)).WithAccessible(g.Plain).WithOutput(g.Out)
	in := &answers{r: g.In}
	if !g.Plain {
		// Opened anew for each question: what has read for one may go on for a while,
		// and would swallow the first key of the next.
		tty, err := os.Open("/dev/tty")
		if err != nil {
			return fmt.Errorf("ask at the terminal: %w", err)
		}
		defer tty.Close()
		form.WithInput(tty)
	} else {
		form.WithInput(in)
		if about != "" { // which it leaves out
			g.tell("%s", about)
		}
	}
	err := run(ctx, form, g.Plain)
	if errors.Is(err, huh.ErrUserAborted) || errors.Is(err, ErrStopped) || in.ended.Load() {
		return ErrStopped
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("ask: %w", err)
	}
	return err
}

// run shows a form until it is answered or ctx ends, for which plain questions do
// not look: a read of theirs goes on until there is a line, or the program ends.
func run(ctx context.Context, form *huh.Form, plain bool) error {
	if !plain {
		return form.RunWithContext(ctx)
	}
	answered := make(chan error, 1)
	go func() { answered <- form.RunWithContext(ctx) }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return ErrStopped
	}
}

// answers gives the plain questions a line each, and notes the end, which they
// would take for the proposed answer.
type answers struct {
	r     io.Reader
	ended atomic.Bool
}

// Read reads a byte at a time: a question must not take the lines of the next.
func (a *answers) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := a.r.Read(b[:1])
	if n == 0 && err != nil {
		a.ended.Store(true)
	}
	return n, err
}

// tell prints a line.
func (g *Guide) tell(format string, args ...any) {
	if g != nil && g.Out != nil {
		fmt.Fprintln(g.Out, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	}
}
