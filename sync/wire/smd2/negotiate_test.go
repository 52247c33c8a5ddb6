package smd2

import (
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/fault"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mine, theirs Hello
		version      uint16
		features     []string
		says, hint   string
	}{
		"alike":           {mine: Hello{Oldest: 1, Newest: 1}, theirs: Hello{Oldest: 1, Newest: 1}, version: 1},
		"they are newer":  {mine: Hello{Oldest: 1, Newest: 2}, theirs: Hello{Oldest: 2, Newest: 9}, version: 2},
		"they are older":  {mine: Hello{Oldest: 2, Newest: 9}, theirs: Hello{Oldest: 1, Newest: 3}, version: 3},
		"one within":      {mine: Hello{Oldest: 1, Newest: 9}, theirs: Hello{Oldest: 3, Newest: 4}, version: 4},
		"too new for us":  {mine: Hello{Oldest: 1, Newest: 1}, theirs: Hello{Oldest: 2, Newest: 3}, says: "this end speaks smd/2 versions 1 to 1, the other end 2 to 3", hint: "at this end"},
		"too old for us":  {mine: Hello{Oldest: 4, Newest: 5}, theirs: Hello{Oldest: 1, Newest: 3}, says: "this end speaks smd/2 versions 4 to 5, the other end 1 to 3", hint: "at the other end"},
		"they say 3 to 1": {mine: Hello{Oldest: 1, Newest: 3}, theirs: Hello{Oldest: 3, Newest: 1}, says: "3 to 1", hint: "at the other end"},
		"features of both": {
			mine: Hello{Newest: 1, Features: []string{"a", "b", "c", "b"}}, theirs: Hello{Newest: 1, Features: []string{"c", "x", "b"}},
			version: 1, features: []string{"b", "c"},
		},
	} {
		version, features, err := Negotiate(c.mine, c.theirs)
		if c.says == "" {
			if err != nil || version != c.version || !slices.Equal(features, c.features) {
				t.Errorf("%s: %d, %q, %v; want %d, %q", name, version, features, err, c.version, c.features)
			}
			continue
		}
		if !fault.Is(err, fault.Protocol) || !strings.Contains(err.Error(), c.says) || !strings.HasSuffix(fault.As(err).WayOut(), c.hint) {
			t.Errorf("%s: %d, %v, %s; want %q, %q", name, version, err, fault.As(err).WayOut(), c.says, c.hint)
		}
	}
}
