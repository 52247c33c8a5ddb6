package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"smd-applet/control"
	"smd-applet/desktoptest"
	"smd-applet/sync"
	"smd-applet/sync/synctest"
)

const (
	nmName    = "org.freedesktop.NetworkManager"
	nmPath    = "/org/freedesktop/NetworkManager"
	loginName = "org.freedesktop.login1"
	loginPath = "/org/freedesktop/login1"
	mockIface = "org.freedesktop.DBus.Mock"
)

// machineTest is a program of ours on a machine whose system services are mocks.
type machineTest struct {
	*laptop
	t     *testing.T
	bus   *desktoptest.Bus
	login *desktoptest.Process
}

func newMachineTest(t *testing.T) *machineTest {
	m := &machineTest{laptop: newLaptop(t), t: t, bus: desktoptest.StartBus(t)}
	m.env = append(m.env, "DBUS_SYSTEM_BUS_ADDRESS="+m.bus.Address, "DBUS_SESSION_BUS_ADDRESS=", "DISPLAY=", "XDG_RUNTIME_DIR=", "XDG_SESSION_ID=c7")
	m.every("60")
	m.startLogin()
	return m
}

func (m *machineTest) startLogin() {
	m.login = m.bus.Mock(m.t, "logind", "{}", loginName)
}

func (m *machineTest) startNetwork() {
	m.bus.Mock(m.t, "networkmanager", "{}", nmName)
}

func (m *machineTest) start(program string) *desktoptest.Process {
	cmd := exec.Command(filepath.Join(m.bin, program))
	cmd.Env = m.env
	return desktoptest.Launch(m.t, cmd)
}

// status is what the program tells; empty while it does not.
func (m *machineTest) status() (s control.Status) {
	out, _ := m.run("smd-applet", "status", "--json")
	_ = json.Unmarshal([]byte(out), &s) // what is not JSON is no status
	return s
}

// waits waits until the endpoint waits for a reason.
func (m *machineTest) waits(what string, want sync.Wait) {
	m.t.Helper()
	desktoptest.Until(m.t, what, func() bool {
		s := m.status()
		return len(s.Endpoints) == 1 && s.Endpoints[0].Waiting == want
	})
}

// state is NetworkManager's.
func (m *machineTest) state(state uint32) {
	m.t.Helper()
	m.bus.Call(m.t, nmName, nmPath, mockIface+".SetGlobalConnectionState", state)
}

// update changes a property of NetworkManager's.
func (m *machineTest) update(name string, value any) {
	m.t.Helper()
	m.bus.Call(m.t, nmName, nmPath, mockIface+".SetProperty", nmPath, nmName, name, dbus.MakeVariant(value))
}

// toldNetworks counts how often the program took notice of another network.
func (m *machineTest) toldNetworks() int {
	m.t.Helper()
	log, err := os.ReadFile(filepath.Join(m.home, ".smd", "log", "loop.log"))
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Count(string(log), "the network has changed")
}

func (m *machineTest) prepareForSleep(start bool) {
	m.t.Helper()
	m.bus.Call(m.t, loginName, loginPath, mockIface+".EmitSignal", loginName+".Manager", "PrepareForSleep", "b", []dbus.Variant{dbus.MakeVariant(start)})
}

// inhibits waits until sleep is delayed by us, or is not.
func (m *machineTest) inhibits(what string, want bool) {
	m.t.Helper()
	desktoptest.Until(m.t, what, func() bool {
		list, ok := m.bus.Call(m.t, loginName, loginPath, loginName+".Manager.ListInhibitors")[0].([][]any)
		return ok && (len(list) == 1 && list[0][0] == "sleep" && list[0][3] == "delay") == want
	})
}

func (m *machineTest) arrives(what string, here, there int) {
	m.t.Helper()
	desktoptest.Until(m.t, what, func() bool { return count(m.local) == here && count(m.there) == there })
}

// The loop waits without a network, behind a captive portal and on a metered one,
// and syncs at once when that is over.
func TestLoopKnowsTheNetwork(t *testing.T) {
	t.Parallel()
	m := newMachineTest(t)
	m.startNetwork()
	deliver(t, m.there)
	m.start("smd-loop")
	m.arrives("the first sync", 1, 1)

	m.state(20)
	m.waits("it is offline", sync.WaitOffline)
	desktoptest.Until(t, "what was under way ends", func() bool { return m.status().Overall == sync.Offline })
	deliver(t, m.there)
	deliver(t, m.local)
	m.state(70)
	m.arrives("what happened meanwhile", 3, 3)
	m.waits("it is online", "")

	m.bus.Call(t, nmName, nmPath, mockIface+".SetConnectivity", uint32(2))
	m.waits("a captive portal", sync.WaitOffline)
	m.bus.Call(t, nmName, nmPath, mockIface+".SetConnectivity", uint32(4))
	m.waits("after the login there", "")

	link := func(path dbus.ObjectPath) { m.update("PrimaryConnection", path) }
	m.bus.Call(t, nmName, nmPath, mockIface+".AddProperty", nmName, "PrimaryConnection", dbus.MakeVariant(dbus.ObjectPath("/")))
	told := m.toldNetworks()
	link("/wifi")
	// Two changes at once would be one, from no network known to the second.
	desktoptest.Until(t, "the first network is known", func() bool { return m.toldNetworks() > told })
	logins := m.sshd.Logins()
	link("/cable")
	desktoptest.Until(t, "a connection through another network", func() bool {
		out, err := m.run("smd-applet", "sync")
		if err != nil {
			t.Fatalf("sync: %v: %s", err, out)
		}
		return m.sshd.Logins() > logins
	})

	m.bus.Call(t, nmName, nmPath, mockIface+".AddProperty", nmName, "Metered", dbus.MakeVariant(uint32(0)))
	m.update("Metered", uint32(3))
	m.waits("a phone's network, it seems", sync.WaitMetered)
	deliver(t, m.there)
	if out, err := m.run("smd-applet", "sync"); err != nil || count(m.local) != 4 {
		t.Errorf("a sync that is asked for: %v: %s", err, out)
	}
	deliver(t, m.there)
	m.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nSYNC_ON_METERED=true\n")
	m.arrives("what is allowed now", 5, 5)
	m.waits("nothing", "")
}

