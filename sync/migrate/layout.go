package migrate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/maildir"
	"smd-applet/sync/translate"
)

// Layout says which local folder is which at the server.
type Layout struct {
	Mode   string            // of smd-translate, which says the same; "" where none does
	Remote map[string]string // by local folder, for every one that has messages
	// Unnamed are folders of the server that have no name here in that mode.
	Unnamed []string
	// Guessed are local folders that no message at the server tells anything of,
	// and that have the name there that the others suggest.
	Guessed []string
}

// modes are those that may be found, the plainest first.
var modes = []string{"move", "inbox", "default", "inbox+default", "nodots", "inbox+nodots", "nodots2", "inbox+nodots2"}

// FindLayout finds by the messages in them which folder of the old tree is which
// at the server. e names both roots.
func FindLayout(e *config.Endpoint, home string, here, there *census.Census) (*Layout, error) {
	votes := vote(here, there)
	var best *Layout
	most := -1
	for _, mode := range modes {
		m, err := translate.Mode(e, home, mode)
		if err != nil {
			return nil, err
		}
		l, agree := byMode(m, votes, there.Folders)
		if l != nil && (agree > most || agree == most && len(l.Guessed) < len(best.Guessed)) {
			l.Mode, best, most = mode, l, agree
		}
	}
	if best != nil && best.consistent(votes) {
		return best, nil
	}
	return byVotes(e, votes, best), nil
}

// ballot is how many messages of a local folder each remote one has.
type ballot map[string]map[string]int

func vote(here, there *census.Census) ballot {
	where := make(map[maildir.Sum][]string)
	for i := range there.Messages {
		m := &there.Messages[i]
		if at := where[m.Alike()]; !slices.Contains(at, m.Name.Folder) {
			where[m.Alike()] = append(at, m.Name.Folder)
		}
	}
	votes := make(ballot)
	for i := range here.Messages {
		m := &here.Messages[i]
		if votes[m.Name.Folder] == nil {
			votes[m.Name.Folder] = make(map[string]int)
		}
		for _, f := range where[m.Alike()] {
			votes[m.Name.Folder][f]++
		}
	}
	return votes
}

// byMode is the layout of a mode, or nil where it has no name for a folder with
// messages, and how many messages agree.
func byMode(m *translate.Map, votes ballot, remotes []string) (*Layout, int) {
	l := &Layout{Remote: make(map[string]string)}
	agree := 0
	for local, v := range votes {
		remote, err := m.Remote(local)
		if err != nil || maildir.CheckPath(remote) != nil {
			return nil, 0
		}
		back, err := m.Local(remote)
		if err != nil || back != local {
			return nil, 0
		}
		l.Remote[local] = remote
		agree += v[remote]
		if v[remote] == 0 && !slices.Contains(remotes, remote) {
			l.Guessed = append(l.Guessed, local)
		}
	}
	for _, r := range remotes {
		local, err := m.Local(r)
		if err == nil {
			var back string
			if back, err = m.Remote(local); err == nil && back != r {
				local = ""
			}
		}
		if err != nil || local == "" {
			l.Unnamed = append(l.Unnamed, r)
		}
	}
	slices.Sort(l.Guessed)
	return l, agree
}

// consistent reports whether no folder has most of its messages elsewhere.
func (l *Layout) consistent(votes ballot) bool {
	for local, v := range votes {
		if first, n := winner(v); n > 2*v[l.Remote[local]] && first != l.Remote[local] {
			return false
		}
	}
	return true
}

// winner is the remote folder with the most messages.
func winner(v map[string]int) (string, int) {
	first, most := "", 0
	for _, f := range slices.Sorted(maps.Keys(v)) {
		if v[f] > most {
			first, most = f, v[f]
		}
	}
	return first, most
}

// byVotes is a layout by content alone; two local folders never share one. What
// nothing is known of is named as the best mode has it, or as it is here.
func byVotes(e *config.Endpoint, votes ballot, best *Layout) *Layout {
	l := &Layout{Remote: make(map[string]string)}
	taken := make(map[string]bool)
	type claim struct {
		local, remote string
		votes         int
	}
	var claims []claim
	for local, v := range votes {
		for remote, n := range v {
			claims = append(claims, claim{local, remote, n})
		}
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.votes, a.votes), strings.Compare(a.local, b.local), strings.Compare(a.remote, b.remote))
	})
	for _, c := range claims {
		if l.Remote[c.local] == "" && !taken[c.remote] {
			l.Remote[c.local], taken[c.remote] = c.remote, true
		}
	}
	local, remote := e.Mailboxes[0].Local, e.Mailboxes[0].Remote
	for _, f := range slices.Sorted(maps.Keys(votes)) {
		if l.Remote[f] != "" {
			continue
		}
		l.Guessed = append(l.Guessed, f)
		name := ""
		if best != nil {
			name = best.Remote[f]
		}
		rest := strings.Trim(strings.TrimPrefix(f, local), "/.")
		for i := 0; name == "" || taken[name]; i++ {
			name = remote + "/." + strings.ReplaceAll(rest, "/", ".") + strings.Repeat("-migrated", i)
		}
		l.Remote[f], taken[name] = name, true
	}
	return l
}
