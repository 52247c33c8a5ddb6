package remote

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// keyring offers the keys the user has for a host: those of the agent, then
// those in files that need no passphrase.
type keyring struct {
	o     options
	log   *slog.Logger
	agent net.Conn
	tried []string // for the error message
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
	for _, f := range files {
		if s := k.fromFile(f); s != nil && !have(s) {
			signers = append(signers, s)
		}
	}
	signers = append(k.certified(signers), signers...)
	for _, s := range signers {
		k.tried = append(k.tried, s.PublicKey().Type()+" "+ssh.FingerprintSHA256(s.PublicKey()))
	}
	return signers, nil
}

func (k *keyring) fromFile(path string) ssh.Signer {
	text, there := readable(path)
	if !there {
		return nil
	}
	s, err := ssh.ParsePrivateKey(text)
	if err != nil {
		why := "it can't be used"
		if errors.As(err, new(*ssh.PassphraseMissingError)) {
			why = "it needs a passphrase: add it to the agent"
		}
		k.tried = append(k.tried, fmt.Sprintf("%s (%s)", path, why))
		k.log.Info("leaving out a key", "file", path, "reason", why)
		return nil
	}
	return s
}

// fromAgent returns the agent's keys; with IdentitiesOnly, those of the files.
func (k *keyring) fromAgent(files []string) []ssh.Signer {
	socket := k.socket()
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		k.log.Info("the ssh agent does not answer", "socket", socket, "error", err)
		return nil
	}
	k.close()
	k.agent = conn
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		k.log.Info("the ssh agent gives no keys", "error", err)
		return nil
	}
	if v := k.o.get("identitiesonly"); v != "yes" && v != "true" {
		return signers
	}
	var wanted [][]byte
	for _, f := range files {
		if text, ok := readable(f + ".pub"); ok {
			if pub, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
				wanted = append(wanted, pub.Marshal())
			}
		}
	}
	return slices.DeleteFunc(signers, func(s ssh.Signer) bool {
		return !slices.ContainsFunc(wanted, func(w []byte) bool { return bytes.Equal(w, s.PublicKey().Marshal()) })
	})
}

// socket finds the agent's socket now: an applet started with the session often
// starts before the agent.
func (k *keyring) socket() string {
	switch v := k.o.get("identityagent"); {
	case len(k.o["identityagent"]) > 0 && v == "":
		return "" // none
	case strings.HasPrefix(v, "$"):
		return os.Getenv(v[1:])
	case v != "" && v != "SSH_AUTH_SOCK":
		return expandHome(v)
	}
	if s := os.Getenv("SSH_AUTH_SOCK"); s != "" {
		return s
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	for _, s := range []string{"ssh-agent.socket", "openssh_agent", "keyring/ssh", "gcr/ssh"} {
		path := filepath.Join(runtime, s)
		if st, err := os.Stat(path); runtime != "" && err == nil && st.Mode()&os.ModeSocket != 0 {
			return path
		}
	}
	return ""
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
