package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/synctest"
)

// line is a row that was tried.
type line struct {
	what, test    string
	cases, failed int
	skipped       []string // why
}

// report is what docs/reliability.md says.
type report struct {
	began  time.Time
	ok     bool
	cases  int
	failed int
	tables bytes.Buffer
}

func (r *report) add(title string, lines []line) {
	fmt.Fprintf(&r.tables, "\n## %s\n\n| tried | cases | result | test |\n|---|---:|---|---|\n", title)
	for _, l := range lines {
		result := "all passed"
		switch {
		case l.failed > 0:
			result = fmt.Sprintf("**%d failed**", l.failed)
		case l.cases == 0:
			result = "not tried"
		}
		slices.Sort(l.skipped)
		for _, why := range slices.Compact(l.skipped) {
			result += "; skipped: " + why
		}
		fmt.Fprintf(&r.tables, "| %s | %s | %s | `%s` |\n", l.what, grouped(l.cases), result, l.test)
		r.cases += l.cases
		r.failed += l.failed
		r.ok = r.ok && l.failed == 0
	}
}

// grouped writes a number with its thousands apart.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (r *report) markdown() []byte {
	var b bytes.Buffer
	b.WriteString(`# Reliability

What was done to lose mail, how many times, and what came of it. Written by
` + "`make reliability`" + `; no figure in it is typed by hand. *Passed* means, unless the
line says otherwise: no message lost, none twice, none in parts, no stray left, both
ends equal after at most two runs, nobody's help.

`)
	fmt.Fprintf(&b, "* %s, %s, in %s\n", r.began.UTC().Format("2006-01-02"), version(), time.Since(r.began).Round(time.Minute))
	fmt.Fprintf(&b, "* %d cores (%s), %s\n", runtime.NumCPU(), synctest.Processor(), kernel())
	fmt.Fprintf(&b, "* sizes: %s\n", sizes())
	fmt.Fprintf(&b, "* %s cases, %s failed\n", grouped(r.cases), grouped(r.failed))
	b.Write(r.tables.Bytes())
	return b.Bytes()
}

// sizes are what a person chose by the environment.
func sizes() string {
	var said []string
	for _, s := range [][2]string{
		{"SMD_APPLET_CRASH", "each %sth way to die or to fail"},
		{"SMD_APPLET_OVERLAPS", "%s overlapping starts"},
		{"SMD_APPLET_HISTORIES", "histories of up to %s operations"},
	} {
		if v := os.Getenv(s[0]); v != "" {
			said = append(said, fmt.Sprintf(s[1], v))
		}
	}
	if said == nil {
		return "those of `make test`"
	}
	return strings.Join(said, "; ")
}

// first is the first line a program says.
func first(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return program + " unknown"
	}
	text, _, _ := strings.Cut(string(out), "\n")
	return text
}

func version() string { return first("git", "describe", "--tags", "--always", "--dirty") }

func kernel() string { return first("uname", "-sr") }
