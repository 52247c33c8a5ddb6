package logbook

import (
	"fmt"
	"log/slog"
	"os"
	"syscall"
)

// NewConsole returns a handler for standard error: the journal's lines where that
// is what f is connected to, as JOURNAL_STREAM in the environment says (systemd.exec(5)),
// else those of a terminal.
func NewConsole(f *os.File, level slog.Leveler) *Handler {
	h := New(f, level)
	if IsJournal(f) {
		h.style = forJournal
	}
	return h
}

// IsJournal reports whether what is written to f goes to systemd's journal.
func IsJournal(f *os.File) bool {
	var device, inode uint64
	if _, err := fmt.Sscanf(os.Getenv("JOURNAL_STREAM"), "%d:%d", &device, &inode); err != nil {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(st.Dev) == device && uint64(st.Ino) == inode
}

// priority is what begins a line of the journal (sd-daemon(3)).
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	default:
		return "<7>"
	}
}
