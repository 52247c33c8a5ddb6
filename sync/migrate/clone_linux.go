package migrate

import (
	"os"

	"golang.org/x/sys/unix"
)

// clone makes to share the content of from until either changes, where the file
// system can.
func clone(to, from *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }
