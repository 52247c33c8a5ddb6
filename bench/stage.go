//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

	clock       clock
	self, bin   string // this program, and the directory of the one measured
	quick, late []peer // late are the slow ones, which get a smaller mailbox
	fields      []*field
	absent      []string // peers that are not installed, in words
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
	s.bin = synctest.BuildBinary(s)
	if s.against != "" {
		other, err := filepath.Abs(s.against)
		must(err)
		s.against = filepath.Join(s.TempDir(), "smd-applet") // it goes by its name
		must(os.Symlink(other, s.against))
	}
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
			s.late = append(s.late, p)
		default:
			s.quick = append(s.quick, p)
		}
	}
	for _, word := range s.absent {
		s.Logf("%s", word)
	}
	if s.onlyLarger() {
		return
	}
	err = s.makeFields()
	if errors.Is(err, errNoRoom) {
		err = fmt.Errorf("%w: say -dir or a smaller -n", err)
	}
	must(err)
}

// makeFields makes the mailboxes that most is measured with. The slow peers come
// first, which have a part of the time: they do not get what is left.
func (s *stage) makeFields() error {
	copies := 2 // a server, and a client for each first sync
	if s.wants("first") {
		copies += s.repeat + len(s.rtts) - 2
	}
	if s.wants("cold") && s.cold {
		copies++
	}
	if late := s.late; len(late) > 0 {
		if ours := s.peers()[0]; len(s.quick) > 0 { // what they are compared with
			late = append([]peer{ours}, late...)
		}
		f, err := s.newField(min(s.slowMessages, s.messages), late, copies*len(late))
		if err != nil {
			return err
		}
		f.rtts, f.part = s.rtts, smallPart
		s.fields = append(s.fields, f)
	}
	if len(s.quick) > 0 {
		f, err := s.newField(s.messages, s.quick, copies*len(s.quick))
		if err != nil {
			return err
		}
		f.rtts, f.whole, f.part = s.rtts, true, 1
		s.fields = append(s.fields, f)
	}
	return nil
}

// room is an error where the disk has no room for so many more messages that take
// so many bytes of it.
func (s *stage) room(messages, bytes int64) error {
	const spare = 1 << 30 // for all else that writes to the disk
	var fs unix.Statfs_t
	if err := unix.Statfs(s.top, &fs); err != nil {
		return fmt.Errorf("free space of %s: %w", s.top, err)
	}
	if free := int64(fs.Bavail)*fs.Bsize - spare; free < bytes {
		return fmt.Errorf("%w: %s has %s to spare, and %d messages more take %s", errNoRoom, s.top, megabytes(max(free, 0)), messages, megabytes(bytes))
	}
	if fs.Files > 0 && int64(fs.Ffree) < messages { // some count none
		return fmt.Errorf("%w: %s has %d inodes free, and %d messages more are to be written", errNoRoom, s.top, fs.Ffree, messages)
	}
	return nil
}

var errNoRoom = errors.New("no room")

// footprint is what a tree takes of the disk.
func footprint(root string) (bytes int64, err error) {
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		var info unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &info)
		}
		bytes += info.Blocks * 512
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("footprint of a mailbox: %w", err)
	}
	return bytes, nil
}
