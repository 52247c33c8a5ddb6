package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smd-applet/desktoptest"
)

// terminal is a real one as the kernel makes it, with a program at work in it, and
// somebody at the keys.
type terminal struct {
	t     *testing.T
	keys  *os.File
	mode  *unix.Termios // before the program
	other *os.File
	cmd   *exec.Cmd
	ended chan struct{}

	mu   stdsync.Mutex
	said bytes.Buffer
	read int // of it, by [terminal.shows]
}

// atTerminal starts a program in a terminal of its own, which goes with the test.
func atTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	onDescriptor(t, keys, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	other, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, keys: keys, other: other, cmd: cmd, ended: make(chan struct{})}
	onDescriptor(t, other, func(fd int) error {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 140}); err != nil {
			return err
		}
		term.mode, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = other, other, other
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "ACCESSIBLE=", "NO_COLOR=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reader stdsync.WaitGroup
	reader.Go(term.watch)
	go func() {
		_ = cmd.Wait() // its status is looked at
		close(term.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-term.ended
		_ = other.Close()
		_ = keys.Close()
		reader.Wait()
	})
	return term
}

// onDescriptor does something to a terminal's descriptor, and leaves it to the runtime.
func onDescriptor(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
		if failed != nil {
			err = failed
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// watch keeps what is on the screen, until the terminal is closed.
func (term *terminal) watch() {
	b := make([]byte, 4096)
	for {
		n, err := term.keys.Read(b)
		term.mu.Lock()
		term.said.Write(b[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// drawing is how a program draws: where, in which colour, what it asks of the terminal.
var drawing = regexp.MustCompile("\x1b(\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[P_^][^\x1b]*\x1b\\\\|[()][0-9A-Z]|[=>78Mc])")

// plain is what a person reads of it; blanks may be drawn by going over them.
func plain(drawn string) string {
	return strings.Join(strings.Fields(drawing.ReplaceAllString(drawn, "")), "")
}

// screen is all that was drawn so far.
func (term *terminal) screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.said.String()
}

// shows waits until something is drawn that was not there before, or the end.
func (term *terminal) shows(want string) {
	term.t.Helper()
	found := false
	desktoptest.Until(term.t, "the terminal shows "+want+", or the program ends", func() bool {
		over := false
		select {
		case <-term.ended:
			over = true
		default:
		}
		all := term.screen()
		found = strings.Contains(plain(all[term.read:]), plain(want))
		return found || over
	})
	if !found {
		term.t.Fatalf("%q is not shown:\n%s", want, drawing.ReplaceAllString(term.screen(), ""))
	}
}

// types presses keys, after a question is shown.
func (term *terminal) types(question, keys string) {
	term.t.Helper()
	term.shows(question)
	term.read = len(term.screen())
	if _, err := term.keys.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// ends waits for the program's end, and for its terminal as it was before.
func (term *terminal) ends(status int) {
	term.t.Helper()
	desktoptest.Until(term.t, "the program ends", func() bool {
		select {
		case <-term.ended:
			return true
		default:
			return false
		}
	})
	if got := term.cmd.ProcessState.ExitCode(); got != status {
		term.t.Errorf("it ended with status %d, want %d:\n%s", got, status, drawing.ReplaceAllString(term.screen(), ""))
	}
	onDescriptor(term.t, term.other, func(fd int) error {
		now, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil && *now != *term.mode {
			term.t.Errorf("it leaves the terminal as %+v, found it as %+v", *now, *term.mode)
		}
		return err
	})
}
