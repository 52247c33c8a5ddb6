package check

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"smd-applet/sync/fault"
)

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
		case x.Err != nil:
			j.fault(x.Err)
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
