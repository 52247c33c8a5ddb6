package guide_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"smd-applet/guide"
)

var fruit = []guide.Option{{Value: "a", Label: "apple"}, {Value: "p", Label: "pear"}}

// TestPlainQuestions: a line each, and an empty one takes what is proposed.
func TestPlainQuestions(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	g := &guide.Guide{In: strings.NewReader("2\n\nno\n1\n2\n0\nword\n"), Out: &out, Plain: true}
	one, other, yes, many, line := "a", "p", true, []string{"a"}, ""
	for _, ask := range []func() error{
		func() error { return g.Choose(t.Context(), "One?", "about it", fruit, &one) },
		func() error { return g.Choose(t.Context(), "Other?", "", fruit, &other) },
		func() error { return g.Confirm(t.Context(), "Sure?", "", &yes) },
		func() error { return g.Pick(t.Context(), "Which?", "", fruit, &many) },
		func() error { return g.Input(t.Context(), "Name?", "", &line, func(string) error { return nil }) },
	} {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if one != "p" || other != "p" || yes || strings.Join(many, " ") != "p" || line != "word" {
		t.Errorf("answers: %s %s %t %v %s", one, other, yes, many, line)
	}
	if !strings.Contains(out.String(), "about it") {
		t.Errorf("it leaves out what a question is about:\n%s", out.String())
	}
}

// TestNobodyIsAsked: without a terminal what is proposed counts.
func TestNobodyIsAsked(t *testing.T) {
	t.Parallel()
	var g *guide.Guide
	one, yes := "a", true
	if err := errors.Join(g.Choose(t.Context(), "One?", "", fruit, &one), g.Confirm(t.Context(), "Sure?", "", &yes)); err != nil || one != "a" || !yes {
		t.Errorf("%s %t %v", one, yes, err)
	}
}

// TestBrokenOff: the end of the answers, or of the program, is no answer.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	yes := true
	g := &guide.Guide{In: strings.NewReader(""), Out: io.Discard, Plain: true}
	if err := g.Confirm(t.Context(), "Sure?", "", &yes); !errors.Is(err, guide.ErrStopped) {
		t.Errorf("at the end: %v", err)
	}
	silent, hold := io.Pipe()
	defer hold.Close()
	ctx, cancel := context.WithCancel(t.Context())
	g = &guide.Guide{In: silent, Out: io.Discard, Plain: true}
	cancel()
	if err := g.Confirm(ctx, "Sure?", "", &yes); err == nil {
		t.Error("it goes on after its end")
	}
}
