package maildir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	for want, errs := range map[fault.Kind][]error{
		fault.DiskFull:       {unix.ENOSPC, unix.EDQUOT},
		fault.Permission:     {unix.EACCES, unix.EPERM, unix.EROFS, fs.ErrPermission},
		fault.ConcurrentEdit: {unix.ENOENT, unix.EEXIST, unix.ENOTDIR, unix.ESTALE, unix.ENOTEMPTY, fs.ErrNotExist, fs.ErrExist},
		fault.Protocol:       {maildir.ErrBadName},
		fault.FileSystem:     {unix.EIO, unix.ELOOP, unix.EMFILE},
		fault.Internal:       {errors.New("who knows")},
		// What is classified already stays so, whatever caused it.
		fault.Hook: {fault.New(fault.Hook, "run", "", unix.ENOSPC)},
	} {
		for _, err := range errs {
			for _, wrapped := range []error{
				err,
				&fs.PathError{Op: "open", Path: "Mail/cur/1", Err: err},
				&os.LinkError{Op: "rename", Old: "a", New: "b", Err: err},
				fmt.Errorf("write: %w", err),
				errors.Join(err, errors.New("close")),
			} {
				if got := maildir.KindOf(wrapped); got != want {
					t.Errorf("%v: %s, want %s", wrapped, got, want)
				}
			}
		}
	}
}
