// Package steps runs a program step by step: it counts what the program changes
// outside itself, kills it before or in the middle of such a step, and can undo
// what a power cut at that moment would have taken. It can also let a step fail.
//
// The program is the released one, without a hook: it is traced by ptrace(2), on
// Linux on amd64. Its children are not traced.
package steps

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Step is a system call that may change something outside the process.
type Step struct {
	Call string // as the kernel names it
	// Path is the file or directory; of a rename or link the old one. What is no
	// file is called as in /proc: "pipe:[1234]".
	Path  string
	To    string `json:",omitempty"` // of a rename or link
	Bytes int64  `json:",omitempty"` // written
	// Look says that it changes nothing: it opens, reads, lists or asks about what
	// is there.
	Look bool `json:",omitempty"`
	// Made says that an open made the file.
	Made   bool `json:",omitempty"`
	Failed bool `json:",omitempty"`
}

// Sent reports whether the step sends something to another process.
func (s Step) Sent() bool { return !strings.HasPrefix(s.Path, "/") }

func (s Step) String() string {
	out := s.Call + " " + s.Path
	if s.To != "" {
		out += " → " + s.To
	}
	if s.Failed {
		out += " (failed)"
	}
	return out
}

// How says when a program is killed.
type How string

// When a program is killed, with regard to the step.
const (
	Before How = "before"
	After  How = "after"
	// Middle lets a write do only the first half; of other steps it is After.
	Middle How = "middle"
)

// Power says what a power cut takes besides, of what was not yet durable.
type Power string

// What is lost with the power.
const (
	Nothing Power = ""        // it was only the process that died
	Data    Power = "data"    // contents, while the names stay: the order is free
	Entries Power = "entries" // names, while contents stay
	All     Power = "all"
)

// Disk is a kind of file system that this machine may not have.
type Disk string

// Kinds of file system.
const (
	Ordinary  Disk = ""
	NoLinks   Disk = "no links"   // knows no hard link, nor a rename that replaces nothing
	FoldsCase Disk = "folds case" // takes names that differ in case only for one
)

// Order is what is to be done to a program.
type Order struct {
	Kill  int // at this step, from 1; 0 lets it run to its end
	How   How
	Power Power
	// Looks counts as steps also what changes nothing, of files below this directory.
	Looks string
	// Fail lets a step, from 1, come back with the error number Errno in place of
	// being done; with Lasting all later ones of that kind too.
	Fail    int
	Errno   int
	Lasting bool
	// Disk lets names be made as that kind of file system does.
	Disk Disk
	// Trace is the file that the steps are written to, as JSON.
	Trace string
	// Save is a directory on the file system of what the program changes.
	Save string
}

// Variable names, in the environment of a test binary, the file with an [Order].
// The arguments are then a program and its own.
const Variable = "SMD_APPLET_STEPS"

// Main does what the environment asks for, in place of tests; ran is false where
// it asks for nothing.
func Main() (status int, ran bool) {
	file := os.Getenv(Variable)
	if file == "" {
		return 0, false
	}
	os.Unsetenv(Variable)
	status, err := obey(file, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "steps:", err)
		return 99, true
	}
	return status, true
}

func obey(file string, argv []string) (status int, err error) {
	var o Order
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return 0, err
	}
	trace, status, err := run(argv, o)
	if err != nil {
		return 0, err
	}
	if text, err = json.Marshal(trace); err != nil {
		return 0, err
	}
	return status, os.WriteFile(o.Trace, text, 0o600)
}

// Write puts an order down where [Main] will find it.
func (o Order) Write(file string) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// Read returns the steps a program made under an order.
func (o Order) Read() ([]Step, error) {
	text, err := os.ReadFile(o.Trace)
	if err != nil {
		return nil, err
	}
	var all []Step
	return all, json.Unmarshal(text, &all)
}
