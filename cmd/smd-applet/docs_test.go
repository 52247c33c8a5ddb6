package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// tried are the documents whose commands are run here, in their order, each at a
// home of its own; with what that has beside a configuration.
var tried = map[string]func(*testing.T, *reader){
	"comparison.md":      nil,
	"dovecot.md":         maildirPlus,
	"faq.md":             synced,
	"notmuch.md":         withNotmuch,
	"several-laptops.md": nil,
	"systemd.md":         synced,
	"troubleshooting.md": massDeletion,
}

// triedElsewhere are documents that have tests of their own.
var triedElsewhere = regexp.MustCompile(`^(getting-started|leaving-\w+|from-\w+)\.md$`)

// notTried are commands that no test can run here, and why.
var notTried = []struct {
	command *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`^sudo `), "changes the machine"},
	{regexp.MustCompile(`^(systemctl|loginctl|journalctl) `), "needs a service manager: TestUnits runs the units"},
	{regexp.MustCompile(`^ssh `), "OpenSSH reads the real home's configuration, whatever $HOME is"},
}

// asksLoop are commands that ask a running loop: there is one while they run.
var asksLoop = regexp.MustCompile(`^smd-applet (status|problems|pause|resume|quit|log)\b`)

// command is a line of a console block: at the server, or here.
type command struct {
	atServer bool
	line     string
}

var (
	console = regexp.MustCompile("(?ms)^```console\n(.*?)^```")
	prompt  = regexp.MustCompile(`(?m)^(server)?\$ (.+)$`)
)

func commandsOf(t *testing.T, page string) []command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []command
	for _, block := range console.FindAllStringSubmatch(string(text), -1) {
		for _, m := range prompt.FindAllStringSubmatch(block[1], -1) {
			all = append(all, command{m[1] != "", m[2]})
		}
	}
	return all
}

// TestEveryDocumentIsTried makes sure that a new document with commands is run.
func TestEveryDocumentIsTried(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(all) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, path := range all {
		page := filepath.Base(path)
		if _, ok := tried[page]; !ok && !triedElsewhere.MatchString(page) && len(commandsOf(t, page)) > 0 {
			t.Errorf("nothing runs the commands of %s", page)
		}
	}
}

// TestDocumentedCommandsWork runs the commands of each document as a person
// following it would.
func TestDocumentedCommandsWork(t *testing.T) {
	t.Parallel()
	bin := synctest.BuildBinary(t)
	for page, prepare := range tried {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, bin)
			if prepare != nil {
				prepare(t, r)
			}
			commands := commandsOf(t, page)
			if len(commands) == 0 {
				t.Fatal("it has no commands")
			}
			for _, c := range commands {
				r.follow(t, c)
			}
		})
	}
}

// reader is somebody at home, with a document and a server.
type reader struct {
	home, server string
	env          []string
}

func newReader(t *testing.T, bin string) *reader {
	t.Helper()
	dir := t.TempDir()
	r := &reader{home: filepath.Join(dir, "home"), server: filepath.Join(dir, "server")}
	s := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: r.server, PathPrepend: []string{bin}})
	if err := os.MkdirAll(filepath.Join(r.home, ".smd"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.WriteClientHome(t, r.home, "mailhost")
	r.env = append(
		os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "DBUS_SYSTEM_BUS_ADDRESS=disabled:", "DBUS_SESSION_BUS_ADDRESS=disabled:",
		"XDG_RUNTIME_DIR=", "XDG_CONFIG_HOME=",
	)
	r.write(t, ".smd/config.default", "SERVERNAME=mailhost\nCLIENTNAME=laptop\nMAILBOX=Mail\n")
	r.write(t, ".smd/loop", "3 10 default\n")
	if _, err := synctest.Generate(filepath.Join(r.server, "Mail"), synctest.Options{Seed: 11, Messages: 40, Folders: 4}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.home, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shell is a command as a shell at one end runs it.
func (r *reader) shell(ctx context.Context, c command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", c.line)
	cmd.Dir = r.home
	if c.atServer {
		cmd.Dir = r.server
	}
	cmd.Env = append(slices.Clone(r.env), "HOME="+cmd.Dir)
	return cmd
}

func (r *reader) follow(t *testing.T, c command) {
	t.Helper()
	for _, n := range notTried {
		if n.command.MatchString(c.line) {
			t.Logf("not run: %s: %s", c.line, n.why)
			return
		}
	}
	switch {
	case c.line == "smd-loop": // it runs until it is ended
		r.loop(t)()
		return
	case asksLoop.MatchString(c.line):
		defer r.loop(t)()
	}
	var exit *exec.ExitError
	out, err := r.shell(t.Context(), c).CombinedOutput()
	if errors.As(err, &exit) && exit.ExitCode() == needsAPerson {
		return // it did what it should
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", c.line, err, out)
	}
}

// needsAPerson is the exit status of a command of ours that went well and tells of
// something a person should look at.
const needsAPerson = 4

// loop runs smd-loop until it is told to stop, and waits until it answers.
func (r *reader) loop(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	loop := r.shell(ctx, command{line: "exec smd-loop"})
	loop.Cancel = func() error { return loop.Process.Signal(os.Interrupt) }
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	desktoptest.Until(t, "the loop answers", func() bool {
		err := r.shell(t.Context(), command{line: "smd-applet status"}).Run()
		var exit *exec.ExitError
		return err == nil || errors.As(err, &exit) && exit.ExitCode() == needsAPerson
	})
	return func() {
		cancel()
		_ = loop.Wait() // a command may have ended it
	}
}

func (r *reader) must(t *testing.T, line string) {
	t.Helper()
	if out, err := r.shell(t.Context(), command{line: line}).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// synced has run for a while.
func synced(t *testing.T, r *reader) {
	t.Helper()
	r.must(t, "smd-applet sync default")
}

// maildirPlus has a server whose folders are Dovecot's.
func maildirPlus(t *testing.T, r *reader) {
	t.Helper()
	for _, folder := range []string{".Archive.2012", ".Spam", ".Trash"} {
		if _, err := synctest.OpenMailbox(filepath.Join(r.server, "Mail"), "dovecot").Deliver(folder); err != nil {
			t.Fatal(err)
		}
	}
}

// massDeletion has lost many messages at the server.
func massDeletion(t *testing.T, r *reader) {
	t.Helper()
	synced(t, r)
	r.must(t, "echo MAX_DELETE=5 >>.smd/config.default")
	if out, err := r.shell(t.Context(), command{true, "find Mail/cur -type f -delete"}).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.must(t, "smd-applet sync default || test $? = 4")
}

func withNotmuch(t *testing.T, r *reader) {
	t.Helper()
	desktoptest.Needs(t, "notmuch")
	r.write(t, ".notmuch-config", fmt.Sprintf("[database]\npath=%s\n[user]\nname=A Reader\nprimary_email=reader@mail.example\n[new]\ntags=unread;inbox\n", filepath.Join(r.home, "Mail")))
}
