package restrict

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"smd-applet/sync/durable"
)

// keyPair returns the public half of the key at path, which is made where there
// is none. One that is there has to be usable without a passphrase.
func keyPair(path, comment string) (key ssh.PublicKey, made bool, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		private, err := ssh.ParsePrivateKey(text)
		if err != nil {
			return nil, false, fmt.Errorf("%s is there, but can't be used: %w", path, err)
		}
		return private.PublicKey(), false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, false, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, false, err
	}
	if key, err = ssh.NewPublicKey(public); err != nil {
		return nil, false, err
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	line := append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)), " "+comment+"\n"...)
	return key, true, errors.Join(put(path+".pub", line), put(path, pem.EncodeToMemory(block)))
}

func put(path string, text []byte) error {
	return durable.WriteFile(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// removeKeyPair removes both halves; one that is gone is no error.
func removeKeyPair(path string) error {
	var errs []error
	for _, half := range []string{path, path + ".pub"} {
		if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
