package maildir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// Place is where a message is, or will be, at this end.
type Place struct {
	Folder Folder
	Sub    string
	File   string
}

// Rel returns the place's path relative to Folder.Root.
func (p Place) Rel() string { return p.Folder.Rel(p.Sub, p.File) }

// Path returns the place's path below home, for people.
func (p Place) Path() string { return path.Join(p.Folder.Path, p.Sub, p.File) }

// Place finds the local place of a message's remote name.
func (s *Store) Place(n Name) (Place, error) {
	f, err := s.Folder(n.Folder)
	return Place{f, n.Sub, n.File}, err
}

// Open opens the message for reading. A link or anything else that is not a
// regular file is refused, as is one that would block.
func (p Place) Open() (*os.File, error) {
	f, err := p.open()
	if err != nil {
		return nil, err
	}
	// os.Root follows a link within the root even so: the name itself has to be
	// the file.
	name, err := p.Stat()
	if err == nil {
		var st fs.FileInfo
		if st, err = f.Stat(); err == nil && !os.SameFile(name, st) {
			err = p.notRegular()
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// open is Open that lets a link within the root pass, which a scan has left out
// before.
func (p Place) open() (*os.File, error) {
	f, err := p.Folder.Root.OpenFile(p.Rel(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = p.notRegular()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (p Place) notRegular() error {
	return p.pathError("open", fmt.Errorf("%w: not a regular file", ErrBadName))
}

// Stat returns the file's size, time and inode, without following a link.
func (p Place) Stat() (fs.FileInfo, error) { return p.Folder.Root.Lstat(p.Rel()) }

// ChangedSince reports whether the file was written, renamed or marked at that time, in
// nanoseconds of Unix time, or since: no program can set that back. One that is gone was not.
func (p Place) ChangedSince(since int64) (bool, error) {
	var st unix.Stat_t
	f, err := p.open()
	if err == nil {
		defer f.Close()
		err = ignoreEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) })
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fault.New(KindOf(err), "look at", p.Path(), err)
	}
	return st.Ctim.Nano() >= since, nil
}

// Sum reads the message and returns its digests. The caller has seen that it is
// no link.
func (p Place) Sum(h *Hasher, buf []byte) (Sum, error) {
	h.Reset()
	if err := p.ReadTo(h, buf); err != nil {
		return Sum{}, err
	}
	return h.Sum()
}

// ReadTo reads the message into w. The caller has seen that it is no link.
func (p Place) ReadTo(w io.Writer, buf []byte) error {
	f, err := p.open()
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(w, onlyReader{f}, buf)
	return err
}

// Make creates the folder with all of cur, new and tmp, durably, where they are
// missing (Maildir spec).
func (f Folder) Make() error {
	for _, sub := range []string{"tmp", "new", "cur"} {
		err := durable.Step("mkdir", f.Root.Name(), f.Rel(sub, ""))
		if err == nil {
			err = f.Root.MkdirAll(f.Rel(sub, ""), 0o700)
		}
		if err != nil {
			return fault.New(KindOf(err), "create the folder", f.Path, err)
		}
	}
	for dir := f.Dir; ; dir = path.Dir(dir) {
		if err := durable.SyncDirIn(f.Root, dir); err != nil {
			return classify("create the folder", f.Path, err)
		}
		if dir == "." {
			return nil
		}
	}
}

// IsHalf reports whether the folder lacks cur or new. One that is there and can't
// be used, such as a link that leads nowhere, is not lacking.
func (f Folder) IsHalf() bool {
	return slices.ContainsFunc([]string{"cur", "new"}, func(sub string) bool {
		_, err := f.Root.Lstat(f.Rel(sub, ""))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// CreateTemp creates an empty file in the folder's tmp and returns it with its
// place.
func (f Folder) CreateTemp() (*os.File, Place, error) {
	p := Place{f, "tmp", TempName()}
	if err := durable.Step("create", f.Root.Name(), p.File); err != nil {
		return nil, p, err
	}
	file, err := f.Root.OpenFile(p.Rel(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, p, classify("write", p.Path(), err)
	}
	return file, p, nil
}

// MoveTo renames the message without replacing anything; it fails with
// [fs.ErrExist] where the place is taken and [fs.ErrNotExist] where it is gone.
// Source and target must be in the same mailbox root.
func (p Place) MoveTo(to Place) error {
	if p.Folder.Root != to.Folder.Root {
		return errCrossRoot
	}
	return durable.RenameNoReplace(p.Folder.Root, p.Rel(), to.Rel())
}

var errCrossRoot = errors.New("the folders are in different mailboxes")

// CanMoveTo reports whether a rename can do it: a copy is needed between
// mailbox roots.
func (p Place) CanMoveTo(to Place) bool { return p.Folder.Root == to.Folder.Root }

// ReplaceWith renames temp, a file of [Folder.CreateTemp], over the message.
func (p Place) ReplaceWith(temp Place) error {
	if err := durable.Step("replace", p.Folder.Root.Name(), p.File); err != nil {
		return err
	}
	return p.Folder.Root.Rename(temp.Rel(), p.Rel())
}

// Remove removes the file.
func (p Place) Remove() error { return remove(p.Folder.Root, p.Rel()) }

func remove(root *os.Root, rel string) error {
	if err := durable.Step("remove", root.Name(), rel); err != nil {
		return err
	}
	return root.Remove(rel)
}

// ErrNotEmpty says that a folder holds something.
var ErrNotEmpty = errors.New("the folder is not empty")

// RemoveEmpty removes the folder if it holds nothing but empty cur, new and tmp
// and the maildirfolder mark of Maildir++; else it does nothing and returns
// [ErrNotEmpty]. A folder that is gone is no error.
func (f Folder) RemoveEmpty() error {
	d, err := f.Root.Open(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains([]string{"cur", "new", "tmp", "maildirfolder"}, name) {
			return ErrNotEmpty
		}
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := f.empty(sub); err != nil {
			return err
		}
	}
	// From here on an arrival makes a directory not empty, and so it stays.
	for _, name := range []string{"tmp", "new", "cur", "maildirfolder", ""} {
		err := remove(f.Root, path.Join(f.Dir, name))
		if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
			return errors.Join(ErrNotEmpty, f.Make())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f Folder) empty(sub string) error {
	d, err := f.Root.Open(f.Rel(sub, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.Readdirnames(1); !errors.Is(err, io.EOF) {
		return errors.Join(ErrNotEmpty, err)
	}
	return nil
}
