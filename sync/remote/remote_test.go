package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/synctest"
)

// These tests set HOME, below which ~/.ssh is, so they don't run in parallel.

// server starts a real sshd and makes its alias known to this process.
func server(t *testing.T, alias string) (*synctest.SSHD, string) {
	t.Helper()
	sshd := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	home := t.TempDir()
	sshd.WriteClientHome(t, home, alias)
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	return sshd, home
}

func newPool(t *testing.T) *Pool {
	t.Helper()
	p := &Pool{Log: slog.New(slog.DiscardHandler)}
	t.Cleanup(p.Close)
	return p
}

func host(t *testing.T, p *Pool, prefer string) Host {
	t.Helper()
	h, err := p.Host(t.Context(), "mailhost", prefer)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Every way to a command behaves the same.
func TestChannels(t *testing.T) {
	server(t, "mailhost")
	p := newPool(t)
	for name, h := range map[string]Host{"native": host(t, p, ""), "openssh": host(t, p, "openssh"), "local": Local{}} {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(h.How(), name) {
				t.Errorf("How: %s", h.How())
			}
			t.Run("data both ways", func(t *testing.T) {
				data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
				c, err := h.Start(t.Context(), []string{"cat"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				wrote := make(chan error, 1)
				go func() {
					_, err := c.Write(data)
					wrote <- errors.Join(err, c.CloseWrite())
				}()
				got, err := io.ReadAll(c)
				if err := errors.Join(err, <-wrote, c.Close()); err != nil {
					t.Fatal(err)
				}
				if sha256.Sum256(got) != sha256.Sum256(data) {
					t.Errorf("%d bytes came back, sent %d", len(got), len(data))
				}
			})
			t.Run("status and words", func(t *testing.T) {
				var said bytes.Buffer
				c, err := h.Start(t.Context(), []string{"sh", "-c", "echo 'it''s \x1b[2Jwrong' >&2; exit 6"}, &said)
				if err != nil {
					t.Fatal(err)
				}
				var exit *ExitError
				if err := c.Close(); !errors.As(err, &exit) || exit.Status != 6 {
					t.Fatalf("got %v", err)
				}
				if !strings.Contains(exit.Stderr, "wrong") || strings.Contains(exit.Stderr+said.String(), "\x1b") {
					t.Errorf("stderr %q, copied %q", exit.Stderr, said.String())
				}
			})
			t.Run("no such program", func(t *testing.T) {
				c, err := h.Start(t.Context(), []string{"no-such-program-here"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				var exit *ExitError
				if err := c.Close(); !errors.As(err, &exit) || exit.Status != 127 {
					t.Fatalf("got %v", err)
				}
			})
			t.Run("close ends what hangs", func(t *testing.T) {
				c, err := h.Start(t.Context(), []string{"sleep", "1000"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Close(); err == nil {
					t.Error("want an error: it was killed")
				}
			})
			t.Run("cancel ends what hangs", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				c, err := h.Start(ctx, []string{"sleep", "1000"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				cancel()
				if _, err := io.ReadAll(c); err == nil {
					err = c.Wait()
					if err == nil {
						t.Error("want an error: it was killed")
					}
				}
			})
		})
	}
}

// failure is the failure to run a command by the given way.
func failure(t *testing.T, prefer string) *fault.Error {
	t.Helper()
	h, err := newPool(t).Host(t.Context(), "mailhost", prefer)
	if err == nil {
		var c Channel
		if c, err = h.Start(t.Context(), []string{"true"}, nil); err == nil {
			err = c.Close()
		}
	}
	return fault.As(err)
}

func TestRefusals(t *testing.T) {
	_, home := server(t, "mailhost")
	known, key := filepath.Join(home, ".ssh", "known_hosts"), keyFile(t, home)
	good, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	_, otherHome := server(t, "mailhost")
	foreign, err := os.ReadFile(filepath.Join(otherHome, ".ssh", "known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	wrongKey, err := os.ReadFile(keyFile(t, otherHome))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	// The other server's key under this server's name.
	changed := []byte(strings.Fields(string(good))[0] + " " + strings.Join(strings.Fields(string(foreign))[1:3], " ") + "\n")
	for _, c := range []struct {
		name  string
		file  string
		text  []byte
		want  fault.Kind
		hints string
	}{
		{"unknown host key", known, nil, fault.HostKeyUnknown, "fingerprint"},
		{"changed host key", known, changed, fault.HostKeyChanged, "reinstalled"},
		{"wrong key", key, wrongKey, fault.Auth, "without a question"},
	} {
		was, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.file, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, prefer := range []string{"native", "openssh"} {
			f := failure(t, prefer)
			if f == nil || f.Kind != c.want || !strings.Contains(f.WayOut(), c.hints) {
				t.Errorf("%s, %s: %v; %v", c.name, prefer, f, f.WayOut())
			}
		}
		if err := os.WriteFile(c.file, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if f := failure(t, "native"); f != nil {
		t.Errorf("with all as it was: %v", f)
	}
}

func keyFile(t *testing.T, home string) string {
	t.Helper()
	t.Setenv("HOME", home)
	o, err := resolveOptions(t.Context(), "mailhost")
	if err != nil {
		t.Fatal(err)
	}
	files := o.files("identityfile")
	if len(files) == 0 {
		t.Fatal("no identity file")
	}
	return files[0]
}

// One connection serves all commands, and is made anew when it is gone.
func TestOneConnection(t *testing.T) {
	sshd, _ := server(t, "mailhost")
	h := host(t, newPool(t), "")
	command := func() {
		t.Helper()
		c, err := h.Start(t.Context(), []string{"true"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		command()
	}
	if n := sshd.Logins(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	sshd.DropConnections()
	command()
	if n := sshd.Logins(); n != 2 {
		t.Errorf("%d logins after a cut, want 2", n)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{
		"smd-server --exclude 'Mail/Spam*' 'a b' Mail": {"smd-server", "--exclude", "Mail/Spam*", "a b", "Mail"},
		`'' 'it'\''s' 'A=1' '$HOME'`:                   {"", "it's", "A=1", "$HOME"},
	} {
		if got := Quote(words); got != want {
			t.Errorf("Quote(%q) = %s, want %s", words, got, want)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for text, foreign := range map[string]bool{
		"hostname a\nport 22\n":                                 false,
		"hostname a\nproxycommand none\ncontrolpath none\n":     false,
		"hostname a\nproxycommand nc %h %p\n":                   true,
		"hostname a\ncontrolmaster auto\ncontrolpath /tmp/x\n":  true,
		"hostname a\ncontrolmaster false\ncontrolpath /tmp/x\n": false,
		"hostname a\ncompression yes\n":                         true,
		"hostname a\npkcs11provider /usr/lib/x.so\n":            true,
	} {
		if got := parseOptions([]byte(text)).foreign(); (got != "") != foreign {
			t.Errorf("%q: %q", text, got)
		}
	}
}
