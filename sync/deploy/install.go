package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// Installed is what came of an installation.
type Installed struct {
	Version string   // what the program says of itself at the server
	Kept    []string // names that other programs there have, and keep
}

// installScript checks and tries NEW, and puts it in its place.
const installScript = `echo "smd-deploy begin"
cd && cd .local/bin || exit 1
` + sumScript + `
new=./NEW
chmod 755 "$new" || exit 1
said=$(sum "$new" 2>&1 </dev/null)
case $said in
SUM*) ;;
*)
	echo "smd-deploy differs $said"
	rm -f "$new"
	echo "smd-deploy end"
	exit ;;
esac
if version=$("$new" version 2>&1 </dev/null); then
	mv -f "$new" smd-applet || exit 1
	echo "smd-deploy version $version"
	kept=$(./smd-applet links --keep "$(pwd -P)" </dev/null) || exit 1
	echo "smd-deploy kept" $kept
	rm -f .smd-applet.new-*
else
	echo "smd-deploy unfit $version"
	rm -f "$new"
fi
echo "smd-deploy end"
`

// Install sends a program to a server and puts it at [Place]. progress is told
// how many bytes have been sent; it may be nil.
func Install(ctx context.Context, host remote.Host, alias string, p *Program, progress func(sent int64)) (*Installed, error) {
	name := ".smd-applet.new-" + rand.Text()
	if err := upload(ctx, host, alias, name, p, progress); err != nil {
		return nil, err
	}
	told, err := ask(ctx, host, alias, strings.NewReplacer("NEW", name, "SUM", p.Sum).Replace(installScript))
	if err != nil {
		return nil, err
	}
	if said, ok := told["differs"]; ok {
		return nil, &fault.Error{
			Kind: fault.RemoteFailed, Op: "check the program on", Path: alias, Err: fmt.Errorf("what arrived is not what was sent, or can't be started there: %s", said),
			Hint: "nothing was changed there; try again, and see whether programs may run in ~/.local/bin on the server",
		}
	}
	if said, ok := told["unfit"]; ok {
		return nil, &fault.Error{
			Kind: fault.RemoteFailed, Op: "try the program on", Path: alias, Err: errors.New(said),
			Hint: "nothing was changed there; try again, and see whether programs may run in ~/.local/bin on the server",
		}
	}
	return &Installed{Version: told["version"], Kept: strings.Fields(told["kept"])}, nil
}

// stalled is how long the server may take nothing.
const stalled = 2 * time.Minute

func upload(ctx context.Context, host remote.Host, alias, name string, p *Program, progress func(int64)) error {
	f, err := os.Open(p.Path)
	if err != nil {
		return fault.New(fault.FileSystem, "read", p.Path, err)
	}
	defer f.Close()
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	idle := time.AfterFunc(stalled, cancel)
	defer idle.Stop()
	var sent int64
	counted := readFunc(func(b []byte) (int, error) {
		idle.Reset(stalled)
		n, err := f.Read(b)
		sent += int64(n)
		if progress != nil && n > 0 {
			progress(sent)
		}
		return n, err
	})
	// The umask: nobody else writes to it before it is checked.
	command := "cd && mkdir -p .local/bin && umask 077 && cat >.local/bin/" + name + " || { rm -f .local/bin/" + name + "; exit 1; }"
	_, err = remote.Output(within, host, []string{"sh", "-c", command}, counted, maxAnswer)
	var exit *remote.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && strings.Contains(exit.Stderr, "No space left"), errors.As(err, &exit) && strings.Contains(exit.Stderr, "quota"):
		return fault.New(fault.DiskFull, "send the program to", alias, err)
	case errors.As(err, &exit):
		return &fault.Error{
			Kind: fault.RemoteFailed, Op: "send the program to", Path: alias, Err: err,
			Hint: "nothing was changed there; see to it that ~/.local/bin on the server can be written",
		}
	case within.Err() != nil && ctx.Err() == nil:
		return fault.New(fault.Network, "send the program to", alias, fmt.Errorf("the server has taken nothing for %v", stalled))
	}
	return err
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

var _ io.Reader = readFunc(nil)
