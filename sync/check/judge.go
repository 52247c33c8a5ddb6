package check

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
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
			j.add(Note, "there is no smd-applet that answers: its clock and the room on its disk are not known", "smd-applet there too makes syncs quicker")
		}
		return
	}
	j.ok("%s is there", r.Applet)
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

// names tells every folder's name at the other end and back, in SMD's format.
func (j *judge) names() {
	f := j.facts
	j.topic = "folder names"
	if f.TranslatorErr != nil {
		j.fault(f.TranslatorErr)
		return
	}
	for _, side := range []struct {
		trips   []RoundTrip
		setting string
	}{{f.There, "EXCLUDE_LOCAL"}, {f.Here, "EXCLUDE_REMOTE"}} {
		for _, t := range side.trips {
			fix := fmt.Sprintf("rename the folder, leave it out (%s), or translate in another way", side.setting)
			switch {
			case t.Err != nil:
				j.add(Error, fmt.Sprintf("%s -> %s: %v", t.Folder, cmp.Or(t.There, "?"), reason(t.Err)), fix)
			case t.Back != t.Folder:
				j.add(Error, fmt.Sprintf("%s -> %s -> %s: it does not come back as it was", t.Folder, t.There, t.Back), fix)
			default:
				j.ok("%s -> %s -> %s", t.Folder, t.There, t.Back)
			}
		}
	}
}

// reason is why a name has no translation, without the name.
func reason(err error) error {
	if f := fault.As(err); f.Err != nil {
		return f.Err
	}
	return err
}

// oneSided tells which folders only one end has.
func (j *judge) oneSided() {
	f := j.facts
	j.topic = "folders on one side"
	has := func(trips []RoundTrip) map[string]bool {
		folders := make(map[string]bool)
		for _, t := range trips {
			folders[t.Folder] = true
		}
		return folders
	}
	here, there := has(f.There), has(f.Here)
	if len(here) == 0 || len(there) == 0 {
		return // before the first sync, or not known
	}
	inboxes := make(map[string]bool) // at the server, that have another name here
	for _, t := range f.There {
		switch {
		case t.Err != nil || there[t.There]:
		case j.isInbox(t.Folder) && there[j.otherRoot(t.Folder)]:
			inboxes[j.otherRoot(t.Folder)] = true
			j.add(Warning, fmt.Sprintf("%s is only here; the server has its inbox in %s itself", t.Folder, j.otherRoot(t.Folder)), j.inboxMode())
		default:
			j.add(Note, fmt.Sprintf("%s is only here; at the server it is %s", t.Folder, t.There), "nothing, if that is meant; else add it to EXCLUDE_LOCAL")
		}
	}
	for _, t := range f.Here {
		if t.Err == nil && !here[t.There] && !inboxes[t.Folder] {
			j.add(Note, fmt.Sprintf("%s is only at the server; here it is %s", t.Folder, t.There), "nothing, if that is meant; else add it to EXCLUDE_REMOTE")
		}
	}
}

// isInbox reports whether a local folder is an INBOX right below its mailbox.
func (j *judge) isInbox(folder string) bool {
	return strings.EqualFold(path.Base(folder), "INBOX") && j.otherRoot(folder) != ""
}

// otherRoot is the server's root of the mailbox that a local folder lies right
// below, or "".
func (j *judge) otherRoot(folder string) string {
	for _, m := range j.facts.Config.Mailboxes {
		if m.Local == path.Dir(folder) {
			return m.Remote
		}
	}
	return ""
}

// inboxMode is how to configure that a local INBOX is the root at the server.
func (j *judge) inboxMode() string {
	e := j.facts.Config
	mode := "inbox"
	words := strings.Fields(e.TranslatorLR)
	if i := slices.Index(words, "-m"); i >= 0 && i+1 < len(words) && words[i+1] != "move" && words[i+1] != "cat" {
		mode += "+" + words[i+1]
	}
	if e.TranslatorLR == "" {
		return fmt.Sprintf("in place of MAILBOX set MAILBOX_LOCAL, MAILBOX_REMOTE, TRANSLATOR_LR=\"smd-translate -m inbox -d LR %s\" and TRANSLATOR_RL=\"smd-translate -m inbox -d RL %[1]s\"", e.Name)
	}
	return fmt.Sprintf("use smd-translate -m %s in TRANSLATOR_LR and TRANSLATOR_RL", mode)
}

func (j *judge) excludes() {
	f := j.facts
	j.topic = "excludes"
	if f.ExcludesErr != nil {
		j.fault(f.ExcludesErr)
	}
	for _, x := range f.Excludes {
		var counts []string
		total := 0
		for _, side := range []struct {
			n     *int
			where string
		}{{x.Here, "here"}, {x.There, "at the server"}} {
			if side.n != nil {
				total += *side.n
				counts = append(counts, plural(*side.n, "folder")+" "+side.where)
			}
		}
		switch {
		case len(counts) == 0: // not known
		case total > 0:
			j.ok("%s %s: %s", x.Setting, x.Glob, strings.Join(counts, ", "))
		case x.Setting == "EXCLUDE_REMOTE" && f.Remote.Applet == "":
			j.add(Note, fmt.Sprintf("%s %s matches no folder of messages at the server; what else there is is not known", x.Setting, x.Glob), "")
		default:
			j.add(Warning, fmt.Sprintf("%s %s matches nothing", x.Setting, x.Glob), j.excludeFix(x))
		}
	}
}

// excludeFix says why a glob may match nothing.
func (j *judge) excludeFix(x Exclude) string {
	var roots []string
	if x.Setting != "EXCLUDE_REMOTE" {
		roots = j.facts.Config.LocalMailboxes()
	}
	if x.Setting != "EXCLUDE_LOCAL" {
		roots = append(roots, j.facts.Config.RemoteMailboxes()...)
	}
	below := func(root string) bool {
		return strings.HasPrefix(strings.ReplaceAll(x.Glob, "%20", " "), root+"/") || strings.HasPrefix(x.Glob, "*")
	}
	switch {
	case x.Literal:
		return "brackets are sets of characters: quote the first, as in " + strings.ReplaceAll(x.Glob, "[", `\[`)
	case !slices.ContainsFunc(roots, below):
		return fmt.Sprintf("a glob is the whole path below the home: begin it with %s/", strings.Join(slices.Compact(roots), "/ or "))
	}
	return "compare it with the folders above: remove or correct it"
}

func (j *judge) subscriptions() {
	f := j.facts
	if !f.Config.SubscribedOnly {
		return
	}
	j.topic = "subscriptions"
	switch {
	case f.SubscribedErr != nil && fault.Is(f.SubscribedErr, fault.RemoteProgram):
		j.add(Error, "SUBSCRIBED_ONLY needs smd-applet on the server", "install it there, or remove SUBSCRIBED_ONLY and name folders in EXCLUDE")
	case f.SubscribedErr != nil:
		j.fault(f.SubscribedErr)
	case f.Subscribed != nil:
		n, all := 0, 0
		for _, m := range f.Remote.Mailboxes {
			for _, folder := range m.Folders {
				all++
				if f.Subscribed.Match(folder) {
					n++
				}
			}
		}
		j.ok("%d of %s at the server", n, plural(all, "folder"))
	}
}
