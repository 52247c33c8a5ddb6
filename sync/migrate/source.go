// Package migrate brings mail that another program kept in step with an IMAP
// server under this program's care: it reads that program's configuration, finds
// by content which local folder and message is which at the server, and makes a
// new tree beside the old one, in which every message has the content and the
// name it has there. The old tree is only read.
package migrate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
)

// Source is mail that a program keeps, as its configuration tells.
type Source struct {
	Name  string // of the account or channel
	Local string // the tree, an absolute path
	Host  string // the IMAP server; may be empty
	// Header is one that the program leaves in messages; may be empty.
	Header string
	// Lock is a file the program locks while it runs; may be empty.
	Lock string
	// FolderLocks are names of files that it locks in the folder it works on.
	FolderLocks []string
	// Notes say what of the configuration counts no more, and what to do.
	Notes []string
}

// Running returns who runs the program on this mail, by its locks: the number of a
// process and the file it holds; 0 for nobody.
func (s *Source) Running() (pid int, file string, err error) {
	if s.Lock != "" {
		if pid := holder(s.Lock); pid != 0 {
			return pid, s.Lock, nil
		}
	}
	if len(s.FolderLocks) == 0 {
		return 0, "", nil
	}
	err = filepath.WalkDir(s.Local, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && slices.Contains([]string{"cur", "new", "tmp"}, e.Name()):
			return fs.SkipDir
		case e.Type().IsRegular() && slices.Contains(s.FolderLocks, e.Name()):
			if pid = holder(path); pid != 0 {
				file = path
				return fs.SkipAll
			}
		}
		return nil
	})
	return pid, file, err
}

// holder is the process that has a file locked, as fcntl(2) does it; 0 for none,
// also where there is no such file.
func holder(path string) int {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0 // the program never ran, or not here
	}
	defer f.Close()
	held := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &held); err != nil || held.Type == unix.F_UNLCK {
		return 0
	}
	return int(held.Pid)
}

// absolute resolves a path as those programs do: ~, $HOME and relative to home.
func absolute(home, path string) string {
	path = strings.Trim(path, `"'`)
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') {
		path = home + rest
	}
	path = os.Expand(path, func(name string) string {
		if name == "HOME" {
			return home
		}
		return os.Getenv(name)
	})
	if !filepath.IsAbs(path) {
		path = filepath.Join(home, path)
	}
	return filepath.Clean(path)
}

// firstFile is the first of some files that is there; it is an error of kind
// [fault.Config] where none is.
func firstFile(program string, files ...string) (string, error) {
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() {
			return f, nil
		}
	}
	return "", fault.New(fault.Config, "find the configuration of "+program, strings.Join(files, ", "), os.ErrNotExist)
}

// Choose returns the source of that name, or the only one there is.
func Choose(all []Source, name string) (*Source, error) {
	var names []string
	for i := range all {
		if all[i].Name == name || name == "" && len(all) == 1 {
			return &all[i], nil
		}
		names = append(names, all[i].Name)
	}
	return nil, &fault.Error{
		Kind: fault.Config, Op: "choose an account", Path: name, Err: fmt.Errorf("there are %s", strings.Join(names, ", ")),
		Hint: "name the account with --account",
	}
}
