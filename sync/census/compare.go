package census

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"

	"smd-applet/sync/maildir"
)

// Count is what one end has of a folder.
type Count struct {
	Messages int    `json:"messages"`
	New      int    `json:"new"` // of them, in new
	Bytes    int64  `json:"bytes"`
	Double   int    `json:"double"`  // messages that are there more than once, but for the first
	Flawed   int    `json:"flawed"`  // files that are no messages
	Content  string `json:"content"` // a digest of all contents, whatever their names and order
}

// Folder is a folder at one end.
type Folder struct {
	Name  string `json:"folder"`
	Count Count  `json:"count"`
}

// Doubles are messages of one folder with the same content.
type Doubles []*Message

// ByFolder counts folder by folder; folders without messages count too.
func (c *Census) ByFolder() []Folder {
	by := group(c)
	all := make([]Folder, 0, len(c.Folders))
	for _, name := range c.Folders {
		all = append(all, Folder{name, count(by[name])})
	}
	return all
}

// Total adds up folders. The digest is one of theirs, in order.
func Total(folders []Folder) Count {
	var t Count
	h := sha1.New()
	for _, f := range folders {
		t.Messages += f.Count.Messages
		t.New += f.Count.New
		t.Bytes += f.Count.Bytes
		t.Double += f.Count.Double
		t.Flawed += f.Count.Flawed
		h.Write([]byte(f.Count.Content)) // a hash never fails
	}
	t.Content = shown(h.Sum(nil))
	return t
}

// shown is as much of a digest as a person compares.
func shown(digest []byte) string { return hex.EncodeToString(digest[:6]) }

// Doubles are all messages that are more than once in their folder, together.
func (c *Census) Doubles() []Doubles {
	var all []Doubles
	by := group(c)
	for _, name := range c.Folders {
		run := Doubles(nil)
		for _, m := range whole(by[name]) {
			if len(run) > 0 && run[0].Sum != m.Sum {
				if len(run) > 1 {
					all = append(all, run)
				}
				run = nil
			}
			run = append(run, m)
		}
		if len(run) > 1 {
			all = append(all, run)
		}
	}
	return all
}

// Flawed are the files in cur and new that are no messages.
func (c *Census) Flawed() []*Message {
	var all []*Message
	for i := range c.Messages {
		if c.Messages[i].Flaw != "" {
			all = append(all, &c.Messages[i])
		}
	}
	return all
}

// Without returns c, which it takes over, as the census of what is in no folder that is excluded.
func (c *Census) Without(excluded func(folder string) bool) *Census {
	out := make(map[string]bool, len(c.Folders))
	for _, f := range c.Folders {
		out[f] = excluded(f)
	}
	return &Census{
		Messages: slices.DeleteFunc(c.Messages, func(m Message) bool { return out[m.Name.Folder] }),
		Folders:  slices.DeleteFunc(c.Folders, func(f string) bool { return out[f] }),
		Strays:   c.Strays,
	}
}

func group(c *Census) map[string][]*Message {
	by := make(map[string][]*Message, len(c.Folders))
	for i := range c.Messages {
		m := &c.Messages[i]
		by[m.Name.Folder] = append(by[m.Name.Folder], m)
	}
	return by
}

// whole returns the files that are messages, by content and then by name.
func whole(files []*Message) []*Message {
	messages := make([]*Message, 0, len(files))
	for _, m := range files {
		if m.Flaw == "" {
			messages = append(messages, m)
		}
	}
	slices.SortFunc(messages, func(a, b *Message) int {
		return cmp.Or(bySum(a.Sum, b.Sum), strings.Compare(a.Name.Unique(), b.Name.Unique()), strings.Compare(a.Name.File, b.Name.File))
	})
	return messages
}

func bySum(a, b maildir.Sum) int {
	return cmp.Or(bytes.Compare(a.Header[:], b.Header[:]), bytes.Compare(a.Body[:], b.Body[:]))
}

func count(files []*Message) Count {
	messages := whole(files)
	c := Count{Messages: len(messages), Flawed: len(files) - len(messages)}
	h := sha1.New()
	for i, m := range messages {
		c.Bytes += m.Size
		if m.Name.Sub == "new" {
			c.New++
		}
		if i > 0 && messages[i-1].Sum == m.Sum {
			c.Double++
		}
		h.Write(m.Sum.Header[:]) // a hash never fails
		h.Write(m.Sum.Body[:])
	}
	c.Content = shown(h.Sum(nil))
	return c
}

// Kind is how a message differs between two ends.
type Kind string

// The kinds of differences.
const (
	OnlyHere  Kind = "only-here"
	OnlyThere Kind = "only-there"
	Differs   Kind = "differs" // one name, two contents
	Flags     Kind = "flags"   // the flags differ, or only one has it as new
	Names     Kind = "names"   // the same but for its name: no loss, but a first sync would have it twice
)

// Difference is a message that is not the same at both ends.
type Difference struct {
	Kind        Kind
	Here, There *Message // nil where it is not
	// Elsewhere is a folder, by its name here, in which the other end has a
	// message of this content too many: it was moved.
	Elsewhere string
}

// FolderPair is a folder at both ends, by its name at this one; by its own where
// it has no name here.
type FolderPair struct {
	Name   string       `json:"folder"`
	Remote string       `json:"remote"`
	Here   Count        `json:"here"`
	There  Count        `json:"there"`
	Tally  map[Kind]int `json:"differences,omitempty"`
}

// Comparison is what two ends have, side by side.
type Comparison struct {
	Folders     []FolderPair
	Differences []Difference // by folder, by kind, then by name
}

