package demo

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"smd-applet/sync/config"
	"smd-applet/sync/synctest"
)

// Alias is the name of the server in the laptop's configuration.
const Alias = "mailhost"

// Endpoint is the one endpoint of the laptop.
const Endpoint = "default"

// Stage is a laptop and a server that are set up, but have never been in step.
type Stage struct {
	Laptop config.Paths

	here, there *synctest.Mailbox
	messages    int // at the server, at first
	server      *server
}

// Prepare sets a stage below dir, for the program to be both ends.
func Prepare(dir, program string, messages int) (*Stage, error) {
	s := &Stage{Laptop: config.Paths{Home: filepath.Join(dir, "laptop")}, messages: messages}
	home, bin := filepath.Join(dir, "server"), filepath.Join(dir, "bin")
	s.here = synctest.OpenMailbox(filepath.Join(s.Laptop.Home, "Mail"), "laptop")
	s.there = synctest.OpenMailbox(filepath.Join(home, "Mail"), "server")
	for _, d := range []string{bin, home, filepath.Join(s.Laptop.Home, ".ssh")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("make the demo's homes: %w", err)
		}
	}
	for _, name := range []string{"smd-applet", "smd-server", "smd-client"} {
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("install the program at the demo's server: %w", err)
		}
	}
	if _, err := synctest.Generate(s.there.Root, synctest.Options{Seed: 1, Messages: messages, Folders: 8}); err != nil {
		return nil, fmt.Errorf("make the sample mailbox: %w", err)
	}
	if err := s.connect(home, bin); err != nil {
		return nil, err
	}
	if err := s.configure(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// configure writes what a person would write on the laptop.
func (s *Stage) configure() error {
	if err := s.Laptop.Make(); err != nil {
		return err
	}
	for path, text := range map[string]string{
		s.Laptop.Config(Endpoint): "SERVERNAME=" + Alias + "\nCLIENTNAME=laptop-demo\nMAILBOX=Mail\n",
		s.Laptop.Loop():           "60 60 " + Endpoint + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("configure the demo's laptop: %w", err)
		}
	}
	return nil
}

// connect starts the server and makes it known to the laptop's ssh.
func (s *Stage) connect(home, bin string) error {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return fmt.Errorf("make the laptop's key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return fmt.Errorf("make the laptop's key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "smd-applet demo")
	if err != nil {
		return fmt.Errorf("make the laptop's key: %w", err)
	}
	if s.server, err = startServer(home, bin+":"+os.Getenv("PATH"), signer.PublicKey()); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.server.listener.Addr().String())
	if err != nil {
		s.Close()
		return fmt.Errorf("start the server: %w", err)
	}
	dir := filepath.Join(s.Laptop.Home, ".ssh")
	key, known := filepath.Join(dir, "id_demo"), filepath.Join(dir, "known_hosts")
	for path, text := range map[string]string{
		key:   string(pem.EncodeToMemory(block)),
		known: fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(s.server.hostKey)),
		filepath.Join(dir, "config"): fmt.Sprintf(
			"Host %s\n  HostName %s\n  Port %s\n  User demo\n  IdentityFile %q\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile %q\n  GlobalKnownHostsFile none\n",
			Alias, host, port, key, known),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.Close()
			return fmt.Errorf("configure the laptop's ssh: %w", err)
		}
	}
	return nil
}

// Close ends the server. What lies below the stage's dir is the caller's.
func (s *Stage) Close() { s.server.close() }
