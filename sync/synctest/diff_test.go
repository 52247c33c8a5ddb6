package synctest_test

import (
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	one := synctest.Message{Content: [32]byte{1}, Flags: "S", Name: "1.a"}
	two := synctest.Message{Content: [32]byte{2}, New: true, Name: "2.a"}
	renamed := one
	renamed.Name = "3.a"
	flagged := one
	flagged.Flags = "RS"
	census := func(m ...synctest.Message) synctest.Census { return synctest.Census{"work": m} }

	for name, c := range map[string]struct {
		a, b  synctest.Census
		names bool
		want  []string // each occurs; none means equal
	}{
		"equal":               {a: census(one, two), b: census(two, one)},
		"empty folder":        {a: census(one), b: synctest.Census{"work": {one}, "empty": nil}},
		"renamed":             {a: census(one), b: census(renamed)},
		"renamed, with names": {a: census(one), b: census(renamed), names: true, want: []string{"- work: cur/1.a", "+ work: cur/3.a"}},
		"lost":                {a: census(one, two), b: census(one), want: []string{"2 messages against 1, 1 differences", "- work: new/2.a"}},
		"doubled":             {a: census(one), b: census(one, renamed), want: []string{"1 messages against 2, 1 differences", "+ work: cur/"}},
		"flags":               {a: census(one), b: census(flagged), want: []string{`- work: cur/1.a flags "S"`, `+ work: cur/1.a flags "RS"`}},
		"moved":               {a: census(one), b: synctest.Census{"home": {one}}, want: []string{"- work: cur/1.a", "+ home: cur/1.a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare := synctest.Diff
			if c.names {
				compare = synctest.DiffNames
			}
			got := compare(c.a, c.b)
			if (got == "") != (len(c.want) == 0) {
				t.Errorf("got %q, want parts %q", got, c.want)
			}
			for _, part := range c.want {
				if !strings.Contains(got, part) {
					t.Errorf("%q is missing in\n%s", part, got)
				}
			}
		})
	}
}
