package main_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"smd-applet/sync/synctest"
)

// player acts a program of stock SMD: it says and hears, line by line, what a
// play written from the protocol (smd 1.3, spec §4) has, and leaves the patches
// to the real xdelta3. The steps of a play:
//
//	args WORD…      the program was called so; {any} is any file, which is the db-file then
//	db FILE         the db-file
//	> TEXT          say a line
//	< TEXT          hear this line and no other
//	<* TEXT         hear a line that begins so
//	>message FILE   say "chunk N" and a message; also >header, >body
//	<message FILE   hear them; <chunk: hear one, whatever it has
//	new FILE        write the new db-file from a template
//	>patch OPTION…  say what xdelta3 makes of db-file and new one
//	<patch          hear a patch, and write the new db-file by it
//	commit          the new db-file becomes the db-file
//	error TEXT      say a line on standard error
//	<end            hear nothing more
//	hang up         say nothing more
//	exit STATUS     end so
//
// In texts and templates {FILE} is a message's two digests as the db-file has
// them, {header FILE} and {body FILE} are single ones, {file FILE} is the digest
// of a file as the handshake has it, {db} that of the db-file, {home} the home.
type player struct {
	home string // what files are relative to
	args []string
	db   string
	r    *bufio.Reader
	w    io.WriteCloser
}

// perform acts in the current directory the first play of a list that was not
// performed yet, and returns the exit status. How it went stands beside the play.
func perform(list string, args []string) int {
	home, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	var file string
	for _, file = range filepath.SplitList(list) {
		if _, err := os.Stat(file + ".played"); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	p := &player{home: home, args: args, r: bufio.NewReader(os.Stdin), w: os.Stdout}
	status, err := p.play(file)
	outcome := "well"
	if err != nil {
		outcome, status = err.Error(), 99
		fmt.Fprintln(os.Stderr, "player:", err)
	}
	if err := os.WriteFile(file+".played", []byte(outcome), 0o600); err != nil {
		return 98
	}
	return status
}

func (p *player) play(file string) (status int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		step, rest, _ := strings.Cut(line, " ")
		if step == "exit" {
			return strconv.Atoi(rest)
		}
		if rest, err = p.expand(rest); err == nil {
			err = p.step(step, rest)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: line %d: %q: %w", filepath.Base(file), number, line, err)
		}
	}
	return 0, nil
}

func (p *player) step(step, rest string) error {
	switch step {
	case "args":
		return p.calledWith(rest)
	case "db":
		p.db = p.path(rest)
		return nil
	case ">":
		return p.say(rest)
	case "<", "<*":
		return p.hear(rest, step == "<*")
	case ">message", ">header", ">body":
		part, err := p.part(step[1:], rest)
		if err != nil {
			return err
		}
		return p.sayChunk(part)
	case "<message", "<header", "<body":
		part, err := p.part(step[1:], rest)
		if err != nil {
			return err
		}
		got, err := p.hearChunk()
		if err == nil && !bytes.Equal(got, part) {
			err = fmt.Errorf("heard %q", got)
		}
		return err
	case "<chunk":
		_, err := p.hearChunk()
		return err
	case "new":
		text, err := p.template(rest)
		if err != nil {
			return err
		}
		return os.WriteFile(p.db+".new", []byte(text), 0o600)
	case ">patch":
		patch, err := p.patch(strings.Fields(rest))
		if err != nil {
			return err
		}
		return p.sayChunk(patch)
	case "<patch":
		return p.hearPatch()
	case "commit":
		return os.Rename(p.db+".new", p.db)
	case "error":
		_, err := fmt.Fprintln(os.Stderr, rest)
		return err
	case "hang":
		return p.w.Close()
	case "<end":
		b, err := io.ReadAll(p.r)
		if err == nil && len(b) > 0 {
			err = fmt.Errorf("heard %q", b)
		}
		return err
	}
	return errors.New("no such step")
}

