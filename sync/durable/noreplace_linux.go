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
	err = unix.Renameat2(int(fromDir.Fd()), fromFile, int(toDir.Fd()), toFile, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
