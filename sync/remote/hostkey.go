package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"smd-applet/sync/fault"
)

// hostKeys checks a server's key against known_hosts.
type hostKeys struct {
	alias string
	o     options
	db    *knownhosts.HostKeyDB
}

func newHostKeys(alias string, o options) (*hostKeys, error) {
	var files []string
	for _, f := range append(o.files("userknownhostsfile"), o.files("globalknownhostsfile")...) {
		if _, err := os.Stat(f); err == nil {
			files = append(files, f)
		}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Config, Op: "read known_hosts for", Path: alias, Err: err, Hint: "correct the named line of known_hosts"}
	}
	return &hostKeys{alias, o, db}, nil
}

// algorithms puts those first of which known_hosts has a key: the server would
// otherwise show one that is not on record.
func (h *hostKeys) algorithms() []string {
	known := h.db.HostKeyAlgorithms(h.o.keyName())
	supported := ssh.SupportedAlgorithms().HostKeys
	wanted := strings.Split(h.o.get("hostkeyalgorithms"), ",")
	wanted = append(wanted, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
	for _, a := range wanted {
		if slices.Contains(supported, a) && !slices.Contains(known, a) {
			known = append(known, a)
		}
	}
	return known
}

// check implements ssh.HostKeyCallback.
func (h *hostKeys) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	err := h.db.HostKeyCallback()(h.o.keyName(), remote, key)
	shown := fmt.Sprintf("the server shows the %s key %s", key.Type(), ssh.FingerprintSHA256(key))
	switch {
	case err == nil:
		return nil
	case knownhosts.IsHostKeyChanged(err):
		var known *xknownhosts.KeyError
		where := ""
		if errors.As(err, &known) && len(known.Want) > 0 {
			w := known.Want[0]
			where = fmt.Sprintf(", on record is %s (%s:%d)", ssh.FingerprintSHA256(w.Key), w.Filename, w.Line)
		}
		return &fault.Error{
			Kind: fault.HostKeyChanged, Op: "connect", Path: h.alias, Err: errors.New(shown + where),
			Hint: "if the server was reinstalled run: smd-applet trust %s; if not, someone may be listening", HintArgs: []any{h.alias},
			Actions: []fault.Action{{Kind: fault.TrustHost, Arg: h.alias}, {Kind: fault.OpenLog}},
		}
	case knownhosts.IsHostUnknown(err):
		switch h.o.get("stricthostkeychecking") {
		case "accept-new", "no", "off", "false":
			return h.record(key)
		}
		return &fault.Error{
			Kind: fault.HostKeyUnknown, Op: "connect", Path: h.alias, Err: errors.New(shown),
			Hint: "compare the fingerprint with the server's, then run: smd-applet trust %s", HintArgs: []any{h.alias},
			Actions: []fault.Action{{Kind: fault.TrustHost, Arg: h.alias}, {Kind: fault.OpenLog}},
		}
	}
	return fault.New(fault.HostKeyUnknown, "connect", h.alias, err)
}

// record adds the key to the user's known_hosts.
func (h *hostKeys) record(key ssh.PublicKey) error {
	files := h.o.files("userknownhostsfile")
	if len(files) == 0 {
		return fault.New(fault.Config, "record the host key of", h.alias, errors.New("UserKnownHostsFile is none"))
	}
	if err := os.MkdirAll(filepath.Dir(files[0]), 0o700); err != nil {
		return fault.New(fault.Permission, "record the host key of", h.alias, err)
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fault.New(fault.Permission, "record the host key of", h.alias, err)
	}
	name := knownhosts.Normalize(h.o.keyName())
	if v := h.o.get("hashknownhosts"); v == "yes" || v == "true" {
		name = xknownhosts.HashHostname(name)
	}
	_, err = fmt.Fprintln(f, knownhosts.Line([]string{name}, key))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Permission, "record the host key of", h.alias, err)
	}
	return nil
}

// readable reports whether a file can be had at all.
func readable(path string) ([]byte, bool) {
	b, err := os.ReadFile(path)
	return b, err == nil || !errors.Is(err, fs.ErrNotExist)
}
