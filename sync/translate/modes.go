package translate

import (
	"fmt"
	"strings"
)

// mode maps the part of a folder's path below the mailbox root, "" for the root.
type mode struct {
	name          string
	local, remote func(string) (string, error)
}

func same(s string) (string, error) { return s, nil }

// inboxMode stands, alone or in front of another mode as in "inbox+nodots", for a
// local INBOX, in any case, where the other end has the root itself.
const inboxMode = "inbox"

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
	if !ok || name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, "/") {
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
	if !ok || name == "" {
		return "", fmt.Errorf("%q does not start with two dots", s)
	}
	return undotAll(name)
}

// modeOf returns the mode called name for a pair of mailboxes. inbox is the name
// the local inbox has where the mode speaks of one.
func modeOf(name, inbox string) (mode, error) {
	first, rest, composed := strings.Cut(name, "+")
	hasInbox := first == inboxMode
	switch {
	case hasInbox && composed:
		name = rest
	case hasInbox:
		name = "move"
	}
	for _, m := range modes {
		if m.name != name {
			continue
		}
		if hasInbox {
			m = withInbox(m, inbox)
		}
		return m, nil
	}
	return mode{}, fmt.Errorf("unknown mode %s", name)
}

// withInbox puts the local inbox where m has the root.
func withInbox(m mode, inbox string) mode {
	return mode{
		name: inboxMode + "+" + m.name,
		remote: func(local string) (string, error) {
			switch {
			case local == "":
				return "", fmt.Errorf("the mailbox itself is a folder: with mode inbox its messages belong in %s", inbox)
			case local == inbox:
				return "", nil
			case strings.EqualFold(local, inbox):
				return "", fmt.Errorf("%q is a second inbox beside %q: move its messages there", local, inbox)
			}
			return m.remote(local)
		},
		local: func(remote string) (string, error) {
			if remote == "" {
				return inbox, nil
			}
			local, err := m.local(remote)
			if err == nil && strings.EqualFold(local, inbox) {
				err = fmt.Errorf("%q would take the place of the inbox", remote)
			}
			return local, err
		},
	}
}
