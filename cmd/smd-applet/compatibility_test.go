package main_test

import (
	"bufio"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	verdict  = regexp.MustCompile(`^(same|better|left out)\b`)
)

// compatibility is a row of docs/compatibility.md: the words in the code of its
// first cell, and what its second one says.
type compatibility struct {
	words []string
	says  string
}

// Everything syncmaildir has is told of: it is the same, better, or left out.
func TestCompatibility(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []compatibility
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 {
			continue
		}
		var r compatibility
		for _, code := range codeSpan.FindAllString(cells[1], -1) {
			r.words = append(r.words, strings.Fields(strings.Trim(code, "`"))...)
		}
		r.says = strings.TrimSpace(cells[2])
		rows = append(rows, r)
	}

	names, err := os.Open("testdata/smd-1.3-names.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	count := 0
	for lines := bufio.NewScanner(names); lines.Scan(); {
		name := lines.Text()
		if strings.HasPrefix(name, "#") {
			continue
		}
		count++
		i := slices.IndexFunc(rows, func(r compatibility) bool {
			for word := range strings.FieldsSeq(name) {
				if !slices.Contains(r.words, word) {
					return false
				}
			}
			return true
		})
		switch {
		case i < 0:
			t.Errorf("docs/compatibility.md has no row for %s", name)
		case !verdict.MatchString(rows[i].says):
			t.Errorf("docs/compatibility.md does not say of %s whether it is the same, better or left out, but %q", name, rows[i].says)
		case strings.HasPrefix(rows[i].says, "left out") && !strings.HasPrefix(rows[i].says, "left out: "):
			t.Errorf("docs/compatibility.md does not say why %s is left out", name)
		}
	}
	if count < 150 {
		t.Errorf("only %d names were looked for", count)
	}
}
