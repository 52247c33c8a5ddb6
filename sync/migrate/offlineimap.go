package migrate

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"smd-applet/sync/fault"
)

// OfflineIMAP reads the accounts of ~/.offlineimaprc, or of the file given.
func OfflineIMAP(home, file string) ([]Source, error) {
	var err error
	if file == "" {
		config := os.Getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(home, ".config")
		}
		if file, err = firstFile("OfflineIMAP", filepath.Join(config, "offlineimap", "config"), filepath.Join(home, ".offlineimaprc")); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.New(fault.Config, "read", file, err)
	}
	defer f.Close()
	sections, err := parseINI(bufio.NewScanner(f))
	if err != nil {
		return nil, fault.New(fault.Config, "read", file, err)
	}
	metadata := sections.get("general", "metadata")
	if metadata == "" {
		metadata = "~/.offlineimap"
	}
	var all []Source
	for account := range strings.SplitSeq(sections.get("general", "accounts"), ",") {
		if account = strings.TrimSpace(account); account == "" {
			continue
		}
		section := "account " + account
		local, remote := "repository "+sections.get(section, "localrepository"), "repository "+sections.get(section, "remoterepository")
		if !strings.EqualFold(sections.get(local, "type"), "Maildir") && !strings.EqualFold(sections.get(local, "type"), "GmailMaildir") {
			continue // two IMAP servers, and nothing here
		}
		s := Source{
			Name: account, Local: absolute(home, sections.get(local, "localfolders")), Host: imapHost(sections.get(remote, "remotehost"), sections.get(remote, "preauthtunnel")),
			Header: "X-OfflineIMAP", Lock: filepath.Join(absolute(home, metadata), account+".lock"),
		}
		for _, where := range []string{local, remote} {
			for key, note := range notesOnOfflineIMAP {
				if v := sections.get(where, key); v != "" {
					s.Notes = append(s.Notes, key+" = "+strings.Join(strings.Fields(v), " ")+": "+note)
				}
			}
		}
		for key, note := range map[string]string{
			"postsynchook": "put it into ~/.smd/hooks/post-pull.d; for notmuch new, NOTMUCH does it",
			"presynchook":  "put it into ~/.smd/hooks/pre-pull.d",
			"maxage":       "there is no such limit here: all messages of the server come",
			"maxsize":      "there is no such limit here: all messages of the server come",
		} {
			if v := sections.get(section, key); v != "" {
				s.Notes = append(s.Notes, key+" = "+v+": "+note)
			}
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Config, "read", file, errors.New("it names no account with a local Maildir"))
	}
	return all, nil
}

// notesOnOfflineIMAP say what becomes of settings that are Python.
var notesOnOfflineIMAP = map[string]string{
	"nametrans":         "a Python expression; which folder is which is found out by the messages in them",
	"folderfilter":      "a Python expression; folders that are at the server only come with the first sync, unless EXCLUDE names them",
	"folderincludes":    "a Python expression; folders that are at the server only come with the first sync, unless EXCLUDE names them",
	"createfolders":     "folders are made at both ends",
	"readonly":          "for changes to go one way only, run smd-pull and never smd-push",
	"utime_from_header": "a message keeps the time of its file",
}

// sshHost finds the host in a command line that reaches a server by ssh.
var sshHost = regexp.MustCompile(`\bssh\s+(?:-\S+\s+)*([\w.@-]+)`)

// imapHost is the host that a configuration reaches, by name or through ssh.
func imapHost(host, tunnel string) string {
	if m := sshHost.FindStringSubmatch(tunnel); m != nil {
		return m[1]
	}
	return strings.Trim(host, `"'`)
}

// ini is a file of sections as Python's ConfigParser reads it; section names are
// folded to lower case but for an account's.
type ini map[string]map[string]string

func (s ini) get(section, key string) string {
	for name, values := range s {
		if strings.EqualFold(name, section) {
			return values[key]
		}
	}
	return ""
}

func parseINI(lines *bufio.Scanner) (ini, error) {
	sections := make(ini)
	var section map[string]string
	key := ""
	for lines.Scan() {
		line := lines.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
		case line[0] == ' ' || line[0] == '\t': // goes on
			if section != nil && key != "" {
				section[key] += "\n" + text
			}
		case text[0] == '[' && strings.HasSuffix(text, "]"):
			name := strings.Join(strings.Fields(text[1:len(text)-1]), " ")
			if section = sections[name]; section == nil {
				section = make(map[string]string)
				sections[name] = section
			}
			key = ""
		case section == nil:
			return nil, errors.New("it does not begin with a section")
		default:
			i := strings.IndexAny(text, "=:")
			if i < 0 {
				key = ""
				continue
			}
			key = strings.ToLower(strings.TrimSpace(text[:i]))
			section[key] = strings.TrimSpace(text[i+1:])
		}
	}
	return sections, lines.Err()
}
