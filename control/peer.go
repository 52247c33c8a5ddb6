package control

import (
	"fmt"
	"net"
	"os"
)

// admit turns away who is neither this user nor root.
func admit(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	uid, failed := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, failed = peerUID(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if uid != os.Geteuid() && uid != 0 {
		return fmt.Errorf("user %d may not ask", uid)
	}
	return nil
}
