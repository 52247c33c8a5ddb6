package steps

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported says whether programs can be run step by step here.
const Supported = true

// tracer watches one program.
type tracer struct {
	pid    int
	order  Order
	steps  []Step
	losses losses
	inside map[int]*call // by thread
	dead   bool
}

// run runs a program under an order and returns what it did and its exit status.
func run(argv []string, o Order) ([]Step, int, error) {
	runtime.LockOSThread() // ptrace is between threads
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	t := &tracer{pid: cmd.Process.Pid, order: o, inside: make(map[int]*call), losses: losses{save: o.Save}}
	status, err := t.follow()
	if err == nil && t.dead {
		err = t.losses.happen(o.Power)
	}
	return t.steps, status, err
}

func (t *tracer) follow() (status int, err error) {
	var ws unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &ws, unix.WALL, nil); err != nil {
		return 0, err
	}
	options := unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return 0, err
	}
	if err := unix.PtraceSyscall(t.pid, 0); err != nil {
		return 0, err
	}
	for {
		tid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case ws.Exited() && tid == t.pid:
			return ws.ExitStatus(), nil
		case ws.Signaled() && tid == t.pid:
			return 128 + int(ws.Signal()), nil
		case !ws.Stopped():
			delete(t.inside, tid)
			continue
		}
		deliver := 0
		switch sig := ws.StopSignal(); sig {
		case unix.SIGTRAP | 0x80:
			if err := t.stopped(tid); err != nil {
				return 0, err
			}
		case unix.SIGTRAP, unix.SIGSTOP: // a thread began
		default:
			deliver = int(sig)
		}
		if err := unix.PtraceSyscall(tid, deliver); err != nil && !errors.Is(err, unix.ESRCH) {
			return 0, err
		}
	}
}

// syscallInfo is struct ptrace_syscall_info of linux/ptrace.h.
type syscallInfo struct {
	op     uint8
	_      [3]uint8
	arch   uint32
	ip, sp uint64
	words  [8]uint64 // entry: number, arguments; exit: result
}

const (
	getSyscallInfo = 0x420e
	atEntry        = 1
	atExit         = 2
)

// stopped looks at a thread that enters or leaves a system call.
func (t *tracer) stopped(tid int) error {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		if errno == unix.ESRCH { // it was killed
			return nil
		}
		return errno
	}
	switch {
	case t.dead:
		return nil
	case info.op == atEntry:
		return t.enter(tid, info.words[0], info.words[1:7])
	case info.op == atExit && t.inside[tid] != nil:
		c := t.inside[tid]
		delete(t.inside, tid)
		return t.leave(c, int64(info.words[0]))
	}
	return nil
}

func (t *tracer) enter(tid int, number uint64, args []uint64) error {
	c, err := look(tid, number, args, t.order.Looks != "")
	if c == nil || err != nil {
		return err
	}
	if c.step.Look && !strings.HasPrefix(c.step.Path, t.order.Looks+"/") {
		return nil
	}
	c.number = len(t.steps)
	t.steps = append(t.steps, c.step)
	fatal := t.order.Kill == len(t.steps)
	if fatal && t.order.How == Before {
		t.steps[c.number].Failed = true
		return t.kill(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
	}
	if t.order.Power != Nothing {
		if err := t.losses.prepare(c); err != nil {
			return err
		}
	}
	t.inside[tid] = c
	if t.fails(c) {
		c.errno = t.order.Errno
	} else {
		c.errno = t.order.Disk.refuses(c)
	}
	if c.errno != 0 {
		return setRegs(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
	}
	if fatal && t.order.How == Middle && c.step.Bytes > 1 {
		return setRegs(tid, func(r *unix.PtraceRegs) { r.Rdx /= 2 })
	}
	return nil
}

// fails reports whether the order lets a step fail.
func (t *tracer) fails(c *call) bool {
	if t.order.Fail == 0 || c.step.Sent() || c.number+1 < t.order.Fail {
		return false
	}
	if c.number+1 == t.order.Fail {
		return true
	}
	first := t.steps[t.order.Fail-1]
	return t.order.Lasting && first.Call == c.step.Call && first.Look == c.step.Look
}

// refuses returns the error by which a disk of that kind refuses to make a name; 0
// where it makes it.
func (d Disk) refuses(c *call) int {
	s := c.step
	switch {
	case d == NoLinks && s.Call == "link":
		return int(unix.EPERM)
	case d == NoLinks && s.Call == "rename" && c.new:
		return int(unix.EINVAL)
	case d == FoldsCase && (c.new || s.Call == "link" || s.Call == "mkdir"):
		name := s.Path
		if s.To != "" {
			name = s.To
		}
		entries, _ := os.ReadDir(filepath.Dir(name)) // where there is none the call itself fails
		for _, e := range entries {
			if e.Name() != filepath.Base(name) && strings.EqualFold(e.Name(), filepath.Base(name)) {
				return int(unix.EEXIST)
			}
		}
	}
	return 0
}

func setRegs(tid int, change func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	change(&regs)
	return unix.PtraceSetRegs(tid, &regs)
}

func (t *tracer) leave(c *call, result int64) error {
	s := &t.steps[c.number]
	if c.errno != 0 {
		s.Failed = true
		return setRegs(c.tid, func(r *unix.PtraceRegs) { r.Rax = uint64(-int64(c.errno)) })
	}
	s.Failed = result < 0
	if s.Bytes > 0 && result >= 0 {
		s.Bytes = result
	}
	if t.order.Power != Nothing && result >= 0 {
		t.losses.note(c)
	}
	if t.order.Kill == c.number+1 {
		return t.kill(0, nil)
	}
	return nil
}

// kill ends the program where it is; change makes the call a thread is about to
// make another one.
func (t *tracer) kill(tid int, change func(*unix.PtraceRegs)) error {
	t.dead = true
	if change != nil {
		if err := setRegs(tid, change); err != nil {
			return err
		}
	}
	return unix.Kill(t.pid, unix.SIGKILL)
}