// Before a sleep the loop lets go of the server, and delays the sleep no longer
// than that; after it, it syncs. A restart of logind changes nothing.
func TestLoopKnowsSleep(t *testing.T) {
	t.Parallel()
	m := newMachineTest(t)
	m.start("smd-loop")
	deliver(t, m.there)
	m.arrives("the first sync", 1, 1)
	for _, round := range []string{"at first", "after a restart of logind"} {
		m.inhibits("it wants to be waited for "+round, true)
		logins := m.sshd.Logins()
		m.prepareForSleep(true)
		m.inhibits("it has let go "+round, false)
		m.waits("it is asleep "+round, sync.WaitAsleep)
		deliver(t, m.there)
		here := count(m.local)
		m.prepareForSleep(false)
		m.arrives("what came during the sleep "+round, here+1, here+1)
		if m.sshd.Logins() == logins {
			t.Error("the connection outlived the sleep")
		}
		m.inhibits("it wants to be waited for again "+round, true)
		m.login.Stop()
		m.startLogin()
	}
}

// The applet ends with the session it was started in, and with no other.
func TestAppletEndsWithItsSession(t *testing.T) {
	t.Parallel()
	m := newMachineTest(t)
	deliver(t, m.there)
	applet := m.start("smd-applet")
	m.arrives("the first sync", 1, 1)
	m.inhibits("it listens", true)
	removed := func(id string) {
		m.bus.Call(t, loginName, loginPath, mockIface+".EmitSignal", loginName+".Manager", "SessionRemoved", "so",
			[]dbus.Variant{dbus.MakeVariant(id), dbus.MakeVariant(dbus.ObjectPath(loginPath + "/session/" + id))})
	}
	removed("c8")
	deliver(t, m.there)
	if out, err := m.run("smd-applet", "sync"); err != nil || count(m.local) != 2 {
		t.Fatalf("after the end of another session: %v: %s", err, out)
	}
	removed("c7")
	<-applet.Ended()
	if !m.isFree() {
		t.Error("its lock outlives it")
	}
}

// Nobody on the bus, or no bus: it syncs as ever, and says nothing.
func TestLoopWithoutServices(t *testing.T) {
	t.Parallel()
	m := newMachineTest(t)
	m.login.Stop()
	deliver(t, m.there)
	loop := m.start("smd-loop")
	m.arrives("the first sync", 1, 1)
	m.bus.Stop()
	deliver(t, m.there)
	if out, err := m.run("smd-applet", "sync"); err != nil || count(m.local) != 2 {
		t.Errorf("without a bus: %v: %s", err, out)
	}
	if said := strings.TrimSpace(loop.Output()); said != "" {
		t.Errorf("it said %q", said)
	}
	m.bus.Restart(t)
	m.startNetwork()
	m.startLogin()
	m.inhibits("it has found the new bus", true)
	m.state(20)
	m.waits("and listens there", sync.WaitOffline)
}

// SIGTERM ends it soon, also in the middle of a run whose server is silent.
func TestLoopEndsSoon(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	proxy := synctest.StartProxy(t, l.sshd.Addr)
	l.sshd.WriteClientHomeVia(t, l.home, "far", proxy.Addr)
	l.configure("SERVERNAME=far\nCLIENTNAME=laptop-test\nMAILBOX=Mail\n")
	l.every("60")
	deliver(t, l.there)
	m := &machineTest{laptop: l, t: t}
	loop := m.start("smd-loop")
	desktoptest.Until(t, "the first sync", func() bool {
		s := m.status()
		return len(s.Endpoints) == 1 && !s.Endpoints[0].LastSuccess.IsZero()
	})
	proxy.Stall()
	if out, err := m.run("smd-applet", "sync", "--no-wait"); err != nil {
		t.Fatalf("sync: %v: %s", err, out)
	}
	desktoptest.Until(t, "the run has begun", func() bool { return m.status().Overall == sync.Syncing })
	began := time.Now()
	if err := syscall.Kill(loop.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-loop.Ended()
	// Two seconds on a machine that has nothing else to do.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to end", took)
	}
}
