package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"smd-applet/sync/fault"
)

// options are what ~/.ssh/config says of a host, by lower-case keyword, as
// "ssh -G" prints them.
type options map[string][]string

// resolveOptions asks the system's ssh, which alone knows all of Host, Match and
// Include, and reads ~/.ssh/config itself where there is none.
func resolveOptions(ctx context.Context, alias string) (options, error) {
	if alias == "" || strings.HasPrefix(alias, "-") {
		return nil, fault.New(fault.Config, "connect", alias, errors.New("no host name"))
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "ssh", append(ownConfig(), "-G", "--", alias)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return readOptions(alias)
	}
	if ctx.Err() != nil {
		return nil, fault.New(fault.Network, "connect", alias, ctx.Err())
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "read the ssh configuration of", Path: alias,
			Err:  fmt.Errorf("ssh -G: %w: %s", err, strings.TrimSpace(Visible(stderr.String()))),
			Hint: "correct ~/.ssh/config",
		}
	}
	o := parseOptions(out)
	o["host"] = []string{alias}
	if account := movedFrom(); account != "" {
		for i, v := range o["userknownhostsfile"] {
			o["userknownhostsfile"][i] = strings.ReplaceAll(v, account+"/.ssh/", "~/.ssh/")
		}
	}
	return o, nil
}

// movedFrom returns the home of the account, where ssh looks for ~/.ssh, when
// $HOME names another one, which is the home for everything of ours; else "".
func movedFrom() string {
	home := os.Getenv("HOME")
	account, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil || home == "" || filepath.Clean(home) == filepath.Clean(account.HomeDir) {
		return ""
	}
	return account.HomeDir
}

// ownConfig are the options that make ssh read the configuration in $HOME.
func ownConfig() []string {
	config := expandHome("~/.ssh/config")
	if _, err := os.Stat(config); err != nil || movedFrom() == "" {
		return nil
	}
	return []string{"-F", config}
}

func parseOptions(text []byte) options {
	o := make(options)
	s := bufio.NewScanner(bytes.NewReader(text))
	for s.Scan() {
		key, value, _ := strings.Cut(s.Text(), " ")
		key = strings.ToLower(key)
		o[key] = append(o[key], value)
	}
	return o
}

func (o options) get(key string) string {
	if v := o[key]; len(v) > 0 && v[0] != "none" {
		return v[0]
	}
	return ""
}

func (o options) addr() string { return net.JoinHostPort(o.get("hostname"), o.get("port")) }

// keyName is the name the server's key is filed under in known_hosts.
func (o options) keyName() string {
	if alias := o.get("hostkeyalias"); alias != "" {
		return net.JoinHostPort(alias, "22")
	}
	return o.addr()
}

func (o options) seconds(key string, otherwise time.Duration) time.Duration {
	n, err := time.ParseDuration(o.get(key) + "s")
	if err != nil || n <= 0 {
		return otherwise
	}
	return n
}

// files returns the paths an option names, ~ and the tokens of ssh_config(5)
// expanded.
func (o options) files(key string) []string {
	var paths []string
	for _, v := range o[key] {
		names := []string{v}
		if strings.HasSuffix(key, "knownhostsfile") { // the one kind that lists several
			names = strings.Fields(v)
		}
		for _, f := range names {
			if f = strings.Trim(f, `"`); f != "none" && f != "" {
				paths = append(paths, o.expand(f))
			}
		}
	}
	return paths
}

func (o options) expand(path string) string {
	home, _ := os.UserHomeDir() // without one, %d is nothing
	me := o.get("user")
	if account, err := user.Current(); err == nil {
		me = account.Username
	}
	return expandHome(strings.NewReplacer(
		"%%", "%", "%d", home, "%u", me, "%i", strconv.Itoa(os.Getuid()),
		"%n", o.get("host"), "%h", o.get("hostname"), "%p", o.get("port"), "%r", o.get("user"),
	).Replace(path))
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// foreign says why only the system's ssh can reach the host; "" when we can.
func (o options) foreign() string {
	switch {
	case o.get("proxycommand") != "":
		return "ProxyCommand is set"
	case o.get("pkcs11provider") != "":
		return "PKCS11Provider is set"
	case o.get("controlpath") != "" && o.get("controlmaster") != "false" && o.get("controlmaster") != "no":
		return "ControlMaster is set"
	case o.get("compression") == "yes" || o.get("compression") == "true":
		return "Compression is set"
	case o.get("hostname") == "":
		return "there is no host name"
	}
	return ""
}
