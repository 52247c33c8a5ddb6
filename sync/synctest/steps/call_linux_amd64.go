package steps

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// call is a step a thread is in the middle of.
type call struct {
	step   Step
	number int // in the trace
	tid    int
	fd     int   // written to or made durable, else -1
	offset int64 // in the file, of a write; -1 where the file's position counts
	size   int64 // of a truncation
	undo   *loss // what it takes to undo it
	new    bool  // it makes a name that must not be there
	errno  int   // it is not done, and comes back with that; 0: it is done
}

// look reads the call a thread is about to make; nil is one that changes nothing,
// unless looks are asked for.
func look(tid int, number uint64, args []uint64, looks bool) (*call, error) {
	c := &call{tid: tid, fd: -1, offset: -1}
	m := memory(tid)
	s := &c.step
	var err error
	one := func(name string, dir int, path uint64) {
		s.Call = name
		s.Path, err = m.path(dir, path)
	}
	two := func(name string, fromDir int, from uint64, toDir int, to uint64) {
		one(name, fromDir, from)
		if err == nil {
			s.To, err = m.path(toDir, to)
		}
	}
	handle := func(name string, fd uint64) {
		s.Call, c.fd = name, int(int32(fd))
		s.Path, err = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, c.fd))
	}
	dir := func(i int) int { return int(int32(args[i])) }
	const here = unix.AT_FDCWD
	switch number {
	case unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64:
		handle("write", args[0])
		s.Bytes = int64(args[2])
		if number == unix.SYS_PWRITE64 {
			c.offset = int64(args[3])
		}
		if number == unix.SYS_WRITEV {
			s.Bytes, err = m.vector(args[1], int(args[2]))
		}
	case unix.SYS_COPY_FILE_RANGE:
		handle("write", args[2])
		s.Bytes = int64(args[4])
		if args[3] != 0 {
			return nil, errors.New("copy_file_range to an offset is not understood")
		}
	case unix.SYS_SENDFILE:
		handle("write", args[0])
		s.Bytes = int64(args[3])
	case unix.SYS_SPLICE:
		handle("write", args[2])
		s.Bytes = int64(args[4])
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		handle("fsync", args[0])
	case unix.SYS_SYNCFS:
		handle("syncfs", args[0])
	case unix.SYS_FTRUNCATE:
		handle("truncate", args[0])
		c.size = int64(args[1])
	case unix.SYS_FALLOCATE, unix.SYS_TRUNCATE, unix.SYS_OPENAT2, unix.SYS_PWRITEV, unix.SYS_PWRITEV2, unix.SYS_CREAT:
		return nil, fmt.Errorf("system call %d is not understood", number)
	case unix.SYS_OPEN, unix.SYS_OPENAT:
		at, path, flags := here, args[0], args[1]
		if number == unix.SYS_OPENAT {
			at, path, flags = dir(0), args[1], args[2]
		}
		if flags&(unix.O_CREAT|unix.O_TRUNC) == 0 && !looks {
			return nil, nil
		}
		one("open", at, path)
		_, missing := os.Lstat(s.Path)
		s.Made = missing != nil && flags&unix.O_CREAT != 0
		c.new = flags&unix.O_EXCL != 0
		if !s.Made && flags&unix.O_TRUNC == 0 {
			s.Look = true // it is there: nothing changes
		}
	case unix.SYS_RENAME:
		two("rename", here, args[0], here, args[1])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		two("rename", dir(0), args[1], dir(2), args[3])
		c.new = number == unix.SYS_RENAMEAT2 && args[4]&unix.RENAME_NOREPLACE != 0
	case unix.SYS_LINK:
		two("link", here, args[0], here, args[1])
	case unix.SYS_LINKAT:
		two("link", dir(0), args[1], dir(2), args[3])
	case unix.SYS_SYMLINK:
		one("symlink", here, args[1])
	case unix.SYS_SYMLINKAT:
		one("symlink", dir(1), args[2])
	case unix.SYS_UNLINK:
		one("unlink", here, args[0])
	case unix.SYS_RMDIR:
		one("rmdir", here, args[0])
	case unix.SYS_UNLINKAT:
		one("unlink", dir(0), args[1])
		if args[2]&unix.AT_REMOVEDIR != 0 {
			s.Call = "rmdir"
		}
	case unix.SYS_MKDIR:
		one("mkdir", here, args[0])
	case unix.SYS_MKDIRAT:
		one("mkdir", dir(0), args[1])
	case unix.SYS_READ, unix.SYS_PREAD64:
		s.Look = true
		handle("read", args[0])
	case unix.SYS_GETDENTS64:
		s.Look = true
		handle("list", args[0])
	case unix.SYS_NEWFSTATAT:
		s.Look = true
		one("stat", dir(0), args[1])
	case unix.SYS_FSTAT:
		s.Look = true
		handle("stat", args[0])
	default:
		return nil, nil
	}
	if s.Look && !looks {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Call, err)
	}
	if strings.HasPrefix(s.Path, "anon_inode:") || strings.HasPrefix(s.Path, "/dev/") && !strings.HasPrefix(s.Path, "/dev/shm/") {
		return nil, nil // the runtime wakes itself
	}
	return c, nil
}

// position is where the next write goes in the open file, which has that size.
func (c *call) position(size int64) (int64, error) {
	if c.offset >= 0 {
		return c.offset, nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", c.tid, c.fd))
	if err != nil {
		return 0, err
	}
	var pos, flags int64
	if _, err := fmt.Sscanf(string(text), "pos: %d\nflags: %o\n", &pos, &flags); err != nil {
		return 0, err
	}
	if flags&unix.O_APPEND != 0 {
		pos = size
	}
	return pos, nil
}

// memory is that of a thread, by its number.
type memory int

// path reads the name of a file and makes it absolute.
func (m memory) path(dir int, address uint64) (string, error) {
	name, err := m.text(address)
	if err != nil || filepath.IsAbs(name) {
		return name, err
	}
	link := fmt.Sprintf("/proc/%d/fd/%d", m, dir)
	if dir == unix.AT_FDCWD {
		link = fmt.Sprintf("/proc/%d/cwd", m)
	}
	at, err := os.Readlink(link)
	return filepath.Join(at, name), err
}

func (m memory) text(address uint64) (string, error) {
	const page = 4096
	var all []byte
	for len(all) < unix.PathMax {
		part := make([]byte, page-address%page)
		n, err := m.read(part, address)
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(part[:n], 0); end >= 0 {
			return string(append(all, part[:end]...)), nil
		}
		all = append(all, part[:n]...)
		address += uint64(n)
	}
	return "", unix.ENAMETOOLONG
}

func (m memory) read(to []byte, address uint64) (int, error) {
	local := []unix.Iovec{{Base: &to[0], Len: uint64(len(to))}}
	return unix.ProcessVMReadv(int(m), local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(to)}}, 0)
}

// vector is how much a writev writes.
func (m memory) vector(address uint64, n int) (sum int64, err error) {
	const size = 16 // struct iovec
	table := make([]byte, size*n)
	if n == 0 {
		return 0, nil
	}
	if _, err := m.read(table, address); err != nil {
		return 0, err
	}
	for i := range n {
		for b := range 8 {
			sum += int64(table[size*i+8+b]) << (8 * b)
		}
	}
	return sum, nil
}
