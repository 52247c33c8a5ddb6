package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"smd-applet/sync/fault"
)

// LoopEntry says how often an endpoint is pulled and pushed; 0 is never.
type LoopEntry struct {
	Pull, Push time.Duration
	Endpoint   string
}

const loopTemplate = LoopHead + "3 10 default\n"

// LoopHead are the comments that a new loop file begins with.
const LoopHead = LoopColumns + `# Between two smd-applets a change at either end is synced at once: the minutes are the safety net.
# Towards syncmaildir the server is asked that often; changes here go at once, where push is not 0.
`

// LoopColumns is the comment that says what a line of the loop file is.
const LoopColumns = "# minutes between pulls, minutes between pushes, endpoint; 0 is never\n"

// LoadLoop reads ~/.smd/loop; a missing one is written as SMD's template, and
// counts as that.
func LoadLoop(p Paths) ([]LoopEntry, error) {
	b, err := os.ReadFile(p.Loop())
	if errors.Is(err, fs.ErrNotExist) {
		if err := p.Make(); err != nil {
			return nil, err
		}
		if err := writeTemplate(p.Loop(), loopTemplate); err != nil {
			return nil, err
		}
		b = []byte(loopTemplate)
	} else if err != nil {
		return nil, fault.New(fault.Config, "read the loop file", p.Loop(), err)
	}
	entries, err := parseLoop(string(b))
	if err != nil {
		return nil, edit(p.Loop(), err)
	}
	return entries, nil
}

func parseLoop(text string) ([]LoopEntry, error) {
	var entries []LoopEntry
	seen := make(map[string]bool)
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		e, err := parseLoopLine(f)
		if err == nil && seen[e.Endpoint] {
			err = fmt.Errorf("the endpoint %s stands twice", e.Endpoint)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		seen[e.Endpoint] = true
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, errors.New("it names no endpoint")
	}
	return entries, nil
}

// maxMinutes bounds an interval: a year.
const maxMinutes = 366 * 24 * 60

func parseLoopLine(f []string) (LoopEntry, error) {
	if len(f) != 3 {
		return LoopEntry{}, errors.New("want three words: minutes between pulls, minutes between pushes, endpoint")
	}
	var every [2]time.Duration
	for i := range every {
		var err error
		if every[i], err = Minutes(f[i]); err != nil {
			return LoopEntry{}, err
		}
	}
	return LoopEntry{Pull: every[0], Push: every[1], Endpoint: f[2]}, CheckEndpoint(f[2])
}

// Minutes reads an interval of the loop file: a number of minutes, 0 for never.
func Minutes(word string) (time.Duration, error) {
	minutes, err := strconv.ParseFloat(word, 64)
	if err != nil || !(minutes >= 0 && minutes <= maxMinutes) {
		return 0, fmt.Errorf("%q is no number of minutes", word)
	}
	every := time.Duration(minutes * float64(time.Minute))
	if minutes > 0 && every < time.Second {
		return 0, fmt.Errorf("%q is less than a second", word)
	}
	return every, nil
}
