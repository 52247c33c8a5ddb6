package check

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/fault"
)

// Judge says what is well and what is wrong, in the order a person would look.
func Judge(f *Facts) []Finding {
	j := &judge{facts: f}
	j.configuration()
	j.hooks()
	if f.Config == nil {
		j.topic = "server"
		j.add(Note, "not looked at: the configuration comes first", "")
		return j.findings
	}
	j.notmuch()
	j.server()
	j.mailboxes()
	j.names()
	j.oneSided()
	j.excludes()
	j.subscriptions()
	return j.findings
}

type judge struct {
	facts    *Facts
	topic    string
	findings []Finding
}

func (j *judge) add(level Level, text, fix string) {
	j.findings = append(j.findings, Finding{j.topic, level, text, fix})
}

func (j *judge) ok(format string, args ...any) { j.add(OK, fmt.Sprintf(format, args...), "") }

// short writes a path as a person does.
func (j *judge) short(path string) string {
	if rest, ok := strings.CutPrefix(path, j.facts.Home+"/"); ok {
		return "~/" + rest
	}
	return path
}

// fault adds a failure as it tells of itself.
func (j *judge) fault(err error) {
	f := fault.As(err)
	j.add(Error, f.Error(), f.WayOut())
}

func (j *judge) configuration() {
	f := j.facts
	j.topic = "configuration"
	if f.ConfigErr != nil {
		j.fault(f.ConfigErr)
	} else {
		e := f.Config
		j.ok("%s: server %s, client %s", j.short(f.ConfigFile), e.ServerName, e.ClientName)
	}
	for _, u := range f.Unread {
		fix := "remove it, if it is meant for us"
		if u.Meant != "" {
			fix = "write " + u.Meant
		}
		j.add(Warning, u.Name+" is set, and nothing reads it", fix)
	}
	j.loop()
	if f.State&0o077 != 0 {
		j.add(Warning, fmt.Sprintf("%s is open to other users (%#o)", j.short(f.StateDir), f.State), "chmod 700 "+j.short(f.StateDir))
	} else {
		j.ok("%s is the user's alone", j.short(f.StateDir))
	}
}

func (j *judge) loop() {
	f := j.facts
	if f.LoopErr != nil {
		j.fault(f.LoopErr)
		return
	}
	listed := false
	for _, l := range f.Loop {
		switch {
		case l.Endpoint == f.Endpoint:
			listed = true
			j.ok("%s: %s, %s", j.short(f.LoopFile), often("pull", l.Pull), often("push", l.Push))
		case !slices.Contains(f.Endpoints, l.Endpoint):
			j.add(Warning, fmt.Sprintf("%s names the endpoint %s, which has no configuration", j.short(f.LoopFile), l.Endpoint), "remove the line, or write the configuration: smd-pull -t "+l.Endpoint)
		}
	}
	if !listed {
		j.add(Warning, fmt.Sprintf("%s does not name the endpoint %s: neither the applet nor smd-loop syncs it", j.short(f.LoopFile), f.Endpoint), "add the line: 3 10 "+f.Endpoint)
	}
}

func often(what string, every time.Duration) string {
	if every == 0 {
		return what + " never"
	}
	return fmt.Sprintf("%s every %s", what, span(every))
}

// span is a duration without the units that are 0.
func span(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (j *judge) hooks() {
	j.topic = "hooks"
	for _, h := range j.facts.Hooks {
		where := path.Join(path.Base(path.Dir(h.Path)), path.Base(h.Path))
		if h.Executable {
			j.ok("%s", where)
		} else {
			j.add(Warning, where+" is not executable: it does not run", "chmod +x "+j.short(h.Path)+", or move it away")
		}
	}
}

func (j *judge) notmuch() {
	if j.facts.Config.Notmuch == "" {
		return
	}
	j.topic = "notmuch"
	n := &j.facts.Notmuch
	if n.Err != nil {
		j.add(Error, "notmuch can't be used: "+n.Err.Error(), "install notmuch and run notmuch setup, or remove NOTMUCH from the configuration")
		return
	}
	j.ok("NOTMUCH=%s: its mail is in %s", j.facts.Config.Notmuch, j.short(n.Root))
	for _, dir := range n.Outside {
		j.add(Warning, fmt.Sprintf("%s is not in notmuch's care", j.short(dir)), "correct database.path or new.ignore: see notmuch config list")
	}
	if n.Slow != nil {
		j.add(Note, "files can't be named to notmuch, it looks through all the mail: "+n.Slow.Error(), "install python3")
	}
}
