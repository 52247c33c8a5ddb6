package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// printFault tells a person what went wrong and, on a line of its own, the way out.
func printFault(w io.Writer, program string, f *fault.Error) {
	fmt.Fprintf(w, "%s: ERROR: %v\n", program, f)
	fmt.Fprintf(w, "%s: ERROR: %s\n", program, f.WayOut())
}

// newLogger logs to w; quiet leaves out all but warnings.
func newLogger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// progressLine shows how far a run is, on a terminal, once it has taken a second.
type progressLine struct {
	w       *os.File
	started time.Time
	last    time.Time
	shown   bool
}

// newProgressLine returns nil where w is no terminal.
func newProgressLine(w *os.File) *progressLine {
	if !term.IsTerminal(int(w.Fd())) {
		return nil
	}
	return &progressLine{w: w, started: time.Now()}
}

const (
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

func (p *progressLine) show(s sync.Progress) {
	now := time.Now()
	if p == nil || now.Sub(p.started) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.shown = now, true
	switch {
	case s.Phase == sync.PhaseTransferring && s.Total > 0:
		fmt.Fprintf(p.w, "\r\x1b[K%s %d of %d messages, %.1f MB", bar(s.Done, s.Total), s.Done, s.Total, float64(s.Bytes)/1e6)
	case s.Phase == sync.PhaseTransferring:
		fmt.Fprintf(p.w, "\r\x1b[K%d messages, %.1f MB", s.Done, float64(s.Bytes)/1e6)
	default:
		fmt.Fprintf(p.w, "\r\x1b[K%s", s.Phase)
	}
}

// barWidth is the length of the bar in characters: it fits the narrowest terminal
// with the words behind it.
const barWidth = 20

// bar draws how much of total is done.
func bar(done, total int) string {
	full := min(barWidth, done*barWidth/total)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", barWidth-full) + "]"
}

func (p *progressLine) clear() {
	if p != nil && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// smdPhases are the lines SMD prints with -v.
var smdPhases = map[sync.Phase]string{
	sync.PhaseConnecting:   "Phase 0: handshake",
	sync.PhaseComparing:    "Phase 1: changes detection",
	sync.PhaseTransferring: "Phase 2: synchronization",
	sync.PhaseAgreeing:     "Phase 3: agreement",
}

// writeJSON writes a value for a program, and for a person, to read.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // names in modified UTF-7 have &
	return e.Encode(v)
}
