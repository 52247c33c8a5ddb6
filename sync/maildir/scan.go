package maildir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
)

// File is one message file as a scan sees it.
type File struct {
	Name  string // base name
	Mtime int64  // Unix time in nanoseconds
	Size  int64  // bytes
	Ino   uint64
}

// Listing is one cur or new directory, whole.
type Listing struct {
	Folder string // remote path of the folder
	Local  Folder
	Sub    string // "cur" or "new"
	Files  []File
	Before time.Time // when the directory had last changed before it was read
}

// ScanOptions says what a scan leaves out.
type ScanOptions struct {
	// Excluded reports whether the directory at a local path (below home), with
	// all below it, is left out; nil leaves nothing out. It is asked of folders,
	// mailbox roots included, and then of the cur and new in them.
	Excluded func(local string) bool
	// StrayAge is how old one of our own temporary files must be to be removed
	// in passing; zero removes them all, which only the holder of the mailbox
	// lock may ask for.
	StrayAge time.Duration
}

// Report is what a scan has to tell besides the messages.
type Report struct {
	Folders  map[string]bool // remote paths of the folders seen
	Excluded []string        // local paths left out
	Skipped  []string        // local paths of links not followed, and of folders whose names no wire can carry
	Strays   int             // our own left-over temporary files removed
	// Unreadable are the local paths [Store.Folders] could not look into.
	Unreadable []string
}

// Scan walks every mailbox root and hands each cur and new directory to visit
// (smd 1.3, spec §3). It never takes an unreadable or vanished folder for an
// empty one: such a folder ends the scan with an error of kind
// [fault.Permission] or [fault.FolderVanished].
func (s *Store) Scan(ctx context.Context, opt ScanOptions, visit func(Listing) error) (*Report, error) {
	w := &walker{store: s, opt: opt, visit: visit, report: &Report{Folders: make(map[string]bool)}}
	for _, b := range s.boxes {
		if err := w.walk(ctx, b, ".", ".", nil, false); err != nil {
			return nil, err
		}
	}
	return w.report, nil
}

type walker struct {
	store  *Store
	opt    ScanOptions
	visit  func(Listing) error
	report *Report
}

// inode identifies a directory; the chain of those above it shows a loop.
type inode struct{ dev, ino uint64 }

