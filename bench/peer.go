//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// task is what a peer is asked for.
type task int

const (
	first task = iota // all of the server's mail to an empty client
	pull              // the server's changes to the client; both ways will do
	both              // both ends' changes
)

// peer is a tool that keeps a mailbox the same at two ends, or copies it from one.
type peer interface {
	name() string
	// missing is the program it needs and that is not installed; "" when it can run.
	missing() string
	// version is the line it prints of itself.
	version() string
	// serve makes the server's end of a pair ready, whose mailbox is there.
	serve(*pair) error
	// setUp makes a client ready, and again where it is to reach the server by
	// another ssh name.
	setUp(*pair) error
	// command is what brings the two in step; nil where it cannot.
	command(*pair, task) []string
}

// peers are all, in the order of the tables: what is ours comes first.
func (s *stage) peers() []peer {
	ours := filepath.Join(s.bin, "smd-applet")
	list := []peer{&smd{"smd/2", ours, "2"}}
	if s.against != "" {
		list = append(list, &smd{"smd/2 of the other build", s.against, "2"})
	}
	return append(list, &smd{"smd 1.3", ours, "1.3"}, tar{}, rsync{}, unison{}, mbsync{}, muchsync{}, offlineimap{})
}

// slow are the peers that need so long for each message that they get a smaller
// mailbox.
func slow(p peer) bool {
	switch p.(type) {
	case muchsync, offlineimap:
		return true
	}
	return false
}

// lacks is the first of the programs that is not installed.
func lacks(programs ...string) string {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return filepath.Base(program)
		}
	}
	return ""
}

// durable follows a command with sync, which makes durable what those peers wrote
// that leave that to the system. The arguments are the command's.
func durable(argv ...string) []string {
	return append([]string{"sh", "-c", `"$@" && sync`, "sh"}, argv...)
}

// ssh is the command by which a client reaches its server, in one string.
func (p *pair) ssh() string { return fmt.Sprintf("ssh -F %s", p.sshConfig()) }

func (p *pair) sshConfig() string { return filepath.Join(p.client, ".ssh", "config") }

// atServer is a script of the server's that runs a program as a witness does. Its
// arguments are passed on.
func (p *pair) atServer(program string) (string, error) {
	file := filepath.Join(p.server, "run-"+strings.ReplaceAll(filepath.Base(program), " ", "-"))
	return file, writeScript(file, fmt.Sprintf("exec '%s' %s '%s' %s \"$@\"", p.self, asWitness, p.noteThere, program))
}
