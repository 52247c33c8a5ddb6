// Package autostart turns the start of the applet at login on and off, with a
// desktop entry as the Desktop Application Autostart Specification wants it.
package autostart

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"smd-applet/packaging"
	"smd-applet/sync/durable"
)

// fileName is what identifies the entry: the user's file of this name replaces
// the system's.
const fileName = "smd-applet.desktop"

// Entry is the applet's autostart entry of one user.
type Entry struct {
	ConfigHome string   // $XDG_CONFIG_HOME, absolute
	ConfigDirs []string // $XDG_CONFIG_DIRS, the most important first
	Exec       string   // the program to start, absolute
}

// ForUser returns the entry of the user we run as, which starts the program
// that is running.
func ForUser() (Entry, error) {
	program, err := os.Executable()
	if err != nil {
		return Entry{}, fmt.Errorf("find our own program: %w", err)
	}
	configHome := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(configHome) { // the specification: ignore relative ones
		home, err := os.UserHomeDir()
		if err != nil {
			return Entry{}, fmt.Errorf("find the home: %w", err)
		}
		configHome = filepath.Join(home, ".config")
	}
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("XDG_CONFIG_DIRS")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	if dirs == nil {
		dirs = []string{"/etc/xdg"}
	}
	return Entry{ConfigHome: configHome, ConfigDirs: dirs, Exec: program}, nil
}

// Enabled reports whether the applet starts at the next login: whether there is
// an entry, the user's before the system's, that is neither hidden nor switched
// off by a session manager, and whose program exists.
func (e Entry) Enabled() (bool, error) {
	for _, path := range append([]string{e.path()}, e.systemPaths()...) {
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read autostart entry: %w", err)
		}
		return starts(parse(string(content))), nil
	}
	return false, nil
}

func starts(keys map[string]string) bool {
	if keys["Hidden"] == "true" || keys["X-GNOME-Autostart-enabled"] == "false" || keys["Exec"] == "" {
		return false
	}
	if try := keys["TryExec"]; try != "" {
		_, err := exec.LookPath(unescape(try))
		return err == nil
	}
	return true
}

// Set switches the start at login on or off. Off removes the user's entry, or
// hides the system's behind one that says so.
func (e Entry) Set(on bool) error {
	switch {
	case on:
		return e.write(e.started())
	case e.hasSystemEntry():
		return e.write(replaceKeys(packaging.Autostart, "Hidden=true"))
	}
	err := os.Remove(e.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove autostart entry: %w", err)
	}
	return nil
}

// started is the embedded entry with the program's own place in it: the PATH of
// a login session is often not that of a terminal.
func (e Entry) started() string {
	return replaceKeys(packaging.Autostart, "TryExec="+escape(e.Exec), "Exec="+escape(quoteArgument(e.Exec)))
}

func (e Entry) write(content string) error {
	if err := os.MkdirAll(filepath.Dir(e.path()), 0o700); err != nil {
		return fmt.Errorf("make autostart folder: %w", err)
	}
	err := durable.WriteFile(e.path(), 0o644, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		return fmt.Errorf("write autostart entry: %w", err)
	}
	return nil
}

func (e Entry) path() string { return filepath.Join(e.ConfigHome, "autostart", fileName) }

func (e Entry) systemPaths() []string {
	var paths []string
	for _, dir := range e.ConfigDirs {
		paths = append(paths, filepath.Join(dir, "autostart", fileName))
	}
	return paths
}

func (e Entry) hasSystemEntry() bool {
	for _, path := range e.systemPaths() {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// replaceKeys returns entry with the given key=value lines at its end, in place
// of those it had with the same keys.
func replaceKeys(entry []byte, lines ...string) string {
	var kept []string
	for line := range strings.Lines(string(entry)) {
		key, _, _ := strings.Cut(line, "=")
		replaced := false
		for _, l := range lines {
			replaced = replaced || strings.HasPrefix(l, key+"=")
		}
		if !replaced {
			kept = append(kept, strings.TrimSuffix(line, "\n"))
		}
	}
	return strings.Join(append(kept, lines...), "\n") + "\n"
}
