package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// Preferences are what a person switches in the menu. They have a file of their
// own, ~/.smd/applet, so that no program ever edits a person's scripts.
type Preferences struct {
	NotifyNewMail *bool // nil: as each endpoint's configuration says
	SyncMetered   bool  // sync by itself also on a metered network
}

// The names in the file: one NAME=true or NAME=false a line.
const (
	notifyNewMail = "NOTIFY_NEW_MAIL"
	syncMetered   = "SYNC_ON_METERED"
)

const preferencesHead = "# what the applet's menu sets: NAME=true or NAME=false\n"

// LoadPreferences reads ~/.smd/applet; where there is none everything is as if
// it was never set. Names it does not know are left alone. Errors are of kind
// [fault.Config].
func LoadPreferences(p Paths) (Preferences, error) {
	text, err := os.ReadFile(p.Preferences())
	if errors.Is(err, fs.ErrNotExist) {
		return Preferences{}, nil
	}
	if err != nil {
		return Preferences{}, fault.New(fault.Config, "read the menu's settings", p.Preferences(), err)
	}
	prefs, err := parsePreferences(string(text))
	if err != nil {
		return Preferences{}, edit(p.Preferences(), err)
	}
	return prefs, nil
}

func parsePreferences(text string) (Preferences, error) {
	var prefs Preferences
	for i, line := range strings.Split(text, "\n") {
		name, value, ok := setting(line)
		if !ok || name != notifyNewMail && name != syncMetered {
			continue
		}
		on, err := strconv.ParseBool(value)
		if err != nil {
			return Preferences{}, fmt.Errorf("line %d: %s is true or false, not %q", i+1, name, value)
		}
		if name == notifyNewMail {
			prefs.NotifyNewMail = &on
		} else {
			prefs.SyncMetered = on
		}
	}
	return prefs, nil
}

// setting takes a line apart; a comment, or what is none, is no setting.
func setting(line string) (name, value string, ok bool) {
	line, _, _ = strings.Cut(line, "#")
	name, value, ok = strings.Cut(line, "=")
	return strings.TrimSpace(name), strings.TrimSpace(value), ok
}

// Save writes the preferences to ~/.smd/applet. Every other line of it stays.
func (prefs Preferences) Save(p Paths) error {
	if err := p.Make(); err != nil {
		return err
	}
	text, err := os.ReadFile(p.Preferences())
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte(preferencesHead), nil
	}
	if err == nil {
		err = durable.WriteFile(p.Preferences(), 0o600, func(w io.Writer) error {
			_, err := io.WriteString(w, prefs.into(string(text)))
			return err
		})
	}
	if err != nil {
		return fault.New(fault.Permission, "keep the menu's settings", p.Preferences(), err)
	}
	return nil
}

// into is text with the preferences in place of those in it.
func (prefs Preferences) into(text string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if name, _, ok := setting(line); ok && (name == notifyNewMail || name == syncMetered) {
			continue
		}
		lines.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	if prefs.NotifyNewMail != nil {
		fmt.Fprintf(&lines, "%s=%v\n", notifyNewMail, *prefs.NotifyNewMail)
	}
	fmt.Fprintf(&lines, "%s=%v\n", syncMetered, prefs.SyncMetered)
	return lines.String()
}
