// Package uniform plans the renames that give two copies of a mailbox, made by
// another program, the same message names, so that their first sync moves
// nothing and doubles nothing (smd 1.3, smd-uniform-names).
package uniform

import (
	"slices"
	"strings"

	"smd-applet/sync/maildir"
)

// Message is a message by its local name, whichever end has it.
type Message struct {
	Name maildir.Name // Folder is a local path
	Sum  maildir.Sum
}

// Rename gives a local message another name.
type Rename struct{ From, To maildir.Name }

// Plan returns the renames, sorted, after which the local messages have the
// unique names of the remote ones with the same content: within the same folder,
// and across folders too where that is asked for, which files a message where
// the other end has it. Flags stay the local ones. In their order no rename leads
// to a name that is there, and of identical copies each remote name is given once.
func Plan(local, remote []Message, across bool) []Rename {
	type key struct {
		folder string
		sum    maildir.Sum
	}
	taken := make(map[[2]string]int) // how many have a unique name in a folder
	for _, m := range local {
		taken[[2]string{m.Name.Folder, m.Name.Unique()}]++
	}
	wanted := make(map[key][]maildir.Name)
	elsewhere := make(map[maildir.Sum][]maildir.Name)
	matched := make(map[maildir.Name]bool) // remote names some local message has
	has := make(map[key]map[string]bool)
	for _, m := range local {
		k := key{m.Name.Folder, m.Sum}
		if has[k] == nil {
			has[k] = make(map[string]bool)
		}
		has[k][m.Name.Unique()] = true
	}
	settled := make(map[[2]string]bool) // local messages that have a remote name
	for _, m := range sorted(remote) {
		k := key{m.Name.Folder, m.Sum}
		if has[k][m.Name.Unique()] {
			settled[[2]string{m.Name.Folder, m.Name.Unique()}] = true
			matched[m.Name] = true
			continue
		}
		wanted[k] = append(wanted[k], m.Name)
		elsewhere[m.Sum] = append(elsewhere[m.Sum], m.Name)
	}

	var plan []Rename
	rename := func(from maildir.Name, names []maildir.Name) bool {
		for _, n := range names {
			to := [2]string{n.Folder, n.Unique()}
			if matched[n] || taken[to] > 0 {
				continue
			}
			matched[n] = true
			taken[to]++
			taken[[2]string{from.Folder, from.Unique()}]--
			file := n.Unique()
			if from.Sub == "cur" || from.Flags() != "" {
				file = maildir.JoinFlags(file, from.Flags())
			}
			plan = append(plan, Rename{from, maildir.Name{Folder: n.Folder, Sub: from.Sub, File: file}})
			return true
		}
		return false
	}
	left := slices.DeleteFunc(sorted(local), func(m Message) bool {
		return settled[[2]string{m.Name.Folder, m.Name.Unique()}]
	})
	pass := func(names func(Message) []maildir.Name) (progress bool) {
		before := len(left)
		left = slices.DeleteFunc(left, func(m Message) bool { return rename(m.Name, names(m)) })
		return len(left) < before
	}
	within := func(m Message) []maildir.Name { return wanted[key{m.Name.Folder, m.Sum}] }
	anywhere := func(m Message) []maildir.Name { return elsewhere[m.Sum] }
	// A name that is given up is free for another message.
	for pass(within) || across && pass(anywhere) {
	}
	return plan
}

func sorted(messages []Message) []Message {
	return slices.SortedFunc(slices.Values(messages), func(a, b Message) int {
		return strings.Compare(a.Name.String(), b.Name.String())
	})
}
