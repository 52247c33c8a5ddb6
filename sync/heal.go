package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// heal makes the two ends agree again after a handshake that found that they
// remember different states. This end has put its own aside then, and the other
// one too where it is ours: the next run begins with nothing agreed, which adds
// at each end what only the other has, and deletes nothing.
func (r *session) heal(ctx context.Context) (Result, error) {
	r.Log.Warn("the ends remembered different states: agreeing anew, nothing is deleted", "endpoint", r.endpoint.Name)
	result, err := r.locked(ctx)
	if !fault.Is(err, fault.DBMismatch) || r.endpoint.LocalSync() {
		return result, err
	}
	// The other end holds on to its state, as stock SMD does until a person
	// removes it there. It can be told to use another file.
	result, err = r.agreeElsewhere(ctx)
	if err != nil || r.direction == Pull {
		return result, err
	}
	pushed, err := r.locked(ctx)
	pushed.Summary = added(result.Summary, pushed.Summary)
	return pushed, err
}

// agreeElsewhere has the other end begin a new db-file beside the one it holds on
// to, and remembers its name for later runs. It pulls, whatever the direction: of
// the two ends this is the one that makes no second copy of a message whose flags
// differ.
func (r *session) agreeElsewhere(ctx context.Context) (Result, error) {
	name := elsewhere(r.endpoint.ClientName, r.endpoint.RemoteMailboxes(), strconv.FormatInt(time.Now().UnixNano(), 10))
	if err := r.setOverride(name); err != nil {
		return Result{}, err
	}
	agreed := false
	pull := &session{Sessions: r.Sessions, endpoint: r.endpoint, direction: Pull, report: func(p Progress) {
		agreed = agreed || p.Phase == PhaseComparing
		r.report(p)
	}}
	result, err := pull.locked(ctx)
	if err == nil || agreed {
		return result, err
	}
	err = errors.Join(err, r.setOverride(""))
	if fault.As(err).Avoidable() && !fault.Is(err, fault.RemoteFailed) {
		return result, err
	}
	return result, &fault.Error{
		Kind: fault.DBMismatch, Op: "agree anew", Path: r.endpoint.ServerName, Err: err,
		Hint: "move ~/.smd/" + filepath.Base(r.files().DB) + " away at the server, then run again; no message is deleted",
	}
}

// elsewhere is a db-file beside the usual one.
func elsewhere(clientName string, mailboxes []string, number string) string {
	usual, _ := strings.CutSuffix(config.DBFile(clientName, mailboxes), dbEnding)
	return path.Join(".smd", usual+"."+number+dbEnding)
}

const dbEnding = ".db.txt"

// IsAgreedElsewhere reports whether name is a db-file that this program would
// have another end use in place of its usual one: nothing else of the home.
func IsAgreedElsewhere(name, clientName string, mailboxes []string, dryRun bool) bool {
	if name == noState {
		return dryRun
	}
	number, _ := strings.CutSuffix(name, dbEnding)
	number = number[strings.LastIndexByte(number, '.')+1:]
	_, err := strconv.ParseUint(number, 10, 64)
	return err == nil && name == elsewhere(clientName, mailboxes, number)
}

// overrideFile holds the name of the db-file that the other end uses in place of
// its usual one.
func (r *session) overrideFile() string { return r.files().DB + ".override" }

// override returns the name of the other end's db-file, below its home, where it
// is not the usual one; else "".
func (r *session) override() (string, error) {
	b, err := os.ReadFile(r.overrideFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fault.New(maildir.KindOf(err), "read which state the other end uses", r.overrideFile(), err)
	}
	return strings.TrimSpace(string(b)), nil
}

// setOverride remembers the name; "" forgets it.
func (r *session) setOverride(name string) error {
	var err error
	if name == "" {
		err = os.Remove(r.overrideFile())
	} else {
		err = durable.WriteFile(r.overrideFile(), 0o600, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, name)
			return err
		})
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "remember which state the other end uses", r.overrideFile(), err)
	}
	return nil
}
