package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	stdsync "sync"

	"golang.org/x/sys/unix"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// Box is one mailbox root: its path below home at this end and on the wire.
type Box struct {
	Local, Remote string
}

// SameBoxes are mailboxes whose names are the same here and on the wire.
func SameBoxes(names []string) []Box {
	boxes := make([]Box, len(names))
	for i, n := range names {
		boxes[i] = Box{Local: n, Remote: n}
	}
	return boxes
}

// Translator maps folder paths, mailbox root included, between the two ends.
type Translator interface {
	Local(remoteFolder string) (string, error)
	Remote(localFolder string) (string, error)
}

// Store is this end's mailboxes. Its methods take remote names and never leave
// the mailbox roots.
type Store struct {
	home  string
	boxes []box

	mu        stdsync.Mutex // guards what follows: messages are read side by side
	translate Translator
	locals    map[string]Folder // by remote folder
	remotes   map[string]string // by local folder
}

type box struct {
	Box
	root *os.Root
	real string // its path without symbolic links
}

// Folder is a local folder: a directory with cur, new and tmp. Dir is relative
// to Root, "." for the mailbox root itself.
type Folder struct {
	Root *os.Root
	Dir  string
	// Path is the folder's path below home, for people.
	Path string
}

// Open opens the mailbox roots below home. With create a missing root is made;
// without, it is an error of kind [fault.MailboxMissing], as is one whose
// directory is no directory.
func Open(home string, boxes []Box, tr Translator, create bool) (*Store, error) {
	s := &Store{
		home: home, translate: tr,
		locals: make(map[string]Folder), remotes: make(map[string]string),
	}
	for _, b := range boxes {
		root, err := openRoot(filepath.Join(home, b.Local), create)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		real, err := filepath.EvalSymlinks(root.Name())
		if err != nil {
			return nil, errors.Join(classify("open the mailbox", root.Name(), err), root.Close(), s.Close())
		}
		s.boxes = append(s.boxes, box{b, root, real})
	}
	return s, nil
}

func openRoot(dir string, create bool) (*os.Root, error) {
	if create {
		err := durable.MkdirAll(dir, 0o700)
		if errors.Is(err, unix.ENOTDIR) {
			return nil, fault.New(fault.MailboxMissing, "create the mailbox", dir, err)
		}
		if err != nil {
			return nil, classify("create the mailbox", dir, err)
		}
	}
	root, err := os.OpenRoot(dir)
	switch {
	case err == nil:
		return root, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), isFile(dir):
		return nil, fault.New(fault.MailboxMissing, "open the mailbox", dir, err)
	default:
		return nil, classify("open the mailbox", dir, err)
	}
}

// isFile reports whether there is something at path that is no directory.
func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir()
}

// Close closes the mailbox roots.
func (s *Store) Close() error {
	var errs []error
	for _, b := range s.boxes {
		errs = append(errs, b.root.Close())
	}
	return errors.Join(errs...)
}

// Check makes sure that the mailbox roots are still what their paths lead to: one may
// have been moved away, replaced or mounted over since it was opened. Errors are of
// kind [fault.FolderVanished].
func (s *Store) Check() error {
	for _, b := range s.boxes {
		name := filepath.Join(s.home, b.Local)
		was, err := b.root.Stat(".")
		if err != nil {
			return scanError(b.Local, err)
		}
		is, err := os.Stat(name)
		if err != nil {
			return scanError(b.Local, err)
		}
		if !os.SameFile(was, is) {
			return fault.New(fault.FolderVanished, "look at", b.Local, errors.New("another directory took its place"))
		}
	}
	return nil
}

// Home returns the directory the mailboxes are below.
func (s *Store) Home() string { return s.home }

// Folder finds the local folder of a remote one; it need not exist. A folder
// outside the mailboxes is refused with [ErrBadName].
func (s *Store) Folder(remote string) (Folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.locals[remote]; ok {
		return f, nil
	}
	if err := CheckPath(remote); err != nil {
		return Folder{}, err
	}
	if !s.under(remote) {
		return Folder{}, fmt.Errorf("%w %q: outside the mailboxes", ErrBadName, clip(remote))
	}
	local, err := s.translate.Local(remote)
	if err != nil {
		return Folder{}, err
	}
	f, err := s.locate(local)
	if err != nil {
		return Folder{}, fault.New(fault.Translator, "translate", remote, err)
	}
	s.locals[remote] = f
	return f, nil
}

func (s *Store) under(remote string) bool {
	for _, b := range s.boxes {
		if _, ok := below(b.Remote, remote); ok {
			return true
		}
	}
	return false
}

// locate finds the root a local folder path lies in.
func (s *Store) locate(local string) (Folder, error) {
	if err := CheckPath(local); err != nil {
		return Folder{}, err
	}
	for _, b := range s.boxes {
		if rel, ok := below(b.Local, local); ok {
			return Folder{Root: b.root, Dir: b.follow(rel), Path: local}, nil
		}
	}
	return Folder{}, fmt.Errorf("%w %q: outside the mailboxes", ErrBadName, clip(local))
}

// below returns name relative to dir, "." when they are the same.
func below(dir, name string) (string, bool) {
	if name == dir {
		return ".", true
	}
	return strings.CutPrefix(name, dir+"/")
}

// Remote returns the remote path of a local folder (below home).
func (s *Store) Remote(local string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.remotes[local]; ok {
		return r, nil
	}
	r, err := s.translate.Remote(local)
	if err != nil {
		return "", err
	}
	if err := CheckPath(r); err != nil {
		return "", fault.New(fault.Translator, "translate", local, err)
	}
	s.remotes[local] = r
	return r, nil
}

// RootOf returns the remote path of the mailbox root that holds a remote name.
func (s *Store) RootOf(remote string) string {
	for _, b := range s.boxes {
		if _, ok := below(b.Remote, remote); ok {
			return b.Remote
		}
	}
	return ""
}

// Rel returns the path of a file in f relative to f.Root.
func (f Folder) Rel(sub, file string) string { return path.Join(f.Dir, sub, file) }

// classify gives an operating system's error its kind.
func classify(op, name string, err error) error {
	return fault.New(KindOf(err), op, name, err)
}