// Equal reports whether both ends have the same messages in the same folders,
// with the same flags. Names do not count.
func (c *Comparison) Equal() bool {
	return !slices.ContainsFunc(c.Differences, func(d Difference) bool { return d.Kind != Names })
}

// Compare puts two ends side by side. local names a folder of the other end as
// it is called here; where it can't it returns "".
func Compare(here, there *Census, local func(remote string) string) *Comparison {
	byHere, byThere := group(here), group(there)
	remote := make(map[string]string) // by the name here
	for _, f := range there.Folders {
		name := local(f)
		if name == "" || remote[name] != "" {
			name = f
		}
		remote[name] = f
	}
	names := slices.Clone(here.Folders)
	for name := range remote {
		names = append(names, name)
	}
	slices.Sort(names)
	c := &Comparison{}
	for _, name := range slices.Compact(names) {
		p := FolderPair{Name: name, Remote: remote[name], Tally: make(map[Kind]int)}
		mine, theirs := byHere[name], byThere[p.Remote]
		p.Here, p.There = count(mine), count(theirs)
		found := compareFolder(whole(mine), whole(theirs))
		for _, d := range found {
			p.Tally[d.Kind]++
		}
		c.Folders = append(c.Folders, p)
		c.Differences = append(c.Differences, found...)
	}
	c.findMoved(local)
	return c
}

// compareFolder compares the messages of one folder, sorted by content.
func compareFolder(here, there []*Message) []Difference {
	var all []Difference
	var onlyHere, onlyThere []*Message
	for len(here) > 0 || len(there) > 0 {
		switch order := compareFirst(here, there); {
		case order < 0:
			onlyHere, here = append(onlyHere, here[0]), here[1:]
		case order > 0:
			onlyThere, there = append(onlyThere, there[0]), there[1:]
		default:
			a, b := same(here), same(there)
			found, h, t := pair(here[:a], there[:b])
			all, onlyHere, onlyThere = append(all, found...), append(onlyHere, h...), append(onlyThere, t...)
			here, there = here[a:], there[b:]
		}
	}
	byName := make(map[string]*Message, len(onlyThere))
	for _, m := range onlyThere {
		byName[m.Name.Unique()] = m
	}
	for _, m := range onlyHere {
		u := m.Name.Unique()
		if other := byName[u]; other != nil {
			all = append(all, Difference{Kind: Differs, Here: m, There: other})
			delete(byName, u)
			continue
		}
		all = append(all, Difference{Kind: OnlyHere, Here: m})
	}
	for _, m := range onlyThere {
		if byName[m.Name.Unique()] == m {
			all = append(all, Difference{Kind: OnlyThere, There: m})
		}
	}
	slices.SortStableFunc(all, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), strings.Compare(a.Message().Name.File, b.Message().Name.File))
	})
	return all
}

func order(k Kind) int { return slices.Index([]Kind{OnlyHere, OnlyThere, Differs, Flags, Names}, k) }

// Message is the message here, or where there is none the one there.
func (d *Difference) Message() *Message {
	if d.Here != nil {
		return d.Here
	}
	return d.There
}

func compareFirst(here, there []*Message) int {
	switch {
	case len(here) == 0:
		return 1
	case len(there) == 0:
		return -1
	}
	return bySum(here[0].Sum, there[0].Sum)
}

// same is how many at the front have the same content.
func same(messages []*Message) int {
	n := 1
	for n < len(messages) && messages[n].Sum == messages[0].Sum {
		n++
	}
	return n
}

// pair matches messages of one content: those of one name first, then those with
// the same flags, then the rest. It returns how the pairs differ, and what is
// left over at either end.
func pair(here, there []*Message) (found []Difference, onlyHere, onlyThere []*Message) {
	here, there = slices.Clone(here), slices.Clone(there)
	flags := func(m *Message) [2]string { return [2]string{m.Name.Sub, m.Name.Flags()} }
	for _, alike := range []func(a, b *Message) bool{
		func(a, b *Message) bool { return a.Name.Unique() == b.Name.Unique() },
		func(a, b *Message) bool { return flags(a) == flags(b) },
		func(_, _ *Message) bool { return true },
	} {
		here = slices.DeleteFunc(here, func(a *Message) bool {
			i := slices.IndexFunc(there, func(b *Message) bool { return alike(a, b) })
			if i < 0 {
				return false
			}
			b := there[i]
			there = slices.Delete(there, i, i+1)
			if flags(a) != flags(b) {
				found = append(found, Difference{Kind: Flags, Here: a, There: b})
			} else if a.Name.Unique() != b.Name.Unique() {
				found = append(found, Difference{Kind: Names, Here: a, There: b})
			}
			return true
		})
	}
	return found, here, there
}

// findMoved finds what one end has in one folder and the other in another.
func (c *Comparison) findMoved(local func(string) string) {
	type side struct {
		here bool
		sum  maildir.Sum
	}
	extra := make(map[side]string)
	name := func(m *Message, here bool) string {
		if here {
			return m.Name.Folder
		}
		return cmp.Or(local(m.Name.Folder), m.Name.Folder)
	}
	for _, d := range c.Differences {
		if d.Kind == OnlyHere || d.Kind == OnlyThere {
			m, here := d.Message(), d.Here != nil
			extra[side{here, m.Sum}] = name(m, here)
		}
	}
	for i := range c.Differences {
		if d := &c.Differences[i]; d.Kind == OnlyHere || d.Kind == OnlyThere {
			d.Elsewhere = extra[side{d.Here == nil, d.Message().Sum}]
		}
	}
}
