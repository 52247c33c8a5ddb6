package probe

import "golang.org/x/sys/unix"

func FreeBytes(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return bounded(uint64(max(disk.F_bavail, 0)), uint64(disk.F_bsize)), nil
}
