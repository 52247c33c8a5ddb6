package setup

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"smd-applet/sync/config"
)

// editLoop returns ~/.smd/loop with an endpoint in it: its line gets the new
// intervals, its comment and all other lines stay. A new one comes last, below
// what says how to read it.
func editLoop(text, endpoint string, pull, push time.Duration) string {
	want := Minutes(pull) + " " + Minutes(push) + " " + endpoint
	if text == "" {
		return config.LoopHead + want + "\n"
	}
	var out strings.Builder
	found := false
	for line := range strings.Lines(text) {
		body, comment, hasComment := strings.Cut(strings.TrimRight(line, "\r\n"), "#")
		words := strings.Fields(body)
		if found || len(words) != 3 || words[2] != endpoint {
			out.WriteString(line)
			continue
		}
		found = true
		if same(words[0], pull) && same(words[1], push) {
			out.WriteString(line)
			continue
		}
		out.WriteString(want)
		if hasComment {
			out.WriteString(body[len(strings.TrimRight(body, " \t")):] + "#" + comment)
		}
		out.WriteString("\n")
	}
	if !found {
		if !strings.HasSuffix(text, "\n") {
			out.WriteString("\n")
		}
		if !strings.Contains(text, config.LoopColumns) {
			out.WriteString(config.LoopColumns)
		}
		out.WriteString(want + "\n")
	}
	return out.String()
}

func same(word string, every time.Duration) bool {
	n, err := strconv.ParseFloat(word, 64)
	return err == nil && time.Duration(n*float64(time.Minute)) == every
}

// Minutes is an interval as the loop file has it.
func Minutes(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%g", d.Minutes()), ".0")
}
