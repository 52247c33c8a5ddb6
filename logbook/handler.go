// Package logbook writes a log that people read: a line an event, with the time
// as a clock shows it, the endpoint first, what changed in words, and below a
// failure the way out. Under systemd the lines are the journal's: with a priority
// and without a time.
package logbook

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	stdsync "sync"
	"time"

	"smd-applet/phrase"
)

// Names of attributes that have a place of their own in a line; errors go by all
// the names that are used for them.
const (
	endpointKey = "endpoint"
	wayOutKey   = "wayOut"
	tookKey     = "took"
	bytesKey    = "bytes"
)

// timeLayout begins a line of a file.
const timeLayout = "2006-01-02 15:04:05"

// longestLine bounds what another program's words may take, in characters.
const longestLine = 2000

// style is where lines go, and what is before them.
type style int

const (
	forFile style = iota
	forJournal
)

// Handler writes records for people. It may be used by many goroutines.
type Handler struct {
	out    *output // shared by those made from this one
	level  slog.Leveler
	style  style
	attrs  []slog.Attr
	prefix string // of the attributes to come: the open groups
}

type output struct {
	mu stdsync.Mutex
	w  io.Writer
}

// New returns a handler for a file or a terminal.
func New(w io.Writer, level slog.Leveler) *Handler {
	return &Handler{out: &output{w: w}, level: level, style: forFile}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(with.attrs[:len(with.attrs):len(with.attrs)], prefixed(h.prefix, attrs)...)
	return &with
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.prefix += name + "."
	return &with
}

func prefixed(prefix string, attrs []slog.Attr) []slog.Attr {
	all := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		all[i] = slog.Attr{Key: prefix + a.Key, Value: a.Value}
	}
	return all
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	attrs := h.attrs[:len(h.attrs):len(h.attrs)]
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, slog.Attr{Key: h.prefix + a.Key, Value: a.Value})
		return true
	})
	text := h.lines(r, attrs)
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := io.WriteString(h.out.w, text)
	return err
}

// lines are a record's, one or, where there is a way out, two.
func (h *Handler) lines(r slog.Record, attrs []slog.Attr) string {
	var e event
	for _, a := range attrs {
		e.take(a)
	}
	line := r.Message
	if e.endpoint != "" {
		line = e.endpoint + ": " + line
	}
	if e.err != "" {
		line += ": " + e.err
	}
	if len(e.rest) > 0 {
		line += " (" + strings.Join(e.rest, ", ") + ")"
	}
	line = phrase.Clip(line, longestLine)
	wayOut := phrase.Clip(e.wayOut, longestLine)
	if h.style == forJournal {
		priority := priority(r.Level)
		line = priority + line + "\n"
		if wayOut != "" {
			line += priority + "    " + wayOut + "\n"
		}
		return line
	}
	stamp := r.Time.Local().Format(timeLayout) + "  "
	if word := word(r.Level); word != "" {
		line = word + " " + line
	}
	line = stamp + line + "\n"
	if wayOut != "" {
		line += strings.Repeat(" ", len(stamp)) + "    " + wayOut + "\n"
	}
	return line
}

// event is a record's attributes, sorted.
type event struct {
	endpoint, err, wayOut string
	rest                  []string
}

func (e *event) take(a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		for _, inner := range prefixed(groupPrefix(a.Key), v.Group()) {
			e.take(inner)
		}
	case a.Equal(slog.Attr{}) || isZero(v):
	case a.Key == endpointKey:
		e.endpoint = v.String()
	case a.Key == wayOutKey:
		e.wayOut = v.String()
	case a.Key == "err" || a.Key == "error" || a.Key == "cause":
		e.err = v.String()
	case a.Key == tookKey && v.Kind() == slog.KindDuration:
		e.rest = append(e.rest, short(v.Duration()))
	case a.Key == bytesKey && v.Kind() == slog.KindInt64:
		e.rest = append(e.rest, size(v.Int64()))
	default:
		e.rest = append(e.rest, a.Key+" "+v.String())
	}
}

func groupPrefix(key string) string {
	if key == "" {
		return ""
	}
	return key + "."
}

// isZero reports whether a value says nothing: nothing of a kind happened.
func isZero(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindInt64:
		return v.Int64() == 0
	case slog.KindUint64:
		return v.Uint64() == 0
	case slog.KindString:
		return v.String() == ""
	case slog.KindAny:
		return v.Any() == nil
	default:
		return false
	}
}

// short is a duration to the tenth of a second, or to the second from a minute on.
func short(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// size is a number of bytes with three digits or so.
func size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, unit := float64(n), 0
	for f >= 1000 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}

func word(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARNING"
	case l < slog.LevelInfo:
		return "debug"
	default:
		return ""
	}
}
