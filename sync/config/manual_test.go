package config

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A setting that smd-config(5) does not tell of is one nobody finds.
func TestManualTellsOfEverySetting(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../packaging/man/smd-config.5")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for line := range strings.Lines(string(page)) {
		if item, is := strings.CutPrefix(line, ".It Ev "); is {
			told = append(told, strings.Fields(item)...)
		}
	}
	for _, name := range settings {
		if !slices.Contains(told, name) {
			t.Errorf("packaging/man/smd-config.5 has no item for %s", name)
		}
	}
}
