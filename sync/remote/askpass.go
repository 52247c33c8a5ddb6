package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	askTime       = 5 * time.Minute // for a person to answer
	maxPassphrase = 4096
)

// askPass asks a person with the program that ssh would take: $SSH_ASKPASS, also
// from the user's systemd, or ssh-askpass.
func askPass(ctx context.Context, question string) ([]byte, error) {
	program := environment("SSH_ASKPASS")
	if program == "" {
		program = "ssh-askpass"
	}
	if environment("SSH_ASKPASS_REQUIRE") == "never" {
		return nil, errors.New("SSH_ASKPASS_REQUIRE=never forbids asking")
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("nothing to ask with: install ssh-askpass, or set SSH_ASKPASS: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, question)
	cmd.WaitDelay = grace
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"} {
		if os.Getenv(name) == "" && environment(name) != "" {
			cmd.Env = append(cmd.Environ(), name+"="+environment(name))
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(out, maxPassphrase))
	if failed := cmd.Wait(); err == nil && failed != nil {
		err = fmt.Errorf("%s: %w", path, failed)
	}
	if err != nil {
		clear(answer)
		return nil, err
	}
	return bytes.TrimRight(answer, "\r\n"), nil
}
