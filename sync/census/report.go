package census

import "smd-applet/sync/maildir"

// Summary is a census for people and programs.
type Summary struct {
	Folders []Folder     `json:"folders"`
	Total   Count        `json:"total"`
	Doubles []Double     `json:"doubles"`
	Flawed  []FlawedFile `json:"flawed"`
	Strays  []Stray      `json:"strays"`
}

// Double is a message that is in its folder more than once.
type Double struct {
	Folder string   `json:"folder"`
	Names  []string `json:"names"` // paths below home
	Title  Title    `json:"title"`
}

// FlawedFile is a file in cur or new that is no message.
type FlawedFile struct {
	Path string `json:"path"` // below home
	Size int64  `json:"bytes"`
	Flaw Flaw   `json:"flaw"`
}

// Summary sums the census up. With a store the doubles have titles; without one
// there are none named.
func (c *Census) Summary(store *maildir.Store) *Summary {
	s := &Summary{Folders: c.ByFolder(), Doubles: []Double{}, Flawed: []FlawedFile{}, Strays: c.Strays}
	if s.Strays == nil {
		s.Strays = []Stray{}
	}
	s.Total = Total(s.Folders)
	for _, m := range c.Flawed() {
		s.Flawed = append(s.Flawed, FlawedFile{m.Name.String(), m.Size, m.Flaw})
	}
	if store == nil {
		return s
	}
	for _, same := range c.Doubles() {
		d := Double{Folder: same[0].Name.Folder}
		for _, m := range same {
			d.Names = append(d.Names, m.Name.String())
		}
		if header, err := Header(store, same[0].Name); err == nil { // else it is gone meanwhile
			d.Title = TitleOf(header)
		}
		s.Doubles = append(s.Doubles, d)
	}
	return s
}

// SideBySide is a comparison for people and programs.
type SideBySide struct {
	Endpoint    string            `json:"endpoint"`
	Server      string            `json:"server"`
	Equal       bool              `json:"equal"`
	Total       map[Kind]int      `json:"differences"`
	Folders     []FolderPair      `json:"folders"`
	Differences []NamedDifference `json:"examples"`
	Here        *Summary          `json:"here"`
	There       *Summary          `json:"there"`
}

// NamedDifference is a message that differs, as a person knows it.
type NamedDifference struct {
	Folder    string `json:"folder"`
	Kind      Kind   `json:"kind"`
	Title     Title  `json:"title"`
	Here      string `json:"here,omitempty"`  // its path below home
	There     string `json:"there,omitempty"` // its path there
	Elsewhere string `json:"elsewhere,omitempty"`
	Part      string `json:"part,omitempty"` // what of it differs: "header", "body", or both
}

// Show names the differences of a comparison: at most limit of a kind in a
// folder, all where limit is negative. title finds out what a message is known
// by; where it can't be found out it stays empty.
func (c *Comparison) Show(here, there *Census, limit int, title func(*Difference) (Title, error)) *SideBySide {
	s := &SideBySide{
		Equal: c.Equal(), Total: make(map[Kind]int), Folders: c.Folders, Differences: []NamedDifference{},
		Here: here.Summary(nil), There: there.Summary(nil),
	}
	i := 0
	for _, f := range c.Folders {
		named := make(map[Kind]int)
		for range total(f.Tally) {
			d := &c.Differences[i]
			i++
			s.Total[d.Kind]++
			if named[d.Kind]++; limit >= 0 && (named[d.Kind] > limit || d.Kind == Names) {
				continue
			}
			n := NamedDifference{Folder: f.Name, Kind: d.Kind, Elsewhere: d.Elsewhere}
			if t, err := title(d); err == nil {
				n.Title = t
			}
			if d.Here != nil {
				n.Here = d.Here.Name.String()
			}
			if d.There != nil {
				n.There = d.There.Name.String()
			}
			if d.Kind == Differs {
				n.Part = parts(d)
			}
			s.Differences = append(s.Differences, n)
		}
	}
	return s
}

func total(tally map[Kind]int) (n int) {
	for _, k := range tally {
		n += k
	}
	return n
}

func parts(d *Difference) string {
	switch {
	case d.Here.Sum.Body == d.There.Sum.Body:
		return "header"
	case d.Here.Sum.Header == d.There.Sum.Header:
		return "body"
	}
	return "header and body"
}
