package twoway

import (
	"errors"
	"io/fs"

	"smd-applet/sync/agreed"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// The size of a batch that is made durable and put in place together.
const (
	batchFiles = 1024
	batchBytes = 32 << 20
)

// startWriteback is the size from which a message is pushed towards the disk by
// itself: for smaller ones the call costs more than it saves.
const startWriteback = 64 << 10

// arrival is a message on its way from the other end into tmp.
type arrival struct {
	id      uint64
	op      reconcile.Op
	file    *maildir.BareFile // nil once it is whole
	temp    maildir.Place
	hasher  *agreed.Hasher
	size    int64
	seen    agreed.Seen // of the whole file
	sum     agreed.Sum
	left    bool // it is not put in place
	missing bool // because its sender has no such message
}

// Write takes a piece of the message.
func (a *arrival) Write(b []byte) (int, error) {
	n, err := a.file.Write(b)
	if err != nil {
		return n, fault.New(maildir.KindOf(err), "write", a.temp.Path(), err)
	}
	a.hasher.Write(b)
	a.size += int64(n)
	return n, nil
}

// discard removes what will not be put in place; a left-over is a stray, which
// the next run clears.
func (a *arrival) discard() {
	if a.file != nil {
		a.file.Close()
		a.file = nil
	}
	_ = a.temp.Remove()
}

// installer puts arrivals in place, a batch at a time: all of it is durable
// before any of it appears.
type installer struct {
	end    *End
	batch  []*arrival
	bytes  int64
	hands  maildir.Hands // of the batch's folders
	hasher *agreed.Hasher
}

// open begins an arrival; one is open at a time.
func (in *installer) open(id uint64, op reconcile.Op) (*arrival, error) {
	folder, err := in.end.folder(op.To.Folder)
	if err != nil {
		return nil, err
	}
	if _, err := in.end.place(op.To, op.Mark); err != nil {
		return nil, err
	}
	f, temp, err := in.hands.CreateTemp(folder)
	if err != nil {
		return nil, err
	}
	if in.hasher == nil {
		in.hasher = agreed.NewHasher(in.end.Tracker.Legacy())
	}
	in.hasher.Reset()
	return &arrival{id: id, op: op, file: f, temp: temp, hasher: in.hasher}, nil
}

// close ends an arrival and compares it with what its sender read and what was
// wanted. One that is something else is left.
func (in *installer) close(a *arrival, read agreed.Sum) error {
	if a.size >= startWriteback {
		durable.StartWriteback(a.file)
	}
	st, err := a.file.Stat()
	err = errors.Join(err, a.file.Close())
	a.file = nil
	if err != nil {
		a.discard()
		return fault.New(maildir.KindOf(err), "write", a.temp.Path(), err)
	}
	a.seen = agreed.Seen{Mtime: st.Mtime, Size: st.Size, Ino: st.Ino}
	sum, err := in.hasher.Sum()
	wanted := a.op.Sum
	switch {
	case err != nil, read != agreed.Unread && sum != read:
		a.left = true
	case wanted == agreed.Unread:
		a.sum = sum
	case sum == wanted, in.end.legacy(in.hasher) == wanted:
		a.sum = wanted
	default:
		a.left = true
	}
	in.add(a)
	return nil
}

// leave ends an arrival that its sender no longer has.
func (in *installer) leave(a *arrival) {
	a.left, a.missing = true, true
	in.add(a)
}

func (in *installer) add(a *arrival) {
	if a.left {
		a.discard()
	}
	in.batch = append(in.batch, a)
	in.bytes += a.size
}

func (in *installer) full() bool { return len(in.batch) >= batchFiles || in.bytes >= batchBytes }

// take hands the batch over and begins another.
func (in *installer) take() []*arrival {
	batch := in.batch
	in.batch, in.bytes = nil, 0
	in.hands.Close()
	return batch
}

// flush makes the content of a batch durable. It may run beside everything else.
func flush(batch []*arrival) error {
	files := make([]durable.File, 0, len(batch))
	for _, a := range batch {
		if !a.left {
			files = append(files, durable.File{Root: a.temp.Folder.Root, Name: a.temp.Rel()})
		}
	}
	if len(files) == 0 {
		return nil
	}
	if err := durable.Flush(files); err != nil {
		return fault.New(maildir.KindOf(err), "write", batch[0].temp.Path(), err)
	}
	return nil
}

// install makes the batch durable and puts it in place; what could not be is left.
func (in *installer) install() ([]*arrival, error) {
	batch := in.take()
	if err := flush(batch); err != nil {
		return nil, errors.Join(err, discardAll(batch))
	}
	return batch, in.end.placeAll(batch)
}

func discardAll(batch []*arrival) error {
	for _, a := range batch {
		a.discard()
	}
	return nil
}

// placeAll makes arrivals appear under their names.
func (e *End) placeAll(batch []*arrival) error {
	var hands maildir.Hands
	defer hands.Close()
	return e.DB.View(func(tx *agreed.Tx) error {
		for i, a := range batch {
			if a.left {
				continue
			}
			err := e.placeOne(tx, a, &hands)
			if errors.Is(err, errLeft) {
				a.left = true
				a.discard()
				continue
			}
			if err != nil {
				return errors.Join(err, discardAll(batch[i:]))
			}
		}
		return nil
	})
}

func (e *End) placeOne(tx *agreed.Tx, a *arrival, hands *maildir.Hands) error {
	to, err := e.place(a.op.To, a.op.Mark)
	if err != nil {
		return err
	}
	if a.op.Kind == reconcile.Put {
		if moved, err := e.wentElsewhere(tx, a.op.To); err != nil {
			return err
		} else if moved {
			return errLeft
		}
	}
	e.dirs.Add(to)
	switch {
	case a.op.Kind == reconcile.Replace:
		err = e.replace(tx, a, to)
	default:
		err = hands.Move(a.temp, to)
		if errors.Is(err, fs.ErrExist) {
			same, clearErr := e.clear(to, a.sum)
			if clearErr != nil {
				return clearErr
			}
			if same {
				a.discard()
				return e.notePlaced(a.op.To, to)
			}
			err = hands.Move(a.temp, to)
		}
	}
	switch {
	case errors.Is(err, errLeft):
		return err
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return errLeft
	case err != nil:
		return fault.New(maildir.KindOf(err), "put in place", to.Path(), err)
	}
	e.placed[a.op.To] = a.seen
	if a.op.Kind == reconcile.Replace {
		e.Tracker.Placed(a.op.Key, a.op.To, a.op.Mark, a.seen)
	}
	e.changed(hooks.Added, to, "")
	return nil
}

// replace puts a message's new content in place of the old.
func (e *End) replace(tx *agreed.Tx, a *arrival, to maildir.Place) error {
	from, was, err := e.untouched(tx, a.op)
	if err != nil {
		return err
	}
	if a.op.Was == agreed.Unread {
		return e.replaceDamaged(from, was, a.temp, to)
	}
	if from.CanMoveTo(to) {
		// At no moment are there two files of the message: to the next look, should this
		// be the last step, they would be two messages.
		if err := from.ReplaceWith(a.temp); err != nil || from.Rel() == to.Rel() {
			return err
		}
		e.dirs.Add(from)
		err := from.MoveTo(to)
		if err != nil {
			e.Tracker.Touch(from.Path())
		}
		return err
	}
	if err := a.temp.MoveTo(to); err != nil {
		return err
	}
	if err := e.syncDirs(); err != nil {
		return err
	}
	return e.unlink(from, was)
}

// replaceDamaged puts the other end's copy in the place of a damaged message,
// which is kept aside unless it is empty.
func (e *End) replaceDamaged(from maildir.Place, was agreed.Seen, temp, to maildir.Place) error {
	samePlace := from.CanMoveTo(to) && from.Rel() == to.Rel()
	if was.Size == 0 {
		if samePlace {
			return to.ReplaceWith(temp)
		}
		if err := temp.MoveTo(to); err != nil {
			return err
		}
		return e.unlink(from, was)
	}
	unique, _ := maildir.SplitFlags(from.File)
	aside := from
	aside.File = maildir.FreshUnique() + from.File[len(unique):]
	// At no moment is there no file of the message's name: that would be a deletion
	// to the next look, should this be the last step.
	linked := samePlace && from.Folder.Root.Link(from.Rel(), aside.Rel()) == nil
	var err error
	switch {
	case linked:
		err = to.ReplaceWith(temp)
	case samePlace: // the file system knows no second name of a file
		if err = from.MoveTo(aside); err == nil {
			err = temp.MoveTo(to)
		}
	default:
		if err = temp.MoveTo(to); err == nil {
			err = from.MoveTo(aside)
		}
	}
	if err != nil {
		return err
	}
	e.dirs.Add(aside)
	e.Log.Warn("a damaged message was replaced by the other end's copy, and kept", "message", to.Path(), "kept", aside.Path())
	return nil
}
