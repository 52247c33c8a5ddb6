//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kinds are the system calls that are counted, by what they are for.
var kinds = []struct {
	name  string
	calls []string
}{
	{"stat", []string{"stat", "lstat", "fstat", "newfstatat", "statx"}},
	{"list", []string{"getdents", "getdents64"}},
	{"open", []string{"open", "openat", "openat2", "creat"}},
	{"read", []string{"read", "pread64", "readv", "preadv", "copy_file_range", "sendfile"}},
	{"write", []string{"write", "pwrite64", "writev", "pwritev"}},
	{"force", []string{"fsync", "fdatasync", "sync", "syncfs", "sync_file_range"}},
	{"rename", []string{"rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"}},
}

// traceWanted is the file that tells the witnesses of a directory to trace.
func traceWanted(dir string) string { return dir + "-trace" }

// traced is a command that counts its system calls into a file beside the witness's.
// A filter in the kernel lets the others pass at full speed.
func traced(dir string, argv []string) []string {
	var all []string
	for _, k := range kinds {
		for _, call := range k.calls {
			all = append(all, "?"+call) // some architectures lack some
		}
	}
	file := filepath.Join(traceWanted(dir), strconv.Itoa(os.Getpid()))
	return append([]string{"strace", "-f", "--seccomp-bpf", "-qq", "-c", "-e", "trace=" + strings.Join(all, ","), "-o", file}, argv...)
}

// counts is how often a kind of call was made, in the order of kinds.
type counts []int

// calls counts the system calls of a first sync and of a run with nothing to do, in
// runs of their own with a small mailbox, since counting takes time.
func calls(f *field) error {
	const most = 2000
	note := "Counted by strace at both ends, in runs of their own. stat and its like, listings of folders, files opened, reads and writes (of files, pipes and lines), data forced to the disk, renames with links and removals."
	if lacks("strace") != "" {
		f.show(f.table("calls", "System calls", "Left out: strace is not installed."))
		return nil
	}
	var peers []peer
	for _, e := range f.entrants {
		if e.out == "" {
			peers = append(peers, e.peer)
		}
	}
	small, err := f.newField(min(most, f.messages), peers, 2*len(peers))
	if err != nil {
		return err
	}
	small.whole, small.part, small.due = f.whole, f.part, f.due
	head := []string{"task", "what", "end"}
	for _, k := range kinds {
		head = append(head, k.name)
	}
	t := small.table("calls", "System calls", note, append(head, "mail")...)
	for _, c := range []struct {
		title string
		do    task
	}{{"first sync", first}, {"nothing to do", pull}} {
		for _, e := range small.entrants {
			ok, err := e.ready(t, c.do, 0, c.title)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			var here, there counts
			r, err := e.repeated(1, func() (m measured, err error) {
				if c.do == first {
					if err := e.begin(counted); err != nil {
						return m, err
					}
				} else if _, err := e.bring(e.peer, pull); err != nil { // takes up what was left
					return m, err
				}
				here, there, m, err = e.trace(c.do)
				return m, err
			})
			if err != nil {
				return err
			}
			if r.failed {
				t.without(r.verdict, c.title, r.what)
				continue
			}
			t.add(append(append([]string{c.title, r.what, "here"}, here.cells()...), r.verdict)...)
			t.add(append(append([]string{"", "", "there"}, there.cells()...), "")...)
		}
	}
	f.show(t)
	return nil
}

// trace has a peer do its task while calls are counted at both ends.
func (e *entrant) trace(do task) (here, there counts, m measured, err error) {
	dirs := []string{traceWanted(e.noteHere), traceWanted(e.noteThere)}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, nil, m, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if m, err = e.bring(e.peer, do); err != nil {
		return nil, nil, m, err
	}
	here, err = countsIn(dirs[0])
	if err != nil {
		return nil, nil, m, err
	}
	there, err = countsIn(dirs[1])
	return here, there, m, err
}

// countsIn adds up what strace wrote into a directory.
func countsIn(dir string) (counts, error) {
	all := make(counts, len(kinds))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line) // % time, seconds, usecs/call, calls, perhaps errors, name
			if len(words) < 5 {
				continue
			}
			n, err := strconv.Atoi(words[3])
			if err != nil {
				continue // the heading
			}
			for i, k := range kinds {
				if slices.Contains(k.calls, words[len(words)-1]) {
					all[i] += n
				}
			}
		}
	}
	return all, nil
}

func (c counts) cells() []string {
	var cells []string
	for _, n := range c {
		cells = append(cells, strconv.Itoa(n))
	}
	return cells
}
