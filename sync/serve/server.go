package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"smd-applet/sync/delta"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/vcdiff"
	"smd-applet/sync/wire/smd1"
)

// Options says what to serve and how.
type Options struct {
	Store    *maildir.Store
	Files    index.Files
	Ledger   *guard.Ledger
	Limits   *guard.Limits // nil: the other end guards
	Excluded func(local string) bool
	NoDelete bool // send no DELETE, the agreed state keeps what is gone
	NoMove   bool // COPY and DELETE in place of MOVE
	DryRun   bool // write nothing
	// StopAfterDiff ends the run when the changes are sent.
	StopAfterDiff bool
	// Sent is told of each change that is sent; may be nil.
	Sent func(delta.Action)
	// Progress is told of each phase and of each request answered; may be nil.
	Progress func(Step)
}

// Step is how far a run is.
type Step struct {
	Phase Phase
	Done  int   // requests answered
	Bytes int64 // bytes of messages sent
}

// Phase is SMD's numbering of what a run does.
type Phase int

// The phases of a run.
const (
	Handshake Phase = iota
	Detection
	Transfer
	Agreement
)

// Result is what a run told the other end.
type Result struct {
	Counts  delta.Counts
	Bytes   int64          // of messages sent
	DBBytes int64          // of the db-file patch
	Held    map[string]int // by remote folder: deletions not sent
	Damaged []string       // remote names of messages found empty or without a header
	Skipped []string       // local paths of links not followed, and of folders whose names no wire can carry
	// Committed says that both ends agreed on the new state.
	Committed bool
}

// ErrClientAborted says that the client gave up; nothing was committed.
var ErrClientAborted = errors.New("the client aborted")

// Run serves one run over conn. Whatever happens before the client's DONE, the
// agreed state stays as it was.
func Run(ctx context.Context, conn *smd1.Conn, opt Options) (*Result, error) {
	s := &server{conn: conn, opt: opt, result: &Result{Held: make(map[string]int)}}
	err := s.run(ctx)
	if err != nil && !opt.DryRun {
		// A cut between the client's commit and its DONE leaves the new state
		// for the next handshake to pick up.
		if !s.patchSent {
			err = errors.Join(err, opt.Files.Discard())
		}
	}
	return s.result, err
}

type server struct {
	conn      *smd1.Conn
	opt       Options
	result    *Result
	patchSent bool
	sent      int // actions
	done      int // requests
}

func (s *server) step(p Phase) {
	if s.opt.Progress != nil {
		s.opt.Progress(Step{Phase: p, Done: s.done, Bytes: s.result.Bytes})
	}
}

func (s *server) run(ctx context.Context) error {
	s.step(Handshake)
	if err := s.conn.Agree(s.opt.Files, s.opt.DryRun); err != nil {
		return err
	}
	s.step(Detection)
	if err := detect(ctx, s.opt, s.result, s.send); err != nil {
		// The client learns why; that it may be gone already changes nothing.
		_ = s.conn.SendAction(delta.Action{Kind: delta.Fail, Text: err.Error()})
		_ = s.conn.SendEnd()
		return err
	}
	if err := s.conn.SendEnd(); err != nil {
		return vanished(err)
	}
	if s.opt.StopAfterDiff {
		return s.discard()
	}
	s.step(Transfer)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		request, name, err := s.conn.ReadRequest()
		switch {
		case fault.Is(err, fault.Protocol):
			return err
		case err != nil:
			return vanished(err)
		}
		switch request {
		case smd1.Abort:
			return fault.New(fault.RemoteFailed, "serve", "", ErrClientAborted)
		case smd1.Commit:
			return s.commit()
		case smd1.Done:
			return fault.New(fault.Protocol, "serve", "", errors.New("DONE before COMMIT"))
		}
		if err := s.answer(request, name); err != nil {
			return err
		}
		s.done++
		s.step(Transfer)
	}
}

// flushEvery is how many actions may wait in the buffer: the other end sees
// life while a first scan reads a large mailbox.
const flushEvery = 256

// send sends an action.
func (s *server) send(a delta.Action) error {
	if s.opt.Sent != nil {
		s.opt.Sent(a)
	}
	if err := s.conn.SendAction(a); err != nil {
		return vanished(err)
	}
	if s.sent++; s.sent%flushEvery == 0 {
		if err := s.conn.Flush(); err != nil {
			return vanished(err)
		}
	}
	return nil
}

func vanished(err error) error {
	return &fault.Error{Kind: fault.Network, Op: "serve", Context: "transmit", Err: fmt.Errorf("the client vanished: %w", err)}
}

func (s *server) discard() error {
	if s.opt.DryRun {
		return nil
	}
	return s.opt.Files.Discard()
}

