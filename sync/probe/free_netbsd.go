package probe

import "golang.org/x/sys/unix"

func FreeBytes(dir string) (int64, error) {
	var disk unix.Statvfs_t
	if err := unix.Statvfs(dir, &disk); err != nil {
		return 0, err
	}
	return bounded(disk.Bavail, disk.Frsize), nil
}