func (p *player) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(p.home, file)
}

func (p *player) calledWith(want string) error {
	words := strings.Fields(want)
	matches := len(words) == len(p.args)
	for i := 0; matches && i < len(words); i++ {
		if words[i] == "{any}" {
			p.db = p.path(p.args[i])
			continue
		}
		matches = words[i] == p.args[i]
	}
	if !matches {
		return fmt.Errorf("called with %q", p.args)
	}
	return nil
}

// say says a line. A program that has heard enough may end before the play does:
// whether it ought to, its exit status tells.
func (p *player) say(line string) error {
	_, err := io.WriteString(p.w, line+"\n")
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func (p *player) hear(want string, beginning bool) error {
	got, err := p.r.ReadString('\n')
	if err == nil && got != want+"\n" && !(beginning && strings.HasPrefix(got, want)) {
		err = errors.New("not that line")
	}
	if err != nil {
		return fmt.Errorf("heard %q: %w", got, err)
	}
	return nil
}

func (p *player) sayChunk(b []byte) error {
	if err := p.say(fmt.Sprintf("chunk %d", len(b))); err != nil {
		return err
	}
	_, err := p.w.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func (p *player) hearChunk() ([]byte, error) {
	line, err := p.r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("heard %q: %w", line, err)
	}
	size, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "chunk ")
	n, err := strconv.Atoi(size)
	if !found || err != nil {
		return nil, fmt.Errorf("heard %q, no chunk", line)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(p.r, b)
	return b, err
}

// part returns a message, its header or its body: the header ends with the first
// empty line (smd 1.3, spec §2).
func (p *player) part(which, file string) ([]byte, error) {
	b, err := os.ReadFile(p.path(file))
	if err != nil || which == "message" {
		return b, err
	}
	end := bytes.Index(b, []byte("\n\n"))
	if end < 0 {
		return nil, fmt.Errorf("%s is no message", file)
	}
	if which == "header" {
		return b[:end+2], nil
	}
	return b[end+2:], nil
}

var braces = regexp.MustCompile(`\{[^{}]*\}`)

func (p *player) expand(text string) (string, error) {
	var failed error
	expanded := braces.ReplaceAllStringFunc(text, func(in string) string {
		switch in {
		case "{any}":
			return in
		case "{db}":
			in = "{file " + p.db + "}"
		case "{home}":
			return p.home
		}
		which, file, two := strings.Cut(in[1:len(in)-1], " ")
		digests := []string{"header", "body"}
		switch {
		case two && which == "file":
			b, err := os.ReadFile(p.path(file))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = err
			}
			return digestOf(b) // a missing db-file counts as the empty one
		case two && slices.Contains(digests, which):
			digests = []string{which}
		default:
			file = in[1 : len(in)-1]
		}
		var words []string
		for _, which := range digests {
			b, err := p.part(which, file)
			failed = errors.Join(failed, err)
			words = append(words, digestOf(b))
		}
		return strings.Join(words, " ")
	})
	return expanded, failed
}

func digestOf(b []byte) string { return fmt.Sprintf("%x", sha1.Sum(b)) }

func (p *player) template(file string) (string, error) {
	b, err := os.ReadFile(p.path(file))
	if err != nil {
		return "", err
	}
	return p.expand(string(b))
}

