package config

import (
	"os"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"smd-applet/sync/fault"
)

// Unread is a variable that a configuration sets and nothing reads.
type Unread struct {
	Name  string
	Meant string // the setting it looks like, or ""
}

// FindUnread finds, in the order of the file, what an endpoint's configuration
// sets in vain: neither a setting nor used in the file itself.
func FindUnread(p Paths, endpoint string) ([]Unread, error) {
	file := p.Config(endpoint)
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Config, "read the configuration", file, err)
	}
	script, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(string(src)), file)
	if err != nil {
		return nil, edit(file, err)
	}
	var set []string
	used := make(map[string]bool)
	syntax.Walk(script, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			if len(n.Args) == 0 { // else it is the environment of a command
				for _, a := range n.Assigns {
					set = append(set, a.Name.Value)
				}
			}
		case *syntax.DeclClause:
			for _, a := range n.Args {
				if a.Name != nil && a.Value != nil {
					set = append(set, a.Name.Value)
				}
			}
		case *syntax.ParamExp:
			used[n.Param.Value] = true
		}
		return true
	})
	var unread []Unread
	for _, name := range set {
		again := slices.ContainsFunc(unread, func(u Unread) bool { return u.Name == name })
		if !again && !used[name] && !slices.Contains(settings, name) {
			unread = append(unread, Unread{name, nearest(name)})
		}
	}
	return unread, nil
}

// nearest returns the setting a name is a slip of, or "".
func nearest(name string) string {
	best, limit := "", 1+len(name)/5
	for _, s := range settings {
		if d := distance(strings.ToUpper(name), s); d <= limit {
			best, limit = s, d-1
		}
	}
	return best
}

// distance is how many letters must be added, removed, replaced or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
