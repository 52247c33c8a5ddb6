package migrate

import (
	"regexp"
	"slices"
	"strings"

	"smd-applet/sync/census"
	"smd-applet/sync/maildir"
)

// How says how a message comes into the new tree.
type How int

// The ways.
const (
	Same    How = iota // as it is
	Strip              // without the header of the former program
	Headers            // with the header that the server's copy has
)

// File is a message of the new tree.
type File struct {
	From maildir.Name // in the old tree
	To   maildir.Name // in the new one
	How  How
	Sum  maildir.Sum  // what it will be
	Twin maildir.Name // the server's copy, where How is Headers
}

// Plan is what a new tree will be.
type Plan struct {
	Files   []File
	Folders []string // of the new tree, each

	Matched  int // messages that the server has too
	Upload   int // messages that only this end has
	Renamed  int
	Stripped int
	Adopted  int // that get the server's header
	Flawed   []*census.Message
}

// Make plans the new tree below root, in which folder says where each local one
// comes to be.
func Make(here, there *census.Census, l *Layout, folder func(local string) string) *Plan {
	p := &Plan{}
	remote := make(map[string]map[maildir.Sum][]*census.Message)
	for i := range there.Messages {
		m := &there.Messages[i]
		f := m.Name.Folder
		if remote[f] == nil {
			remote[f] = make(map[maildir.Sum][]*census.Message)
		}
		remote[f][m.Alike()] = append(remote[f][m.Alike()], m)
	}
	local := make(map[string]string, len(l.Remote))
	for l, r := range l.Remote {
		local[r] = l
	}
	taken := make(map[[2]string]bool) // folder and unique name, in the new tree
	for i := range there.Messages {
		m := &there.Messages[i]
		if l := local[m.Name.Folder]; l != "" {
			taken[[2]string{folder(l), m.Name.Unique()}] = true
		}
	}
	for i := range here.Messages {
		m := &here.Messages[i]
		to := folder(m.Name.Folder)
		twins := remote[l.Remote[m.Name.Folder]]
		f := File{From: m.Name, Sum: m.Sum, To: maildir.Name{Folder: to, Sub: m.Name.Sub}}
		unique := ""
		switch {
		case m.Flaw != "":
			p.Flawed = append(p.Flawed, m)
		default:
			if twin := take(twins, m); twin != nil {
				p.Matched++
				unique = twin.Name.Unique()
				switch {
				case twin.Sum == m.Sum:
				case twin.Sum == m.Stripped():
					f.How, f.Sum = Strip, twin.Sum
				default:
					f.How, f.Sum, f.Twin = Headers, twin.Sum, twin.Name
				}
				break
			}
			p.Upload++
			if m.Marked() {
				f.How, f.Sum = Strip, m.Stripped()
			}
		}
		if unique == "" {
			unique = ownName(m.Name.Unique(), f.How != Same)
			for taken[[2]string{to, unique}] {
				unique = maildir.FreshUnique()
			}
			taken[[2]string{to, unique}] = true
		}
		if f.To.File = unique; m.Name.Sub == "cur" || m.Name.Flags() != "" {
			f.To.File = maildir.JoinFlags(unique, m.Name.Flags())
		}
		if unique != m.Name.Unique() {
			p.Renamed++
		}
		switch f.How {
		case Strip:
			p.Stripped++
		case Headers:
			p.Adopted++
		}
		p.Files = append(p.Files, f)
	}
	for _, f := range here.Folders {
		p.Folders = append(p.Folders, folder(f))
	}
	slices.Sort(p.Folders)
	p.Folders = slices.Compact(p.Folders)
	return p
}

// take takes the server's copy of a message that suits it best: of the same name,
// else with the same flags, else any. Each is taken once.
func take(twins map[maildir.Sum][]*census.Message, m *census.Message) *census.Message {
	left := twins[m.Alike()]
	for _, suits := range []func(t *census.Message) bool{
		func(t *census.Message) bool { return t.Name.Unique() == m.Name.Unique() },
		func(t *census.Message) bool { return t.Name.Flags() == m.Name.Flags() && t.Sum == m.Sum },
		func(t *census.Message) bool { return t.Name.Flags() == m.Name.Flags() },
		func(*census.Message) bool { return true },
	} {
		if i := slices.IndexFunc(left, suits); i >= 0 {
			t := left[i]
			twins[m.Alike()] = slices.Delete(slices.Clone(left), i, i+1)
			return t
		}
	}
	return nil
}

// marks are what other programs put into names: the UID and the folder, by which
// mbsync and OfflineIMAP know a message again; sizes are those of its content.
var (
	marks = regexp.MustCompile(`,(U=\d+|FMD5=[0-9a-f]+)`)
	sizes = regexp.MustCompile(`,[SW]=\d+`)
)

// ownName is the name of a message that the server does not have.
func ownName(unique string, changed bool) string {
	unique = marks.ReplaceAllString(unique, "")
	if changed {
		unique = sizes.ReplaceAllString(unique, "")
	}
	return strings.TrimRight(unique, ",:")
}
