package migrate

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"smd-applet/sync/fault"
)

// Mbsync reads the channels of ~/.mbsyncrc or ~/.config/isyncrc, or of the file
// given.
func Mbsync(home, file string) ([]Source, error) {
	var err error
	if file == "" {
		config := os.Getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(home, ".config")
		}
		if file, err = firstFile("mbsync", filepath.Join(config, "isyncrc"), filepath.Join(home, ".mbsyncrc")); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.New(fault.Config, "read", file, err)
	}
	defer f.Close()
	blocks, err := parseMbsync(bufio.NewScanner(f))
	if err != nil {
		return nil, fault.New(fault.Config, "read", file, err)
	}
	find := func(kind, name string) block {
		for _, b := range blocks {
			if b.kind == kind && b.name == name {
				return b
			}
		}
		return block{}
	}
	var all []Source
	for _, channel := range blocks {
		if channel.kind != "channel" {
			continue
		}
		far, near := storeOf(channel.get("far", "master")), storeOf(channel.get("near", "slave"))
		local, remote := find("maildirstore", near), find("imapstore", far)
		if local.kind == "" { // the other way round
			local, remote = find("maildirstore", far), find("imapstore", near)
		}
		if local.kind == "" {
			continue
		}
		account := remote
		if name := remote.get("account"); name != "" {
			account = find("imapaccount", name)
		}
		s := Source{Name: channel.name, Header: "X-TUID", Host: imapHost(account.get("host"), account.get("tunnel")), FolderLocks: mbsyncLocks}
		path, inbox := local.get("path"), local.get("inbox")
		if path == "" {
			path = filepath.Dir(absolute(home, inbox))
		}
		s.Local = absolute(home, path)
		if at := absolute(home, inbox); inbox != "" && at != s.Local && !strings.HasPrefix(at, s.Local+"/") {
			return nil, &fault.Error{
				Kind: fault.Config, Op: "read", Path: file, Err: errors.New("the Inbox of " + channel.name + " is not below its Path"),
				Hint: "move the inbox below the Path of its MaildirStore, say so in the configuration of mbsync, and let that run once",
			}
		}
		if p := strings.Join(strings.Fields(channel.get("patterns", "pattern")), " "); p != "" && p != "*" {
			s.Notes = append(s.Notes, "Patterns "+p+": folders that are at the server only come with the first sync, unless EXCLUDE names them")
		}
		if v := channel.get("expunge"); v != "" && !strings.EqualFold(v, "both") {
			s.Notes = append(s.Notes, "Expunge "+v+": a sync carries deletions both ways; SMDSERVEROPTS=-n sends none")
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Config, "read", file, errors.New("it has no channel with a MaildirStore"))
	}
	return all, nil
}

// mbsyncLocks are files in a Maildir that mbsync locks while it works on that: those
// of the UIDs, as its two schemes have them, and the lock of SyncState *.
var mbsyncLocks = []string{".uidvalidity", ".isyncuidmap.db", ".mbsyncstate.lock"}

// storeOf is the name of the store in ":store:folder".
func storeOf(place string) string {
	place = strings.Trim(place, `"`)
	name, _, _ := strings.Cut(strings.TrimPrefix(place, ":"), ":")
	return name
}

// block is a section of an mbsyncrc: it begins with a line of its kind and name
// and ends with an empty one.
type block struct {
	kind, name string
	values     map[string]string
}

func (b block) get(keys ...string) string {
	for _, k := range keys {
		if v := b.values[k]; v != "" {
			return v
		}
	}
	return ""
}

func parseMbsync(lines *bufio.Scanner) ([]block, error) {
	kinds := []string{"imapaccount", "imapstore", "maildirstore", "channel", "group"}
	var blocks []block
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		word, value, _ := strings.Cut(text, " ")
		word, value = strings.ToLower(word), strings.Trim(strings.TrimSpace(value), `"`)
		begins := false
		for _, k := range kinds {
			// "Account NAME" within an IMAPStore is no section.
			begins = begins || word == k
		}
		switch {
		case begins:
			blocks = append(blocks, block{kind: word, name: value, values: make(map[string]string)})
		case len(blocks) > 0:
			blocks[len(blocks)-1].values[word] = value
		}
	}
	return blocks, lines.Err()
}
