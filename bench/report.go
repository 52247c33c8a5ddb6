//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"smd-applet/sync/synctest"
)

// report is what was found so far.
type report struct{ tables []table }

type table struct {
	title, note string
	head        []string
	rows        [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// show prints a table that is full and keeps it for the report.
func (r *report) show(t table) {
	r.tables = append(r.tables, t)
	fmt.Printf("\n%s\n%s\n", t.title, t.note)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(t.head, "\t"))
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

// write writes the report as Markdown.
func (r *report) write(path string, s *stage) error {
	var b bytes.Buffer
	b.WriteString("# Performance\n\nWritten by `make bench-scenarios`; nothing in it is typed by hand. Only ratios within this one run mean something.\n\n")
	for _, fact := range facts(s) {
		fmt.Fprintf(&b, "* %s\n", fact)
	}
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", t.title, t.note)
		rule := slices.Repeat([]string{"---"}, len(t.head))
		for _, row := range append([][]string{t.head, rule}, t.rows...) {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// facts are what a reader has to know of the machine and the run.
func facts(s *stage) []string {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has no way to fail here
	size := ""
	if s.tiny {
		size = " of a few hundred bytes"
	}
	return []string{
		time.Now().UTC().Format("2006-01-02") + ", " + said(s.self, "version"),
		fmt.Sprintf("%d messages%s in %d folders; %d repetitions, of which the median is told", s.messages, size, s.folders, s.repeat),
		fmt.Sprintf("%d cores (%s), Linux %s, %s", runtime.NumCPU(), synctest.Processor(), unix.ByteSliceToString(u.Release[:]), fileSystem(s.top)),
		said("ssh", "-V") + "; " + said("tar", "--version"),
		"both ends on this machine, the server behind an sshd on loopback; processor time is without sshd's",
	}
}

// said is the first line a program prints of itself.
func said(program string, args ...string) string {
	if program == "" {
		return ""
	}
	if len(args) == 1 && args[0] == "version" {
		program, args = "git", []string{"describe", "--tags", "--always", "--dirty"}
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return program + " of unknown version"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func fileSystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output()
	if err != nil {
		return "an unknown file system"
	}
	return strings.TrimSpace(string(out))
}

func seconds(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", a.Seconds()/b.Seconds()) }

// quantile is the value that a part of the list does not exceed.
func quantile[T int64 | time.Duration](list []T, part float64) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// median takes each figure's median by itself.
func median(runs []measured) measured {
	of := func(figure func(measured) int64) int64 {
		var list []int64
		for _, m := range runs {
			list = append(list, figure(m))
		}
		return quantile(list, 0.5)
	}
	cpu := func(u func(measured) use) use {
		return use{
			CPU:  time.Duration(of(func(m measured) int64 { return int64(u(m).CPU) })),
			Peak: of(func(m measured) int64 { return u(m).Peak }),
		}
	}
	return measured{
		wall:  time.Duration(of(func(m measured) int64 { return int64(m.wall) })),
		here:  cpu(func(m measured) use { return m.here }),
		there: cpu(func(m measured) use { return m.there }),
		wire:  of(func(m measured) int64 { return m.wire }),
		turns: of(func(m measured) int64 { return m.turns }),
	}
}

// costs are the cells every run has, in the order of costsHead.
func (m measured) costs() []string {
	cells := []string{seconds(m.wall), seconds(m.here.CPU), seconds(m.there.CPU), megabytes(m.here.Peak), megabytes(m.there.Peak)}
	if m.turns == 0 {
		return append(cells, "", "")
	}
	wire := megabytes(m.wire)
	if m.wire < 1e6 {
		wire = fmt.Sprintf("%.1f kB", float64(m.wire)/1e3)
	}
	return append(cells, wire, fmt.Sprint(m.turns))
}

var costsHead = []string{"wall", "CPU here", "CPU there", "peak here", "peak there", "wire", "round trips"}

func heading(first ...string) []string { return append(first, costsHead...) }
