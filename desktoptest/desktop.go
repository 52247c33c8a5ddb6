package desktoptest

import (
	"bufio"
	_ "embed"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

//go:embed testdata/xfce4-panel.xml
var panelXML []byte

//go:embed testdata/xfce4-notifyd.xml
var popupsStayXML []byte

// The services, which are not in the PATH.
const (
	xfconfd = "xfce4/xfconf/xfconfd"
	notifyd = "xfce4/notifyd/xfce4-notifyd"
)

// Notifier is a notification daemon.
type Notifier string

// The notification daemons. Dunst draws no buttons and tells only the sender
// what became of a popup.
const (
	XfceNotifyd Notifier = "xfce4-notifyd"
	Dunst       Notifier = "dunst"
)

// Options of [Start]. The zero value is a light desktop with xfce4-notifyd.
type Options struct {
	Notifier Notifier
	Dark     bool // a dark panel
	NoPanel  bool // until [Desktop.StartPanel]
	NoPopups bool // until [Desktop.StartNotifier]
	// PopupsStay has XfceNotifyd show popups for ten minutes instead of ten seconds:
	// a busy machine takes longer than these to come to the click.
	PopupsStay bool
}

// Desktop is a running desktop. Its methods fail the test when something does
// not come about in time.
type Desktop struct {
	t        testing.TB
	bus      *Bus
	conn     *dbus.Conn
	home     string
	display  string
	env      []string
	shots    *shots
	popups   *popups
	notifier Notifier
	panel    *Process
	popper   *Process // the notification daemon
	mouse    image.Point

	failureShown bool
}

// Start brings up an X server, a bus, a notification daemon and a panel, each
// when what it needs is there.
func Start(t testing.TB, o Options) *Desktop {
	t.Helper()
	if o.Notifier == "" {
		o.Notifier = XfceNotifyd
	}
	Needs(t, "Xvfb", "xdotool", "import", "xfce4-panel", "dbus-daemon")
	d := &Desktop{t: t, home: t.TempDir(), shots: newShots(t)}
	d.display = startX(t)
	d.bus = StartBus(t)
	d.makeHome(o)
	d.notifier = o.Notifier
	d.onBus()
	if !o.NoPopups {
		d.StartNotifier()
	}
	if !o.NoPanel {
		d.StartPanel()
	}
	return d
}

// onBus looks at the bus, before anybody can show a popup, and starts what the
// panel has its settings from.
func (d *Desktop) onBus() {
	d.t.Helper()
	d.conn = d.bus.Connect(d.t)
	d.popups = watchPopups(d.t, d.bus)
	Launch(d.t, d.service(xfconfd))
	d.waitOwned("org.xfce.Xfconf")
}

// RestartBus ends the bus, and with it the notification daemon and the panel, and
// starts all of them again. What was shown before is forgotten.
func (d *Desktop) RestartBus() {
	d.t.Helper()
	d.bus.Stop()
	d.popper.Stop()
	d.panel.Stop()
	d.bus.Restart(d.t)
	d.onBus()
	d.StartNotifier()
	d.StartPanel()
}

// startX starts an X server on a free display and returns its name.
func startX(t testing.TB) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", screenSize.X, screenSize.Y), "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{writer} // file descriptor 3
	Launch(t, cmd)
	writer.Close()
	number, err := bufio.NewReader(reader).ReadString('\n') // when it takes clients
	if err != nil {
		t.Fatalf("Xvfb told no display: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

func (d *Desktop) makeHome(o Options) {
	d.t.Helper()
	config, runtime := filepath.Join(d.home, ".config"), filepath.Join(d.home, "run")
	d.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.home, "DISPLAY=" + d.display,
		"XDG_CONFIG_HOME=" + config, "XDG_RUNTIME_DIR=" + runtime, "XDG_CURRENT_DESKTOP=XFCE",
		"DBUS_SESSION_BUS_ADDRESS=" + d.bus.Address, "DBUS_SYSTEM_BUS_ADDRESS=disabled:",
		"NO_AT_BRIDGE=1", "GDK_BACKEND=x11", "LC_ALL=C.UTF-8",
	}
	if o.Dark {
		d.env = append(d.env, "GTK_THEME=Adwaita:dark")
	} else {
		d.env = append(d.env, "GTK_THEME=Adwaita")
	}
	channels := filepath.Join(config, "xfce4", "xfconf", "xfce-perchannel-xml")
	for _, dir := range []string{channels, runtime} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			d.t.Fatal(err)
		}
	}
	settings := map[string][]byte{"xfce4-panel.xml": panelXML}
	if o.PopupsStay {
		settings["xfce4-notifyd.xml"] = popupsStayXML
	}
	for name, text := range settings {
		if err := os.WriteFile(filepath.Join(channels, name), text, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

// service returns the command of a program below the library folders.
func (d *Desktop) service(path string) *exec.Cmd {
	d.t.Helper()
	for _, pattern := range []string{"/usr/lib/*/", "/usr/lib/", "/usr/libexec/", "/usr/local/lib/"} {
		if found, _ := filepath.Glob(pattern + path); len(found) > 0 { // the pattern is good
			cmd := exec.Command(found[0])
			cmd.Env = d.env
			return cmd
		}
	}
	Needs(d.t, path)
	return nil
}

func (d *Desktop) launch(cmd *exec.Cmd) *Process {
	d.t.Helper()
	cmd.Env = append(slices.Clone(d.env), cmd.Env...)
	p := Launch(d.t, cmd)
	d.showFailure()
	return p
}

// showFailure sees to it that a failed test leaves a picture. It is called
// whenever something was started: what is started last is stopped first.
func (d *Desktop) showFailure() {
	d.t.Cleanup(func() {
		if d.t.Failed() && !d.failureShown {
			d.failureShown = true
			d.Screenshot("at-the-failure")
		}
	})
}

func (d *Desktop) waitOwned(name string) {
	d.t.Helper()
	Until(d.t, name+" on the bus", func() bool { return owned(d.conn, name) })
}

// Home is the folder the desktop's programs have as HOME.
func (d *Desktop) Home() string { return d.home }

// Env is the environment of the desktop's programs: their whole one, nothing of
// the test's own but PATH is in it.
func (d *Desktop) Env() []string { return slices.Clone(d.env) }

// Bus is the desktop's session bus.
func (d *Desktop) Bus() *Bus { return d.bus }

// Launch starts an applet on the desktop; what cmd.Env holds is added to the
// desktop's own. It waits for nothing: see [Desktop.WaitIcon].
func (d *Desktop) Launch(cmd *exec.Cmd) *Process {
	d.t.Helper()
	return d.launch(cmd)
}

// StartNotifier starts the notification daemon and waits until it takes popups.
func (d *Desktop) StartNotifier() {
	d.t.Helper()
	if d.notifier == Dunst {
		Needs(d.t, "dunst")
		d.popper = d.launch(exec.Command("dunst"))
	} else {
		d.popper = Launch(d.t, d.service(notifyd))
	}
	d.waitOwned(notificationsName)
}

// StopNotifier ends the notification daemon.
func (d *Desktop) StopNotifier() {
	d.t.Helper()
	d.popper.Stop()
	Until(d.t, "the notification daemon leaves the bus", func() bool { return !owned(d.conn, notificationsName) })
}

// StartPanel starts the panel and waits until it takes icons.
func (d *Desktop) StartPanel() {
	d.t.Helper()
	d.panel = d.launch(exec.Command("xfce4-panel", "--disable-wm-check"))
	d.waitOwned(watcherName)
}

// StopPanel ends the panel.
func (d *Desktop) StopPanel() {
	d.t.Helper()
	d.panel.Stop()
	Until(d.t, "the panel leaves the bus", func() bool { return !owned(d.conn, watcherName) })
}

// RestartPanel ends the panel and starts another.
func (d *Desktop) RestartPanel() {
	d.t.Helper()
	d.StopPanel()
	d.StartPanel()
}

// WaitIcon waits until the panel has the icon of the process pid and its menu, and
// returns it.
func (d *Desktop) WaitIcon(pid int) *Item {
	d.t.Helper()
	d.showFailure()
	item := d.bus.Item(d.t, pid)
	Until(d.t, fmt.Sprintf("an icon of process %d in the panel", pid), func() bool {
		return d.registered(item) && d.knowsMenu(item)
	})
	return item
}

// owner is the unique name of who has the name on the bus, empty for nobody.
func (d *Desktop) owner(name string) string {
	var owner string
	if err := d.conn.BusObject().Call("org.freedesktop.DBus.GetNameOwner", 0, name).Store(&owner); err != nil {
		return ""
	}
	return owner
}

// registered reports whether the panel has the item. Panels note it by the name
// it registered from, its own or the unique one.
func (d *Desktop) registered(item *Item) bool {
	owner := d.owner(item.name)
	if owner == "" {
		return false
	}
	value, err := d.conn.Object(watcherName, watcherPath).GetProperty(watcherName + ".RegisteredStatusNotifierItems")
	if err != nil {
		return false
	}
	items, _ := value.Value().([]string)
	return slices.ContainsFunc(items, func(registered string) bool {
		return strings.HasPrefix(registered, owner) || strings.HasPrefix(registered, item.name)
	})
}