// walk visits dir and all below it. It is opened at another place where a link
// gives that by its whole path. linked says that a symbolic link led here: links
// below it are not followed again, so links can multiply nothing.
func (w *walker) walk(ctx context.Context, b box, dir, at string, above []inode, linked bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	local := path.Join(b.Local, dir)
	if w.opt.Excluded != nil && w.opt.Excluded(local) {
		w.report.Excluded = append(w.report.Excluded, local)
		return nil
	}
	d, err := b.root.Open(at)
	if err != nil {
		return scanError(local, err)
	}
	defer d.Close()
	self, err := inodeOf(d)
	if err != nil {
		return scanError(local, err)
	}
	if slices.Contains(above, self) {
		w.report.Skipped = append(w.report.Skipped, local)
		return nil
	}
	above = append(slices.Clone(above), self)

	entries, err := d.ReadDir(-1)
	if err != nil {
		return scanError(local, err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		child, place := path.Join(dir, e.Name()), path.Join(at, e.Name())
		link := e.Type()&fs.ModeSymlink != 0
		if !e.IsDir() && !link && e.Type()&fs.ModeIrregular == 0 {
			continue
		}
		if !e.IsDir() {
			st, err := b.root.Stat(place)
			if link && err != nil && !isPart(e.Name()) {
				if to, ok := b.absolute(place); ok {
					place = to
					st, err = b.root.Stat(place)
				}
			}
			if link && (err != nil || !st.IsDir() || linked) {
				w.report.Skipped = append(w.report.Skipped, path.Join(b.Local, child))
				continue
			}
			if err != nil {
				return scanError(path.Join(b.Local, child), err)
			}
			if !st.IsDir() {
				continue
			}
		}
		if CheckPath(e.Name()) != nil {
			w.report.Skipped = append(w.report.Skipped, path.Join(b.Local, child))
			continue
		}
		switch e.Name() {
		case "tmp":
			if w.visit == nil {
				continue
			}
			n, err := cleanStrays(b.root, place, w.opt.StrayAge)
			if err != nil {
				return scanError(path.Join(b.Local, child), err)
			}
			w.report.Strays += n
		case "cur", "new":
			if sub := path.Join(b.Local, child); w.opt.Excluded != nil && w.opt.Excluded(sub) {
				w.report.Excluded = append(w.report.Excluded, sub)
				continue
			}
			if err := w.tolerate(ctx, w.messages(ctx, b, dir, at, e.Name())); err != nil {
				return err
			}
		default:
			if err := w.tolerate(ctx, w.walk(ctx, b, child, place, above, linked || link)); err != nil {
				return err
			}
		}
	}
	return sameDirectory(d, b.root, at, local)
}

// isPart reports whether a directory of that name is a part of a folder.
func isPart(name string) bool { return name == "cur" || name == "new" || name == "tmp" }

// sameDirectory makes sure that d, which was read, is still what its name leads
// to: in a folder that was replaced meanwhile nothing was seen to be absent.
func sameDirectory(d *os.File, root *os.Root, rel, local string) error {
	was, err := d.Stat()
	if err != nil {
		return scanError(local, err)
	}
	is, err := root.Stat(rel)
	if err != nil {
		return scanError(local, err)
	}
	if !os.SameFile(was, is) {
		return fault.New(fault.FolderVanished, "scan", local, errors.New("another directory took its place"))
	}
	return nil
}

func (w *walker) messages(ctx context.Context, b box, dir, at, sub string) error {
	local := path.Join(b.Local, dir)
	folder, err := w.store.Remote(local)
	if err != nil {
		return err
	}
	l := Listing{Folder: folder, Local: Folder{Root: b.root, Dir: at, Path: local}, Sub: sub}
	if w.visit == nil {
		w.report.Folders[folder] = true
		return readable(l.Local, sub)
	}
	var links []string
	if l.Before, err = l.Local.Changed(sub); err != nil {
		return err
	}
	l.Files, links, err = List(ctx, l.Local, sub)
	if err != nil {
		return err
	}
	w.report.Skipped = append(w.report.Skipped, links...)
	w.report.Folders[folder] = true
	return w.visit(l)
}

// listTries is how often a directory that changes while it is read is read again.
const listTries = 5

// listQuiet is longer than the grain of directory times: a change within it
// before a reading may not show in them.
const listQuiet = 20 * time.Millisecond

// List reads one cur or new directory: the regular files in it, and the local
// paths of symbolic links. POSIX lets a reading miss a file that is renamed
// meanwhile, so a directory that changed is read again and what any reading saw
// and is still there counts.
func List(ctx context.Context, f Folder, sub string) (files []File, links []string, err error) {
	rel, local := f.Rel(sub, ""), path.Join(f.Path, sub)
	d, err := f.Root.Open(rel)
	if err != nil {
		return nil, nil, scanError(local, err)
	}
	first := d // what any reading saw must be of this one
	defer func() {
		first.Close()
		d.Close()
	}()
	names := make(map[string]bool)
	var order []string
	for try := 0; ; try++ {
		before, err := mtimeOf(d)
		if err != nil {
			return nil, nil, scanError(local, err)
		}
		recent := time.Since(time.Unix(0, before)) < listQuiet
		got, err := d.Readdirnames(-1)
		if err != nil {
			return nil, nil, scanError(local, err)
		}
		if try == 0 {
			order = got
		} else {
			// Only from the second reading on are the names worth a table.
			if try == 1 {
				for _, n := range order {
					names[n] = true
				}
			}
			for _, n := range got {
				if !names[n] {
					names[n] = true
					order = append(order, n)
				}
			}
		}
		after, err := mtimeOf(d)
		if err != nil {
			return nil, nil, scanError(local, err)
		}
		if (before == after && !recent) || try == listTries {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		// A new handle: rewinding a directory is not portable.
		again, err := f.Root.Open(rel)
		if err != nil {
			return nil, nil, scanError(local, err)
		}
		if d != first {
			d.Close()
		}
		d = again
	}
	files, links, err = statAll(d, local, order)
	if err != nil {
		return nil, nil, err
	}
	return files, links, sameDirectory(first, f.Root, rel, local)
}

// Changed returns when one of a folder's directories last changed.
func (f Folder) Changed(sub string) (time.Time, error) {
	st, err := f.Root.Stat(f.Rel(sub, ""))
	if err != nil {
		return time.Time{}, scanError(path.Join(f.Path, sub), err)
	}
	return st.ModTime(), nil
}

// Names lists the names in one cur or new directory.
func Names(ctx context.Context, f Folder, sub string) ([]string, error) {
	rel, local := f.Rel(sub, ""), path.Join(f.Path, sub)
	d, err := f.Root.Open(rel)
	if err != nil {
		return nil, scanError(local, err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, scanError(local, err)
	}
	return names, ctx.Err()
}

// A large directory is looked at by several at once: to look at a message takes
// longer than all else that a scan does with it.
const (
	statters = 4
	statSome = 512 // names, which are worth another one
)

func statAll(d *os.File, local string, names []string) (files []File, links []string, err error) {
	slices.Sort(names)
	workers := max(1, min(statters, runtime.GOMAXPROCS(0), len(names)/statSome))
	if workers == 1 {
		return statSlice(int(d.Fd()), local, names)
	}
	type part struct {
		files []File
		links []string
	}
	parts := make([]part, workers)
	fd := int(d.Fd())
	var g errgroup.Group
	for i := range parts {
		g.Go(func() (err error) {
			some := names[i*len(names)/workers : (i+1)*len(names)/workers]
			parts[i].files, parts[i].links, err = statSlice(fd, local, some)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	files = make([]File, 0, len(names))
	for _, p := range parts {
		files, links = append(files, p.files...), append(links, p.links...)
	}
	return files, links, nil
}

// statSlice looks at some names of the directory that is open as fd.
func statSlice(fd int, local string, names []string) (files []File, links []string, err error) {
	files = make([]File, 0, len(names))
	var st unix.Stat_t
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue // no message: Maildir spec
		}
		err := ignoreEINTR(func() error { return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, nil, scanError(path.Join(local, name), err)
		}
		switch uint32(st.Mode) & unix.S_IFMT {
		case unix.S_IFREG:
			files = append(files, File{Name: name, Mtime: st.Mtim.Nano(), Size: st.Size, Ino: st.Ino})
		case unix.S_IFLNK:
			links = append(links, path.Join(local, name))
		}
	}
	return files, links, nil
}

func ignoreEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func inodeOf(d *os.File) (inode, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return inode{}, err
	}
	return inode{uint64(st.Dev), uint64(st.Ino)}, nil
}

func mtimeOf(d *os.File) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return 0, err
	}
	return st.Mtim.Nano(), nil
}

func scanError(local string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return fault.New(fault.FolderVanished, "scan", local, err)
	}
	return classify("scan", local, err)
}
