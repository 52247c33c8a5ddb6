package restrict

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// request is what a client asks the program at the server for.
type request struct {
	Key       string   `json:"key"` // as in authorized_keys
	Mailboxes []string `json:"mailboxes,omitempty"`
	Comment   string   `json:"comment,omitempty"`
	Remove    bool     `json:"remove,omitempty"`
	Restore   string   `json:"restore,omitempty"` // what an answer had as Was
}

// answer is what the server says: the line, whether it was changed, and from what.
type answer struct {
	Line    string  `json:"line,omitempty"`
	Changed bool    `json:"changed"`
	Was     *string `json:"was,omitempty"` // the lines the key had, as they stood; nil: an older program does not tell
}

// greeting begins an answer.
const greeting = "smd-applet authorize 1\n"

const maxRequest = 1 << 20

// Serve answers one request at the server: it edits ~/.ssh/authorized_keys below
// home. program is the path of smd-applet here.
func Serve(home, program string, in io.Reader, out io.Writer) error {
	var r request
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&r); err != nil {
		return fault.New(fault.Protocol, "authorize", "", err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(r.Key))
	if err != nil {
		return fault.New(fault.Protocol, "authorize", "", err)
	}
	var a answer
	switch {
	case r.Remove:
		a.Changed, err = Forbid(home, key)
	case r.Restore != "":
		a.Changed, err = Restore(home, key, r.Restore)
	default:
		p := Permission{Program: program, Key: key, Comment: oneLine(r.Comment)}
		if p.Mailboxes, err = cleanMailboxes(r.Mailboxes); err != nil {
			return err
		}
		a.Line = p.Line()
		var was string
		a.Changed, was, err = Allow(home, p)
		a.Was = &was
	}
	if err != nil {
		return fault.New(fault.Permission, "edit", authorizedKeys(home), err)
	}
	if _, err := io.WriteString(out, greeting); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

// oneLine is a comment that can't begin another line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// cleanMailboxes checks mailbox roots: without one, or with a hidden folder, a key
// would be allowed more than somebody meant.
func cleanMailboxes(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, fault.New(fault.Config, "restrict a key", "", errors.New("no mailbox is named"))
	}
	clean := make([]string, len(names))
	for i, m := range names {
		var err error
		if clean[i], err = config.CleanMailbox(m); err != nil {
			return nil, fault.New(fault.Config, "restrict a key to", m, err)
		}
	}
	return clean, nil
}

const answerWithin = time.Minute

// ask asks the program at the server, which is looked for under each of its names.
func ask(ctx context.Context, host remote.Host, alias string, programs []string, r request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, program := range programs {
		said, err := remote.Output(ctx, host, []string{program, "authorize"}, bytes.NewReader(text), maxRequest)
		if a := readAnswer(said); a != nil && err == nil {
			return a, nil
		}
		var exit *remote.ExitError
		if err != nil && !errors.As(err, &exit) {
			return nil, err
		}
		// Status 1 is a failure of the right program; an older one knows no such command.
		if exit != nil && exit.Status == 1 && strings.Contains(exit.Stderr, "smd-applet: ERROR") {
			return nil, fault.New(fault.RemoteFailed, "let the key in on", alias, exit)
		}
		if err == nil {
			err = fmt.Errorf("%s does not answer as smd-applet does", program)
		}
		if failed == nil {
			failed = err
		}
	}
	return nil, &fault.Error{
		Kind: fault.RemoteProgram, Op: "let the key in on", Path: alias, Err: failed,
		Hint: "put it there: smd-applet deploy %s", HintArgs: []any{alias},
	}
}

func readAnswer(said []byte) *answer {
	b := bufio.NewReader(bytes.NewReader(said))
	a := new(answer)
	if remote.SkipTo(b, greeting) != nil || json.NewDecoder(b).Decode(a) != nil {
		return nil
	}
	return a
}
