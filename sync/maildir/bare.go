package maildir

import (
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"smd-applet/sync/durable"
)

// BareFile is an open message of [Hands], a descriptor and nothing else: an
// os.File asks the kernel about each descriptor and offers it to the poller, which
// takes as long as reading or writing a small message. It is for one goroutine and
// has to be closed: no garbage collector does so.
type BareFile struct {
	fd    int
	place Place
}

// bare takes over an open file.
func bare(f *os.File, p Place) (*BareFile, error) {
	defer f.Close()
	var fd int
	err := ignoreEINTR(func() (err error) {
		fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, p.pathError("open", err)
	}
	return &BareFile{fd, p}, nil
}

func (p Place) pathError(op string, err error) error {
	return &fs.PathError{Op: op, Path: p.Path(), Err: err}
}

// Read implements [io.Reader].
func (f *BareFile) Read(b []byte) (n int, err error) {
	err = ignoreEINTR(func() error {
		n, err = unix.Read(f.fd, b)
		return err
	})
	switch {
	case err != nil:
		return 0, f.place.pathError("read", err)
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements [io.Writer].
func (f *BareFile) Write(b []byte) (written int, err error) {
	if err := durable.Step("write", f.place.Folder.Root.Name(), f.place.File); err != nil {
		return 0, err
	}
	for written < len(b) {
		var n int
		err := ignoreEINTR(func() (err error) {
			n, err = unix.Write(f.fd, b[written:])
			return err
		})
		if err != nil {
			return written, f.place.pathError("write", err)
		}
		if n == 0 {
			return written, io.ErrShortWrite
		}
		written += n
	}
	return written, nil
}

// Stat returns the file as a scan would see it.
func (f *BareFile) Stat() (File, error) {
	var st unix.Stat_t
	if err := ignoreEINTR(func() error { return unix.Fstat(f.fd, &st) }); err != nil {
		return File{}, f.place.pathError("look at", err)
	}
	return f.place.file(&st)
}

// file is the file at the place, of which the system says st.
func (p Place) file(st *unix.Stat_t) (File, error) {
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		return File{}, p.notRegular()
	}
	return File{Name: p.File, Mtime: st.Mtim.Nano(), Size: st.Size, Ino: st.Ino}, nil
}

// Fd is the descriptor, good until Close.
func (f *BareFile) Fd() uintptr { return uintptr(f.fd) }

// Close closes the file.
func (f *BareFile) Close() error {
	if err := unix.Close(f.fd); err != nil {
		return f.place.pathError("close", err)
	}
	return nil
}