// patch has the real xdelta3 make the patch from the db-file to the new one.
func (p *player) patch(options []string) ([]byte, error) {
	old, err := p.oldState()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("xdelta3", append(append([]string{"-e", "-c"}, options...), "-s", old, p.db+".new")...)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

func (p *player) oldState() (string, error) {
	if _, err := os.Stat(p.db); err == nil {
		return p.db, nil
	}
	empty := filepath.Join(p.home, ".smd", "empty")
	return empty, os.WriteFile(empty, nil, 0o600)
}

func (p *player) hearPatch() error {
	patch, err := p.hearChunk()
	if err != nil {
		return err
	}
	old, err := p.oldState()
	if err != nil {
		return err
	}
	cmd := exec.Command("xdelta3", "-d", "-f", "-s", old, "/dev/stdin", p.db+".new")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(patch), os.Stderr
	return cmd.Run()
}

// scriptStock puts a player in the place of a program of stock SMD, with the
// plays of its next runs: stock program play... It is called by the path a stock
// peer has, beside the smd-pull and smd-push of ours in $STOCK.
func scriptStock(self string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		usage(ts, !neg && len(args) >= 2, "stock program play...")
		var plays []string
		for _, a := range args[1:] {
			plays = append(plays, ts.MkAbs(a))
		}
		program := filepath.Join(ts.Getenv("STOCK"), args[0])
		ts.Check(os.WriteFile(program, []byte(fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 %s='%s' exec '%s' \"$@\"\n", asPlayer, strings.Join(plays, ":"), self)), 0o700))
	}
}

// scriptPlayed checks that plays were performed to their end since they were
// last asked for: played play...
func scriptPlayed(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "played play...")
	for _, a := range args {
		file := ts.MkAbs(a) + ".played"
		outcome, err := os.ReadFile(file)
		if err != nil {
			ts.Fatalf("%s was not played to its end: %v", a, err)
		}
		if string(outcome) != "well" {
			ts.Fatalf("%s", outcome)
		}
		ts.Check(os.Remove(file))
	}
}

// converse starts a program of ours at home and has a player act the other end
// on its standard input and output. It returns the program's status and its
// words on standard error; err is the player's.
func converse(home string, env []string, argv []string, act func(*player) error) (status int, said string, err error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = home, append(append(os.Environ(), "HOME="+home), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	if err := cmd.Start(); err != nil {
		return 0, "", err
	}
	p := &player{home: home, r: bufio.NewReader(stdout), w: stdin}
	err = act(p)
	_ = stdin.Close() // the play may have hung up
	rest, readErr := io.ReadAll(p.r)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("heard more: %q", rest)
	}
	_ = cmd.Wait() // its status is returned
	return cmd.ProcessState.ExitCode(), stderr.String(), errors.Join(err, readErr)
}

// scriptPlay plays against a program of ours at the server's home: play file
// status program argument...
func scriptPlay(bin string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		usage(ts, !neg && len(args) >= 3, "play file status program argument...")
		argv := append([]string{filepath.Join(bin, args[2])}, args[3:]...)
		env := []string{"ON_CONFLICT=" + ts.Getenv("ON_CONFLICT")}
		status, said, err := converse(filepath.Join(ts.Getenv("WORK"), "server"), env, argv, func(p *player) error {
			_, err := p.play(ts.MkAbs(args[0]))
			return err
		})
		if err != nil || strconv.Itoa(status) != args[1] {
			ts.Fatalf("%v; status %d, want %s\nit says on standard error:\n%s", err, status, args[1], said)
		}
	}
}

// scriptState writes a db-file from a template about the messages below a home,
// or checks that it is so: state -make|-is db-file template home.
func scriptState(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 4 && (args[0] == "-make" || args[0] == "-is"), "state -make|-is db-file template home")
	file := ts.MkAbs(args[1])
	want, err := (&player{home: ts.MkAbs(args[3])}).template(ts.MkAbs(args[2]))
	ts.Check(err)
	if args[0] == "-make" {
		ts.Check(os.MkdirAll(filepath.Dir(file), 0o700))
		ts.Check(os.WriteFile(file, []byte(want), 0o600))
		return
	}
	if got := ts.ReadFile(file); got != want {
		ts.Fatalf("%s is\n%s\nwant\n%s", file, got, want)
	}
}

// xdelta3 skips the test where the real one is missing.
func xdelta3(t synctest.TB) {
	t.Helper()
	if _, err := exec.LookPath("xdelta3"); err != nil {
		synctest.Missing(t, "xdelta3", "xdelta3")
	}
}
