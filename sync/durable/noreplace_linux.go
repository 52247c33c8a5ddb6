package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func renameNoReplace(root *os.Root, from, to string) error {
	fromDir, fromFile, err := openParent(root, from)
	if err != nil {
		return err
	}
	defer fromDir.Close()
	toDir, toFile, err := openParent(root, to)
	if err != nil {
		return err
	}
	defer toDir.Close()
	return renameNoReplaceAt(fromDir, fromFile, toDir, toFile)
}

func renameNoReplaceAt(fromDir *os.File, from string, toDir *os.File, to string) error {
	err := unix.Renameat2(int(fromDir.Fd()), from, int(toDir.Fd()), to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