// answer sends what a client asks for, or ABORT where there is no such message.
func (s *server) answer(r smd1.Request, name string) error {
	f, from, size, err := s.open(r, name)
	if err != nil {
		if err := s.conn.SendAbort(); err != nil {
			return vanished(err)
		}
		return nil
	}
	defer f.Close()
	if err := s.conn.SendChunkHeader(size); err != nil {
		return vanished(err)
	}
	n, err := io.Copy(s.conn.ChunkWriter(), io.NewSectionReader(f, from, size))
	s.result.Bytes += n
	switch {
	case err != nil:
		return vanished(err)
	case n < size:
		// The announced bytes can't be had any more, and nothing else may
		// stand in their place: end the run, the next one looks again.
		return &fault.Error{
			Kind: fault.ConcurrentEdit, Op: "send", Path: name, Context: "transmit",
			Err: errors.New("the message became shorter while it was sent"),
		}
	}
	return nil
}

// open opens what a request is for: the file, and the part of it to send. Only a
// message in the mailboxes can be had.
func (s *server) open(r smd1.Request, name string) (f *os.File, from, size int64, err error) {
	parsed, err := maildir.ParseName(name)
	if err != nil {
		return nil, 0, 0, err
	}
	place, err := s.opt.Store.Place(parsed)
	if err != nil {
		return nil, 0, 0, err
	}
	if exclude.Above(path.Dir(place.Path()), s.opt.Excluded) {
		return nil, 0, 0, fs.ErrNotExist
	}
	if f, err = place.Open(); err != nil {
		return nil, 0, 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, 0, err
	}
	if r == smd1.Get {
		return f, 0, st.Size(), nil
	}
	end, err := headerEnd(f)
	if err != nil {
		return nil, 0, 0, err
	}
	if r == smd1.GetHeader {
		return f, 0, end, nil
	}
	return f, end, st.Size() - end, nil
}

// headerEnd returns where the body starts.
func headerEnd(f io.ReaderAt) (int64, error) {
	h := maildir.NewHasher()
	buf := make([]byte, 16<<10)
	for off := int64(0); ; {
		n, err := f.ReadAt(buf, off)
		h.Write(buf[:n])
		off += int64(n)
		if h.HeaderLen() < off || err != nil {
			if _, sumErr := h.Sum(); sumErr != nil {
				return 0, sumErr
			}
			return h.HeaderLen(), nil
		}
	}
}

// commit sends the patch from the old to the new state and, when the client has
// applied it, makes the new state the agreed one.
func (s *server) commit() error {
	s.step(Agreement)
	if s.opt.DryRun {
		if err := errors.Join(s.conn.SendChunkHeader(0), s.conn.Flush()); err != nil {
			return vanished(err)
		}
		return s.awaitDone()
	}
	if err := s.sendPatch(); err != nil {
		return err
	}
	if err := s.awaitDone(); err != nil {
		return err
	}
	if err := s.opt.Files.Commit(); err != nil {
		return fault.New(maildir.KindOf(err), "commit the new state", s.opt.Files.DB, err)
	}
	s.result.Committed = true
	return nil
}

func (s *server) awaitDone() error {
	request, _, err := s.conn.ReadRequest()
	switch {
	case fault.Is(err, fault.Protocol):
		return err
	case err != nil:
		return vanished(err)
	case request == smd1.Abort:
		s.patchSent = false
		return fault.New(fault.RemoteFailed, "commit", "", ErrClientAborted)
	case request != smd1.Done:
		return fault.New(fault.Protocol, "commit", "", fmt.Errorf("want DONE, got %s", request))
	}
	return nil
}

// ErrPatch says that the patch of the db-file could not be made.
var ErrPatch = errors.New("the difference of the agreed states can't be made")

func (s *server) sendPatch() error {
	patch := s.opt.Files.Patch()
	if err := makePatch(s.opt.Files, patch); err != nil {
		return fault.New(maildir.KindOf(err), "commit", patch, fmt.Errorf("%w: %w", ErrPatch, err))
	}
	f, err := os.Open(patch)
	if err != nil {
		return fault.New(maildir.KindOf(err), "commit", patch, fmt.Errorf("%w: %w", ErrPatch, err))
	}
	defer os.Remove(patch)
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fault.New(maildir.KindOf(err), "commit", patch, err)
	}
	s.patchSent = true
	s.result.DBBytes = st.Size()
	if err := s.conn.SendChunkHeader(st.Size()); err != nil {
		return vanished(err)
	}
	if _, err := io.Copy(s.conn.ChunkWriter(), f); err != nil {
		return vanished(err)
	}
	if err := s.conn.Flush(); err != nil {
		return vanished(err)
	}
	return nil
}

func makePatch(files index.Files, patch string) (err error) {
	var old io.ReaderAt = noBytes{}
	var size int64
	switch f, err := os.Open(files.DB); {
	case err == nil:
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		old, size = f, st.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	fresh, err := os.Open(files.New())
	if err != nil {
		return err
	}
	defer fresh.Close()
	out, err := os.OpenFile(patch, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(vcdiff.Encode(out, old, size, fresh), out.Close())
}

// noBytes is an empty source.
type noBytes struct{}

func (noBytes) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
