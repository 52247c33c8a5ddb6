package fault

import "cmp"

// row is what is known of a kind of failure.
type row struct {
	summary   string
	hint      string
	context   string // SMD 1.3 tag words, spec §7
	cause     string
	avoidable bool
	actions   []Action
}

var (
	retry   = []Action{{Kind: Retry}}
	openLog = []Action{{Kind: Retry}, {Kind: OpenLog}}
	held    = []Action{{Kind: ConfirmHeld}, {Kind: RestoreHeld}}
)

var rows = map[Kind]row{
	Network:        {"the server can't be reached", "check the network if it lasts; the applet and the loop try again by themselves", "ssh", "network", true, retry},
	HostKeyUnknown: {"the server's host key is not known", "compare its fingerprint with the server's, then run: smd-applet trust HOST", "ssh", "unknown-host-key", false, openLog},
	HostKeyChanged: {"the server's host key has changed", "if the server was reinstalled run: smd-applet trust HOST; if not, someone may be listening", "ssh", "changed-host-key", false, openLog},
	Auth:           {"the server refused the login", "check that ssh to the same host logs in without a question", "ssh", "authentication", false, openLog},
	RemoteProgram:  {"smd-applet is not installed on the server", "put it there: smd-applet deploy HOST", "ssh", "remote-program-missing", false, openLog},
	Protocol:       {"the other end speaks another protocol", "check the version installed at the other end, and that its shell start-up files print nothing", "handshake", "protocol-mismatch", false, openLog},
	DBMismatch:     {"the two ends remember different states", "run again: the state is agreed anew, no message is deleted", "handshake", "db-mismatch", false, openLog},
	Config:         {"the configuration needs a look", "edit the named file", "conf", "bad-config", false, openLog},
	Locked:         {"another run has the mailbox", "wait for it to end", "locking", "another-instance-is-running", true, retry},
	Permission:     {"permission denied", "give yourself the right to read and write it, then sync again", "mkdir", "wrong-permissions", false, openLog},
	DiskFull:       {"the disk is full", "free some space; nothing was lost, the sync goes on where it stopped", "mail-addition", "disk-full", true, openLog},
	FolderVanished: {"a folder went away during the scan", "it is looked at again by itself", "mddiff", "directory-disappeared", true, retry},
	MailboxMissing: {"the mailbox is missing", "mount or create it; nothing is deleted at the other end", "mddiff", "mailbox-missing", false, openLog},
	Conflict:       {"a message was changed at both ends", "decide which one to keep, or remove ON_CONFLICT=fail to keep both", "mail-addition", "concurrent-mailbox-edit", false, openLog},
	ConcurrentEdit: {"a message changed while it was read", "it is looked at again by itself", "transmit", "simultaneous-mailbox-edit", true, retry},
	Held:           {"many messages would be deleted", "choose: delete them on both sides, or bring them back", "guard", "mass-deletion", false, held},
	Damaged:        {"a message is damaged", "the other end's copy replaces it at the next pull", "mddiff", "damaged-message", true, retry},
	Translator:     {"a folder name can't be translated", "fix TRANSLATOR_LR and TRANSLATOR_RL in the configuration", "translate", "bad-translator", false, openLog},
	Hook:           {"a hook failed", "see its output in the log", "hook", "hook-failed", false, openLog},
	RemoteFailed:   {"the other end failed", "see its words in the log", "remote", "remote-failure", true, openLog},
	FileSystem:     {"a file or folder can't be used", "look at the named file or folder; nothing is deleted at the other end meanwhile", "mddiff", "file-system", false, openLog},
	Internal:       {"internal error", "please report it with the log", "internal-error", "bug", false, openLog},
}

func (k Kind) row() row {
	if r, ok := rows[k]; ok {
		return r
	}
	return rows[Internal]
}

// OfCause returns the kind that has a probable-cause of SMD's tags, for those
// that are about an end's own mailbox.
func OfCause(cause string) (Kind, bool) {
	for _, k := range []Kind{Locked, Permission, DiskFull, FolderVanished, MailboxMissing, Conflict, ConcurrentEdit, FileSystem} {
		if rows[k].cause == cause {
			return k, true
		}
	}
	return "", false
}

// Tags returns SMD's context and probable-cause words (smd 1.3, spec §7) for e.
func (e *Error) Tags() (context, cause string) {
	r := e.Kind.row()
	return cmp.Or(e.Context, r.context), cmp.Or(e.Cause, r.cause)
}
