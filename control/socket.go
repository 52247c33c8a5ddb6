package control

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"smd-applet/sync/fault"
)

// maxPath is the longest path of a socket that every system takes.
const maxPath = 103

// places are where a socket for home may be, the best first. A client may lack
// the variable, as in a cron job, and looks at the place it usually points to;
// that is none for a server.
func places(home string, client bool) []string {
	name := fmt.Sprintf("control.%.8x", sha256.Sum256([]byte(filepath.Clean(home))))
	var dirs []string
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		dirs = append(dirs, filepath.Join(runtime, "smd-applet"))
	} else if client {
		dirs = append(dirs, filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "smd-applet"))
	}
	dirs = append(dirs, filepath.Join(home, ".smd", "run"))
	var paths []string
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); len(path) <= maxPath {
			paths = append(paths, path)
		}
	}
	return paths
}

// listen makes the socket for home. The caller holds the lock by which a home
// has one applet or loop only: a socket that is there was left by a crash.
func listen(home string) (*net.UnixListener, error) {
	err := errors.New("its path would be too long")
	for _, path := range places(home, false) {
		var l *net.UnixListener
		if l, err = listenAt(path); err == nil {
			return l, nil
		}
	}
	return nil, &fault.Error{
		Kind: fault.FileSystem, Op: "make the control socket", Err: err, Hint: "set XDG_RUNTIME_DIR to a directory of yours with a short name",
	}
}

func listenAt(path string) (*net.UnixListener, error) {
	if err := makePrivate(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// makePrivate makes a directory that is nobody else's.
func makePrivate(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case ok && int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to somebody else", dir)
	case st.Mode().Perm() != 0o700:
		return os.Chmod(dir, 0o700)
	}
	return nil
}
