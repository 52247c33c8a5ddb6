package smd1

import (
	"errors"
	"fmt"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// Agree makes the handshake and brings this end's db-file to the state both
// ends share, where a cut run left it one step behind. With readOnly nothing on
// disk changes, and a db-file one step behind is an error.
//
// Where the ends remember different states it returns an error of kind
// [fault.DBMismatch], after putting this end's state aside: when both ends have
// done so they agree on the empty state, and the next run reconciles what is
// there without deleting anything.
func (c *Conn) Agree(files index.Files, readOnly bool) error {
	var mine Digests
	var err error
	if !readOnly {
		if err := files.Sweep(); err != nil {
			return fault.New(maildir.KindOf(err), "clean up after a crash", files.DB, err)
		}
	}
	if mine.DB, mine.New, err = files.Digests(); err != nil {
		return fault.New(maildir.KindOf(err), "read the agreed state", files.DB, err)
	}
	// Both ends speak at once: sending must not wait for the other's reading.
	sent := make(chan error, 1)
	go func() { sent <- c.SendHello(mine) }()
	theirs, err := c.ReadHello()
	if err := errors.Join(err, <-sent); err != nil {
		if fault.Is(err, fault.Protocol) {
			return err
		}
		return &fault.Error{Kind: fault.Network, Op: "handshake", Context: "handshake", Err: err}
	}
	switch Compare(mine, theirs) {
	case Agreed:
		return nil
	case CatchUp:
		if readOnly {
			return fault.New(fault.DBMismatch, "handshake", files.DB, errors.New("a cut run waits to be finished: run without --dry-run first"))
		}
		if err := files.Commit(); err != nil {
			return fault.New(maildir.KindOf(err), "finish the last run", files.DB, err)
		}
		return nil
	}
	cause := errors.New("the other end remembers another state")
	if !readOnly {
		aside, err := files.SetAside(time.Now())
		if err != nil {
			return fault.New(maildir.KindOf(err), "put the agreed state aside", files.DB, err)
		}
		if aside != "" {
			cause = fmt.Errorf("%w; this end's is kept as %s", cause, aside)
		}
	}
	return fault.New(fault.DBMismatch, "handshake", files.DB, cause)
}
