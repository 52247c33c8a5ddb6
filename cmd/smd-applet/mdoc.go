package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// mdoc writes a manual page in mdoc(7), which groff and mandoc read.
type mdoc struct{ strings.Builder }

func (m *mdoc) line(s string) { fmt.Fprintln(m, s) }

// head writes all up to the synopsis.
func (m *mdoc) head(name, short string, date time.Time) {
	m.line(".Dd " + date.Format("January 2, 2006"))
	m.line(".Dt " + strings.ToUpper(name) + " 1")
	m.line(".Os")
	m.line(".Sh NAME")
	m.line(".Nm " + name)
	m.line(".Nd " + roff(short))
	m.line(".Sh SYNOPSIS")
}

// usage returns what follows a command's name, in mdoc, with a blank before it;
// empty for nothing.
func usage(c *cobra.Command) string {
	_, rest, _ := strings.Cut(c.Use, " ")
	options := c.HasAvailableLocalFlags() && !strings.ContainsAny(rest, "-") && !strings.Contains(rest, "[options]")
	out := ""
	if options {
		out += " Oo Ar options Oc"
	}
	if rest != "" {
		out += " Ar " + roff(rest)
	}
	return out
}

// description writes a command's long help: paragraphs, and indented lines as
// they are.
func (m *mdoc) description(c *cobra.Command) {
	text := c.Long
	if text == "" {
		text = c.Short
	}
	for i, paragraph := range strings.Split(text, "\n\n") {
		switch {
		case strings.HasPrefix(paragraph, " "):
			m.line(".Bd -literal -offset indent")
			for line := range strings.SplitSeq(paragraph, "\n") {
				m.line(roff(strings.TrimPrefix(line, "  ")))
			}
			m.line(".Ed")
			continue
		case i == 0:
			paragraph = strings.ToUpper(paragraph[:1]) + paragraph[1:]
			if !strings.HasSuffix(paragraph, ".") {
				paragraph += "."
			}
		default:
			m.line(".Pp")
		}
		m.line(roff(paragraph))
	}
}

// options writes a command's options, which may be none.
func (m *mdoc) options(c *cobra.Command) {
	if !c.HasAvailableLocalFlags() {
		return
	}
	m.line(".Bl -tag -width Ds")
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		item := ".It "
		if f.Shorthand != "" {
			item += "Fl " + f.Shorthand + " , "
		}
		item += `Fl \-` + f.Name
		value, text := pflag.UnquoteUsage(f)
		text = strings.ToUpper(text[:1]) + text[1:]
		if f.Value.Type() != "bool" {
			item += " Ar " + roff(value)
			if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "[]" {
				text += "; by default " + f.DefValue
			}
		}
		m.line(item)
		m.line(roff(text) + ".")
	})
	m.line(".El")
}

// roff escapes text for troff, and begins every sentence on a line of its own,
// as mdoc wants it.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	var b strings.Builder
	for line := range strings.Lines(text) {
		for {
			end := strings.Index(line, ". ")
			if end < 0 {
				break
			}
			b.WriteString(plainLine(line[:end+1]) + "\n")
			line = line[end+2:]
		}
		b.WriteString(plainLine(line))
	}
	return b.String()
}

// plainLine keeps troff from taking a line of text for a request.
func plainLine(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}
