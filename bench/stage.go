//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"smd-applet/sync/synctest"
)

// stage is what all measurements have in common.
type stage struct {
	options
	kit
	ctx    context.Context
	report *report
	began  time.Time

	clock     clock
	self, bin string // this program, and the directory of the one measured
	fields    []*field
	absent    []string // peers that are not installed, in words
}

func setUp(ctx context.Context, o options) (*stage, error) {
	top, err := os.MkdirTemp(o.dir, "smd-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{options: o, kit: kit{top: top}, ctx: ctx, report: &report{}, began: time.Now()}
	if err := s.try(s.prepare); err != nil {
		return nil, s.end(err)
	}
	return s, nil
}

// end takes the stage down. It takes up and returns the run's error.
func (s *stage) end(err error) error {
	s.clean()
	return errors.Join(append([]error{err, os.RemoveAll(s.top)}, s.errs...)...)
}

func (s *stage) prepare() {
	must := func(err error) {
		if err != nil {
			s.Fatalf("%v", err)
		}
	}
	s.clock.begin("preparation")
	var err error
	s.self, err = os.Executable()
	must(err)
	must(s.room(s.messages, 50))
	s.bin = synctest.BuildBinary(s)
	if s.against != "" {
		other, err := filepath.Abs(s.against)
		must(err)
		s.against = filepath.Join(s.TempDir(), "smd-applet") // it goes by its name
		must(os.Symlink(other, s.against))
	}
	var quick, late []peer
	for _, p := range s.peers() {
		if len(s.peerNames) > 0 && !slices.Contains(s.peerNames, p.name()) {
			continue
		}
		switch lacking := p.missing(); {
		case lacking != "" && lacking != p.name():
			s.absent = append(s.absent, fmt.Sprintf("%s: %s is not installed", p.name(), lacking))
		case lacking != "":
			s.absent = append(s.absent, p.name()+": not installed")
		case slow(p):
			late = append(late, p)
		default:
			quick = append(quick, p)
		}
	}
	for _, word := range s.absent {
		s.Logf("%s", word)
	}
	// The slow first, which have a part of the time: they do not get what is left.
	if len(late) > 0 {
		if ours := s.peers()[0]; len(quick) > 0 { // what they are compared with
			late = append([]peer{ours}, late...)
		}
		f, err := s.newField(min(s.slowMessages, s.messages), late)
		must(err)
		f.rtts, f.part = s.rtts, smallPart
		s.fields = append(s.fields, f)
	}
	if len(quick) > 0 {
		f, err := s.newField(s.messages, quick)
		must(err)
		f.rtts, f.whole, f.part = s.rtts, true, 1
		s.fields = append(s.fields, f)
	}
}

// room is an error where the disk has no room for so many copies of a mailbox.
func (s *stage) room(messages, copies int) error {
	const each = 16 << 10 // bytes a message takes on the disk
	if s.tiny {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.top, &fs); err != nil {
		return fmt.Errorf("free space of %s: %w", s.top, err)
	}
	need, free := int64(messages)*each*int64(copies), int64(fs.Bavail)*fs.Bsize
	if free < need {
		return fmt.Errorf("%s has %s free, and %d messages at all peers may take %s: say -dir or a smaller -n", s.top, megabytes(free), messages, megabytes(need))
	}
	return nil
}
