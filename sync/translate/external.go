package translate

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	stdsync "sync"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/program"
)

// answerWithin is how long a translator may think about one folder.
const answerWithin = 30 * time.Second

// external is a translator that is a program. It is asked once for each folder,
// and started for each question: a filter that buffers would never answer a
// single line.
type external struct {
	argv     []string
	home     string
	patience time.Duration

	mu       stdsync.Mutex
	answered map[string]string
}

// newExternal finds the program: at an absolute path, below the home, or in
// $PATH (smd 1.3, spec §6).
func newExternal(words []string, home string) (*external, error) {
	found, err := exec.LookPath(filepath.Join(home, words[0]))
	if filepath.IsAbs(words[0]) {
		found, err = exec.LookPath(words[0])
	} else if err != nil {
		found, err = exec.LookPath(words[0])
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Translator, Op: "find the translator", Path: words[0], Err: err, Context: "conf", Cause: "translator-not-found",
			Hint: "give its path in TRANSLATOR_LR and TRANSLATOR_RL, and make it executable",
		}
	}
	return &external{argv: append([]string{found}, words[1:]...), home: home, patience: answerWithin, answered: make(map[string]string)}, nil
}

// translate asks the program about a folder. It is given a path that ends in
// /cur, and answers with one, or with ERROR and more lines.
func (x *external) translate(folder string) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if to, known := x.answered[folder]; known {
		return to, nil
	}
	cmd := exec.Command(x.argv[0], x.argv[1:]...)
	cmd.Dir = x.home
	cmd.Stdin = strings.NewReader(folder + "/cur\n")
	var out, said answer
	cmd.Stdout, cmd.Stderr = &out, &said
	to, err := read(&out, &said, program.Run(context.Background(), x.patience, cmd))
	if err != nil {
		return "", err
	}
	x.answered[folder] = to
	return to, nil
}

// read takes the folder from a translator's answer, which ended with err.
func read(out, said *answer, err error) (string, error) {
	first, more, _ := strings.Cut(out.String(), "\n")
	switch {
	case out.tooLong:
		return "", fmt.Errorf("the translator answers with more than %d bytes", maxAnswer)
	case first == "ERROR":
		return "", fmt.Errorf("the translator refuses it: %s", strings.Join(strings.Fields(more), " "))
	case err != nil:
		return "", fmt.Errorf("the translator failed: %w: %s", err, strings.TrimSpace(said.String()))
	case more != "":
		return "", errors.New("the translator answers with more than one line")
	}
	to, ok := strings.CutSuffix(first, "/cur")
	if !ok {
		return "", fmt.Errorf("the translator answers %q, which does not end in /cur", first)
	}
	return to, nil
}

// maxAnswer bounds what is kept of a translator's words, in bytes: no path and no
// explanation is longer.
const maxAnswer = 64 << 10

// answer takes what a translator says, and cuts it off where it goes on too long.
type answer struct {
	text    []byte
	tooLong bool
}

func (a *answer) Write(b []byte) (int, error) {
	if len(a.text)+len(b) > maxAnswer {
		a.tooLong = true
		return 0, errors.New("too long an answer")
	}
	a.text = append(a.text, b...)
	return len(b), nil
}

func (a *answer) String() string { return string(a.text) }
