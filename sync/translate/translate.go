// Package translate maps folder paths between the two ends, as smd 1.3's
// translators do (spec §6): in this process where the configuration names
// smd-translate, by the person's own program otherwise.
package translate

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// Map translates folder paths, mailbox root included, relative to home.
type Map struct {
	local, remote func(folder string) (string, error) // nil: the same
}

// Identity leaves names as they are.
func Identity() *Map { return &Map{} }

// New returns the map an endpoint's configuration asks for, for a home. Errors
// are of kind [fault.Translator].
func New(e *config.Endpoint, home string) (*Map, error) {
	if e.TranslatorLR == "" && e.TranslatorRL == "" {
		return Identity(), nil
	}
	lr, err := direction(e, home, e.TranslatorLR, "LR")
	if err != nil {
		return nil, err
	}
	rl, err := direction(e, home, e.TranslatorRL, "RL")
	if err != nil {
		return nil, err
	}
	return &Map{local: rl, remote: lr}, nil
}

// direction returns the translation by a configured command line, "LR" or "RL".
func direction(e *config.Endpoint, home, command, way string) (func(string) (string, error), error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, fault.New(fault.Translator, "translate", "TRANSLATOR_"+way, errors.New("it is not set"))
	}
	if filepath.Base(words[0]) != "smd-translate" {
		x, err := newExternal(words, home)
		if err != nil {
			return nil, err
		}
		return confined(x.translate, e, way), nil
	}
	name := ""
	for i := 1; i+1 < len(words); i++ {
		switch words[i] {
		case "-m":
			name = words[i+1]
		case "-d":
			if words[i+1] != way {
				return nil, fault.New(fault.Translator, "translate", command, errors.New("it translates the wrong way: want -d "+way))
			}
		}
	}
	m, err := Mode(e, home, name)
	if err != nil {
		return nil, err
	}
	if way == "LR" {
		return m.remote, nil
	}
	return m.local, nil
}

// Mode returns the map of a mode of smd-translate for an endpoint's mailboxes.
func Mode(e *config.Endpoint, home, name string) (*Map, error) {
	modes := make([]mode, len(e.Mailboxes))
	for i, b := range e.Mailboxes {
		m, err := modeOf(name, inboxOf(filepath.Join(home, b.Local)))
		if err != nil {
			return nil, fault.New(fault.Translator, "translate", "smd-translate", err)
		}
		modes[i] = m
	}
	return &Map{
		remote: func(local string) (string, error) {
			for i, b := range e.Mailboxes {
				if rest, ok := below(b.Local, local); ok {
					return join(local, b.Remote, rest, modes[i].remote)
				}
			}
			return "", outside(local)
		},
		local: func(remote string) (string, error) {
			for i, b := range e.Mailboxes {
				if rest, ok := below(b.Remote, remote); ok {
					return join(remote, b.Local, rest, modes[i].local)
				}
			}
			return "", outside(remote)
		},
	}, nil
}

// inboxOf returns the name the inbox below a mailbox has: the one that is there.
func inboxOf(root string) string {
	entries, _ := os.ReadDir(root) // one that is not there yet has none
	for _, e := range entries {
		if strings.EqualFold(e.Name(), inboxMode) {
			return e.Name()
		}
	}
	return "INBOX"
}

// Local returns the local path of a remote folder.
func (m *Map) Local(remote string) (string, error) {
	if m.local == nil {
		return remote, nil
	}
	return m.local(remote)
}

// Remote returns the remote path of a local folder.
func (m *Map) Remote(local string) (string, error) {
	if m.remote == nil {
		return local, nil
	}
	return m.remote(local)
}

// confined refuses what a translator may not answer: a path that is none of its
// end's mailboxes.
func confined(translate func(string) (string, error), e *config.Endpoint, way string) func(string) (string, error) {
	return func(folder string) (string, error) {
		to, err := translate(folder)
		if err != nil {
			return "", fault.New(fault.Translator, "translate", folder, err)
		}
		if to != path.Clean(to) || strings.HasPrefix(to, "..") || strings.ContainsFunc(to, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			return "", fault.New(fault.Translator, "translate", folder, fmt.Errorf("the translator answers %q, which is no clean path below the home", to))
		}
		for _, b := range e.Mailboxes {
			root := b.Remote
			if way == "RL" {
				root = b.Local
			}
			if _, ok := below(root, to); ok {
				return to, nil
			}
		}
		return "", fault.New(fault.Translator, "translate", folder, fmt.Errorf("the translator answers %q, which is in none of the mailboxes", to))
	}
}

func outside(folder string) error {
	return fault.New(fault.Translator, "translate", folder, errors.New("it is in none of the mailboxes"))
}

func join(folder, root, rest string, translate func(string) (string, error)) (string, error) {
	t, err := translate(rest)
	if err != nil {
		return "", fault.New(fault.Translator, "translate", folder, err)
	}
	if t == "" {
		return root, nil
	}
	return root + "/" + t, nil
}

func below(root, name string) (string, bool) {
	if name == root {
		return "", true
	}
	return strings.CutPrefix(name, root+"/")
}
