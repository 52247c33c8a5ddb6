package restrict

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"smd-applet/sync/remote"
)

// Permission is what a key may do at the server.
type Permission struct {
	Program   string   // smd-applet there, absolute
	Mailboxes []string // below the home there: the only ones
	Key       ssh.PublicKey
	Comment   string
}

// Line is the line of authorized_keys that gives the permission.
func (p Permission) Line() string {
	words := []string{p.Program, "restricted-shell"}
	for _, m := range p.Mailboxes {
		words = append(words, "--root", strings.ReplaceAll(m, " ", "%20"))
	}
	command := strings.ReplaceAll(remote.Quote(words), `"`, `\"`)
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p.Key)))
	return fmt.Sprintf(`command="%s",restrict %s %s`, command, key, p.Comment)
}

// allow returns authorized_keys with the line of p, in place of the lines that the
// key has, which it returns too, or on top. There is no need to know whether the
// last line ends.
func allow(text []byte, p Permission) (with []byte, was string) {
	return replace(text, p.Key, p.Line()+"\n")
}

// replace puts lines in place of those that a key has, which it returns.
func replace(text []byte, key ssh.PublicKey, lines string) (with []byte, was string) {
	kept, at, was := without(text, key)
	if at < len(kept) && !strings.HasSuffix(lines, "\n") {
		lines += "\n" // it was the last one, and is no more
	}
	return bytes.Join([][]byte{kept[:at], []byte(lines), kept[at:]}, nil), was
}

// forbid returns authorized_keys without the key.
func forbid(text []byte, key ssh.PublicKey) []byte {
	kept, _, _ := without(text, key)
	return kept
}

// without takes out every line of a key, and says which they were, and where the
// first one was.
func without(text []byte, key ssh.PublicKey) (kept []byte, at int, was string) {
	blob := key.Marshal()
	found := false
	for line := range bytes.Lines(text) {
		of, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err == nil && bytes.Equal(of.Marshal(), blob) {
			if !found {
				found, at = true, len(kept)
			}
			was += string(line)
			continue
		}
		kept = append(kept, line...)
	}
	return kept, at, was
}

// authorizedKeys is where sshd looks for the keys of a user, below the home.
func authorizedKeys(home string) string { return filepath.Join(home, ".ssh", "authorized_keys") }

// Allow gives p at this end, the server. It reports whether that changed anything,
// and which lines the key had.
func Allow(home string, p Permission) (changed bool, was string, err error) {
	changed, err = edit(authorizedKeys(home), func(text []byte) (with []byte, err error) {
		with, was = allow(text, p)
		return with, nil
	})
	return changed, was, err
}

// Restore gives back to a key at this end, the server, the lines it had. Lines of
// any other key are an error.
func Restore(home string, key ssh.PublicKey, lines string) (changed bool, err error) {
	if kept, _, _ := without([]byte(lines), key); len(kept) > 0 {
		return false, errors.New("these are not the lines of that key alone")
	}
	return edit(authorizedKeys(home), func(text []byte) ([]byte, error) {
		with, _ := replace(text, key, lines)
		return with, nil
	})
}

// Forbid takes back what a key may do at this end, the server.
func Forbid(home string, key ssh.PublicKey) (changed bool, err error) {
	return edit(authorizedKeys(home), func(text []byte) ([]byte, error) { return forbid(text, key), nil })
}
