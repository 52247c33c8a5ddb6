package migrate

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/census"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/stripheader"
	"smd-applet/sync/translate"
)

// Tree makes the new tree of a plan.
type Tree struct {
	Home   string
	Old    *maildir.Store
	Root   string // of the new tree, below home
	Header string // that How Strip leaves out
	// Ask hands on the headers that the server's copies of messages have.
	Ask func(names []maildir.Name, each func(i int, header []byte) error) error
	// Progress is told of messages that are there; may be nil.
	Progress func(done, total int)

	cantLink atomic.Bool
	cant     atomic.Bool // clone
}

// staging is where the tree grows until it is whole.
func (t *Tree) staging() string { return t.Root + ".growing" }

// Build makes the tree, whole or not at all: it grows under another name, what a
// run that was cut left there counts, and at the end every message is read again.
// The old tree is only read; a message whose content stays shares its file, by a
// clone or a link, which is safe since no program of ours changes a file in place.
func (t *Tree) Build(ctx context.Context, p *Plan) (err error) {
	staging := t.staging()
	store, err := maildir.Open(t.Home, maildir.SameBoxes([]string{staging}), translate.Identity(), true)
	if err != nil {
		return err
	}
	defer func() {
		if store != nil {
			err = errors.Join(err, store.Close())
		}
	}()
	in := func(folder string) string { return staging + folder[len(t.Root):] }
	for _, f := range p.Folders {
		folder, err := store.Folder(in(f))
		if err != nil {
			return err
		}
		if err := errors.Join(folder.Make(), folder.CleanStrays()); err != nil {
			return err
		}
	}
	wanted := make(map[maildir.Name]maildir.Sum, len(p.Files))
	for _, f := range p.Files {
		f.To.Folder = in(f.To.Folder)
		wanted[f.To] = f.Sum
	}
	there, err := t.keep(ctx, store, wanted)
	if err != nil {
		return err
	}
	if err := t.fill(ctx, store, p, in, there); err != nil {
		return err
	}
	if there, err = t.keep(ctx, store, wanted); err != nil {
		return err
	}
	if missing := len(wanted) - len(there); missing > 0 {
		return fault.New(fault.ConcurrentEdit, "read the new tree again", staging, fmt.Errorf("%d messages are not as they should be: does something write to the old one?", missing))
	}
	err = store.Close()
	store = nil
	if err != nil {
		return err
	}
	home, err := os.OpenRoot(t.Home)
	if err != nil {
		return err
	}
	defer home.Close()
	if err := durable.RenameNoReplace(home, staging, t.Root); err != nil {
		return fault.New(maildir.KindOf(err), "put the new tree in place", t.Root, err)
	}
	return durable.SyncDirIn(home, filepath.Dir(t.Root))
}

// keep reads what is in the growing tree, removes what is not wanted, and returns
// the rest.
func (t *Tree) keep(ctx context.Context, store *maildir.Store, wanted map[maildir.Name]maildir.Sum) (map[maildir.Name]bool, error) {
	c, err := census.Take(ctx, store, census.Options{Mailbox: []string{t.staging()}})
	if err != nil {
		return nil, err
	}
	there := make(map[maildir.Name]bool, len(c.Messages))
	for i := range c.Messages {
		m := &c.Messages[i]
		if sum, ok := wanted[m.Name]; ok && sum == m.Sum {
			there[m.Name] = true
			continue
		}
		p, err := store.Place(m.Name)
		if err == nil {
			err = p.Remove()
		}
		if err != nil {
			return nil, fault.New(maildir.KindOf(err), "remove", m.Name.String(), err)
		}
	}
	return there, nil
}

// fill brings every message that is not there yet, several at a time.
func (t *Tree) fill(ctx context.Context, store *maildir.Store, p *Plan, in func(string) string, there map[maildir.Name]bool) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4 * runtime.GOMAXPROCS(0)) // they wait for the disk
	var done atomic.Int64
	bring := func(f File, header []byte) {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.bring(store, f, header); err != nil {
				return fault.New(maildir.KindOf(err), "bring", f.From.String(), err)
			}
			if n := int(done.Add(1)); t.Progress != nil {
				t.Progress(n, len(p.Files))
			}
			return nil
		})
	}
	var asked []File
	var twins []maildir.Name
	for _, f := range p.Files {
		f.To.Folder = in(f.To.Folder)
		switch {
		case there[f.To]:
			done.Add(1)
		case f.How == Headers:
			asked, twins = append(asked, f), append(twins, f.Twin)
		default:
			bring(f, nil)
		}
	}
	err := t.Ask(twins, func(i int, header []byte) error {
		if header == nil {
			return fault.New(fault.ConcurrentEdit, "ask for the header of", twins[i].String(), errors.New("it is gone from the server"))
		}
		bring(asked[i], header)
		return ctx.Err()
	})
	if waited := group.Wait(); waited != nil || err != nil {
		return cmp.Or(waited, err)
	}
	dirs := make(maildir.Dirs)
	for _, f := range p.Folders {
		folder, err := store.Folder(in(f))
		if err != nil {
			return err
		}
		dirs.AddDir(folder.Root, folder.Rel("cur", ""))
		dirs.AddDir(folder.Root, folder.Rel("new", ""))
	}
	return dirs.Sync()
}

func (t *Tree) bring(store *maildir.Store, f File, header []byte) error {
	from, err := t.Old.Place(f.From)
	if err != nil {
		return err
	}
	to, err := store.Place(f.To)
	if err != nil {
		return err
	}
	in, err := from.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	switch f.How {
	case Same:
		return t.share(in, from, to)
	case Strip:
		return rewrite(in, to, func(w io.Writer) error {
			_, err := stripheader.Copy(w, in, t.Header)
			return err
		})
	default:
		return rewrite(in, to, func(w io.Writer) error {
			if _, err := w.Write(header); err != nil {
				return err
			}
			split := maildir.NewSplitter(io.Discard, w)
			_, err := io.Copy(&split, struct{ io.Reader }{in})
			return err
		})
	}
}

// share gives the message a place in the new tree without a copy, where it can.
func (t *Tree) share(in *os.File, from, to maildir.Place) error {
	if !t.cant.Load() {
		err := rewriteBy(in, to, func(out *os.File) error { return clone(out, in) })
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		t.cant.Store(true)
	}
	if !t.cantLink.Load() {
		err := os.Link(filepath.Join(t.Home, from.Path()), filepath.Join(t.Home, to.Path()))
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		t.cantLink.Store(true)
	}
	return rewrite(in, to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// rewrite writes a message durably, with the time and mode of another.
func rewrite(was *os.File, to maildir.Place, write func(io.Writer) error) error {
	return rewriteBy(was, to, func(out *os.File) error {
		b := bufio.NewWriter(out)
		return errors.Join(write(b), b.Flush())
	})
}

func rewriteBy(was *os.File, to maildir.Place, fill func(*os.File) error) error {
	st, err := was.Stat()
	if err != nil {
		return err
	}
	out, temp, err := to.Folder.CreateTemp()
	if err != nil {
		return err
	}
	if err = fill(out); err == nil {
		err = errors.Join(out.Chmod(st.Mode().Perm()), out.Sync())
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = to.Folder.Root.Chtimes(temp.Rel(), st.ModTime(), st.ModTime())
	}
	if err == nil {
		err = temp.MoveTo(to)
	}
	if err != nil {
		return errors.Join(err, temp.Remove())
	}
	return nil
}
