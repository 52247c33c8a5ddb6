package desktoptest

import (
	"bytes"
	"os/exec"
	stdsync "sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program a test started. It is stopped with the test.
type Process struct {
	cmd   *exec.Cmd
	out   output
	ended chan struct{}
}

// output collects what a program says, for when a test fails.
type output struct {
	mu   stdsync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Launch starts cmd in a process group of its own, so that its children end with
// it. Output that cmd sends nowhere is logged when the test fails.
func Launch(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second // a child that keeps the output open
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is in the log of a failed test
	}()
	t.Cleanup(func() {
		p.Stop()
		if said := p.out.String(); t.Failed() && said != "" {
			t.Logf("%s said:\n%s", cmd.Path, said)
		}
	})
	return p
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Output is what the program said so far, unless its command sent that elsewhere.
func (p *Process) Output() string { return p.out.String() }

// Stop asks the program to end, then makes it. It may be called twice.
func (p *Process) Stop() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-p.ended:
			return
		default:
		}
		_ = syscall.Kill(-p.Pid(), signal) // gone already: the next wait says so
		select {
		case <-p.ended:
			return
		case <-time.After(3 * time.Second):
		}
	}
	<-p.ended
}
