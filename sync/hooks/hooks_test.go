package hooks_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
)

// programs are what the test program does under other names: the hooks of these
// tests are links to it. (A script that was just written may be busy while
// another test forks.)
var programs = map[string]func(){
	"say": func() {
		fmt.Println("args:", strings.Join(os.Args[1:], " "))
		fmt.Println("env:", os.Getenv("SMD_ENDPOINT"), os.Getenv("SMD_DIRECTION"), os.Getenv("SMD_STATUS"))
		dir, _ := os.Getwd()
		fmt.Println("in:", filepath.Base(dir))
	},
	"list": func() {
		list, err := os.ReadFile(os.Getenv("SMD_CHANGES"))
		fmt.Printf("%s%v\n", list, err)
	},
	"fail": func() {
		fmt.Println("I do not like it")
		os.Exit(3)
	},
	"hang": hang,
	"parent": func() {
		child := exec.Command("./hang")
		child.Stdout = os.Stdout
		fmt.Println(child.Run())
	},
}

// hang ignores what asks it to end.
func hang() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	fmt.Println("hanging")
	for range asked {
		fmt.Println("not yet")
	}
}

func TestMain(m *testing.M) {
	if do := programs[strings.TrimSuffix(filepath.Base(os.Args[0]), ".changed")]; do != nil {
		do()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newRun is a run with hooks, given as "pre/say", and what they say.
func newRun(t *testing.T, names ...string) (hooks.Options, *bytes.Buffer) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"pre", "post"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	return hooks.Options{
		Dir:  func(when, _ string) string { return filepath.Join(home, when) },
		Home: home, Endpoint: "work", Direction: "pull", Output: &said, Log: slog.New(slog.DiscardHandler),
	}, &said
}

func open(t *testing.T, o hooks.Options) *hooks.Hooks {
	t.Helper()
	h, err := hooks.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestWhatAHookIsTold(t *testing.T) {
	t.Parallel()
	o, said := newRun(t, "pre/say", "post/say")
	h := open(t, o)
	for _, c := range []struct {
		when   string
		status int
		want   string
	}{
		{hooks.Pre, 0, "args: pre pull work 0\nenv: work pull 0\nin: home\n"},
		{hooks.Post, 0, "args: post pull work 0\nenv: work pull 0\nin: home\n"},
		{hooks.Post, 1, "args: post pull work 1\nenv: work pull 1\nin: home\n"},
	} {
		said.Reset()
		if err := h.Run(t.Context(), c.when, c.status); err != nil || said.String() != c.want {
			t.Errorf("%s %d: %v, said %q, want %q", c.when, c.status, err, said, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	o, said := newRun(t, "post/list", "post/say.changed")
	h := open(t, o)
	if err := h.Run(t.Context(), hooks.Post, 0); err != nil || said.String() != "<nil>\n" {
		t.Errorf("without a change: %v, said %q", err, said)
	}
	said.Reset()
	h.Record(hooks.Added, "/m/new/1", "")
	h.Record(hooks.Moved, "/m/cur/2:2,", "/m/.a b/cur/2:2,")
	h.Record(hooks.Flagged, "/m/cur/3:2,", "/m/cur/3:2,S")
	h.Record(hooks.Removed, "/m/cur/4:2,", "")
	const want = "added\t/m/new/1\nmoved\t/m/cur/2:2,\t/m/.a b/cur/2:2,\nflagged\t/m/cur/3:2,\t/m/cur/3:2,S\nremoved\t/m/cur/4:2,\n<nil>\nargs: post pull work 0\n"
	if err := h.Run(t.Context(), hooks.Post, 0); err != nil || !strings.HasPrefix(said.String(), want) {
		t.Errorf("%v, said %q, want %q", err, said, want)
	}
}

// Without hooks there is nothing to do or to write.
func TestNoHooks(t *testing.T) {
	t.Parallel()
	o, _ := newRun(t)
	for name, make := range map[string]func(dir string) error{
		"post/dir":      func(p string) error { return os.Mkdir(p, 0o755) },
		"post/plain":    func(p string) error { return os.WriteFile(p, []byte("#!/bin/sh\n"), 0o644) },
		"post/dangling": func(p string) error { return os.Symlink("nowhere", p) },
		"post/fifo":     func(p string) error { return syscall.Mkfifo(p, 0o777) },
	} {
		if err := make(filepath.Join(o.Home, name)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := hooks.Open(o)
	if err != nil || h != nil {
		t.Fatalf("%v, %v", h, err)
	}
	h.Record(hooks.Added, "/m/new/1", "")
	if err := errors.Join(h.Run(t.Context(), hooks.Post, 0), h.Close()); err != nil {
		t.Error(err)
	}
}

// A hook that fails before the run lets nothing else run; one after it does.
func TestFailure(t *testing.T) {
	t.Parallel()
	o, said := newRun(t, "pre/fail", "pre/say", "post/fail", "post/say")
	h := open(t, o)
	for _, c := range []struct{ when, want string }{
		{hooks.Pre, "I do not like it\n"},
		{hooks.Post, "I do not like it\nargs: post pull work 0\nenv: work pull 0\nin: home\n"},
	} {
		said.Reset()
		err := h.Run(t.Context(), c.when, 0)
		if !fault.Is(err, fault.Hook) || !strings.HasSuffix(err.Error(), c.when+"/fail: exit status 3") || said.String() != c.want {
			t.Errorf("%s: %v, said %q", c.when, err, said)
		}
	}
}

// A script without a first line for an interpreter is one for the shell.
func TestPlainScript(t *testing.T) {
	t.Parallel()
	o, said := newRun(t)
	hook := filepath.Join(o.Home, "post", "plain")
	// The shell writes it, so that no other test forks while it is open here.
	if out, err := exec.Command("/bin/sh", "-c", `echo 'echo "$@"' >"$1" && chmod 755 "$1"`, "sh", hook).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := open(t, o).Run(t.Context(), hooks.Post, 0); err != nil || said.String() != "post pull work 0\n" {
		t.Errorf("%v, said %q", err, said)
	}
}

// A hook that hangs ends with the run, or at its limit, whatever it does about
// it, with all that it has started.
func TestHang(t *testing.T) {
	t.Parallel()
	called := errors.New("called off")
	for name, c := range map[string]struct {
		hook  string
		limit time.Duration
		why   string
	}{
		"called off":                 {"pre/hang", 0, "called off"},
		"called off, with its child": {"pre/parent", 0, "called off"},
		"beyond its limit":           {"pre/hang", 50 * time.Millisecond, "it did not end within 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := newRun(t, c.hook, "hang")
			said, output, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			o.Output, o.Limit = output, c.limit
			h := open(t, o)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.limit == 0 {
				go func() {
					_, _ = bufio.NewReader(said).ReadString('\n')
					cancel(called)
				}()
			}
			began := time.Now()
			if err := h.Run(ctx, hooks.Pre, 0); !fault.Is(err, fault.Hook) || !strings.HasSuffix(err.Error(), c.why) {
				t.Errorf("ended with %v", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			output.Close()
			// The end of file shows that nobody has the other end any more.
			if err := said.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, said); err != nil {
				t.Errorf("something still runs: %v", err)
			}
		})
	}
}
