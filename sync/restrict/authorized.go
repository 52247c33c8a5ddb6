package restrict

import (
	"bytes"
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

// allow returns authorized_keys with the line of p: in place of the line that the
// key has, or on top. There is no need to know whether the last line ends.
func allow(text []byte, p Permission) []byte {
	line := []byte(p.Line() + "\n")
	kept, at := without(text, p.Key)
	return bytes.Join([][]byte{kept[:at], line, kept[at:]}, nil)
}

// forbid returns authorized_keys without the key.
func forbid(text []byte, key ssh.PublicKey) []byte {
	kept, _ := without(text, key)
	return kept
}

// without takes out every line of a key, and says where the first one was.
func without(text []byte, key ssh.PublicKey) (kept []byte, at int) {
	blob := key.Marshal()
	found := false
	for line := range bytes.Lines(text) {
		of, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err == nil && bytes.Equal(of.Marshal(), blob) {
			if !found {
				found, at = true, len(kept)
			}
			continue
		}
		kept = append(kept, line...)
	}
	return kept, at
}

// authorizedKeys is where sshd looks for the keys of a user, below the home.
func authorizedKeys(home string) string { return filepath.Join(home, ".ssh", "authorized_keys") }

// Allow gives p at this end, the server. It reports whether that changed anything.
func Allow(home string, p Permission) (changed bool, err error) {
	return edit(authorizedKeys(home), func(text []byte) ([]byte, error) { return allow(text, p), nil })
}

// Forbid takes back what a key may do at this end, the server.
func Forbid(home string, key ssh.PublicKey) (changed bool, err error) {
	return edit(authorizedKeys(home), func(text []byte) ([]byte, error) { return forbid(text, key), nil })
}
