package check

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"smd-applet/sync/deploy"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
)

// clockTolerance is how far clocks may be apart: one that is set by the network
// is much better.
const clockTolerance = 10 * time.Second

func (j *judge) server() {
	r := &j.facts.Remote
	j.topic = "server"
	if r.LoginErr != nil {
		var dns *net.DNSError
		if errors.As(r.LoginErr, &dns) {
			j.add(Error, fault.As(r.LoginErr).Error(), fmt.Sprintf("correct SERVERNAME, or name the host in ~/.ssh/config: Host %s", j.facts.Config.ServerName))
			return
		}
		j.fault(r.LoginErr)
		return
	}
	j.ok("%s can be reached (%s)", j.facts.Config.ServerName, r.How)
	missing := func(m probe.Mailbox) bool { return m.Missing != "" }
	switch {
	case r.ServerErr == nil:
		j.ok("%s speaks smd %s", r.Server, r.Protocol)
	case fault.Is(r.ServerErr, fault.MailboxMissing) && slices.ContainsFunc(r.Mailboxes, missing):
		// Told of the mailbox.
	case fault.Is(r.ServerErr, fault.RemoteFailed):
		j.add(Error, fault.As(r.ServerErr).Error(), fmt.Sprintf("log in and start it by hand: ssh %s smd-server --help", j.facts.Config.ServerName))
	default:
		j.fault(r.ServerErr)
	}
	if r.Applet == "" {
		if r.ServerErr == nil {
			j.add(Note, "there is no smd-applet that answers: its clock and the room on its disk are not known", "smd-applet there too makes syncs quicker: smd-applet deploy "+j.facts.Config.ServerName)
		}
		return
	}
	if deploy.Older(r.Applet, j.facts.Program) {
		j.add(Note, r.Applet+" is there, which is older than this one", "smd-applet deploy "+j.facts.Config.ServerName)
	} else {
		j.ok("%s is there", r.Applet)
	}
	switch ahead, behind := r.Time.Sub(r.Answered), r.Asked.Sub(r.Time); {
	case ahead > clockTolerance:
		j.add(Warning, "its clock is "+span(ahead)+" ahead", "let the network set both clocks: timedatectl set-ntp true")
	case behind > clockTolerance:
		j.add(Warning, "its clock is "+span(behind)+" behind", "let the network set both clocks: timedatectl set-ntp true")
	default:
		j.ok("the clocks agree")
	}
}

// Room on a disk, in bytes: little, and as good as none.
const (
	littleRoom = 200 << 20
	noRoom     = 10 << 20
)

func (j *judge) mailboxes() {
	f := j.facts
	j.topic = "mailboxes"
	if f.LocalErr != nil {
		j.fault(f.LocalErr)
	}
	for _, m := range f.Local {
		if m.Missing != "" {
			j.add(Note, fmt.Sprintf("%s is not here: %s", m.Name, m.Missing), "nothing, if it is to be a new copy: the first pull makes it; else correct the configuration, or mount it")
			continue
		}
		j.mailbox(m, "here", f.Config.ExcludeLocal)
	}
	for _, m := range f.Remote.Mailboxes {
		if m.Missing != "" {
			j.add(Error, fmt.Sprintf("%s is not at the server: %s", m.Name, m.Missing), "correct MAILBOX (MAILBOX_REMOTE), or make the folder there")
			continue
		}
		j.mailbox(m, "at the server", f.Config.ExcludeRemote)
	}
	if f.Remote.Mailboxes == nil && f.Remote.LoginErr == nil {
		why := "the key may run nothing there but the server program, or it has no mddiff"
		if f.Remote.ListErr != nil {
			why = fault.As(f.Remote.ListErr).Error()
		}
		j.add(Note, "the folders at the server are not known: "+why, "")
	}
}

func (j *judge) mailbox(m probe.Mailbox, where string, excludes []string) {
	j.ok("%s: %s %s", m.Name, plural(len(m.Folders), "folder"), where)
	left := func(string) bool { return false }
	if x, err := exclude.New(excludes, m.Name); err == nil {
		left = x.Match
	}
	for _, dir := range m.Unreadable {
		if !below(m.Name, dir, left) {
			j.add(Error, fmt.Sprintf("%s can't be read %s", dir, where), "make it yours and readable, or exclude it")
		}
	}
	for _, link := range m.Skipped {
		if !below(m.Name, link, left) {
			j.add(Warning, fmt.Sprintf("%s is left out %s: a link that leads out of the mailbox or to a file, or a name that can't be sent", link, where), "exclude it, or put what it leads to in its place")
		}
	}
	if m.ReadOnly {
		j.add(Error, fmt.Sprintf("%s can't be written %s", m.Name, where), "give yourself the right to write it")
	}
	switch {
	case m.Free == nil:
	case *m.Free < noRoom:
		j.add(Error, fmt.Sprintf("%s: %s free %s", m.Name, size(*m.Free), where), "free some space")
	case *m.Free < littleRoom:
		j.add(Warning, fmt.Sprintf("%s: %s free %s", m.Name, size(*m.Free), where), "free some space")
	default:
		j.ok("%s: %s free %s", m.Name, size(*m.Free), where)
	}
}

func size(bytes int64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
