package restrict

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"smd-applet/sync/remote"
)

func newPublic(t interface{ Fatal(...any) }, seed byte) ssh.PublicKey {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	key, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestAuthorizedKeysAreTakenBackExactly: whatever a person's file looks like.
func TestAuthorizedKeysAreTakenBackExactly(t *testing.T) {
	t.Parallel()
	ours := newPublic(t, 1)
	theirs := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(newPublic(t, 2))))
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.SampledFrom([]string{"", "# a note", theirs + " me@desk", `command="x \"y\"",restrict ` + theirs, "nonsense", "\r"})).Draw(t, "lines")
		text := []byte(strings.Join(lines, "\n"))
		p := Permission{Program: "/home/me/.local/bin/smd-applet", Mailboxes: []string{"Mail", "My Mail"}, Key: ours, Comment: "c"}
		with, was := allow(text, p)
		if was != "" {
			t.Fatalf("it had %q", was)
		}
		if !bytes.Contains(with, []byte(p.Line()+"\n")) {
			t.Fatalf("%q has no line of ours", with)
		}
		if again, _ := allow(with, p); !bytes.Equal(with, again) {
			t.Fatalf("a second time: %q, was %q", again, with)
		}
		p.Mailboxes = []string{"Other"}
		other, was := allow(with, p)
		if got := forbid(other, ours); !bytes.Equal(got, text) {
			t.Fatalf("taken back: %q, was %q", got, text)
		}
		if got, _ := replace(other, ours, was); !bytes.Equal(got, with) {
			t.Fatalf("as it was: %q, was %q", got, with)
		}
	})
}

func TestLine(t *testing.T) {
	t.Parallel()
	p := Permission{Program: "/home/a b/smd-applet", Mailboxes: []string{"Mail", `My "Mail"`}, Key: newPublic(t, 1), Comment: "me@laptop"}
	want := `command="'/home/a b/smd-applet' restricted-shell --root Mail --root 'My%20\"Mail\"'",restrict ssh-ed25519 `
	if got := p.Line(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " me@laptop") {
		t.Errorf("%s, want %s…", got, want)
	}
	_, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(p.Line()))
	if err != nil || comment != "me@laptop" || len(options) != 2 {
		t.Errorf("read back: %q %q %v", comment, options, err)
	}
}

var testBlock = Block{Alias: "smd-mailhost", Host: "mailhost", Route: []remote.Setting{{Keyword: "HostName", Value: "mail.example.org"}}, Key: "~/.ssh/id_ed25519_smd-mailhost"}

// TestConfigKeepsItsMeaning: what ssh makes of every other host is the same with
// the block as without it.
func TestConfigKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh")
	}
	for name, text := range map[string]string{
		"none":              "",
		"a host":            "Host mailhost\n  User me\n",
		"no end of line":    "Host mailhost\n  User me",
		"options for all":   "# mine\nUser everybody\nServerAliveInterval 7\n\nHost mailhost\n  User me\n",
		"with =":            "\nUser=everybody\nHost=other\n  Port=7\n",
		"match":             "Match host mailhost\n  User me\nHost *\n  User everybody\n  IdentityFile ~/.ssh/general\n",
		"comments and CRLF": "# a\r\n\r\nHost mailhost\r\n  User me\r\n",
	} {
		with := testBlock.with([]byte(text))
		dir := t.TempDir()
		before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
		for path, text := range map[string][]byte{before: []byte(text), after: with} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, host := range []string{"mailhost", "other"} {
			if a, b := resolved(t, before, host), resolved(t, after, host); a != b {
				t.Errorf("%s: %s is another one:\n%s\nwas\n%s", name, host, b, a)
			}
		}
		got := resolved(t, after, testBlock.Alias)
		for _, want := range []string{"hostname mail.example.org\n", "identitiesonly yes\n", "batchmode yes\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
		_, files, _ := strings.Cut(got, "\nidentityfile ")
		if first, _, _ := strings.Cut(files, "\n"); !strings.HasSuffix(first, "id_ed25519_smd-mailhost") {
			t.Errorf("%s: the first key is %s", name, first)
		}
		if again := testBlock.with(with); !bytes.Equal(again, with) {
			t.Errorf("%s: a second time:\n%s\nwas\n%s", name, again, with)
		}
		if kept, _ := withoutBlock(with, testBlock.Alias); string(kept) != text {
			t.Errorf("%s: taken back: %q, was %q", name, kept, text)
		}
		if host, ok := HostOf(with, testBlock.Alias); !ok || host != "mailhost" {
			t.Errorf("%s: made for %q, %t", name, host, ok)
		}
	}
}

