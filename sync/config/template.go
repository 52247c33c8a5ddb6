package config

import (
	"io"
	"strings"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// templateMark stands in the template's values: a configuration that has it was
// never edited.
const templateMark = "_edit_me_"

// WriteTemplate writes a commented configuration for a person to edit.
func WriteTemplate(p Paths, endpoint string) error {
	if err := p.Make(); err != nil {
		return err
	}
	return writeTemplate(p.Config(endpoint), Template(endpoint))
}

// Template is the commented configuration of an endpoint that a person edits.
func Template(endpoint string) string {
	return strings.ReplaceAll(configTemplate, "ENDPOINT", endpoint)
}

// Explanation is the comment that the template has on a setting, in whole lines;
// empty where it has none.
func Explanation(setting string) string {
	for block := range strings.SplitSeq(configTemplate, "\n\n") {
		comment := ""
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, "# ") {
				comment += line
			}
			if strings.HasPrefix(strings.TrimPrefix(line, "#"), setting+"=") {
				return comment
			}
		}
	}
	return ""
}

func writeTemplate(file, text string) error {
	err := durable.WriteFile(file, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return fault.New(fault.Config, "write the template", file, err)
	}
	return nil
}

const configTemplate = `# smd-applet: the endpoint "ENDPOINT". A shell script of assignments, as for syncmaildir.

# The server: a Host of ~/.ssh/config, or user@host. "ssh SERVERNAME" must log in without a question.
SERVERNAME=server_edit_me_

# A name for this pair of machines, unlike any other client's of the server.
CLIENTNAME="$(hostname)-ENDPOINT"

# The mailbox, relative to the home directory, the same at both ends. Several: blanks between them; a blank in a name: %20.
MAILBOX=Maildir

# Or, where the two ends differ, these four in place of MAILBOX:
#MAILBOX_LOCAL=Mail
#MAILBOX_REMOTE=Maildir
#TRANSLATOR_LR="smd-translate -m oimap-dovecot -d LR ENDPOINT"
#TRANSLATOR_RL="smd-translate -m oimap-dovecot -d RL ENDPOINT"

# Folders to leave out (* and ? match / too; %20 is a blank): at both ends, or at one.
#EXCLUDE="$MAILBOX/.notmuch $MAILBOX/.Spam"
#EXCLUDE_LOCAL=
#EXCLUDE_REMOTE=

# Only folders that are subscribed to at the server (Dovecot, Courier); needs smd-applet there.
#SUBSCRIBED_ONLY=true

# More options for smd-client and smd-server.
#SMDCLIENTOPTS=
#SMDSERVEROPTS=

# Log the traffic.
#DEBUG=true

# Where both ends changed the same message: keep both (the default), or fail.
#ON_CONFLICT=keep

# How much one run may delete without asking: a share of the mailbox, or a number of messages.
#MAX_DELETE=25%

# A popup for new mail.
#NOTIFY_NEW_MAIL=true

# Sync by itself on a metered network too, such as a phone's; else only on request.
#SYNC_ON_METERED=true

# After a pull that changed something: run notmuch new, or only name to notmuch the files that changed.
#NOTMUCH=new
#NOTMUCH=insert

# How to reach the server: native, or openssh for the system's ssh. Left out, it is chosen by what ~/.ssh/config asks for.
#SSH=native

# How to talk to the server: 2 (both ways at once, changes as they happen), 1.3 (syncmaildir's), or auto: 2 where smd-applet is installed there.
#PROTOCOL=auto

# How many bytes a second to send and to get at most (500k, 2M); with PROTOCOL 2 only.
#LIMIT_UP=500k
#LIMIT_DOWN=2M

# Where smd-applet is on the server, when it is not found by itself.
#REMOTE_PROGRAM=.local/bin/smd-applet
`
