package restrict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
	"smd-applet/sync/remote"
)

// Key is a key of its own for one server, as a person asks for it.
type Key struct {
	Home      string // here
	Host      string // where a person logs in: a Host of ~/.ssh/config, or user@host
	Alias     string // the host of its own that uses the key; see [AliasOf]
	Mailboxes []string
	Comment   string   // of the key, such as "me@laptop"
	Programs  []string // where smd-applet may be at the server
	// Connect leads to a host. It is asked for Host and for Alias.
	Connect func(ctx context.Context, alias string) (remote.Host, error)
}

// AliasOf is the name of the host that is made for a person's host.
func AliasOf(host string) string {
	return "smd-" + regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(host, "-")
}

func (k *Key) config() string { return filepath.Join(k.Home, ".ssh", "config") }

// file is the private key.
func (k *Key) file() string { return filepath.Join(k.Home, ".ssh", "id_ed25519_"+k.Alias) }

// name is how ~/.ssh/config names the private key: ~ is the home of the account
// there, whatever $HOME is.
func (k *Key) name() string {
	if me, err := user.Current(); err == nil && filepath.Clean(me.HomeDir) == filepath.Clean(k.Home) {
		return "~/.ssh/" + filepath.Base(k.file())
	}
	return `"` + k.file() + `"`
}

// Change is what was done, or would be.
type Change struct {
	KeyMade      bool
	KeyFile      string // ~ for the home
	Block        string // of ~/.ssh/config
	BlockChanged bool
	Line         string // of authorized_keys at the server
	LineChanged  bool
	NothingToDo  bool
}

// Plan says what Give would write here; the key does not exist yet.
func (k *Key) Plan(ctx context.Context) (*Change, error) {
	block, err := k.block(ctx)
	if err != nil {
		return nil, err
	}
	words := []string{"smd-applet", "restricted-shell"}
	for _, m := range k.Mailboxes {
		words = append(words, "--root", m)
	}
	return &Change{KeyFile: k.name(), Block: block.Text(), Line: fmt.Sprintf("command=%q,restrict ssh-ed25519 …", remote.Quote(words))}, nil
}

func (k *Key) block(ctx context.Context) (Block, error) {
	route, err := remote.Route(ctx, k.Host)
	if err != nil {
		return Block{}, err
	}
	return Block{Alias: k.Alias, Host: k.Host, Route: route, Key: k.name()}, nil
}

// Give makes the key, lets it in at the server and makes the host that uses it,
// what of that is not there yet; then it tries what the key may do, and what it may
// not. Where that fails, what Give made is taken back, and a line it changed is as it
// was.
func (k *Key) Give(ctx context.Context) (_ *Change, err error) {
	if k.Mailboxes, err = cleanMailboxes(k.Mailboxes); err != nil {
		return nil, err
	}
	if err := k.free(); err != nil {
		return nil, err
	}
	block, err := k.block(ctx)
	if err != nil {
		return nil, err
	}
	host, err := k.Connect(ctx, k.Host)
	if err != nil {
		return nil, err
	}
	c := &Change{KeyFile: k.name(), Block: block.Text()}
	public, made, err := keyPair(k.file(), k.Comment)
	if err != nil {
		return nil, fault.New(fault.FileSystem, "make the key", k.file(), err)
	}
	c.KeyMade = made
	before, err := os.ReadFile(k.config())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.FileSystem, "read", k.config(), err)
	}
	var lined *answer
	defer func() {
		if err == nil {
			return
		}
		ctx := context.WithoutCancel(ctx)
		if lined != nil && lined.Changed && (made || lined.Was != nil) {
			back := request{Key: marshal(public), Remove: true} // the line of a key that is gone is of no use
			if was := lined.Was; was != nil && *was != "" {
				back.Remove, back.Restore = false, *was
			}
			_, failed := ask(ctx, host, k.Host, k.Programs, back)
			err = errors.Join(err, failed)
		}
		if c.BlockChanged {
			_, back := edit(k.config(), func(text []byte) ([]byte, error) {
				if bytes.Equal(text, block.with(before)) {
					return before, nil
				}
				kept, _ := withoutBlock(text, k.Alias)
				return kept, nil
			})
			err = errors.Join(err, back)
		}
		if made {
			err = errors.Join(err, removeKeyPair(k.file()))
		}
	}()
	a, err := ask(ctx, host, k.Host, k.Programs, request{Key: marshal(public), Mailboxes: k.Mailboxes, Comment: k.Comment})
	if err != nil {
		return nil, err
	}
	lined, c.Line, c.LineChanged = a, a.Line, a.Changed
	c.BlockChanged, err = edit(k.config(), func(text []byte) ([]byte, error) { return block.with(text), nil })
	if err != nil {
		return nil, fault.New(fault.FileSystem, "edit", k.config(), err)
	}
	if err := k.try(ctx); err != nil {
		return nil, err
	}
	c.NothingToDo = !c.KeyMade && !c.BlockChanged && !c.LineChanged
	return c, nil
}

