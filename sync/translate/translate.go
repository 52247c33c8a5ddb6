// Package translate maps folder paths between the two ends, as smd 1.3's
// translators do (spec §6).
package translate

import (
	"fmt"
	"strings"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// Map translates folder paths, mailbox root included, relative to home.
type Map struct {
	boxes []config.Mailbox
	mode  mode
}

// mode maps the part of a folder's path below the mailbox root, "" for the root.
type mode struct {
	name          string
	local, remote func(string) (string, error)
}

func same(s string) (string, error) { return s, nil }

var modes = []mode{
	{"move", same, same},
	{"cat", same, same},
	{"oimap-dovecot", undot, dot},
	{"default", undot, dot},
	{"nodots", undotAll, dotAll},
	{"nodots2", dot2, undot2},
}

// undot maps ".sub.folder" to "sub.folder".
func undot(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	name, ok := strings.CutPrefix(s, ".")
	if !ok || name == "" || strings.Contains(name, "/") {
		return "", fmt.Errorf("%q is no Maildir++ folder", s)
	}
	return name, nil
}

// dot maps "sub.folder" to ".sub.folder".
func dot(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if strings.HasPrefix(s, ".") || strings.Contains(s, "/") {
		return "", fmt.Errorf("%q has no Maildir++ name", s)
	}
	return "." + s, nil
}

// undotAll maps ".sub.folder" to "sub/folder".
func undotAll(s string) (string, error) {
	name, err := undot(s)
	if err == nil && (strings.Contains(name, "..") || strings.HasSuffix(name, ".")) {
		err = fmt.Errorf("%q has an empty part", s)
	}
	return strings.ReplaceAll(name, ".", "/"), err
}

// dotAll maps "sub/folder" to ".sub.folder".
func dotAll(s string) (string, error) {
	if strings.Contains(s, ".") {
		return "", fmt.Errorf("%q has a dot, which separates folders at the other end", s)
	}
	if s == "" {
		return "", nil
	}
	return "." + strings.ReplaceAll(s, "/", "."), nil
}

// dot2 maps "sub/folder" to "..sub.folder", for Evolution; undot2 is its inverse.
func dot2(s string) (string, error) {
	d, err := dotAll(s)
	if d != "" {
		d = "." + d
	}
	return d, err
}

func undot2(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	name, ok := strings.CutPrefix(s, ".")
	if !ok {
		return "", fmt.Errorf("%q does not start with two dots", s)
	}
	return undotAll(name)
}

// Identity leaves names as they are.
func Identity() *Map { return &Map{} }

// New returns the map an endpoint's configuration asks for. Errors are of kind
// [fault.Translator].
func New(e *config.Endpoint) (*Map, error) {
	if e.TranslatorLR == "" && e.TranslatorRL == "" {
		return Identity(), nil
	}
	lr, err := modeOf(e.TranslatorLR, "LR")
	if err != nil {
		return nil, err
	}
	rl, err := modeOf(e.TranslatorRL, "RL")
	if err != nil {
		return nil, err
	}
	return &Map{boxes: e.Mailboxes, mode: mode{name: lr.name, local: rl.local, remote: lr.remote}}, nil
}

// modeOf understands a configured smd-translate command line.
func modeOf(command, direction string) (mode, error) {
	words := strings.Fields(command)
	refuse := func(why string) (mode, error) {
		return mode{}, fault.New(fault.Translator, "translate", command, fmt.Errorf("%s", why))
	}
	if len(words) == 0 || !strings.HasSuffix("/"+words[0], "/smd-translate") {
		return refuse("only smd-translate is understood so far")
	}
	name := ""
	for i := 1; i+1 < len(words); i++ {
		switch words[i] {
		case "-m":
			name = words[i+1]
		case "-d":
			if words[i+1] != direction {
				return refuse("it translates the wrong way: want -d " + direction)
			}
		}
	}
	for _, m := range modes {
		if m.name == name {
			return m, nil
		}
	}
	return refuse("unknown mode " + name)
}

// Local returns the local path of a remote folder.
func (m *Map) Local(remote string) (string, error) {
	if m.mode.local == nil {
		return remote, nil
	}
	for _, b := range m.boxes {
		if rest, ok := below(b.Remote, remote); ok {
			return join(remote, b.Local, rest, m.mode.local)
		}
	}
	return "", fault.New(fault.Translator, "translate", remote, fmt.Errorf("it is in none of the mailboxes"))
}

// Remote returns the remote path of a local folder.
func (m *Map) Remote(local string) (string, error) {
	if m.mode.remote == nil {
		return local, nil
	}
	for _, b := range m.boxes {
		if rest, ok := below(b.Local, local); ok {
			return join(local, b.Remote, rest, m.mode.remote)
		}
	}
	return "", fault.New(fault.Translator, "translate", local, fmt.Errorf("it is in none of the mailboxes"))
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
