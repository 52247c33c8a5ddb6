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
	"path/filepath"
	"strings"
	"time"

	"smd-applet/sync/fault"
)

// options are what ~/.ssh/config says of a host, by lower-case keyword, as
// "ssh -G" prints them.
type options map[string][]string

// resolveOptions asks the system's ssh, which alone knows all of Host, Match and
// Include.
func resolveOptions(ctx context.Context, alias string) (options, error) {
	if alias == "" || strings.HasPrefix(alias, "-") {
		return nil, fault.New(fault.Config, "connect", alias, errors.New("no host name"))
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "ssh", "-G", "--", alias)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "read the ssh configuration of", Path: alias,
			Err:  fmt.Errorf("ssh -G: %w: %s", err, strings.TrimSpace(visible(stderr.String()))),
			Hint: "correct ~/.ssh/config",
		}
	}
	return parseOptions(out), nil
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

// files returns the paths an option lists, ~ expanded.
func (o options) files(key string) []string {
	var paths []string
	for _, v := range o[key] {
		for _, f := range strings.Fields(v) {
			if f != "none" {
				paths = append(paths, expandHome(f))
			}
		}
	}
	return paths
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
