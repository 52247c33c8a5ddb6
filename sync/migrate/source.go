// Package migrate brings mail that another program kept in step with an IMAP
// server under this program's care: it reads that program's configuration, finds
// by content which local folder and message is which at the server, and makes a
// new tree beside the old one, in which every message has the content and the
// name it has there. The old tree is only read.
package migrate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"smd-applet/sync/fault"
)

// Source is mail that a program keeps, as its configuration tells.
type Source struct {
	Name  string // of the account or channel
	Local string // the tree, an absolute path
	Host  string // the IMAP server; may be empty
	// Header is one that the program leaves in messages; may be empty.
	Header string
	// Lock is a file the program locks while it runs; may be empty.
	Lock string
	// Notes say what of the configuration counts no more, and what to do.
	Notes []string
}

// absolute resolves a path as those programs do: ~, $HOME and relative to home.
func absolute(home, path string) string {
	path = strings.Trim(path, `"'`)
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') {
		path = home + rest
	}
	path = os.Expand(path, func(name string) string {
		if name == "HOME" {
			return home
		}
		return os.Getenv(name)
	})
	if !filepath.IsAbs(path) {
		path = filepath.Join(home, path)
	}
	return filepath.Clean(path)
}

// firstFile is the first of some files that is there; it is an error of kind
// [fault.Config] where none is.
func firstFile(program string, files ...string) (string, error) {
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() {
			return f, nil
		}
	}
	return "", fault.New(fault.Config, "find the configuration of "+program, strings.Join(files, ", "), os.ErrNotExist)
}

// Choose returns the source of that name, or the only one there is.
func Choose(all []Source, name string) (*Source, error) {
	var names []string
	for i := range all {
		if all[i].Name == name || name == "" && len(all) == 1 {
			return &all[i], nil
		}
		names = append(names, all[i].Name)
	}
	return nil, &fault.Error{
		Kind: fault.Config, Op: "choose an account", Path: name, Err: fmt.Errorf("there are %s", strings.Join(names, ", ")),
		Hint: "name the account with --account",
	}
}
