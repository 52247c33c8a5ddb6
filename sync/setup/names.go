package setup

import (
	"path"
	"slices"
	"strings"

	"smd-applet/sync/config"
	"smd-applet/sync/translate"
)

// Names is one way to name the server's folders here.
type Names struct {
	Mode    string // of smd-translate; "move" leaves them as they are
	Matched int    // folders here that the server has too
	// Lost is a folder that has no name at the other end, or comes back as another
	// one; empty where there is none.
	Lost    string
	Example string // a folder of the server, and how it is called here; may be empty
}

// modes are the ways to try, what changes least first.
var modes = []string{"move", "default", "nodots", "inbox", "inbox+default", "inbox+nodots", "nodots2"}

// NamesOf judges the ways to name folders, the best first: those that lose none, by
// how many folders are the same one at both ends. Folders are below the homes and
// belong to the mailboxes local and remote.
func NamesOf(home, local, remote string, here, there []string) []Names {
	var all []Names
	for _, mode := range modes {
		n := Names{Mode: mode}
		m, err := translate.Mode(&config.Endpoint{Mailboxes: []config.Mailbox{{Local: local, Remote: remote}}}, home, mode)
		if err != nil {
			continue
		}
		shown := 0
		for _, folder := range here {
			to, err := m.Remote(folder)
			switch {
			case err != nil:
				n.Lost = folder
			case slices.Contains(there, to):
				n.Matched++
			}
		}
		for _, folder := range there {
			to, err := m.Local(folder)
			if err == nil {
				var back string
				if back, err = m.Remote(to); err == nil && back != folder {
					n.Lost = folder
				}
			}
			if err != nil {
				n.Lost = folder
				continue
			}
			// The deepest folder shows most.
			a, b := strings.TrimPrefix(folder, remote+"/"), strings.TrimPrefix(to, local+"/")
			if depth := strings.Count(a, "."); folder != remote && a != b && depth > shown {
				n.Example, shown = a+" is "+b+" here", depth
			}
		}
		if inbox, err := m.Local(remote); err == nil && inbox != local {
			n.Example = strings.TrimPrefix(n.Example+", ", ", ") + "the inbox is " + strings.TrimPrefix(inbox, local+"/")
		}
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(a, b Names) int {
		if lossA, lossB := a.Lost != "", b.Lost != ""; lossA != lossB {
			if lossA {
				return 1
			}
			return -1
		}
		return b.Matched - a.Matched
	})
	return all
}

// unwanted are the folders that people leave out, by the last part of their name:
// those that are no mail, and those with mail that nobody wants.
var (
	noMail   = []string{".notmuch", ".mu", ".git"}
	junkMail = []string{"spam", "junk"}
)

// LeftOut is a folder that might be left out.
type LeftOut struct {
	Local, Remote string // below the mailbox, as each end calls it
	NoMail        bool   // it is no mail at all
}

// LeaveOut finds the folders at either end that might be left out, with the names
// that a mode gives them at the other.
func LeaveOut(home, local, remote, mode string, here, there []string) []LeftOut {
	m, err := translate.Mode(&config.Endpoint{Mailboxes: []config.Mailbox{{Local: local, Remote: remote}}}, home, mode)
	if err != nil {
		return nil
	}
	var found []LeftOut
	add := func(folder string, isHere bool) {
		root := remote
		to := m.Local
		if isHere {
			root, to = local, m.Remote
		}
		rel, below := strings.CutPrefix(folder, root+"/")
		if !below {
			return
		}
		x := LeftOut{Local: rel, Remote: rel}
		for name := rel; name != "."; name = path.Dir(name) { // what is below it goes with it
			if slices.Contains(noMail, path.Base(name)) {
				x = LeftOut{Local: name, Remote: name, NoMail: true}
			}
		}
		if !x.NoMail {
			words := strings.FieldsFunc(strings.ToLower(rel), func(r rune) bool { return r == '.' || r == '/' })
			if len(words) == 0 || !slices.Contains(junkMail, words[len(words)-1]) {
				return
			}
			other, err := to(folder)
			if err != nil {
				return
			}
			if isHere {
				x.Remote = strings.TrimPrefix(other, remote+"/")
			} else {
				x.Local = strings.TrimPrefix(other, local+"/")
			}
		}
		if !slices.Contains(found, x) {
			found = append(found, x)
		}
	}
	for _, f := range here {
		add(f, true)
	}
	for _, f := range there {
		add(f, false)
	}
	return found
}

// LeftOutAs is a folder that the server has under a name below its mailbox.
func LeftOutAs(home, local, remote, mode, name string) LeftOut {
	x := LeftOut{Local: name, Remote: name}
	m, err := translate.Mode(&config.Endpoint{Mailboxes: []config.Mailbox{{Local: local, Remote: remote}}}, home, mode)
	if err != nil {
		return x
	}
	if here, err := m.Local(remote + "/" + name); err == nil {
		x.Local = strings.TrimPrefix(here, local+"/")
	}
	return x
}

// ModeOf returns the mode of smd-translate that a configuration names; ok is false
// where it names another program.
func ModeOf(e *config.Endpoint) (mode string, ok bool) {
	words := strings.Fields(e.TranslatorLR)
	if len(words) == 0 || path.Base(words[0]) != "smd-translate" {
		return "", false
	}
	if i := slices.Index(words, "-m"); i >= 0 && i+1 < len(words) {
		return words[i+1], true
	}
	return "", false
}
