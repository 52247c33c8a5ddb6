package synctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Layout is how the folders of a mailbox lie on disk.
type Layout int

// The two layouts in use.
const (
	// MaildirPP is Maildir++: the root is the inbox, "work.projects" is the
	// directory ".work.projects" in it.
	MaildirPP Layout = iota
	// Nested has one directory a folder, inside each other; the inbox is INBOX.
	Nested
)

// subdirs are the three directories that make a folder.
var subdirs = []string{"cur", "new", "tmp"}

// folderNames are hierarchical, parts divided by "/". Some hold what trips
// programs up: a space, a per cent sign, modified UTF-7, brackets.
var folderNames = []string{
	"Sent", "Drafts", "Trash", "Junk", "Archive", "work", "work/projects", "work/projects/bridge",
	"lists/golang-nuts", "lists/debian-devel", "Sent Items", "family", "family/Gro&AN8-eltern",
	"receipts/2023", "receipts/2024", "work/100% done", "travel", "lists/notmuch", "work/[team] alerts",
	"clubs/choir", "clubs/chess", "house", "school", "bank", "lists/mutt-users",
}

// folderPaths returns n different folder paths relative to a mailbox root, the
// inbox first.
func folderPaths(layout Layout, n int) []string {
	paths := make([]string, 0, n)
	for i := range n {
		if i == 0 {
			paths = append(paths, inbox(layout))
			continue
		}
		name := folderNames[(i-1)%len(folderNames)]
		if round := (i - 1) / len(folderNames); round > 0 {
			name = fmt.Sprintf("%s %d", name, round+1)
		}
		if layout == MaildirPP {
			name = "." + strings.ReplaceAll(name, "/", ".")
		}
		paths = append(paths, name)
	}
	return paths
}

func inbox(layout Layout) string {
	if layout == MaildirPP {
		return "."
	}
	return "INBOX"
}

// makeFolder creates the folder at dir with its three parts.
func makeFolder(dir string) error {
	for _, sub := range subdirs {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return nil
}
