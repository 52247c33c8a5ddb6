package main

import "testing"

func TestBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		done, total int
		want        string
	}{
		{0, 3, "[--------------------]"},
		{1240, 5300, "[####----------------]"},
		{5299, 5300, "[###################-]"},
		{5300, 5300, "[####################]"},
		{5301, 5300, "[####################]"}, // a message more than was announced
	} {
		if got := bar(c.done, c.total); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.done, c.total, got, c.want)
		}
	}
}
