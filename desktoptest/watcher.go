package desktoptest

import (
	"slices"
	stdsync "sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	watcherName  = "org.kde.StatusNotifierWatcher"
	watcherPath  = "/StatusNotifierWatcher"
	watcherItems = "RegisteredStatusNotifierItems"
)

// Watcher stands where a panel would: it takes the registrations of icons.
type Watcher struct {
	conn       *dbus.Conn
	registered chan string
}

// StartWatcher puts a watcher on the bus.
func StartWatcher(t testing.TB, b *Bus) *Watcher {
	t.Helper()
	w := &Watcher{conn: b.Connect(t), registered: make(chan string, 16)}
	properties, err := prop.Export(w.conn, watcherPath, prop.Map{watcherName: {
		watcherItems:                     {Value: []string{}},
		"IsStatusNotifierHostRegistered": {Value: true},
		"ProtocolVersion":                {Value: int32(0)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.conn.Export(&registrar{properties: properties, registered: w.registered}, watcherPath, watcherName); err != nil {
		t.Fatal(err)
	}
	reply, err := w.conn.RequestName(watcherName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("take the name %s: %v, %v", watcherName, reply, err)
	}
	return w
}

// Registered delivers the sender of each registration, once however often it
// registers.
func (w *Watcher) Registered() <-chan string { return w.registered }

// Stop takes the watcher off the bus, as when a panel ends.
func (w *Watcher) Stop() {
	_, _ = w.conn.ReleaseName(watcherName) // waits for the bus, unless that is gone too
	w.conn.Close()
}

type registrar struct {
	properties *prop.Properties
	registered chan<- string

	mu    stdsync.Mutex
	items []string
}

// RegisterStatusNotifierItem is called by applets over D-Bus.
func (r *registrar) RegisterStatusNotifierItem(sender dbus.Sender, path string) *dbus.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	item := string(sender) + path
	if slices.Contains(r.items, item) {
		return nil
	}
	r.items = append(r.items, item)
	r.properties.SetMust(watcherName, watcherItems, slices.Clone(r.items))
	r.registered <- string(sender)
	return nil
}
