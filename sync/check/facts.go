package check

import (
	"io/fs"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/probe"
	"smd-applet/sync/subscribe"
)

// Facts are what was found out about an endpoint.
type Facts struct {
	Endpoint string
	Home     string
	Program  string // this program and its version; may be empty

	ConfigFile string
	Config     *config.Endpoint // nil where it can't be used
	ConfigErr  error
	Unread     []config.Unread

	LoopFile  string
	Loop      []config.LoopEntry
	LoopErr   error
	Endpoints []string // that have a configuration

	StateDir string
	State    fs.FileMode // of StateDir
	Hooks    []Hook

	// The rest is empty without a Config.

	Notmuch Notmuch

	Local    []probe.Mailbox // in the order of Config.Mailboxes
	LocalErr error

	Remote Remote

	TranslatorErr error
	// There are the local folders, and Here those at the server, as they are
	// named at the other end and back; those left out are not among them.
	There, Here []RoundTrip

	Excludes []Exclude

	Subscribed    subscribe.Mailboxes // nil where subscriptions don't count
	SubscribedErr error
}

// Hook is a file where hooks are.
type Hook struct {
	Path       string
	Executable bool
}

// Notmuch is what was found out where the configuration asks for notmuch.
type Notmuch struct {
	Err     error // it is not there, or can't be asked
	Root    string
	Outside []string // mailboxes not below Root, or that it ignores
	// Slow says why every run of notmuch looks through all the mail, where the
	// configuration asks that files are named to it; else nil.
	Slow error
}

// Remote is what was found out about the other end.
type Remote struct {
	How      string // it is reached
	LoginErr error

	Server    string // the program a pull starts there
	Protocol  string // it speaks, such as "1.3"
	ServerErr error

	Applet          string    // smd-applet's name and version there; empty: it is not there
	Asked, Answered time.Time // here: before it was asked for its time, and after
	Time            time.Time // there, in between

	Mailboxes []probe.Mailbox // nil: not known
	// ListErr says why they are not known.
	ListErr error
}

// RoundTrip is a folder's name at the other end, and what becomes of that on the
// way back.
type RoundTrip struct {
	Folder, There, Back string
	Err                 error
}

// Exclude is one glob, and how many directories it leaves out.
type Exclude struct {
	Glob    string
	Setting string // such as EXCLUDE_LOCAL
	// Here and There are nil where the glob does not count, or the folders are
	// not known.
	Here, There *int
	// Literal says that a folder has the very name of the glob.
	Literal bool
	Err     error // it is no glob
}
