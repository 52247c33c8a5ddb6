package apply

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"smd-applet/sync/delta"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/wire/smd1"
)

// placed is the list of what was put in place and not yet agreed on, beside the
// db-file. It is there after a run that was cut: a person may move one of these
// messages before the next run, which by this list takes it for the same message,
// and not for two. It is not made durable: what a power cut takes of it costs a
// second copy at worst.
type placed struct {
	path  string
	sums  map[maildir.Name]index.Placed // of earlier runs
	names map[maildir.Sum]maildir.Name
	file  *os.File // nil until something is put in place
	left  bool     // by an earlier run, perhaps without a whole line in it
}

func readPlaced(path string) (*placed, error) {
	p := &placed{path: path, sums: make(map[maildir.Name]index.Placed), names: make(map[maildir.Sum]maildir.Name)}
	list, err := index.ReadPlaced(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	p.left = true
	for _, l := range list {
		p.sums[l.Name], p.names[l.Sum] = l, l.Name
	}
	return p, err
}

// add lists a batch that is about to be put in place.
func (p *placed) add(batch []arrival) error {
	last, err := batch[len(batch)-1].temp.Stat()
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, a := range batch {
		if a.was == nil {
			lines.WriteString(index.Placed{Name: a.to, Sum: a.action.Sum, Since: last.ModTime().UnixNano()}.Line())
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	if p.file == nil {
		f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		p.file = f
	}
	_, err = p.file.WriteString(lines.String())
	return err
}

// close ends the list, and removes it when all of it was agreed on.
func (p *placed) close(agreedOn bool) error {
	var err error
	if p.file != nil {
		err = p.file.Close()
	}
	if agreedOn && (p.file != nil || p.left) {
		if gone := os.Remove(p.path); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	p.file = nil
	return err
}

// movedMeanwhile handles a new message of the other end's that a run that was cut
// put in place here, where either end moved it since; else it returns false.
func (r *run) movedMeanwhile(ctx context.Context, a *delta.Action, dst maildir.Name) (bool, error) {
	if r.placed == nil {
		return false, nil
	}
	if l, listed := r.placed.sums[dst]; listed && l.Sum == a.Sum {
		// It is not where it was put: moved here, if this end has it. The next push
		// tells the other end.
		_, moved, err := r.elsewhereSince(ctx, l)
		return moved, err
	}
	src, listed := r.placed.names[a.Sum]
	if !listed || r.tells(src) {
		return false, nil
	}
	have, ok, err := r.view.find(ctx, src)
	if err == nil && !ok {
		have, ok, err = r.elsewhereSince(ctx, r.placed.sums[src]) // moved to two places: the other end's wins
	}
	if !ok || err != nil {
		return false, err
	}
	if _, agreedOn := r.old.Lookup(have.String()); agreedOn {
		return false, nil
	}
	sum, ok, damaged, err := r.view.sum(have)
	if err != nil || !ok || damaged || sum != a.Sum {
		return false, err
	}
	err = r.rename(ctx, have, moved(src, have, dst))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it went away between the look and the move: it is fetched
	}
	return err == nil, err
}

// editedMeanwhile handles a new message of the other end's that a run that was cut put
// in place here, where an end edited its header since; else it returns false. What has
// another body too may as well be another message of that name.
func (r *run) editedMeanwhile(a *delta.Action, have maildir.Name, sum maildir.Sum) (bool, error) {
	if r.placed == nil || have.String() != a.Dst || sum.Body != a.Sum.Body {
		return false, nil
	}
	l, listed := r.placed.sums[have]
	switch {
	case !listed:
	case l.Sum == sum:
		a.Was = sum
		r.jobs = append(r.jobs, job{request: smd1.GetHeader, action: a, to: have, replace: true, body: &have})
		return true, nil
	case l.Sum == a.Sum && !r.untouched(have): // else the next run the other way does not see that it was edited
		return r.changedSince(l, have)
	}
	return false, nil
}

// elsewhereSince is [run.elsewhere] for a message of the list. One that did not change
// since is another of the same content, and this one never came to its place.
func (r *run) elsewhereSince(ctx context.Context, l index.Placed) (maildir.Name, bool, error) {
	return r.elsewhere(ctx, l.Sum, func(n maildir.Name) (bool, error) { return r.changedSince(l, n) })
}

// changedSince reports whether a message here changed since one was listed.
func (r *run) changedSince(l index.Placed, n maildir.Name) (bool, error) {
	p, err := r.opt.Store.Place(n)
	if err != nil {
		return false, err
	}
	return p.ChangedSince(l.Since)
}

// tells reports whether one of the other end's changes makes a message of that name.
func (r *run) tells(n maildir.Name) bool { return r.theirNames()[n.String()] }
