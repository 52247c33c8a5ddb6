//go:build linux || freebsd || openbsd || netbsd

package tray

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"
	"time"

	"smd-applet/desktoptest"
	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
	"smd-applet/tray/autostart"
)

// asApplet makes the test binary the applet under test: systray is one to a
// process, so each case has a process of its own.
const asApplet = "SMD_APPLET_TRAY_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asApplet) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := runApplet(ctx, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

// runApplet runs the tray on a controller that takes its states, one JSON object
// a line, from in, and tells every call, one a line, to out.
func runApplet(ctx context.Context, in io.Reader, out io.Writer) error {
	c := &toldController{out: out, changed: make(chan struct{}, 1)}
	scanner := bufio.NewScanner(in)
	c.next(scanner)
	go func() {
		for c.next(scanner) {
		}
	}()
	entry, err := autostart.ForUser()
	if err != nil {
		return err
	}
	err = Run(ctx, c, Options{
		Changed: c.changed, Noted: c.changed, Desk: c, Autostart: entry, Book: phrase.For(os.Getenv),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		c.tell("ended", err.Error())
	} else {
		c.tell("ended", "")
	}
	return err
}

type toldController struct {
	changed chan struct{}

	mu    stdsync.Mutex
	out   io.Writer
	state sync.State
}

func (c *toldController) next(lines *bufio.Scanner) bool {
	if !lines.Scan() {
		return false
	}
	var s sync.State
	if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
		c.tell("bad-state", err.Error())
		return false
	}
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return true
}

func (c *toldController) State() sync.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *toldController) tell(what, about string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, "%s\n", strings.TrimSpace(what+" "+about))
}

func (c *toldController) SyncNow(endpoint string) { c.tell("sync", endpoint) }

func (c *toldController) PauseUntil(endpoint string, until time.Time) {
	if !until.IsZero() {
		endpoint += " for " + time.Until(until).Round(time.Minute).String()
	}
	c.tell("pause", endpoint)
}

func (c *toldController) Resume(endpoint string) { c.tell("resume", endpoint) }

func (c *toldController) SetNotifyNewMail(on bool) error {
	c.tell("notify", fmt.Sprint(on))
	return nil
}

func (c *toldController) SetSyncMetered(on bool) error {
	c.tell("metered", fmt.Sprint(on))
	return errors.New("as written")
}

func (c *toldController) Act(endpoint string, a fault.Action) {
	c.tell(string(a.Kind), strings.TrimSpace(endpoint+" "+a.Arg))
}

func (c *toldController) Notes() map[string]Note { return nil }

func (c *toldController) OpenLog(endpoint string) { c.tell("open-log", endpoint) }
func (c *toldController) EditConfig()             { c.tell("open-config", "") }
func (c *toldController) About()                  { c.tell("about", "") }

// applet is a running applet as its test sees it.
type applet struct {
	t *testing.T
	*desktoptest.Process
	in    *json.Encoder
	calls <-chan string // closed when the applet has ended
}

// startApplet starts an applet that shows s, with the environment beside a home
// of its own.
func startApplet(t *testing.T, s sync.State, environment ...string) *applet {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	home := t.TempDir()
	cmd.Env = append([]string{
		asApplet + "=1", "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_CONFIG_DIRS=" + filepath.Join(home, "etc"),
	}, environment...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = writer
	calls := make(chan string, 1024)
	a := &applet{t: t, Process: desktoptest.Launch(t, cmd), in: json.NewEncoder(stdin), calls: calls}
	writer.Close()
	go func() {
		defer close(calls)
		defer reader.Close()
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			calls <- scanner.Text()
		}
	}()
	a.show(s)
	return a
}

func (a *applet) show(s sync.State) {
	a.t.Helper()
	if err := a.in.Encode(s); err != nil {
		a.t.Fatalf("tell the applet its state: %v", err)
	}
}

// want waits for the next call, which is to be this one.
func (a *applet) want(call string) {
	a.t.Helper()
	timeout, cancel := context.WithTimeout(a.t.Context(), desktoptest.Patience)
	defer cancel()
	select {
	case got, ok := <-a.calls:
		if !ok {
			a.t.Fatalf("the applet has ended, wanted call %q", call)
		}
		if got != call {
			a.t.Fatalf("got call %q, want %q", got, call)
		}
	case <-timeout.Done():
		a.t.Fatalf("no call, want %q", call)
	}
}
