package main_test

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

const secret = "Subject: secret\n\nPRIVATE KEY\n"

// besieged is a home whose key may only sync, with secrets beside its mail.
func besieged(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for path, content := range map[string]string{
		"Mail/cur/1:2,S":    "Subject: mail\n\nbody\n",
		"Mail/.work/cur/2":  "Subject: work\n\nbody\n",
		"Other/cur/3:2,S":   "Subject: other\n\nbody\n",
		".ssh/id":           secret,
		".ssh/cur/4:2,S":    secret,
		".config/x/cur/5":   secret,
		"bin/smd-server":    "#!/bin/sh\ntouch \"$HOME/was-here\"\ncat \"$HOME/.ssh/id\"\n",
		".smd/log/kept":     "log",
		"Mail/.lists/tmp/6": secret,
	} {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"keys": ".ssh", "Mail/out": "../.ssh", "Mail/cur/out": "../../.ssh/id", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// everything is all that a home holds, by path.
func everything(t *testing.T, home string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		content := e.Type().String()
		switch {
		case e.Type().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content += string(b)
		case e.Type()&fs.ModeSymlink != 0:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		all[path] = content
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What a stolen key may try. Each is refused before anything is said, and nothing
// is read or written.
func TestRestrictedShellRefuses(t *testing.T) {
	t.Parallel()
	bin := synctest.BuildBinary(t)
	for _, attempt := range []struct {
		command string
		roots   string // "" pins none; "*" stands for both
	}{
		// A shell.
		{"", "*"},
		{"sh", "*"},
		{"smd-server laptop Mail; rm -r Mail", "*"},
		{"smd-server laptop Mail && rm -r Mail", "*"},
		{"smd-server laptop Mail | tee was-here", "*"},
		{"smd-server laptop Mail &", "*"},
		{"smd-server laptop Mail > was-here", "*"},
		{"smd-server laptop Mail < .ssh/id", "*"},
		{"smd-server laptop $(touch was-here)", "*"},
		{"smd-server laptop `touch was-here` Mail", "*"},
		{"smd-server laptop \"$(touch was-here)\" Mail", "*"},
		{"smd-server laptop $HOME", "*"},
		{"smd-server laptop ${HOME}/.ssh", "*"},
		{"smd-server laptop <(cat .ssh/id) Mail", "*"},
		{"smd-server laptop $((1+1)) Mail", "*"},
		{"smd-server laptop Mail\nrm -r Mail", "*"},
		{"smd-server laptop Mail\rrm -r Mail", "*"},
		{"smd-server laptop 'Mail", "*"},
		{"smd-server laptop \"Mail", "*"},
		{"PATH=bin smd-server laptop Mail", "*"},
		{"exec smd-server laptop Mail", "*"},
		{"(smd-server laptop Mail)", "*"},
		// Another program, by whatever name.
		{"smd-pull", "*"},
		{"smd-applet", "*"},
		{"smd-applet pull", "*"},
		{"smd-applet restricted-shell", "*"},
		{"smd-applet links Mail", "*"},
		{"smd-applet smd-server laptop Mail", "*"},
		{"smd-strip-header Mail", "*"},
		{"mddiff Mail", "*"},
		{"scp -t Mail", "*"},
		{"/bin/sh -c smd-server", "*"},
		{"smd-server/../../bin/sh laptop Mail", "*"},
		// Options that name files, and nonsense.
		{"smd-server --override-db ~/.ssh/x laptop Mail", "*"},
		{"smd-server --override-db=/etc/passwd laptop Mail", "*"},
		{"smd-server --override-db .ssh/id laptop Mail", "*"},
		{"smd-client --override-db Mail/cur/1:2,S laptop Mail", "*"},
		{"smd-client --override-db .smd/laptop__Mail.1/../../.ssh/x.1.db.txt laptop Mail", "*"},
		{"smd-client --override-db .smd/other__Mail.1.db.txt laptop Mail", "*"},
		{"smd-server --override-db .smd/no-such-state laptop Mail", "*"},
		{"smd-server --dump-stdin .ssh/authorized_keys laptop Mail", "*"},
		{"smd-server --dump-stdin=was-here laptop Mail", "*"},
		{"smd-server --help laptop Mail", "*"},
		{"smd-server -h", "*"},
		{"smd-server --nonsense laptop Mail", "*"},
		{"smd-server laptop", "*"},
		{"smd-server", "*"},
		// Other mailboxes.
		{"smd-server laptop .ssh", "*"},
		{"smd-server laptop Mail .ssh", "*"},
		{"smd-server laptop -- .ssh", "*"},
		{"smd-server laptop ./.ssh", "*"},
		{"smd-server laptop .config/x", "*"},
		{"smd-server laptop Mail/../.ssh", "*"},
		{"smd-server laptop Mail/..", "*"},
		{"smd-server laptop ..", "*"},
		{"smd-server laptop .", "*"},
		{"smd-server laptop ''", "*"},
		{"smd-server laptop /etc", "*"},
		{"smd-server laptop {home}/.ssh", "*"},
		{"smd-server laptop ~/.ssh", "*"},
		{"smd-server laptop ~", "*"},
		{"smd-server laptop '.s''sh'", "*"},
		{"smd-server laptop .s\\sh", "*"},
		{"smd-server laptop keys", "*"},       // a link to a hidden folder
		{"smd-client laptop keys/fresh", "*"}, // which is not there yet
		{"smd-server laptop Mail/out", "*"},
		{"smd-client laptop .ssh", "*"},
		{"smd-applet probe laptop .ssh", "*"},
		{"smd-applet probe laptop keys", "*"},
		{"smd-applet tally laptop .ssh", "*"},
		{"smd-applet tally laptop Mail/out", "*"},
		{"smd-applet tally --without 'X: y' laptop Mail", "*"},
		{"smd-server laptop Other", "Mail"},
		{"smd-server laptop Mail Other", "Mail"},
		{"smd-server laptop Mail/.work", "Mail"},
		{"smd-server laptop Mail2", "Mail"},
		{"smd-applet client laptop Other", "Mail"},
		{"smd-applet probe laptop Other", "Mail"},
		{"smd-applet tally laptop Mail Other", "Mail"},
	} {
		for _, root := range []string{"", "Mail"} {
			if attempt.roots != "*" && attempt.roots != root {
				continue
			}
			t.Run(fmt.Sprintf("%s, root %s", attempt.command, root), func(t *testing.T) {
				t.Parallel()
				home := besieged(t)
				before := everything(t, home)
				cmd := exec.Command(filepath.Join(bin, "smd-restricted-shell"))
				if root != "" {
					cmd.Args = append(cmd.Args, "--root", root)
				}
				cmd.Dir = home
				cmd.Env = append(os.Environ(), "HOME="+home, "SSH_ORIGINAL_COMMAND="+strings.ReplaceAll(attempt.command, "{home}", home))
				cmd.Stdin = strings.NewReader("protocol 1.3\ndbfile da39a3ee5e6b4b0d3255bfef95601890afd80709 -\nGET .ssh/cur/4:2,S\nCOMMIT\n")
				var said strings.Builder
				cmd.Stderr = &said
				out, err := cmd.Output()
				if err == nil || len(out) > 0 {
					t.Errorf("%v: it says %q", err, out)
				}
				if strings.Contains(said.String(), "PRIVATE") || said.Len() == 0 {
					t.Errorf("the reason: %q", said.String())
				}
				if after := everything(t, home); !maps.Equal(before, after) {
					t.Errorf("it left\n%q\nwhere was\n%q", after, before)
				}
			})
		}
	}
}

// What it is there for works, however the words are quoted and whatever the path
// is said to be: the program is always this one.
func TestRestrictedShellServes(t *testing.T) {
	t.Parallel()
	bin := synctest.BuildBinary(t)
	for _, command := range []string{
		"smd-server laptop Mail",
		"/usr/local/bin/smd-server laptop Mail/",
		"bin/smd-server -v --exclude 'Mail/Spam*' laptop Mail", // there is a program of that name: it is not run
		"smd-applet server \"laptop\" 'Mail'",
		"smd-server --override-db .smd/laptop__Mail.1795575616308571000.db.txt laptop Mail",
		"smd-server -d --override-db .smd/no-such-state laptop Mail", // smd-uniform-names
	} {
		for _, options := range [][]string{nil, {"--root", "Mail"}} {
			t.Run(fmt.Sprint(command, options), func(t *testing.T) {
				t.Parallel()
				home := besieged(t)
				argv := append([]string{filepath.Join(bin, "smd-restricted-shell")}, options...)
				status, said, err := converse(home, []string{"SSH_ORIGINAL_COMMAND=" + command}, argv, func(p *player) error {
					if err := p.each("> protocol 1.3", "> dbfile "+digestOf(nil)+" -", "< protocol 1.3", "< dbfile "+digestOf(nil)+" -"); err != nil {
						return err
					}
					for {
						line, err := p.r.ReadString('\n')
						if err != nil || line == "END\n" {
							break
						}
						if !strings.HasPrefix(line, "ADD Mail/") || strings.Contains(line, "out") {
							return fmt.Errorf("heard %q", line)
						}
					}
					// Whatever may be asked for, only mail is given.
					for _, name := range []string{
						".ssh/id", ".ssh/cur/4:2,S", "../.ssh/cur/4:2,S", home + "/.ssh/cur/4:2,S", "Mail/../.ssh/cur/4:2,S",
						"Mail/out/cur/4:2,S", "Mail/cur/out", "Mail/cur/../../.ssh/id", "Other/cur/3:2,S", "keys/cur/4:2,S",
						"Mail/.lists/tmp/6", "up/cur/1", ".smd/log/kept", "", "/etc/passwd",
					} {
						if err := p.each("> GET "+name, "< ABORT", "> GETHEADER "+name, "< ABORT", "> GETBODY "+name, "< ABORT"); err != nil {
							return err
						}
					}
					return p.each("> GET Mail/cur/1:2,S", "<message Mail/cur/1:2,S", "> ABORT", "<end")
				})
				if err != nil || status != 5 {
					t.Errorf("%v; status %d: %s", err, status, said)
				}
			})
		}
	}
}

// A hostile server can't make a restricted client write anywhere else either.
func TestRestrictedShellWritesMailOnly(t *testing.T) {
	t.Parallel()
	bin := synctest.BuildBinary(t)
	for _, name := range []string{
		".ssh/cur/x", "Mail/../.ssh/cur/x", "/tmp/cur/x", "Other/cur/x", "Mail/out/cur/x", "Mail/x", "Mail/tmp/x", "Mail/cur/../../x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := besieged(t)
			before := everything(t, home)
			argv := []string{filepath.Join(bin, "smd-restricted-shell"), "--root", "Mail"}
			status, _, err := converse(home, []string{"SSH_ORIGINAL_COMMAND=smd-client laptop Mail"}, argv, func(p *player) error {
				none := digestOf(nil)
				for _, line := range []string{
					"protocol 1.3", "dbfile " + none + " -",
					fmt.Sprintf("ADD %s %s %s", name, digestOf([]byte("Subject: x\n\n")), none), "END", "chunk 12", "Subject: x", "", "chunk 0",
				} {
					if p.say(line) != nil {
						break // it has heard enough
					}
				}
				_, err := io.Copy(io.Discard, p.r)
				return err
			})
			if err != nil || status == 0 {
				t.Errorf("%v; status %d", err, status)
			}
			after := everything(t, home)
			for _, m := range []map[string]string{before, after} {
				maps.DeleteFunc(m, func(path, _ string) bool { return strings.HasPrefix(path, filepath.Join(home, ".smd")) })
			}
			if !maps.Equal(before, after) {
				t.Errorf("it left\n%q\nwhere was\n%q", after, before)
			}
		})
	}
}
