package apply

import (
	"errors"
	"io/fs"
	"os"

	"smd-applet/sync/delta"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
)

// The size of a batch that is made durable and put in place together.
const (
	batchFiles = 1024
	batchBytes = 64 << 20
)

// arrival is a message that stands whole in tmp, hashed, to be put in place.
type arrival struct {
	temp   maildir.Place
	to     maildir.Name
	action *delta.Action
	was    os.FileInfo // the file it replaces, as it was when examined; nil for none
}

// installer puts arrivals in place, batch by batch: all of a batch is durable
// before any of it appears. A goroutine of its own makes a batch durable while
// the next is fetched; [installer.finish] waits for it.
type installer struct {
	run     *run
	batch   []arrival
	bytes   int64
	batches chan []arrival
	done    chan error
}

func newInstaller(r *run) *installer {
	in := &installer{run: r, batches: make(chan []arrival), done: make(chan error, 1)}
	go func() {
		var failed error
		for batch := range in.batches {
			if failed == nil {
				failed = in.install(batch)
			}
			if failed != nil {
				discard(batch)
			}
		}
		in.done <- failed
	}()
	return in
}

// add takes an arrival whose content was written to f, and closes f.
func (in *installer) add(a arrival, f *os.File, size int64) error {
	durable.StartWriteback(f)
	err := f.Close()
	in.batch = append(in.batch, a)
	in.bytes += size
	if len(in.batch) >= batchFiles || in.bytes >= batchBytes {
		in.flush()
	}
	return err
}

func (in *installer) flush() {
	if len(in.batch) > 0 {
		in.batches <- in.batch
		in.batch, in.bytes = nil, 0
	}
}

// finish puts the rest in place and returns the first failure.
func (in *installer) finish() error {
	in.flush()
	close(in.batches)
	return <-in.done
}

// discard removes what will not be put in place; a left-over is a stray, which
// the next run clears.
func discard(batch []arrival) {
	for _, a := range batch {
		_ = a.temp.Remove()
	}
}

func (in *installer) install(batch []arrival) error {
	files := make([]durable.File, len(batch))
	for i, a := range batch {
		files[i] = durable.File{Root: a.temp.Folder.Root, Name: a.temp.Rel()}
	}
	if err := durable.Flush(files); err != nil {
		return fault.New(maildir.KindOf(err), "write", batch[0].temp.Folder.Path, err)
	}
	if err := in.run.placed.add(batch); err != nil {
		in.run.log.Warn("what is put in place is not listed: what is moved before the next run may be kept twice", "err", err)
	}
	dirty := make(maildir.Dirs)
	for _, a := range batch {
		if err := in.place(a, dirty); err != nil {
			return err
		}
	}
	return dirty.Sync()
}

// place makes the arrival appear under its name.
func (in *installer) place(a arrival, dirty maildir.Dirs) error {
	to, err := in.run.opt.Store.Place(a.to)
	if err != nil {
		return err
	}
	dirty.Add(to)
	if a.was != nil {
		st, err := to.Stat()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New(maildir.KindOf(err), "look at", to.Path(), err)
		}
		if err == nil && sameFile(st, a.was) {
			if err := to.ReplaceWith(a.temp); err != nil {
				return fault.New(maildir.KindOf(err), "replace", to.Path(), err)
			}
			in.run.changed(hooks.Added, to, "")
			return nil
		}
		// It was changed, renamed or removed meanwhile: that one stays, the
		// arrival takes the name it has at the other end.
		if a.to, err = maildir.ParseName(a.action.Dst); err != nil {
			return err
		}
		if to, err = in.run.opt.Store.Place(a.to); err != nil {
			return err
		}
		dirty.Add(to)
	}
	err = a.temp.MoveTo(to)
	if errors.Is(err, fs.ErrExist) {
		return in.placeTaken(a, to, dirty)
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "put in place", to.Path(), err)
	}
	in.run.changed(hooks.Added, to, "")
	return nil
}

// placeTaken handles a message that appeared under the name since the run
// looked: the same content is the same message, other content keeps both.
func (in *installer) placeTaken(a arrival, to maildir.Place, dirty maildir.Dirs) error {
	sum, err := to.Sum(maildir.NewHasher(), make([]byte, 32<<10))
	if err == nil && sum == a.action.Sum {
		return a.temp.Remove()
	}
	if err != nil && !errors.Is(err, maildir.ErrEmpty) && !errors.Is(err, maildir.ErrNotMessage) && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(maildir.KindOf(err), "read", to.Path(), err)
	}
	if errors.Is(err, maildir.ErrEmpty) {
		if err := to.ReplaceWith(a.temp); err != nil {
			return fault.New(maildir.KindOf(err), "replace", to.Path(), err)
		}
		in.run.changed(hooks.Added, to, "")
		return nil
	}
	fresh := to
	fresh.File = maildir.FreshUnique()
	if to.Sub == "cur" {
		fresh.File = maildir.JoinFlags(fresh.File, a.to.Flags())
	}
	if err := to.MoveTo(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(maildir.KindOf(err), "keep both", to.Path(), err)
	}
	dirty.Add(fresh)
	in.run.changed(hooks.Moved, to, fresh.Path())
	if err := a.temp.MoveTo(to); err != nil {
		return fault.New(maildir.KindOf(err), "put in place", to.Path(), err)
	}
	in.run.changed(hooks.Added, to, "")
	return nil
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
