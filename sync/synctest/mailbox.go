package synctest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Mailbox changes the mailbox at Root as delivery agents and mail programs do.
// Folders and messages are named by paths relative to Root, so that a name is
// good at both ends ("." is the root itself, "work/cur/17.M1P2.host:2,S" a
// message). It may be used by several goroutines.
type Mailbox struct {
	Root string

	host     string
	composer composer
	number   atomic.Uint64 // of the last letter composed
}

// OpenMailbox returns the mailbox at root, which need not exist yet. host stands
// in the names of the messages it delivers; mail delivered under different
// hosts differs.
func OpenMailbox(root, host string) *Mailbox {
	o := Options{MaxSize: 64 << 10}
	for _, b := range []byte(host) {
		o.Seed = o.Seed*31 + uint64(b)
	}
	return &Mailbox{Root: root, host: host, composer: o.composer()}
}

// Path is where the message or folder named rel lies.
func (m *Mailbox) Path(rel string) string { return filepath.Join(m.Root, rel) }

// Messages returns every message of the folder, or of all folders when folder
// is "", sorted.
func (m *Mailbox) Messages(folder string) ([]string, error) {
	var messages []string
	err := filepath.WalkDir(m.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := relative(m.Root, path)
		sub := filepath.Base(filepath.Dir(rel))
		if !entry.Type().IsRegular() || (sub != "cur" && sub != "new") {
			return nil
		}
		if folder == "" || filepath.Dir(filepath.Dir(rel)) == filepath.Clean(folder) {
			messages = append(messages, rel)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	slices.Sort(messages)
	return messages, nil
}

// Deliver brings a message never seen before into folder/new through
// folder/tmp. The folder is made when it is missing.
func (m *Mailbox) Deliver(folder string) (string, error) {
	var b bytes.Buffer
	m.composer.compose(&b, letter{id: m.number.Add(1), date: time.Now()})
	return m.DeliverContent(folder, b.Bytes())
}

// DeliverContent is [Mailbox.Deliver] for a given message.
func (m *Mailbox) DeliverContent(folder string, content []byte) (string, error) {
	return m.put(content, filepath.Join(folder, "new", freshName(m.host)))
}

// Flag sets the flags of a message to exactly flags, as a person who reads,
// stars or answers it; a new message moves to cur.
func (m *Mailbox) Flag(message, flags string) (string, error) {
	unique, _ := splitName(filepath.Base(message))
	folder := filepath.Dir(filepath.Dir(message))
	return m.rename(message, filepath.Join(folder, "cur", unique+":2,"+sortFlags(flags)))
}

// Move files a message in another folder under its old name, as mv and tag
// programs do. The folder is made when it is missing.
func (m *Mailbox) Move(message, folder string) (string, error) {
	return m.rename(message, filepath.Join(folder, filepath.Base(filepath.Dir(message)), filepath.Base(message)))
}

// Refile files a message in another folder under a fresh name, as mutt and
// Dovecot do. The folder is made when it is missing.
func (m *Mailbox) Refile(message, folder string) (string, error) {
	return m.rename(message, filepath.Join(folder, "cur", m.renamed(message)))
}

// Copy puts a second copy of a message, with its flags, into folder.
func (m *Mailbox) Copy(message, folder string) (string, error) {
	content, err := os.ReadFile(m.Path(message))
	if err != nil {
		return "", fmt.Errorf("copy message: %w", err)
	}
	return m.put(content, filepath.Join(folder, "cur", m.renamed(message)))
}

// Delete removes a message for good.
func (m *Mailbox) Delete(message string) error {
	if err := os.Remove(m.Path(message)); err != nil {
		return fmt.Errorf("delete message: %w", err)
	}
	return nil
}

// EditHeader adds a header line at the top of a message, or replaces its value
// when the top line is already of that name. Name and body stay.
func (m *Mailbox) EditHeader(message, name, value string) (string, error) {
	return m.edit(message, func(header, body []byte) ([]byte, []byte) {
		line := name + ": " + value + "\n"
		if bytes.HasPrefix(header, []byte(name+":")) {
			_, header, _ = bytes.Cut(header, []byte("\n"))
		}
		return append([]byte(line), header...), body
	})
}

// EditBody replaces the body of a message. Name and header stay.
func (m *Mailbox) EditBody(message, body string) (string, error) {
	return m.edit(message, func(header, _ []byte) ([]byte, []byte) { return header, []byte(body) })
}

// AddFolder makes an empty folder.
func (m *Mailbox) AddFolder(folder string) error { return makeFolder(m.Path(folder)) }

// RenameFolder renames a folder with those below it, in either layout.
func (m *Mailbox) RenameFolder(from, to string) (string, error) {
	// In Maildir++ the folders below .a are its siblings .a.*
	below, err := filepath.Glob(filepath.Join(escapeGlob(m.Root), escapeGlob(from)+".*"))
	if err != nil {
		return "", fmt.Errorf("rename folder: %w", err)
	}
	if strings.HasPrefix(from, ".") {
		for _, path := range below {
			rel := relative(m.Root, path)
			if err := os.Rename(path, m.Path(to+strings.TrimPrefix(rel, from))); err != nil {
				return "", fmt.Errorf("rename folder: %w", err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(m.Path(to)), 0o700); err != nil {
		return "", fmt.Errorf("rename folder: %w", err)
	}
	return m.rename(from, to)
}

// RemoveFolder removes a folder and everything in its directory.
func (m *Mailbox) RemoveFolder(folder string) error {
	if err := os.RemoveAll(m.Path(folder)); err != nil {
		return fmt.Errorf("remove folder: %w", err)
	}
	return nil
}

// renamed is a fresh name with the flags of message.
func (m *Mailbox) renamed(message string) string {
	_, flags := splitName(filepath.Base(message))
	return freshName(m.host) + ":2," + flags
}

func (m *Mailbox) rename(from, to string) (string, error) {
	if err := m.ensure(to); err != nil {
		return "", err
	}
	if err := os.Rename(m.Path(from), m.Path(to)); err != nil {
		return "", fmt.Errorf("rename in mailbox: %w", err)
	}
	return to, nil
}

// put writes content to message through the folder's tmp.
func (m *Mailbox) put(content []byte, message string) (string, error) {
	if err := m.ensure(message); err != nil {
		return "", err
	}
	tmp := m.Path(filepath.Join(filepath.Dir(filepath.Dir(message)), "tmp", filepath.Base(message)))
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return "", fmt.Errorf("write message: %w", err)
	}
	if err := os.Rename(tmp, m.Path(message)); err != nil {
		return "", fmt.Errorf("write message: %w", errors.Join(err, os.Remove(tmp)))
	}
	return message, nil
}

// ensure makes the folder a message is about to lie in.
func (m *Mailbox) ensure(message string) error {
	if sub := filepath.Base(filepath.Dir(message)); sub != "cur" && sub != "new" {
		return nil
	}
	return makeFolder(m.Path(filepath.Dir(filepath.Dir(message))))
}

func (m *Mailbox) edit(message string, change func(header, body []byte) ([]byte, []byte)) (string, error) {
	content, err := os.ReadFile(m.Path(message))
	if err != nil {
		return "", fmt.Errorf("edit message: %w", err)
	}
	end := bytes.Index(content, []byte("\n\n"))
	if end < 0 {
		return "", fmt.Errorf("edit message: %s has no empty line after its header", message)
	}
	header, body := change(content[:end+2], content[end+2:])
	return m.put(slices.Concat(header, body), message)
}

// escapeGlob makes path match only itself in a glob.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
