//go:build !openbsd && !netbsd

package probe

import "golang.org/x/sys/unix"

// FreeBytes returns how much a user may still write to the file system of dir.
func FreeBytes(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return bounded(uint64(max(disk.Bavail, 0)), uint64(disk.Bsize)), nil
}
