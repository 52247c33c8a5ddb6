package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/wire/smd1"
)

// window is how many requests may wait for an answer: enough to fill a long,
// fat line with small messages.
const window = 512

// job is something to get from the other end.
type job struct {
	request smd1.Request
	action  *delta.Action
	to      maildir.Name  // where it goes at this end
	replace bool          // over the message that is there, after another look
	body    *maildir.Name // GETHEADER: the message here whose body it gets
}

// fetchAll gets every job's content, in a pipeline, and puts it in place. What
// fails for one message does not keep the others from arriving: the first such
// failure is returned when all is done. Jobs that turn out to need the whole
// message are fetched in another round.
func (r *run) fetchAll(ctx context.Context, jobs []job) error {
	var failed error
	for len(jobs) > 0 {
		again, err := r.fetchRound(ctx, jobs)
		if err != nil {
			var one *messageError
			if !errors.As(err, &one) {
				return err
			}
			failed = errors.Join(failed, one.err)
		}
		jobs = again
	}
	return failed
}

// messageError is a failure about one message that leaves the line usable.
type messageError struct{ err error }

func (e *messageError) Error() string { return e.err.Error() }
func (e *messageError) Unwrap() error { return e.err }

func (r *run) fetchRound(ctx context.Context, jobs []job) (again []job, err error) {
	in := newInstaller(r)
	g, gctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, window)
	g.Go(func() error { return r.request(gctx, jobs, slots) })
	var one error
	g.Go(func() error {
		for i := range jobs {
			retry, err := r.receive(&jobs[i], in)
			var m *messageError
			switch {
			case errors.As(err, &m):
				if one == nil {
					one = m
				}
			case err != nil:
				return err
			case retry:
				j := jobs[i]
				j.request, j.body = smd1.Get, nil
				again = append(again, j)
			default:
				r.done++
			}
			r.step(Transfer)
			<-slots
		}
		return nil
	})
	err = g.Wait()
	if err := errors.Join(err, in.finish()); err != nil {
		return nil, err
	}
	return again, one
}

// request sends the requests, as many ahead as the window allows.
func (r *run) request(ctx context.Context, jobs []job, slots chan<- struct{}) error {
	for i := range jobs {
		select {
		case slots <- struct{}{}:
		default:
			// About to wait: what is buffered must be on its way.
			if err := r.conn.Flush(); err != nil {
				return lost("request", err)
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := r.conn.SendGet(jobs[i].request, jobs[i].action.Dst); err != nil {
			return lost("request", err)
		}
	}
	if err := r.conn.Flush(); err != nil {
		return lost("request", err)
	}
	return nil
}

func lost(op string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	return &fault.Error{Kind: fault.Network, Op: op, Context: "receive", Err: err}
}

// receive reads the answer to one request and hands the message to the
// installer. retry says that the header alone did not do.
func (r *run) receive(j *job, in *installer) (retry bool, err error) {
	size, chunk, err := r.conn.ReadChunk()
	if errors.Is(err, smd1.ErrAborted) {
		return false, &messageError{&fault.Error{
			Kind: fault.ConcurrentEdit, Op: "receive", Path: j.action.Dst, Context: "transmit",
			Err: errors.New("the other end no longer has the message"),
		}}
	}
	if err != nil {
		return false, lost("receive", err)
	}
	// Whatever happens to this message, the line must be left at the next answer.
	defer func() {
		if _, drainErr := io.Copy(io.Discard, chunk); drainErr != nil && err == nil {
			err = lost("receive", drainErr)
		}
	}()
	f, temp, was, err := r.prepare(j)
	if err != nil {
		return false, err
	}
	written, err := r.fill(f, j, chunk)
	if err != nil {
		err = errors.Join(err, f.Close(), temp.Remove())
		if errors.Is(err, errBodyChanged) {
			return true, nil
		}
		return false, err
	}
	r.result.Bytes += size
	return false, in.add(arrival{temp: temp, to: j.to, action: j.action, was: was}, f, written)
}

// prepare opens a temporary file for the message.
func (r *run) prepare(j *job) (*os.File, maildir.Place, os.FileInfo, error) {
	folder, err := r.view.makeFolder(context.Background(), j.to)
	if err != nil {
		return nil, maildir.Place{}, nil, err
	}
	var was os.FileInfo
	if j.replace || r.empty[j.to] {
		to, err := r.opt.Store.Place(j.to)
		if err != nil {
			return nil, maildir.Place{}, nil, err
		}
		// Gone or changed by then is for the installer to see.
		if was, err = to.Stat(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, maildir.Place{}, nil, fault.New(maildir.KindOf(err), "look at", to.Path(), err)
		}
		if j.replace && was != nil {
			holds, err := r.stillHolds(j)
			if err != nil {
				return nil, maildir.Place{}, nil, err
			}
			if !holds {
				was = nil
			}
		}
	}
	f, temp, err := folder.CreateTemp()
	return f, temp, was, err
}

// stillHolds reports whether the message to replace has the content the action
// expects, now that its time and size are on record. What can't be read is no
// change: taken for one the message would be kept twice.
func (r *run) stillHolds(j *job) (bool, error) {
	sum, ok, damaged, err := r.view.sum(j.to)
	return ok && !damaged && sum == j.action.Was, err
}

var errBodyChanged = errors.New("the local body is not the one expected")

// fill writes the message to f and checks its digests.
func (r *run) fill(f *os.File, j *job, chunk io.Reader) (int64, error) {
	h := r.arriving
	h.Reset()
	w := io.MultiWriter(f, h)
	if _, err := io.CopyBuffer(w, readerOnly{chunk}, r.buf); err != nil {
		return 0, r.copyError(f, err)
	}
	if j.request == smd1.GetHeader {
		if err := r.appendBody(w, *j.body); err != nil {
			return 0, err
		}
	}
	sum, err := h.Sum()
	switch {
	case err == nil && sum == j.action.Sum:
		return h.Size(), nil
	case j.request == smd1.GetHeader:
		return 0, errBodyChanged
	case err == nil:
		err = errors.New("its content is not the announced one")
	}
	return 0, &messageError{&fault.Error{
		Kind: fault.ConcurrentEdit, Op: "receive", Path: j.action.Dst, Context: "transmit",
		Err: fmt.Errorf("the message changed at the other end: %w", err),
	}}
}

// copyError tells a failure to write here from one to read there.
func (r *run) copyError(f *os.File, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fault.New(maildir.KindOf(err), "write", f.Name(), err)
	}
	return lost("receive", err)
}

func (r *run) appendBody(w io.Writer, from maildir.Name) error {
	p, err := r.opt.Store.Place(from)
	if err != nil {
		return err
	}
	src, err := p.Open()
	if err != nil {
		return errBodyChanged
	}
	defer src.Close()
	h := maildir.NewHasher()
	if _, err := io.CopyBuffer(afterHeader{h, w}, readerOnly{src}, r.buf); err != nil {
		return fault.New(maildir.KindOf(err), "copy", p.Path(), err)
	}
	return nil
}

// afterHeader passes on what follows a message's header.
type afterHeader struct {
	h *maildir.Hasher
	w io.Writer
}

func (a afterHeader) Write(p []byte) (int, error) {
	before := a.h.Size()
	a.h.Write(p)
	body := p
	if end := a.h.HeaderLen(); end > before {
		body = p[end-before:]
	}
	if _, err := a.w.Write(body); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readerOnly hides WriteTo, which would bypass the buffer.
type readerOnly struct{ io.Reader }