// free refuses an alias that ~/.ssh/config has already and is not ours.
func (k *Key) free() error {
	text, err := os.ReadFile(k.config())
	if err != nil {
		return nil // what can't be read is told when it is edited
	}
	kept, _ := withoutBlock(text, k.Alias)
	for line := range bytes.Lines(kept) {
		words := strings.Fields(strings.ReplaceAll(string(line), "=", " "))
		if len(words) > 1 && strings.EqualFold(words[0], "host") {
			for _, name := range words[1:] {
				if strings.Trim(name, `"`) == k.Alias {
					return &fault.Error{
						Kind: fault.Config, Op: "add to ~/.ssh/config", Path: k.Alias, Err: errors.New("it has such a Host already, which is not ours"),
						Hint: "choose another name: --alias NAME",
					}
				}
			}
		}
	}
	return nil
}

func marshal(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// try looks at the mailboxes by the new host, and then for a command that a key
// of its own must not run.
func (k *Key) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	host, err := k.Connect(ctx, k.Alias)
	if err != nil {
		return err
	}
	argv := append([]string{"smd-applet", "probe", "key"}, k.Mailboxes...)
	said, err := remote.Output(ctx, host, argv, strings.NewReader(""), 64<<20)
	if err == nil {
		_, err = probe.Read(bytes.NewReader(said))
	}
	if err != nil {
		return &fault.Error{
			Kind: fault.Auth, Op: "log in with the new key as", Path: k.Alias, Err: err,
			Hint: "the server may have its keys elsewhere than in ~/.ssh/authorized_keys, or an OpenSSH before 7.2; ask who runs it. All was taken back",
		}
	}
	said, err = remote.Output(ctx, host, []string{"uname"}, strings.NewReader(""), 1<<10)
	var exit *remote.ExitError
	switch {
	case err == nil, !errors.As(err, &exit) || len(bytes.TrimSpace(said)) > 0:
		return &fault.Error{
			Kind: fault.Auth, Op: "try the new key as", Path: k.Alias, Err: errors.New("it may run other commands too: another key logs in before it, or the server does not heed command= in ~/.ssh/authorized_keys"),
			Hint: "the server may have its keys elsewhere than in ~/.ssh/authorized_keys, or an OpenSSH before 7.2; ask who runs it. All was taken back",
		}
	}
	return nil
}

// Take takes all of it back, at the server first: where that can't be asked nothing
// is changed here.
func (k *Key) Take(ctx context.Context) (*Change, error) {
	c := &Change{KeyFile: k.name()}
	text, err := os.ReadFile(k.file())
	if errors.Is(err, os.ErrNotExist) {
		c.NothingToDo = true
	} else if err != nil {
		return nil, fault.New(fault.FileSystem, "read", k.file(), err)
	} else {
		private, err := ssh.ParsePrivateKey(text)
		if err != nil {
			return nil, fault.New(fault.FileSystem, "read", k.file(), err)
		}
		host, err := k.Connect(ctx, k.Host)
		if err != nil {
			return nil, err
		}
		a, err := ask(ctx, host, k.Host, k.Programs, request{Key: marshal(private.PublicKey()), Remove: true})
		if err != nil {
			return nil, err
		}
		c.LineChanged = a.Changed
	}
	c.BlockChanged, err = edit(k.config(), func(text []byte) ([]byte, error) {
		kept, _ := withoutBlock(text, k.Alias)
		return kept, nil
	})
	if err != nil {
		return nil, fault.New(fault.FileSystem, "edit", k.config(), err)
	}
	if c.NothingToDo {
		c.NothingToDo = !c.BlockChanged
		return c, nil
	}
	c.KeyMade = true
	return c, removeKeyPair(k.file())
}
