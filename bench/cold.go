//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"smd-applet/sync/synctest"
)

// firstSync brings the whole mailbox to an empty client, beside tar over the same
// ssh followed by sync, which makes durable what tar wrote, as ours is. No client is
// removed before the end: ext4 is slow to take inodes that were freed a moment ago.
func firstSync(s *stage) error {
	t := table{
		title: "First sync",
		note:  "An empty client fetches everything. tar is `ssh server tar cf - Mail | tar xf - && sync`.",
		head:  heading("line", "what", "× tar"),
	}
	for _, server := range []string{direct, far} {
		tar := make([]measured, 0, s.repeat)
		ours := make(map[string][]measured)
		for range s.repeat {
			m, err := s.tar(server)
			if err != nil {
				return err
			}
			tar = append(tar, m)
			for _, of := range s.subjects {
				h, m, err := s.first(of, server)
				if err != nil {
					return err
				}
				ours[of.name] = append(ours[of.name], m)
				s.homes[of.name] = h // for what comes later
			}
		}
		line := "loopback"
		if server == far {
			line = fmt.Sprintf("%s round trip", s.roundTrip)
		}
		unit := median(tar)
		t.add(append([]string{line, "tar", "1.00"}, unit.costs()...)...)
		for _, of := range s.subjects {
			m := median(ours[of.name])
			t.add(append([]string{line, of.name, ratio(m.wall, unit.wall)}, m.costs()...)...)
		}
	}
	s.report.show(t)
	return nil
}

func (s *stage) first(of subject, server string) (*home, measured, error) {
	h, err := s.newHome(of, server)
	if err != nil {
		return nil, measured{}, err
	}
	m, err := h.bring("pull", s.proxy(server))
	if err != nil {
		return nil, m, err
	}
	return h, m, s.same(h.here)
}

func (s *stage) tar(server string) (m measured, err error) {
	h, err := s.newHome(subject{name: "tar"}, server)
	if err != nil {
		return m, err
	}
	script := `ssh -F "$1" "$2" "'$3' ` + asWitness + ` '$4' tar cf - Mail" | tar xf - -C "$5" && sync`
	m, err = s.measure(h.env(), s.proxy(server), "sh", "-c", script, "sh",
		filepath.Join(h.dir, ".ssh", "config"), server, s.self, s.noteThere, h.dir)
	if err != nil {
		return m, err
	}
	return m, s.same(h.here)
}

// nothingToDo starts a pull where both ends are in step, beside a find over each
// end's tree, which looks at as much.
func nothingToDo(s *stage) error {
	t := table{
		title: "Nothing to do, as a process of its own",
		note:  "`smd-pull` from its start to its end, ssh included; find is `find -printf %T@` over one end's tree, here the one after the other.",
		head:  heading("what", "× both finds"),
	}
	const times = 5 // each is short, and so is uncertain
	find := make([]measured, 0, times)
	ours := make(map[string][]measured)
	for i := range times + 1 {
		for _, of := range s.subjects {
			h, err := s.homeOf(of)
			if err != nil {
				return err
			}
			if i == 0 {
				continue // warms up
			}
			m, err := h.bring("pull", s.near)
			if err != nil {
				return err
			}
			ours[of.name] = append(ours[of.name], m)
		}
		here := s.homes[s.subjects[0].name].here.Root
		m, err := s.measure(os.Environ(), nil, "sh", "-c", `find "$1" -printf '%T@\n' >/dev/null; find "$2" -printf '%T@\n' >/dev/null`, "sh", here, s.there.Root)
		if err != nil {
			return err
		}
		if i > 0 {
			find = append(find, m)
		}
	}
	unit := median(find)
	t.add(append([]string{"find, twice", "1.00"}, unit.costs()...)...)
	for _, of := range s.subjects {
		m := median(ours[of.name])
		t.add(append([]string{of.name, ratio(m.wall, unit.wall)}, m.costs()...)...)
	}
	s.report.show(t)
	return s.allSame()
}

// allSame compares every client with the server.
func (s *stage) allSame() error {
	for _, h := range s.homes {
		if err := s.same(h.here); err != nil {
			return err
		}
	}
	return nil
}

// bring makes one change known to the other end by a process of its own.
func (h *home) bring(direction string, line *synctest.Proxy) (measured, error) {
	return h.measure(h.env(), line, h.program, direction)
}
