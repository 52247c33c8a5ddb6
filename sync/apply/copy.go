package apply

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"smd-applet/sync/delta"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// copyLocal makes dst a copy of from. It returns false when from turns out not
// to have the content wanted.
func (r *run) copyLocal(ctx context.Context, a *delta.Action, from, dst maildir.Name) (bool, error) {
	src, err := r.opt.Store.Place(from)
	if err != nil {
		return false, err
	}
	in, err := src.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fault.New(maildir.KindOf(err), "copy", src.Path(), err)
	}
	defer in.Close()
	folder, err := r.view.makeFolder(ctx, dst)
	if err != nil {
		return false, err
	}
	out, temp, err := folder.CreateTemp()
	if err != nil {
		return false, err
	}
	r.arriving.Reset()
	_, err = io.CopyBuffer(io.MultiWriter(out, r.arriving), readerOnly{in}, r.buf)
	if err != nil {
		return false, errors.Join(fault.New(maildir.KindOf(err), "copy", src.Path(), err), out.Close(), temp.Remove())
	}
	if sum, err := r.arriving.Sum(); err != nil || sum != a.Sum {
		return false, errors.Join(out.Close(), temp.Remove())
	}
	durable.StartWriteback(out)
	if err := out.Close(); err != nil {
		return false, fault.New(maildir.KindOf(err), "copy", src.Path(), errors.Join(err, temp.Remove()))
	}
	r.copies = append(r.copies, arrival{temp: temp, to: dst, action: a})
	if len(r.copies) >= batchFiles {
		return true, r.installCopies()
	}
	return true, nil
}

// installCopies puts the copies made so far in place.
func (r *run) installCopies() error {
	batch := r.copies
	r.copies = nil
	if len(batch) == 0 {
		return nil
	}
	in := &installer{run: r}
	if err := in.install(batch); err != nil {
		discard(batch)
		return err
	}
	return nil
}

// copyThenRemove moves a message between mailbox roots, which a rename can't.
func (r *run) copyThenRemove(ctx context.Context, from, to maildir.Name) error {
	sum, ok, damaged, err := r.view.sum(from)
	if err != nil {
		return err
	}
	if !ok || damaged {
		return fault.New(fault.ConcurrentEdit, "move", from.String(), errors.New("the message changed meanwhile"))
	}
	copied, err := r.copyLocal(ctx, &delta.Action{Kind: delta.Copy, Src: from.String(), Dst: to.String(), Sum: sum}, from, to)
	if err != nil {
		return err
	}
	if !copied {
		return fault.New(fault.ConcurrentEdit, "move", from.String(), errors.New("the message changed meanwhile"))
	}
	r.removeLater(from, sum)
	return nil
}
