package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// Place is where the program goes, below the home on the server: where every
// smd-applet looks for it, whatever the $PATH there.
const Place = ".local/bin/smd-applet"

// Server is what a server tells of itself.
type Server struct {
	System, Machine string // as the Go tools name them: "linux", "arm64"
	// Installed is what the program at [Place] says of its version; empty: there
	// is none, or none that runs.
	Installed string
	Sum       string // SHA-256 of it, in hexadecimal; empty: not known
	// First is where a client of ours finds a program before [Place], FirstSays
	// its version; empty: nowhere.
	First, FirstSays string
	InPath           bool // [Place] is what a login without a terminal finds in its $PATH
}

// mark begins every line of the answers: a shell's start-up files may print too.
const mark = "smd-deploy "

// sumScript tells the SHA-256 of a program by what there is, at last the program.
const sumScript = `sum() {
if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"
elif command -v sha256 >/dev/null 2>&1; then sha256 -q "$1"
elif command -v shasum >/dev/null 2>&1; then shasum -a 256 <"$1"
else "$1" checksum; fi; }
`

// lookScript asks for all of [Server]. CANDIDATES are tried before Place.
const lookScript = `cd || exit 1
` + sumScript + `
p=./` + Place + `
echo "smd-deploy system $(uname -s)"
echo "smd-deploy machine $(uname -m)"
if [ -d "$p" ]; then echo "smd-deploy folder $p"
elif [ -x "$p" ]; then
	echo "smd-deploy sum $(sum "$p" 2>/dev/null </dev/null)"
	echo "smd-deploy installed $("$p" version 2>/dev/null </dev/null)"
fi
for c in CANDIDATES; do
	f=$(command -v "$c" 2>/dev/null) || continue
	if [ "$f" -ef "$p" ] 2>/dev/null; then continue; fi
	echo "smd-deploy first $f"
	echo "smd-deploy says $("$f" version 2>/dev/null </dev/null)"
	break
done
f=$(command -v smd-applet 2>/dev/null)
if [ "$f" -ef "$p" ] 2>/dev/null || [ "$f" = "$HOME/` + Place + `" ]; then echo "smd-deploy inpath yes"; fi
echo "smd-deploy end"
`

const (
	answerWithin = time.Minute
	maxAnswer    = 64 << 10
)

// Look asks a server. local is the path of this program: the same path is where
// a client looks first at the server.
func Look(ctx context.Context, host remote.Host, alias, local string) (*Server, error) {
	candidates := remote.Quote([]string{local, "smd-applet"})
	told, err := ask(ctx, host, alias, strings.Replace(lookScript, "CANDIDATES", candidates, 1))
	if err != nil {
		return nil, err
	}
	if folder := told["folder"]; folder != "" {
		return nil, &fault.Error{
			Kind: fault.FileSystem, Op: "look at", Path: alias, Err: fmt.Errorf("%s is a folder there", Place),
			Hint: "move away what stands in the way on the server: %s", HintArgs: []any{"~/" + Place},
		}
	}
	return &Server{
		System: systemOf(told["system"]), Machine: machineOf(told["machine"]),
		Installed: told["installed"], Sum: firstWord(told["sum"]),
		First: told["first"], FirstSays: told["says"], InPath: told["inpath"] != "",
	}, nil
}

// ask runs a script and returns what it tells: a word, and what follows it.
func ask(ctx context.Context, host remote.Host, alias, script string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	said, err := remote.Output(ctx, host, []string{"sh"}, strings.NewReader(script), maxAnswer)
	told := make(map[string]string)
	for line := range bytes.Lines(said) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(remote.Visible(string(line))), mark); ok {
			key, value, _ := strings.Cut(rest, " ")
			told[key] = strings.TrimSpace(value)
		}
	}
	if _, whole := told["end"]; whole {
		return told, nil
	}
	var exit *remote.ExitError
	switch {
	case len(told) > 0 && errors.As(err, &exit):
		return told, fault.New(fault.RemoteFailed, "run a shell on", alias, err)
	case err == nil, errors.As(err, &exit):
		if err == nil {
			err = errors.New("it answers nothing")
		}
		return told, &fault.Error{
			Kind: fault.RemoteFailed, Op: "run a shell on", Path: alias, Err: err,
			Hint: "this login runs no commands there, as that of a key that may only sync: name a host of ~/.ssh/config that does",
		}
	case ctx.Err() != nil:
		return told, fault.New(fault.Network, "run a shell on", alias, ctx.Err())
	}
	return told, err
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// systemOf and machineOf turn what uname tells into the names the Go tools have;
// what they don't know stays as it is.
func systemOf(uname string) string { return strings.ToLower(uname) }

func machineOf(uname string) string {
	switch m := strings.ToLower(uname); m {
	case "x86_64", "x64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "i386", "i586", "i686":
		return "386"
	default:
		return m
	}
}
