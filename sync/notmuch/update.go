package notmuch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/program"
)

// Options say what notmuch is to be told, and how.
type Options struct {
	Dir      string // where the journals are
	Endpoint string
	// Insert names just the files touched to notmuch; else, and where that can't
	// be done, notmuch new looks for what changed.
	Insert  bool
	Home    string // notmuch's configuration is the one of this home
	LogFile string // takes what notmuch says; rewritten each time
	Log     *slog.Logger
}

// most is how many files are named to notmuch: with more, looking for what
// changed takes no longer.
const most = 10_000

// Update makes notmuch know what the runs of the endpoint did, and forgets the
// journals that tell it. Without any there is nothing to do. Errors are of kind
// [fault.Hook].
func Update(ctx context.Context, o Options) (err error) {
	journals, err := claim(o.Dir, o.Endpoint)
	defer func() {
		for _, j := range journals {
			_ = release(j.File)
		}
	}()
	if err != nil {
		return fault.New(fault.Hook, "read what notmuch has to know", o.Dir, err)
	}
	if len(journals) == 0 {
		return nil
	}
	out, err := os.OpenFile(o.LogFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.New(maildir.KindOf(err), "open the log", o.LogFile, err)
	}
	defer out.Close()
	u := &update{Options: o, out: out}
	if err := u.run(ctx, journals); err != nil {
		return &fault.Error{
			Kind: fault.Hook, Op: "run notmuch", Err: err,
			Hint: fmt.Sprintf("see what it said in %s; the mail itself is there, and notmuch is told again by the next run", o.LogFile),
		}
	}
	for _, j := range journals {
		err = errors.Join(err, j.forget())
	}
	if err != nil {
		return fault.New(fault.Hook, "forget what notmuch knows", o.Dir, err)
	}
	return nil
}

type update struct {
	Options
	out io.Writer
}

func (u *update) run(ctx context.Context, journals []claimed) error {
	if u.Insert {
		files, all := make(touched), true
		for _, j := range journals {
			told, err := j.read(files, most)
			if err != nil {
				return err
			}
			all = all && told
		}
		if all {
			err := u.insert(ctx, files)
			if !errors.Is(err, errCannotInsert) {
				return err
			}
			u.Log.Info("notmuch new is run in place of naming the files that changed", "endpoint", u.Endpoint, "why", err)
		}
	}
	return u.program(ctx, nil, "notmuch", "new")
}

// program runs a program of notmuch's, with stdin.
func (u *update) program(ctx context.Context, stdin io.Reader, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = u.Home, append(os.Environ(), "HOME="+u.Home)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, u.out, u.out
	if err := program.Run(ctx, 0, cmd); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	return nil
}
