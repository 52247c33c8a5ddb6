package remote

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// keyring offers the keys the user has for a host: those of the agent, those in
// files that need no passphrase or have been opened with it, and last, where a
// person may be asked, those that need it.
type keyring struct {
	o       options
	log     *slog.Logger
	secrets *secrets
	// ask opens a key with the help of a person; nil where nobody may be asked.
	ask   func(file string, text []byte) (ssh.Signer, error)
	agent net.Conn

	// For the error message:
	tried    []string
	closed   bool  // there is a key that needs a passphrase
	unopened error // why a key that would do was not opened
}

// signers is called when the server asks for a key: the agent may have come up
// since the last time.
func (k *keyring) signers() ([]ssh.Signer, error) {
	files := k.o.files("identityfile")
	signers := k.fromAgent(files)
	have := func(s ssh.Signer) bool {
		return slices.ContainsFunc(signers, func(o ssh.Signer) bool {
			return bytes.Equal(o.PublicKey().Marshal(), s.PublicKey().Marshal())
		})
	}
	var last []ssh.Signer // they may need a person
	for _, f := range files {
		switch s := k.fromFile(f, have); s.(type) {
		case nil:
		case *closedKey:
			last = append(last, s)
		default:
			if !have(s) {
				signers = append(signers, s)
			}
		}
	}
	signers = append(signers, last...)
	signers = append(k.certified(signers), signers...)
	for _, s := range signers {
		k.tried = append(k.tried, s.PublicKey().Type()+" "+ssh.FingerprintSHA256(s.PublicKey()))
	}
	return signers, nil
}

// fromFile returns a file's key, nil if it is of no use; have says which are there
// already.
func (k *keyring) fromFile(path string, have func(ssh.Signer) bool) ssh.Signer {
	text, there := readable(path)
	if !there {
		return nil
	}
	s, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return s
	case errors.As(err, &locked):
		if s := k.secrets.remembered(text); s != nil {
			return s
		}
		public := locked.PublicKey
		if public == nil { // an old format
			public = publicKey(path)
		}
		key := &closedKey{public: public, open: func() (ssh.Signer, error) { return k.ask(path, text) }}
		switch {
		case public != nil && have(key):
			return nil
		case public != nil && k.ask != nil:
			return key
		}
		k.closed = true
		k.leaveOut(path, "it needs a passphrase: add it to the agent")
	default:
		k.leaveOut(path, "it can't be used")
	}
	return nil
}

func (k *keyring) leaveOut(path, why string) {
	k.tried = append(k.tried, fmt.Sprintf("%s (%s)", path, why))
	k.log.Info("leaving out a key", "file", path, "reason", why)
}

// publicKey reads the public half of a key beside it; nil where it is not there.
func publicKey(path string) ssh.PublicKey {
	text, there := readable(path + ".pub")
	if !there {
		return nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return public
}

// fromAgent returns the agent's keys; with IdentitiesOnly, those of the files.
func (k *keyring) fromAgent(files []string) []ssh.Signer {
	k.close()
	for socket := range k.sockets() {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			k.agent = conn
			break
		}
		k.log.Info("the ssh agent does not answer", "socket", socket, "error", err)
	}
	if k.agent == nil {
		return nil
	}
	signers, err := agent.NewClient(k.agent).Signers()
	if err != nil {
		k.log.Info("the ssh agent gives no keys", "error", err)
		return nil
	}
	if v := k.o.get("identitiesonly"); v != "yes" && v != "true" {
		return signers
	}
	var wanted [][]byte
	for _, f := range files {
		if public := publicKey(f); public != nil {
			wanted = append(wanted, public.Marshal())
		}
	}
	return slices.DeleteFunc(signers, func(s ssh.Signer) bool {
		return !slices.ContainsFunc(wanted, func(w []byte) bool { return bytes.Equal(w, s.PublicKey().Marshal()) })
	})
}

// sockets are where the agent may be now: an applet started with the session often
// starts before the agent. A further one is asked for when those before are dead.
func (k *keyring) sockets() iter.Seq[string] {
	return func(yield func(string) bool) {
		v := k.o.get("identityagent")
		switch {
		case len(k.o["identityagent"]) > 0 && v == "": // none
			return
		case strings.HasPrefix(v, "$"):
			v = environment(strings.Trim(v, "${}"))
		case v == "SSH_AUTH_SOCK":
			v = ""
		}
		if v != "" {
			yield(expandHome(v))
			return
		}
		own := os.Getenv("SSH_AUTH_SOCK")
		if own != "" && !yield(own) {
			return
		}
		for _, assignment := range userEnvironment() {
			if v, ok := strings.CutPrefix(assignment, "SSH_AUTH_SOCK="); ok && v != own && !yield(v) {
				return
			}
		}
		for _, s := range []string{"ssh-agent.socket", "openssh_agent", "keyring/ssh", "gcr/ssh"} {
			path := filepath.Join(runtimeDir(), s)
			if st, err := os.Stat(path); err == nil && st.Mode()&os.ModeSocket != 0 && !yield(path) {
				return
			}
		}
	}
}

// certified returns signers for the certificates on file.
func (k *keyring) certified(signers []ssh.Signer) []ssh.Signer {
	files := k.o.files("certificatefile")
	for _, f := range k.o.files("identityfile") {
		files = append(files, f+"-cert.pub")
	}
	var out []ssh.Signer
	for _, f := range files {
		text, there := readable(f)
		if !there {
			continue
		}
		pub, _, _, _, err := ssh.ParseAuthorizedKey(text)
		cert, ok := pub.(*ssh.Certificate)
		if err != nil || !ok {
			k.log.Info("leaving out a certificate that can't be read", "file", f)
			continue
		}
		for _, s := range signers {
			if c, err := ssh.NewCertSigner(cert, s); err == nil {
				out = append(out, c)
			}
		}
	}
	return out
}

func (k *keyring) close() {
	if k.agent != nil {
		k.agent.Close()
		k.agent = nil
	}
}
