//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// change is what is done at the server, and then measured until both ends have it.
type change struct {
	slug, title string
	do          func(e *entrant, round int) error
}

func newMessages(f *field) error {
	for _, n := range []int{1, 100} {
		title := fmt.Sprintf("%d new messages", n)
		if n == 1 {
			title = "One new message"
		}
		err := f.change(change{fmt.Sprintf("new-%d", n), title, func(e *entrant, _ int) error {
			for range n {
				if err := e.deliver(e.there, "."); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func flags(f *field) error {
	n := min(1000, f.messages/2)
	return f.change(change{"flags", fmt.Sprintf("%d flag changes", n), func(e *entrant, _ int) error {
		return each(e, n, func(message string) error {
			flags := "FS"
			if strings.HasSuffix(message, ":2,FS") {
				flags = "S"
			}
			_, err := e.there.Flag(message, flags)
			return err
		})
	}})
}

func moves(f *field) error {
	n := min(10_000, f.messages)
	return f.change(change{"moves", fmt.Sprintf("%d messages moved to another folder", n), func(e *entrant, _ int) error {
		folders, err := e.folders()
		if err != nil {
			return err
		}
		return each(e, n, func(message string) error {
			at := slices.Index(folders, filepath.Dir(filepath.Dir(message)))
			_, err := e.there.Move(message, folders[(at+1)%len(folders)])
			return err
		})
	}})
}

func deletions(f *field) error {
	n := min(1000, f.messages/10)
	return f.change(change{"deletions", fmt.Sprintf("%d deletions", n), func(e *entrant, _ int) error {
		return each(e, n, func(message string) error { return e.remove(e.there, message) })
	}})
}

// each does something to so many of the server's messages, from all folders.
func each(e *entrant, count int, f func(message string) error) error {
	all, err := e.there.Messages("")
	if err != nil {
		return err
	}
	count = min(count, len(all))
	for i := range count {
		if err := f(all[i*len(all)/count]); err != nil {
			return err
		}
	}
	return nil
}

// change makes a change for every peer and measures until both ends have it.
func (f *field) change(c change) error {
	t := f.table(c.slug, c.title,
		"Made at the server. Resident: from the last change until `smd-applet sync` returns; else a process of its own.",
		heading("what")...)
	for _, e := range f.entrants {
		ok, err := e.ready(t, pull, 0)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		round := 0
		if e.resident() != nil {
			r, err := e.looped(0, f.repeat, func(l *loop) (measured, error) {
				round++
				if err := l.begin(); err != nil { // the loop works while changes are made
					return measured{}, err
				}
				if err := c.do(e, round); err != nil {
					return measured{}, err
				}
				l.began = time.Now()
				if err := l.sync(); err != nil {
					return measured{}, err
				}
				return l.end()
			})
			if err != nil {
				return err
			}
			t.result(r, r.what)
			t.bar("", r)
			if r.failed {
				continue
			}
		}
		r, err := e.repeated(f.repeat, func() (measured, error) {
			round++
			if err := c.do(e, round); err != nil {
				return measured{}, err
			}
			return e.bring(e.peer, pull)
		})
		if err != nil {
			return err
		}
		t.result(r, r.what)
		t.bar("", r)
	}
	f.show(t)
	return nil
}
