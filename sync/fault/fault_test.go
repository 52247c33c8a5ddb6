package fault_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"smd-applet/sync/fault"
)

func TestErrorIsOneLine(t *testing.T) {
	t.Parallel()
	denied := &fs.PathError{Op: "open", Path: "/home/me/Mail", Err: syscall.EACCES}
	for name, c := range map[string]struct {
		err  *fault.Error
		want string
	}{
		"all of it":             {fault.New(fault.Locked, "lock", "Mail", errors.New("another run has it")), "lock: Mail: another run has it"},
		"no path":               {fault.New(fault.Network, "pull", "", io.ErrUnexpectedEOF), "pull: unexpected EOF"},
		"no op":                 {fault.New(fault.Network, "", "box", io.ErrUnexpectedEOF), "box: unexpected EOF"},
		"no cause: its summary": {&fault.Error{Kind: fault.DiskFull, Op: "pull"}, "pull: the disk is full"},
		"nothing but a kind":    {&fault.Error{Kind: fault.DiskFull}, "the disk is full"},
		"a path stands once":    {fault.New(fault.Permission, "scan", "/home/me/Mail", denied), "scan: /home/me/Mail: permission denied"},
		"another path is named": {fault.New(fault.Permission, "scan", "Mail", denied), "scan: Mail: open /home/me/Mail: permission denied"},
		"the hint is not in it": {&fault.Error{Kind: fault.Config, Op: "read", Err: io.EOF, Hint: "edit it"}, "read: EOF"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestOwnWordsComeFirst: what the place of the failure says wins over what is
// known of its kind.
func TestOwnWordsComeFirst(t *testing.T) {
	t.Parallel()
	plain := &fault.Error{Kind: fault.Held}
	edit := []fault.Action{{Kind: fault.EditConfig, Arg: "/home/me/.smd/loop"}}
	own := &fault.Error{Kind: fault.Held, Hint: "edit the loop file", Actions: edit, Context: "delete-message"}

	if got := plain.WayOut(); !strings.Contains(got, "bring them back") {
		t.Errorf("the kind's way out: %q", got)
	}
	if got := own.WayOut(); got != own.Hint {
		t.Errorf("its own way out: %q, want %q", got, own.Hint)
	}
	if got, want := plain.Suggested(), []fault.Action{{Kind: fault.ConfirmHeld}, {Kind: fault.RestoreHeld}}; !slices.Equal(got, want) {
		t.Errorf("the kind's actions: %v, want %v", got, want)
	}
	if got := own.Suggested(); !slices.Equal(got, edit) {
		t.Errorf("its own actions: %v, want %v", got, edit)
	}
	plainContext, cause := plain.Tags()
	if plainContext != "guard" || cause != "mass-deletion" {
		t.Errorf("the kind's tags: %s/%s", plainContext, cause)
	}
	if context, ownCause := own.Tags(); context != "delete-message" || ownCause != cause {
		t.Errorf("its own tags: %s/%s, want delete-message/%s", context, ownCause, cause)
	}
	if plain.Summary() != own.Summary() {
		t.Errorf("the summary is the kind's: %q, %q", plain.Summary(), own.Summary())
	}
}

func TestAsFindsTheClassified(t *testing.T) {
	t.Parallel()
	if fault.As(nil) != nil {
		t.Error("no failure became one")
	}
	locked := fault.New(fault.Locked, "lock", "Mail", nil)
	for name, err := range map[string]error{
		"itself":  locked,
		"wrapped": fmt.Errorf("push: %w", locked),
		"joined":  errors.Join(io.EOF, locked),
	} {
		if got := fault.As(err); got != locked {
			t.Errorf("%s: %v, want %v", name, got, locked)
		}
	}
	got := fault.As(io.ErrUnexpectedEOF)
	if got.Kind != fault.Internal || !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Errorf("unclassified: %s, %v; want it as the cause of a failure of kind %s", got.Kind, got, fault.Internal)
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	locked := fault.New(fault.Locked, "lock", "Mail", io.EOF)
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		want bool
	}{
		"itself":               {locked, fault.Locked, true},
		"wrapped":              {fmt.Errorf("push: %w", locked), fault.Locked, true},
		"another kind":         {locked, fault.Network, false},
		"no failure":           {nil, fault.Internal, false},
		"unclassified is none": {io.EOF, fault.Internal, false},
	} {
		if got := fault.Is(c.err, c.kind); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if !errors.Is(locked, io.EOF) {
		t.Error("the cause is out of reach")
	}
}

func TestIsLooksAtTheWholeChain(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.Permission, "scan", "Mail", nil)
	if !fault.Is(fault.New(fault.Config, "read", "x", inner), fault.Permission) || !fault.Is(errors.Join(fault.New(fault.Locked, "", "", nil), inner), fault.Permission) {
		t.Error("only the first of the chain is looked at")
	}
	if s := fault.New(fault.Network, "pull", "", errors.Join(io.EOF, io.ErrClosedPipe)).Error(); strings.Contains(s, "\n") {
		t.Errorf("more than one line: %q", s)
	}
	if len((&fault.Error{Kind: fault.Config, Actions: []fault.Action{}}).Suggested()) == 0 {
		t.Error("nothing is suggested")
	}
}
