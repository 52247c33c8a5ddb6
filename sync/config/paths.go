package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// Paths are the places of SMD's files below a home directory (smd 1.3, spec §1).
type Paths struct {
	Home string
}

// DefaultPaths returns the places below $HOME.
func DefaultPaths() (Paths, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return Paths{}, fault.New(fault.Config, "find the home directory", "", err)
	}
	return Paths{Home: home}, nil
}

// SMD is ~/.smd, where everything of ours lives.
func (p Paths) SMD() string { return filepath.Join(p.Home, ".smd") }

// Config is the endpoint's configuration file.
func (p Paths) Config(endpoint string) string {
	return filepath.Join(p.SMD(), "config."+endpoint)
}

// Loop is the list of endpoints and intervals.
func (p Paths) Loop() string { return filepath.Join(p.SMD(), "loop") }

// Preferences is what the menu's settings are kept in.
func (p Paths) Preferences() string { return filepath.Join(p.SMD(), "applet") }

// LogDir holds the logs.
func (p Paths) LogDir() string { return filepath.Join(p.SMD(), "log") }

// ClientLog is what the local end said in the endpoint's last run.
func (p Paths) ClientLog(endpoint string) string {
	return filepath.Join(p.LogDir(), "client."+endpoint+".log")
}

// ServerLog is what the remote end said in the endpoint's last run.
func (p Paths) ServerLog(endpoint string) string {
	return filepath.Join(p.LogDir(), "server."+endpoint+".log")
}

// TrafficLog is where DEBUG=true copies what was "sent" or "received" in the
// endpoint's last run.
func (p Paths) TrafficLog(endpoint, what string) string {
	return filepath.Join(p.LogDir(), "traffic."+endpoint+"."+what+".log")
}

// LoopLog is the log of the loop and the applet: a line a run.
func (p Paths) LoopLog() string { return filepath.Join(p.LogDir(), "loop.log") }

// NotmuchLog is what notmuch said when it was last told of an endpoint's changes.
func (p Paths) NotmuchLog(endpoint string) string {
	return filepath.Join(p.LogDir(), "notmuch."+endpoint+".log")
}

// NotmuchDir is where the changes are noted that notmuch does not know yet.
func (p Paths) NotmuchDir() string { return filepath.Join(p.SMD(), "notmuch") }

// HistoryDir is where what runs did is kept for a month.
func (p Paths) HistoryDir() string { return filepath.Join(p.SMD(), "history") }

// HooksDir is where the hooks for a moment ("pre", "post") of a run ("pull",
// "push") lie.
func (p Paths) HooksDir(when, what string) string {
	return filepath.Join(p.SMD(), "hooks", when+"-"+what+".d")
}

// Make creates ~/.smd and the log directory, the user's alone.
func (p Paths) Make() error {
	for _, dir := range []string{p.SMD(), p.LogDir()} {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return fault.New(fault.Permission, "create the state directory", dir, err)
		}
	}
	return nil
}

var endpointName = regexp.MustCompile(`^[A-Za-z0-9_@+][A-Za-z0-9._@+-]*$`)

// CheckEndpoint refuses an endpoint name that could leave ~/.smd or be taken
// for an option.
func CheckEndpoint(name string) error {
	if len(name) > 64 || !endpointName.MatchString(name) {
		return &fault.Error{
			Kind: fault.Config, Op: "check the endpoint's name", Path: name,
			Err:  errors.New("a name has letters, digits and . _ @ + - only"),
			Hint: "the endpoint is what follows config. in ~/.smd/config.NAME",
		}
	}
	return nil
}

// Endpoints lists the endpoints that have a configuration file, sorted.
func Endpoints(p Paths) ([]string, error) {
	files, err := os.ReadDir(p.SMD())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the endpoints: %w", err)
	}
	var names []string
	for _, f := range files {
		name, is := strings.CutPrefix(f.Name(), "config.")
		if !is || CheckEndpoint(name) != nil {
			continue
		}
		if st, err := os.Stat(p.Config(name)); err == nil && st.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

// adoptOld renames the configuration of SMD before it had endpoints.
func adoptOld(p Paths) error {
	from, to := filepath.Join(p.SMD(), "config"), p.Config("default")
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Config, "rename the old configuration", from, err)
	}
	return nil
}
