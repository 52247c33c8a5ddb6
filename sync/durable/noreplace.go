package durable

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// RenameNoReplace moves from to to below root, and fails with [fs.ErrExist] when
// something is there already. Neither directory is synced: see [SyncDirIn].
func RenameNoReplace(root *os.Root, from, to string) error {
	if err := Step("rename", root.Name(), to); err != nil {
		return err
	}
	err := renameNoReplace(root, from, to)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// Without the system call: a hard link fails where a name is taken.
	err = root.Link(from, to)
	switch {
	case err == nil:
		return root.Remove(from)
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EMLINK), errors.Is(err, unix.ENOSYS):
	default:
		return err
	}
	// No hard links here (FAT, some network mounts): the lock keeps our own
	// writers away, a look keeps others' files safe but for a blink.
	if _, err := root.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	}
	return root.Rename(from, to)
}

// RenameNoReplaceAt is [RenameNoReplace] of names within two directories that are
// open. Where the system has no such call it is [errors.ErrUnsupported].
func RenameNoReplaceAt(fromDir *os.File, from string, toDir *os.File, to string) error {
	if err := Step("rename", toDir.Name(), to); err != nil {
		return err
	}
	return renameNoReplaceAt(fromDir, from, toDir, to)
}

// openParent opens the directory that holds name below root.
func openParent(root *os.Root, name string) (*os.File, string, error) {
	dir, file := path.Split(name)
	if dir == "" {
		dir = "."
	}
	d, err := root.Open(path.Clean(dir))
	return d, file, err
}
