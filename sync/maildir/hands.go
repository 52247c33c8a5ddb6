package maildir

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"smd-applet/sync/durable"
)

// Hands do for many messages what [Folder] and [Place] do for one: they keep the
// directories of the last folders open, so that a message takes one system call
// and no walk from the root. A directory that is moved meanwhile is followed:
// they are for one batch, and for one goroutine. The zero value is ready.
type Hands struct {
	dirs map[hold]*os.File
}

// hold is a directory that is kept open.
type hold struct {
	root     *os.Root
	dir, sub string
}

// maxHeld bounds the open directories: messages come folder by folder.
const maxHeld = 16

func (h *Hands) dir(f Folder, sub string) (*os.File, error) {
	key := hold{f.Root, f.Dir, sub}
	if d := h.dirs[key]; d != nil {
		return d, nil
	}
	h.makeRoom(1)
	d, err := f.Root.Open(f.Rel(sub, ""))
	if err != nil {
		return nil, err
	}
	if h.dirs == nil {
		h.dirs = make(map[hold]*os.File)
	}
	h.dirs[key] = d
	return d, nil
}

func (h *Hands) makeRoom(n int) {
	if len(h.dirs)+n > maxHeld {
		h.Close()
	}
}

// Close closes the directories. The Hands may be used again.
func (h *Hands) Close() {
	for _, d := range h.dirs {
		_ = d.Close() // it was only looked up
	}
	clear(h.dirs)
}

// CreateTemp is [Folder.CreateTemp].
func (h *Hands) CreateTemp(f Folder) (*BareFile, Place, error) {
	p := Place{f, "tmp", TempName()}
	d, err := h.dir(f, "tmp")
	if err != nil {
		return createTemp(f) // which tells what is wrong
	}
	if err := durable.Step("create", d.Name(), p.File); err != nil {
		return nil, p, err
	}
	var fd int
	err = ignoreEINTR(func() (err error) {
		fd, err = unix.Openat(int(d.Fd()), p.File, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		h.Close() // another tmp may have taken its place
		return createTemp(f)
	case err != nil:
		return nil, p, classify("write", p.Path(), err)
	}
	return &BareFile{fd, p}, p, nil
}

func createTemp(f Folder) (*BareFile, Place, error) {
	file, p, err := f.CreateTemp()
	if err != nil {
		return nil, p, err
	}
	b, err := bare(file, p)
	if err != nil {
		return nil, p, errors.Join(classify("write", p.Path(), err), p.Remove())
	}
	return b, p, nil
}

// Open is [Place.Open], and tells what the file is like.
func (h *Hands) Open(p Place) (*BareFile, File, error) {
	f, err := h.open(p)
	if err != nil {
		return nil, File{}, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, st, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// Stat is [Place.Stat] of a message as a scan would see it; what is no regular file is
// an error. In a folder that was moved away and replaced meanwhile it looks at what
// was moved.
func (h *Hands) Stat(p Place) (File, error) {
	d, err := h.dir(p.Folder, p.Sub)
	if err != nil {
		return File{}, err
	}
	if path.Base(p.File) != p.File {
		return File{}, p.pathError("look at", unix.EINVAL)
	}
	var st unix.Stat_t
	if err := ignoreEINTR(func() error { return unix.Fstatat(int(d.Fd()), p.File, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return File{}, p.pathError("look at", err)
	}
	return p.file(&st)
}

func (h *Hands) open(p Place) (*BareFile, error) {
	d, err := h.dir(p.Folder, p.Sub)
	if err != nil || path.Base(p.File) != p.File {
		return openBare(p)
	}
	var fd int
	err = ignoreEINTR(func() (err error) {
		fd, err = unix.Openat(int(d.Fd()), p.File, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		h.Close()
		return openBare(p)
	case err != nil:
		return nil, p.pathError("open", err)
	}
	return &BareFile{fd, p}, nil
}

func openBare(p Place) (*BareFile, error) {
	f, err := p.Open()
	if err != nil {
		return nil, err
	}
	return bare(f, p)
}

// Move is [Place.MoveTo].
func (h *Hands) Move(p, to Place) error {
	if !p.CanMoveTo(to) {
		return errCrossRoot
	}
	if path.Base(p.File) != p.File || path.Base(to.File) != to.File {
		return p.MoveTo(to) // which stays within the root, wherever the names lead
	}
	h.makeRoom(2) // or the second would close the first
	fromDir, err := h.dir(p.Folder, p.Sub)
	if err != nil {
		return err
	}
	toDir, err := h.dir(to.Folder, to.Sub)
	if err != nil {
		return err
	}
	err = durable.RenameNoReplaceAt(fromDir, p.File, toDir, to.File)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
		h.Close()
		return p.MoveTo(to)
	}
	return err
}
