package remote

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"smd-applet/sync/fault"
)

// OpenSSH reaches a host by the system's ssh.
type OpenSSH struct {
	Alias   string   // a Host of ~/.ssh/config, or user@host
	Options []string // more options for ssh
	Reason  string   // why this way, for the log
}

// How implements [Host].
func (h *OpenSSH) How() string { return "openssh: " + h.Reason }

// Start implements [Host].
func (h *OpenSSH) Start(ctx context.Context, argv []string, stderr io.Writer) (Channel, error) {
	if h.Alias == "" || strings.HasPrefix(h.Alias, "-") {
		return nil, fault.New(fault.Config, "connect", h.Alias, errors.New("no host name"))
	}
	// Nothing may ask: there is nobody at the other end of a question.
	args := []string{"-o", "BatchMode=yes", "-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=3", "-T"}
	args = slices.Concat(ownConfig(), args, h.Options, []string{"--", h.Alias, Quote(argv)})
	cmd := exec.Command("ssh", args...)
	if os.Getenv("SSH_AUTH_SOCK") == "" {
		if socket := environment("SSH_AUTH_SOCK"); socket != "" {
			cmd.Env = append(cmd.Environ(), "SSH_AUTH_SOCK="+socket)
		}
	}
	c, err := startProcess(ctx, cmd, stderr, h.classify)
	if err != nil {
		return nil, fault.New(fault.Network, "connect", h.Alias, err)
	}
	return c, nil
}

// classify tells ssh's own failures, which have status 255, from the command's.
func (h *OpenSSH) classify(e *ExitError) error {
	if e.Status != 255 {
		return e
	}
	f := &fault.Error{Kind: fault.Network, Op: "connect", Path: h.Alias, Err: e}
	switch {
	case strings.Contains(e.Stderr, "REMOTE HOST IDENTIFICATION HAS CHANGED"):
		f.Kind = fault.HostKeyChanged
		f.Hint = "if the server was reinstalled run: ssh-keygen -R HOST, then log in with ssh once; if not, someone may be listening"
	case strings.Contains(e.Stderr, "Host key verification failed"):
		f.Kind = fault.HostKeyUnknown
		f.Hint, f.HintArgs = "log in once with: ssh %s, and compare the fingerprint it shows with the server's", []any{h.Alias}
	case strings.Contains(e.Stderr, "Permission denied"), strings.Contains(e.Stderr, "Too many authentication failures"):
		f.Kind = fault.Auth
	}
	return f
}

// Local runs commands on this machine.
type Local struct{}

// How implements [Host].
func (Local) How() string { return "local: both mailboxes are on this machine" }

// Start implements [Host].
func (Local) Start(ctx context.Context, argv []string, stderr io.Writer) (Channel, error) {
	same := func(e *ExitError) error { return e }
	c, err := startProcess(ctx, exec.Command("/bin/sh", "-c", "exec "+Quote(argv)), stderr, same)
	if err != nil {
		return nil, fault.New(fault.Internal, "start", argv[0], err)
	}
	return c, nil
}

// Quote joins words to a command line for a POSIX shell, with quotes only where
// they are needed: a forced command may split it by itself.
func Quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quoteWord(w)
	}
	return strings.Join(quoted, " ")
}

func quoteWord(w string) string {
	plain := func(r rune) bool {
		return (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') || strings.ContainsRune("@%+=:,./_-", r)
	}
	if w != "" && strings.TrimFunc(w, plain) == "" && !strings.Contains(w, "=") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
