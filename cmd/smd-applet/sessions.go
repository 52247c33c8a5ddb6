package main

import (
	"os"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// openSessions is how a command that a person types reaches the other end, with
// the log on standard error. The caller closes the Pool.
func openSessions(verbose bool) (*sync.Sessions, error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return nil, err
	}
	self, err := programPath()
	if err != nil {
		return nil, err
	}
	log := newLogger(os.Stderr, verbose)
	return &sync.Sessions{Paths: paths, Program: self, Log: log, Pool: &remote.Pool{Log: log}}, nil
}

// endpointOf is the endpoint that a command's one argument names.
func endpointOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "default"
}

// mailboxesFor checks the mailboxes that the other end names when it starts a role.
func mailboxesFor(role string, given []string) ([]string, error) {
	names := make([]string, len(given))
	for i, m := range given {
		var err error
		if names[i], err = config.CleanMailbox(m); err != nil {
			return nil, fault.New(fault.Config, role, m, err)
		}
	}
	return names, nil
}
