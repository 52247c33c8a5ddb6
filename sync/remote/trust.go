package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// HostKey is the key a server shows, for a person to trust or not.
type HostKey struct {
	Type        string   // such as ssh-ed25519
	Fingerprint string   // as ssh shows it: SHA256:…
	Trusted     bool     // it is on record already
	Replaces    []string // the fingerprints on record that it contradicts

	keys  *hostKeys
	key   ssh.PublicKey
	stale []xknownhosts.KnownKey
}

var errSeen = errors.New("the key was seen")

// FetchHostKey asks the server of an ssh alias for its key, and does not log in.
// Jump hosts in between must be trusted.
func FetchHostKey(ctx context.Context, alias string, log *slog.Logger) (*HostKey, error) {
	o, err := resolveOptions(ctx, alias)
	if err != nil {
		return nil, err
	}
	if why := o.foreign(); why != "" {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "ask for the key of", Path: alias,
			Err: fmt.Errorf("only ssh itself can reach it: %s", why), Hint: "log in once with: ssh %s", HintArgs: []any{alias},
		}
	}
	keys, err := newHostKeys(alias, o)
	if err != nil {
		return nil, err
	}
	c := &connection{}
	defer func() { c.closeJumps() }()
	reach, err := c.jump(ctx, o, log, &secrets{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.seconds("connecttimeout", dialTimeout))
	defer cancel()
	conn, err := reach(ctx, "tcp", o.addr())
	if err != nil {
		return nil, fault.New(fault.Network, "connect", alias, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	shown := &HostKey{keys: keys}
	_, _, _, err = ssh.NewClientConn(conn, o.addr(), &ssh.ClientConfig{
		User:              o.get("user"),
		HostKeyAlgorithms: keys.algorithms(),
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			shown.look(remote, key)
			return errSeen
		},
	})
	if shown.key == nil {
		return nil, fault.New(fault.Network, "ask for the key of", alias, err)
	}
	return shown, nil
}

// look compares the key with those on record.
func (k *HostKey) look(remote net.Addr, key ssh.PublicKey) {
	k.key, k.Type, k.Fingerprint = key, key.Type(), ssh.FingerprintSHA256(key)
	err := k.keys.db.HostKeyCallback()(k.keys.o.keyName(), remote, key)
	k.Trusted = err == nil
	var known *xknownhosts.KeyError
	if !errors.As(err, &known) {
		return
	}
	k.stale = known.Want
	for _, w := range known.Want {
		k.Replaces = append(k.Replaces, w.Key.Type()+" "+ssh.FingerprintSHA256(w.Key))
	}
}

// Record makes known_hosts trust the key, and takes those out that it replaces;
// the file as it was is kept beside it, with .old added to its name.
func (k *HostKey) Record() error {
	lines := make(map[string][]int)
	for _, s := range k.stale {
		lines[s.Filename] = append(lines[s.Filename], s.Line)
	}
	for name, stale := range lines {
		if err := removeLines(name, stale); err != nil {
			return &fault.Error{
				Kind: fault.Permission, Op: "remove the old host key of", Path: k.keys.alias, Err: err,
				Hint: "remove line %d of %s by hand", HintArgs: []any{stale[0], name},
			}
		}
	}
	return k.keys.record(k.key)
}

// removeLines takes lines, counted from 1, out of a file, through links to it.
func removeLines(name string, lines []int) error {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var kept [][]byte
	for i, line := range slices.Collect(bytes.Lines(text)) {
		if !slices.Contains(lines, i+1) {
			kept = append(kept, line)
		}
	}
	write := func(path string, text []byte) error {
		return durable.WriteFile(path, 0o600, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	if err := write(path+".old", text); err != nil {
		return err
	}
	return write(path, bytes.Join(kept, nil))
}
