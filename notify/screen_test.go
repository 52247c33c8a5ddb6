package notify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// Programs that are not in PATH; the folder of libraries has the machine's name.
const (
	xfceNotifyd = "/usr/lib/*/xfce4/notifyd/xfce4-notifyd"
	xfconfd     = "/usr/lib/*/xfce4/xfconf/xfconfd"
)

// library returns the program that pattern matches, or pattern.
func library(pattern string) string {
	if found, _ := filepath.Glob(pattern); len(found) > 0 { // the pattern is a good one
		return found[0]
	}
	return pattern
}

// xScreen is a screen nobody sees, with a home directory of its own.
type xScreen struct {
	env  []string
	home string
}

func newScreen(t *testing.T) *xScreen {
	t.Helper()
	need(t, "Xvfb", "xdotool", "import")
	home := t.TempDir()
	number, _ := answering(t, exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1024x600x24", "-nolisten", "tcp", "-noreset"))
	return &xScreen{home: home, env: []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_RUNTIME_DIR=" + home,
		"DISPLAY=:" + number, "GDK_BACKEND=x11", "NO_AT_BRIDGE=1", "LC_ALL=C.UTF-8", "WAYLAND_DISPLAY=",
	}}
}

// run returns what a program on the screen prints.
func (x *xScreen) run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), x.env...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// picture keeps what is on the screen with the test's artifacts.
func (x *xScreen) picture(t *testing.T, name string) {
	t.Helper()
	if _, err := x.run(t, "import", "-window", "root", filepath.Join(t.ArtifactDir(), name+".png")); err != nil {
		t.Errorf("picture of the screen: %v", err)
	}
}

// window is a popup's place on the screen, in pixels.
type window struct{ x, y, width, height int }

// popup returns the largest visible window whose name or class matches.
func (x *xScreen) popup(t *testing.T, by, pattern string) (found window) {
	t.Helper()
	ids, _ := x.run(t, "xdotool", "search", "--onlyvisible", by, pattern) // fails when there is none
	for id := range strings.FieldsSeq(ids) {
		out, err := x.run(t, "xdotool", "getwindowgeometry", "--shell", id)
		if err != nil {
			continue // gone meanwhile
		}
		value := func(key string) int {
			m := regexp.MustCompile(`(?m)^` + key + `=(-?\d+)$`).FindStringSubmatch(out)
			if m == nil {
				return 0
			}
			n, _ := strconv.Atoi(m[1])
			return n
		}
		w := window{value("X"), value("Y"), value("WIDTH"), value("HEIGHT")}
		if w.width*w.height > found.width*found.height {
			found = w
		}
	}
	return found
}

// wordy is a problem as long as they come, with all that markup could trip over.
var wordy = sync.ProblemRaised{Endpoint: "work & <home>", Problem: sync.Problem{Err: &fault.Error{
	Kind: fault.Held,
	Err: errors.New("1234 messages in Mail/lists/<debian> & \"others\" would be deleted here and were kept; " +
		"12 messages in Mail/2024/a folder with a long name would be deleted at the server and were kept"),
}}}

