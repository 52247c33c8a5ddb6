package maildir

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
)

// KindOf classifies a file system's error.
func KindOf(err error) fault.Kind {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f.Kind
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fault.DiskFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return fault.Permission
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ESTALE), errors.Is(err, unix.ENOTEMPTY):
		return fault.ConcurrentEdit
	case errors.Is(err, ErrBadName):
		return fault.Protocol
	case errors.As(err, new(unix.Errno)):
		return fault.FileSystem // a link that leads nowhere, a failing disk, …
	}
	return fault.Internal
}