func resolved(t *testing.T, file, host string) string {
	t.Helper()
	out, err := exec.Command("ssh", "-F", file, "-G", "--", host).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestBlockWithoutItsEnd: then nobody knows what is ours, and all is left.
func TestBlockWithoutItsEnd(t *testing.T) {
	t.Parallel()
	text := []byte(testBlock.Text() + "Host other\n")
	if kept, _ := withoutBlock(text, testBlock.Alias); !bytes.Equal(kept, text) {
		t.Errorf("left: %q", kept)
	}
}

// TestEditKeepsTheFile: its permissions, and the link that leads to it.
func TestEditKeepsTheFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	real := filepath.Join(home, "dotfiles", "authorized_keys")
	for _, dir := range []string{filepath.Dir(real), filepath.Join(home, ".ssh")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(real, []byte("# mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, authorizedKeys(home)); err != nil {
		t.Fatal(err)
	}
	p := Permission{Program: "/usr/bin/smd-applet", Mailboxes: []string{"Mail"}, Key: newPublic(t, 1), Comment: "c"}
	for _, step := range []struct {
		name    string
		do      func() (bool, error)
		changed bool
		text    string
	}{
		{"allow", func() (bool, error) { return allowed(home, p) }, true, p.Line() + "\n# mine"},
		{"again", func() (bool, error) { return allowed(home, p) }, false, p.Line() + "\n# mine"},
		{"another's", func() (bool, error) { return refused(Restore(home, p.Key, "# mine")) }, false, p.Line() + "\n# mine"},
		{"as before", func() (bool, error) { return Restore(home, p.Key, p.Line()) }, false, p.Line() + "\n# mine"},
		{"forbid", func() (bool, error) { return Forbid(home, p.Key) }, true, "# mine"},
		{"again", func() (bool, error) { return Forbid(home, p.Key) }, false, "# mine"},
	} {
		changed, err := step.do()
		if err != nil || changed != step.changed {
			t.Errorf("%s: changed %t, %v", step.name, changed, err)
		}
		text, err := os.ReadFile(real)
		if err != nil || string(text) != step.text {
			t.Errorf("%s: %q, %v", step.name, text, err)
		}
		if st, err := os.Stat(real); err != nil || st.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", step.name, st.Mode(), err)
		}
		if st, err := os.Lstat(authorizedKeys(home)); err != nil || st.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s: the link is a %v, %v", step.name, st.Mode(), err)
		}
	}
}

func allowed(home string, p Permission) (bool, error) {
	changed, _, err := Allow(home, p)
	return changed, err
}

// refused turns a failure that must be into none.
func refused(changed bool, err error) (bool, error) {
	if err == nil {
		return changed, errors.New("it was taken")
	}
	return changed, nil
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for name, in := range map[string]string{
		"nonsense":     "hello",
		"no mailbox":   `{"key":"` + marshal(newPublic(t, 1)) + `"}`,
		"outside":      `{"key":"` + marshal(newPublic(t, 1)) + `","mailboxes":["../you"]}`,
		"no key":       `{"key":"","mailboxes":["Mail"]}`,
		"two lines":    `{"key":"` + marshal(newPublic(t, 1)) + `","mailboxes":["Mail\nssh-rsa x"]}`,
		"the home":     `{"key":"` + marshal(newPublic(t, 1)) + `","mailboxes":["."]}`,
		"not its line": `{"key":"` + marshal(newPublic(t, 1)) + `","restore":"` + marshal(newPublic(t, 2)) + `"}`,
		"an empty one": `{"key":"` + marshal(newPublic(t, 1)) + `","mailboxes":[""]}`,
	} {
		if err := Serve(home, "/usr/bin/smd-applet", strings.NewReader(in), new(bytes.Buffer)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := os.Stat(authorizedKeys(home)); err == nil {
		t.Error("a file was written")
	}
}
