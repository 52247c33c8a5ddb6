// Package fault is the one error type of the sync core.
//
// A failure is classified once, where it happens; everybody above it (retry,
// log, popup, exit status, SMD's TAGS line) reads the classification with
// [errors.As] and never parses text.
package fault

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Kind says what sort of failure an [Error] is. It decides whether a retry may
// help, what a person is offered, and which SMD tag is printed.
type Kind string

// The kinds of failure. Each has one row in the table of kind.go.
const (
	Network        Kind = "network"          // could not connect, link cut, no progress
	HostKeyUnknown Kind = "host-key-unknown" // the server is in no known_hosts file
	HostKeyChanged Kind = "host-key-changed" // the server shows another key than the recorded one
	Auth           Kind = "auth"             // the server refused every key
	RemoteProgram  Kind = "remote-program"   // smd-server or smd-client is missing at the other end
	Protocol       Kind = "protocol"         // the other end speaks something else, or nonsense
	DBMismatch     Kind = "db-mismatch"      // the two ends remember different states
	Config         Kind = "config"           // the configuration is missing or wrong
	Locked         Kind = "locked"           // another run has the mailbox
	Permission     Kind = "permission"       // a file or folder may not be read or written
	DiskFull       Kind = "disk-full"        // no space or quota left
	FolderVanished Kind = "folder-vanished"  // a folder went away or was replaced during the scan
	MailboxMissing Kind = "mailbox-missing"  // a mailbox root is missing or empty: not mounted?
	Conflict       Kind = "conflict"         // ON_CONFLICT=fail and both ends changed the same message
	ConcurrentEdit Kind = "concurrent-edit"  // a message changed while the run looked at it
	Held           Kind = "held"             // deletions are held back until a person confirms them
	Damaged        Kind = "damaged"          // a message became empty or lost its header
	Translator     Kind = "translator"       // a folder name translator is missing, failed or answered nonsense
	Hook           Kind = "hook"             // a hook exited with an error
	RemoteFailed   Kind = "remote-failed"    // the other end reported an error of its own
	FileSystem     Kind = "file-system"      // a file or folder can't be used, for no reason above
	Internal       Kind = "internal"         // a bug
)

// ActionKind names something a person can do about a failure.
type ActionKind string

// The actions a popup or menu can offer.
const (
	Retry       ActionKind = "retry"               // run again
	OpenLog     ActionKind = "open-log"            // look at the log
	EditConfig  ActionKind = "edit-config"         // open the file Arg
	RunCommand  ActionKind = "run"                 // run the command Arg
	ShowMail    ActionKind = "display-mail"        // show the message Arg
	ShowPerms   ActionKind = "display-permissions" // show the permissions of Arg
	TrustHost   ActionKind = "trust-host"          // record the host key of Arg
	ConfirmHeld ActionKind = "confirm"             // carry out the held deletions
	RestoreHeld ActionKind = "restore"             // bring the held messages back
	KeepBoth    ActionKind = "keep-both"           // give the message Arg another name, so that the other one has room
)

// Action is one thing a person can do about a failure.
type Action struct {
	Kind ActionKind `json:"kind"`
	Arg  string     `json:"arg,omitempty"`
}

// Error is a classified failure.
type Error struct {
	Kind     Kind
	Op       string   // what was attempted: "pull", "push", "read config"
	Endpoint string   // empty where there is none yet
	Path     string   // the file, folder or host it is about, may be empty
	Context  string   // SMD's context tag where it differs from the kind's own, e.g. "delete-message"
	Cause    string   // SMD's probable-cause tag where it differs from the kind's own
	Hint     string   // the way out, one sentence for a person; empty means the kind's own
	HintArgs []any    // fill the verbs of Hint, which is a format then
	Actions  []Action // nil means the kind's own
	Err      error    // the cause

	// Elsewhere says that it happened at the other end, and that the texts are
	// from there: nothing may be done here by them.
	Elsewhere bool
}

// New returns an Error of kind about path, caused by err.
func New(kind Kind, op, path string, err error) *Error {
	return &Error{Kind: kind, Op: op, Path: path, Err: err}
}

// Error tells what failed and why in one line, without the hint.
func (e *Error) Error() string {
	var parts []string
	for _, s := range []string{e.Op, e.Path} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if p, ok := e.Err.(*fs.PathError); ok && p.Path == e.Path {
		parts = append(parts, p.Err.Error()) // the path is named already
	} else if e.Err != nil {
		parts = append(parts, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
	} else {
		parts = append(parts, e.Kind.row().summary)
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Avoidable reports whether a later try may succeed with no person's help.
func (e *Error) Avoidable() bool { return e.Kind.row().avoidable }

// Summary is the failure as a popup's title: a few words, no path.
func (e *Error) Summary() string { return e.Kind.row().summary }

// WayOut is what a person can do about it, one sentence.
func (e *Error) WayOut() string { return e.WayOutBy(func(english string) string { return english }) }

// WayOutBy is WayOut in another language: translate is asked for each of its texts.
func (e *Error) WayOutBy(translate func(english string) string) string {
	hint := translate(cmp.Or(e.Hint, e.Kind.row().hint))
	if e.HintArgs == nil {
		return hint
	}
	args := slices.Clone(e.HintArgs)
	for i, a := range args {
		if text, is := a.(string); is {
			args[i] = translate(text)
		}
	}
	return fmt.Sprintf(hint, args...)
}

// Suggested returns the actions to offer, never none.
func (e *Error) Suggested() []Action {
	if len(e.Actions) > 0 {
		return e.Actions
	}
	return e.Kind.row().actions
}

// As finds the classified failure in err's chain; an unclassified err becomes
// one of kind [Internal]. It returns nil for a nil err.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Err: err}
}

// Is reports whether err's chain holds an Error of kind.
func Is(err error, kind Kind) bool { return errors.Is(err, ofKind(kind)) }

// ofKind is what [Error.Is] compares with.
type ofKind Kind

func (k ofKind) Error() string { return string(k) }

// Is makes errors.Is find an Error of a kind wherever it is in a chain.
func (e *Error) Is(target error) bool {
	k, ok := target.(ofKind)
	return ok && e.Kind == Kind(k)
}