// TestDunst: the bus starts dunst for the first popup, dunst shows it, and the
// choice from its menu arrives.
func TestDunst(t *testing.T) {
	t.Parallel()
	need(t, "dunst", "dunstctl")
	x := newScreen(t)
	// dunst has its actions in a menu; ours always takes the second entry.
	menu := filepath.Join(x.home, "menu")
	write(t, menu, "#!/bin/sh\nsed -n 2p\n")
	if err := os.Chmod(menu, 0o700); err != nil {
		t.Fatal(err)
	}
	dunstrc := filepath.Join(x.home, "dunstrc")
	write(t, dunstrc, fmt.Sprintf("[global]\n dmenu = %s\n font = DejaVu Sans 10\n markup = full\n width = 400\n height = 300\n", menu))
	path, err := exec.LookPath("dunst")
	if err != nil {
		t.Fatal(err)
	}
	bus := newBus(t, map[string]string{server: path + " -config " + dunstrc}, x.env...)
	x.env = append(x.env, "DBUS_SESSION_BUS_ADDRESS="+bus.address)
	conn := bus.connect(t)
	t.Cleanup(func() { endServer(t, conn) })

	actions := make(chan string, 10)
	events, end := running(t, Options{Sender: bus.sender(t), OnAction: func(endpoint string, a fault.Action) {
		actions <- endpoint + ": " + string(a.Kind)
	}})
	events <- wordy
	eventually(t, "dunst shows a popup", func() bool { return x.popup(t, "--class", "Dunst").height > 20 })
	x.picture(t, "dunst")
	if _, err := x.run(t, "dunstctl", "action", "0"); err != nil {
		t.Fatal(err)
	}
	if got := within(t, "the action", actions); got != "work & <home>: confirm" && got != "work & <home>: restore" {
		t.Errorf("got %q", got)
	}
	events <- sync.ProblemCleared{Endpoint: "work & <home>"}
	eventually(t, "the popup is gone", func() bool { return x.popup(t, "--class", "Dunst").height == 0 })
	end()
}

// endServer ends the notification server that the bus started; a bus does not
// wait for its services.
func endServer(t *testing.T, conn *dbus.Conn) {
	if err := conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, server), dbus.WithMatchArg(2, "")); err != nil {
		t.Error(err)
		return
	}
	left := make(chan *dbus.Signal, 10)
	conn.Signal(left)
	var pid uint32
	if err := conn.BusObject().Call(theBus+".GetConnectionUnixProcessID", 0, server).Store(&pid); err != nil {
		return // it is gone
	}
	if err := syscall.Kill(int(pid), syscall.SIGTERM); err != nil {
		t.Errorf("end the notification server: %v", err)
	}
	select {
	case <-left:
	case <-time.After(patience):
		t.Error("the notification server does not end")
	}
}

// TestXfce: xfce4-notifyd shows a popup, a click on its button arrives, and
// what is replaced or over leaves the screen.
func TestXfce(t *testing.T) {
	t.Parallel()
	notifyd, settings := library(xfceNotifyd), library(xfconfd)
	need(t, notifyd, settings)
	x := newScreen(t)
	bus := newBus(t, map[string]string{"org.xfce.Xfconf": settings}, x.env...)
	x.env = append(x.env, "DBUS_SESSION_BUS_ADDRESS="+bus.address)
	daemon := exec.Command(notifyd)
	daemon.Env = append(os.Environ(), x.env...)
	started(t, daemon)
	conn := bus.connect(t)
	eventually(t, "xfce4-notifyd is on the bus", func() bool {
		var owned bool
		return conn.BusObject().Call(theBus+".NameHasOwner", 0, server).Store(&owned) == nil && owned
	})

	actions := make(chan string, 10)
	events, end := running(t, Options{Sender: bus.sender(t), OnAction: func(endpoint string, a fault.Action) {
		actions <- endpoint + ": " + string(a.Kind)
	}})
	shown := func() window { return x.popup(t, "--name", "^xfce4-notifyd$") }
	events <- wordy
	eventually(t, "xfce4-notifyd shows a popup", func() bool { return shown().height > 20 })
	x.picture(t, "xfce")

	// The buttons stand in a row at the bottom.
	w := shown()
	if _, err := x.run(t, "xdotool", "mousemove", strconv.Itoa(w.x+w.width*3/4), strconv.Itoa(w.y+w.height-25)); err != nil {
		t.Fatal(err)
	}
	var got string
	eventually(t, "the button answers", func() bool {
		if _, err := x.run(t, "xdotool", "click", "1"); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-actions:
		default:
		}
		return got != ""
	})
	if got != "work & <home>: confirm" && got != "work & <home>: restore" {
		t.Errorf("got %q", got)
	}
	eventually(t, "the popup is gone", func() bool { return shown().height == 0 })
	end()
}
