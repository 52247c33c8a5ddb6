package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	stdsync "sync"

	"golang.org/x/crypto/ssh"
)

// secrets are the keys a person has opened with their passphrases, for as long as
// the program runs. They are nowhere else; the passphrases are not kept.
type secrets struct {
	asking stdsync.Mutex // one question at a time; taken before mu

	mu     stdsync.Mutex
	opened map[[sha256.Size]byte]ssh.Signer // by the text of the key's file
}

// remembered returns the key if it was opened before.
func (s *secrets) remembered(text []byte) ssh.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened[sha256.Sum256(text)]
}

// tries is how often a passphrase may be wrong.
const tries = 3

var errNoPassphrase = errors.New("no passphrase was given")

// open asks the person of the click for the key's passphrase, unless that was
// done before.
func (s *secrets) open(ctx context.Context, click *Click, file string, text []byte) (ssh.Signer, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	if signer := s.remembered(text); signer != nil {
		return signer, nil
	}
	if click.hasRefused(file) {
		return nil, errNoPassphrase
	}
	question := fmt.Sprintf("Enter passphrase for key '%s': ", file)
	for range tries {
		passphrase, err := askPass(ctx, question)
		if err != nil {
			click.refuse(file)
			return nil, fmt.Errorf("%w: %w", errNoPassphrase, err)
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(text, passphrase)
		clear(passphrase)
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.opened == nil {
				s.opened = make(map[[sha256.Size]byte]ssh.Signer)
			}
			s.opened[sha256.Sum256(text)] = signer
			return signer, nil
		}
		question = fmt.Sprintf("Bad passphrase, try again for %s: ", file)
	}
	click.refuse(file)
	return nil, errors.New("the passphrase was wrong")
}

// closedKey is a key that is opened when it is to sign something: by then the
// server has said that it would let it in.
type closedKey struct {
	public ssh.PublicKey
	open   func() (ssh.Signer, error)
}

// PublicKey implements [ssh.Signer].
func (k *closedKey) PublicKey() ssh.PublicKey { return k.public }

// Sign implements [ssh.Signer].
func (k *closedKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm implements [ssh.AlgorithmSigner], without which an RSA key
// would sign with SHA-1.
func (k *closedKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := k.open()
	if err != nil {
		return nil, err
	}
	if as, ok := signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return as.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}
