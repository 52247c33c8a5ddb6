package delta_test

import (
	"testing"

	"smd-applet/sync/delta"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a    delta.Action
		want delta.Counts
	}{
		"add":                 {delta.Action{Kind: delta.Add, Dst: "Mail/new/1"}, delta.Counts{New: 1}},
		"copy":                {delta.Action{Kind: delta.Copy, Src: "Mail/cur/1", Dst: "Mail/cur/2"}, delta.Counts{New: 1}},
		"copy of a body":      {delta.Action{Kind: delta.CopyBody, Src: "Mail/cur/1", Dst: "Mail/cur/2"}, delta.Counts{New: 1}},
		"delete":              {delta.Action{Kind: delta.Delete, Dst: "Mail/cur/1"}, delta.Counts{Deleted: 1}},
		"new header":          {delta.Action{Kind: delta.ReplaceHeader, Dst: "Mail/cur/1"}, delta.Counts{Edited: 1}},
		"new body":            {delta.Action{Kind: delta.Replace, Dst: "Mail/cur/1"}, delta.Counts{Edited: 1}},
		"read":                {delta.Action{Kind: delta.Move, Src: "Mail/new/1", Dst: "Mail/cur/1:2,S"}, delta.Counts{Flagged: 1}},
		"moved":               {delta.Action{Kind: delta.Move, Src: "Mail/cur/1:2,S", Dst: "Mail/old/cur/1:2,S"}, delta.Counts{Moved: 1}},
		"renamed":             {delta.Action{Kind: delta.Move, Src: "Mail/cur/1:2,S", Dst: "Mail/cur/2:2,S"}, delta.Counts{Moved: 1}},
		"the scan failed":     {delta.Action{Kind: delta.Fail, Text: "no"}, delta.Counts{}},
		"moved and then read": {delta.Action{Kind: delta.Move, Src: "Mail/new/1", Dst: "Mail/old/cur/1:2,S"}, delta.Counts{Moved: 1}},
	} {
		var got delta.Counts
		if got.Add(c.a); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		got = delta.Counts{New: 1, Deleted: 2, Moved: 3, Flagged: 4, Edited: 5}
		got.Add(c.a)
		if want := (delta.Counts{
			New: 1 + c.want.New, Deleted: 2 + c.want.Deleted, Moved: 3 + c.want.Moved,
			Flagged: 4 + c.want.Flagged, Edited: 5 + c.want.Edited,
		}); got != want {
			t.Errorf("%s: adds up to %+v, want %+v", name, got, want)
		}
	}
}

// A rename that only changes flags, or moves between new and cur, is the same
// message (design, "Identity").
func TestSameMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Mail/cur/1:2,S", "Mail/cur/1:2,S", true},
		{"Mail/cur/1:2,S", "Mail/cur/1:2,FS", true},
		{"Mail/new/1", "Mail/cur/1:2,", true},
		{"Mail/cur/1:2,S", "Mail/old/cur/1:2,S", false},
		{"Mail/cur/1:2,S", "Mail/cur/11:2,S", false},
		{"Mail/cur/1", "Mail/tmp/1", false},
		{"../cur/1", "../cur/1", false}, // no message at all
		{"", "", false},
	} {
		if delta.SameMessage(c.a, c.b) != c.want || delta.SameMessage(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.want)
		}
	}
}
