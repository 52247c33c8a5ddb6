package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	stdsync "sync"
	"syscall"
	"time"
)

// ExitError says that the command ended with a status other than 0.
type ExitError struct {
	Status int    // -1: killed by a signal
	Stderr string // the end of what it said, control characters made visible
}

// errorMark is before what went wrong, and before the way out, where one of our
// programs says so.
const errorMark = ": ERROR: "

// Error quotes the last line of what the command said, or the one before it where
// the last is but the way out, which is for a person over there.
func (e *ExitError) Error() string {
	lines := strings.Split(strings.TrimSpace(e.Stderr), "\n")
	said := lines[len(lines)-1]
	if who, _, marked := strings.Cut(said, errorMark); marked && len(lines) > 1 {
		if wrong, before := strings.CutPrefix(lines[len(lines)-2], who+errorMark); before {
			said = wrong
		}
	}
	if said == "" {
		return fmt.Sprintf("the command ended with status %d", e.Status)
	}
	return fmt.Sprintf("the command ended with status %d: %s", e.Status, said)
}

// grace is how long a command that is asked to end may take, at each stage.
const grace = time.Second

// process is a channel to a local process.
type process struct {
	io.Reader
	stdin  io.WriteCloser
	cmd    *exec.Cmd
	stderr *tail

	done     chan struct{}
	err      error
	closeIn  func() error
	classify func(*ExitError) error
}

// startProcess runs cmd as a channel; classify may turn its failure into another.
func startProcess(ctx context.Context, cmd *exec.Cmd, stderr io.Writer, classify func(*ExitError) error) (*process, error) {
	p := &process{cmd: cmd, stderr: &tail{copy: stderr}, done: make(chan struct{}), classify: classify}
	cmd.Stderr = p.stderr
	// A group of its own: what the command starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = grace
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.Reader = stdout
	p.closeIn = stdsync.OnceValue(p.stdin.Close)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { p.end() })
	read := make(chan struct{})
	p.Reader = &notifyEOF{r: stdout, done: read}
	go func() {
		defer close(p.done)
		// Wait closes the pipe: not before its reader has seen its end.
		select {
		case <-read:
		case <-ctx.Done():
		}
		p.err = cmd.Wait()
		stop()
	}()
	return p, nil
}

// notifyEOF tells when a reader has nothing more to give, or nobody reads on.
type notifyEOF struct {
	r    io.Reader
	once stdsync.Once
	done chan struct{}
}

func (n *notifyEOF) Read(b []byte) (int, error) {
	c, err := n.r.Read(b)
	if err != nil {
		n.stop()
	}
	return c, err
}

func (n *notifyEOF) stop() { n.once.Do(func() { close(n.done) }) }

func (p *process) Write(b []byte) (int, error) { return p.stdin.Write(b) }
func (p *process) CloseWrite() error           { return p.closeIn() }

// Wait implements [Channel]: what is left unread is thrown away.
func (p *process) Wait() error {
	_, _ = io.Copy(io.Discard, p.Reader)
	p.Reader.(*notifyEOF).stop()
	<-p.done
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return p.err
	}
	return p.classify(&ExitError{Status: exit.ExitCode(), Stderr: p.stderr.String()})
}

// Close implements [Channel].
func (p *process) Close() error {
	_ = p.closeIn()
	waited := make(chan error, 1)
	go func() { waited <- p.Wait() }()
	select {
	case err := <-waited:
		return err
	case <-time.After(grace):
	}
	p.end()
	return <-waited
}

// end asks the group to end, and then makes it.
func (p *process) end() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(grace):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// tail keeps the end of what is written to it, and passes all of it on.
type tail struct {
	mu   stdsync.Mutex
	copy io.Writer
	kept []byte
}

const maxTail = 64 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if n := len(t.kept) - maxTail; n > 0 {
		t.kept = append(t.kept[:0], t.kept[n:]...)
	}
	if t.copy != nil {
		_, _ = io.WriteString(t.copy, Visible(string(b)))
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Visible(string(t.kept))
}

// Visible replaces control characters, which a hostile peer could steer a
// terminal with.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || (r >= 0x20 && r != 0x7f && (r < 0x80 || r > 0x9f)) {
			return r
		}
		if r == '\r' {
			return -1
		}
		return '�'
	}, s)
}
