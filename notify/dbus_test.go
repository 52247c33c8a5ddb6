package notify

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// notified is one call of Notify, as the specification orders its arguments.
type notified struct {
	App      string
	Replaces uint32
	Icon     string
	Title    string
	Body     string
	Actions  []string
	Hints    map[string]dbus.Variant
	Expire   int32
}

// fakeServer is a notification server that draws nothing.
type fakeServer struct {
	conn      *dbus.Conn
	abilities []string
	last      uint32
	notified  chan notified
	closed    chan uint32
}

func newFakeServer(t *testing.T, bus *privateBus, firstID uint32, abilities ...string) *fakeServer {
	t.Helper()
	s := &fakeServer{
		conn: bus.connect(t), abilities: abilities, last: firstID - 1,
		notified: make(chan notified, 10), closed: make(chan uint32, 10),
	}
	if err := s.conn.Export(s, serverObject, server); err != nil {
		t.Fatal(err)
	}
	if reply, err := s.conn.RequestName(server, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("become the notification server: %v %v", reply, err)
	}
	return s
}

func (s *fakeServer) GetCapabilities() ([]string, *dbus.Error) { return s.abilities, nil }

func (s *fakeServer) Notify(app string, replaces uint32, icon, title, body string, actions []string, hints map[string]dbus.Variant, expire int32) (uint32, *dbus.Error) {
	s.notified <- notified{app, replaces, icon, title, body, actions, hints, expire}
	if replaces != 0 {
		return replaces, nil
	}
	s.last++
	return s.last, nil
}

func (s *fakeServer) CloseNotification(id uint32) *dbus.Error {
	s.closed <- id
	return nil
}

func emit(t *testing.T, conn *dbus.Conn, signal string, values ...any) {
	t.Helper()
	if err := conn.Emit(serverObject, server+"."+signal, values...); err != nil {
		t.Fatal(err)
	}
}

// within receives from c, or fails.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func none[T any](t *testing.T, what string, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("%s: %v", what, v)
	default:
	}
}

func show(t *testing.T, s Sender, p Popup) ID {
	t.Helper()
	id, err := s.Show(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// held is a popup with all that a popup can have, and where its buttons go.
func held() (Popup, <-chan string) {
	pressed := make(chan string, 10)
	p := problemPopup(phrase.English, []problem{{endpoint: "r&d <x>", err: &fault.Error{Kind: fault.Held, Path: "<lists>"}}})
	p.Pressed = func(key string) { pressed <- key }
	return p, pressed
}

func TestBusAsksTheServer(t *testing.T) {
	t.Parallel()
	hints := map[string]dbus.Variant{
		"urgency":       dbus.MakeVariant(byte(2)),
		"category":      dbus.MakeVariant("transfer.error"),
		"desktop-entry": dbus.MakeVariant("smd-applet"),
	}
	const wayOut = "\nChoose: delete them on both sides, or bring them back"
	for _, test := range []struct {
		name      string
		abilities []string
		want      notified
	}{
		{"that can do everything", []string{"actions", "body", "body-markup", "persistence"}, notified{
			Body:    "Many messages would be deleted\n&lt;lists&gt;: many messages would be deleted" + wayOut,
			Actions: []string{"confirm", "Delete them on both sides", "restore", "Bring them back"},
			Expire:  -1,
		}},
		{"that can do nothing", nil, notified{
			Body:    "Many messages would be deleted\n<lists>: many messages would be deleted" + wayOut,
			Actions: []string{},
			Expire:  0,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			bus := newBus(t, nil)
			fake := newFakeServer(t, bus, 7, test.abilities...)
			p, _ := held()
			if id := show(t, bus.sender(t), p); id != 7 {
				t.Errorf("id %d, want 7", id)
			}
			want := test.want
			want.App, want.Icon, want.Title, want.Hints = "smd-applet", "smd-applet", "r&d <x>: many messages would be deleted", hints
			if got := <-fake.notified; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestBusReplacesAndWithdraws(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	fake := newFakeServer(t, bus, 7, "actions")
	s := bus.sender(t)
	p, pressed := held()
	id := show(t, s, p)
	<-fake.notified

	p.Replaces = id
	if again := show(t, s, p); again != id {
		t.Errorf("replaced %d by %d", id, again)
	}
	if n := <-fake.notified; n.Replaces != uint32(id) {
		t.Errorf("replaces %d, want %d", n.Replaces, id)
	}

	// Closed by the person: what replaces it is new, what only changes it is not.
	// The press shows when the signal before it has arrived.
	other := p
	other.Replaces = 0
	marker := show(t, s, other)
	<-fake.notified
	emit(t, fake.conn, "NotificationClosed", uint32(id), uint32(2))
	emit(t, fake.conn, "ActionInvoked", uint32(marker), "restore")
	within(t, "the button", pressed)
	p.OnlyIfShown = true
	show(t, s, p)
	none(t, "a closed popup came back", fake.notified)
	p.OnlyIfShown = false
	id = show(t, s, p)
	if n := <-fake.notified; n.Replaces != 0 {
		t.Errorf("replaces %d, which is closed", n.Replaces)
	}

	if err := s.Withdraw(id); err != nil {
		t.Error(err)
	}
	if got := <-fake.closed; got != uint32(id) {
		t.Errorf("closed %d, want %d", got, id)
	}
	if err := s.Withdraw(id); err != nil {
		t.Error(err)
	}
	none(t, "closed twice", fake.closed)
}

func TestBusHearsOnlyItsOwnButtons(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	fake := newFakeServer(t, bus, 7, "actions")
	p, pressed := held()
	id := uint32(show(t, bus.sender(t), p))

	emit(t, fake.conn, "ActionInvoked", id+1, "confirm")         // another application's popup
	emit(t, bus.connect(t), "ActionInvoked", id, "confirm")      // not the server at all
	emit(t, fake.conn, "ActionInvoked", "nonsense")              // not what is specified
	emit(t, fake.conn, "NotificationClosed")                     // neither
	emit(t, fake.conn, "ActivationToken", id, "token")           // of specification 1.3
	emit(t, fake.conn, "NotificationClosed", id+1, uint32(2))    // another application's popup
	emit(t, bus.connect(t), "NotificationClosed", id, uint32(2)) // not the server
	emit(t, fake.conn, "ActionInvoked", id, "restore")
	if key := within(t, "the button", pressed); key != "restore" {
		t.Errorf("%q was pressed, want restore", key)
	}
	none(t, "another's button was heard", pressed)
}

func TestBusOutlivesTheServer(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	first := newFakeServer(t, bus, 7, "actions")
	s := bus.sender(t)
	p, pressed := held()
	id := show(t, s, p)
	<-first.notified

	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	second := newFakeServer(t, bus, 8) // there 7 is another application's; no buttons
	emit(t, second.conn, "ActionInvoked", uint32(id), "confirm")
	p.Replaces = id
	fresh := show(t, s, p)
	if n := <-second.notified; n.Replaces != 0 || len(n.Actions) != 0 {
		t.Errorf("the new server was asked to replace %d, with buttons %q", n.Replaces, n.Actions)
	}
	emit(t, second.conn, "ActionInvoked", uint32(fresh), "restore")
	if key := within(t, "the button", pressed); key != "restore" {
		t.Errorf("%q was pressed on the popup of a server that is gone", key)
	}
}

func TestBusOutlivesTheBus(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	newFakeServer(t, bus, 7, "actions")
	s := bus.sender(t)
	p, pressed := held()
	id := show(t, s, p)

	bus.stop()
	if _, err := s.Show(t.Context(), p); err == nil {
		t.Error("a popup without a bus")
	}
	if err := s.Withdraw(id); err != nil {
		t.Errorf("withdraw what went with the bus: %v", err)
	}
	bus.start(t)
	fake := newFakeServer(t, bus, 7, "actions")
	p.Replaces = id
	id = show(t, s, p)
	if n := <-fake.notified; n.Replaces != 0 {
		t.Errorf("replaces %d of the old bus", n.Replaces)
	}
	emit(t, fake.conn, "ActionInvoked", uint32(id), "confirm")
	within(t, "the button", pressed)
}

// TestBusLeavesAServerThatHangs: ctx ends a call, and the next one works.
func TestBusLeavesAServerThatHangs(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	hung := bus.connect(t)
	if err := hung.Export(hangs{t.Context()}, serverObject, server); err != nil {
		t.Fatal(err)
	}
	if _, err := hung.RequestName(server, 0); err != nil {
		t.Fatal(err)
	}
	s := bus.sender(t)
	p, _ := held()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Show(ctx, p); err == nil {
		t.Error("shown by a server that hangs")
	}
	_ = hung.Close()
	newFakeServer(t, bus, 7)
	show(t, s, p)
}

// hangs is a server that does not answer while ctx lasts.
type hangs struct{ ctx context.Context }

func (h hangs) GetCapabilities() ([]string, *dbus.Error) {
	<-h.ctx.Done()
	return nil, nil
}

func TestBusSendsTheIcon(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	fake := newFakeServer(t, bus, 7)
	img := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	img.SetNRGBA(0, 0, color.NRGBA{R: 200, G: 100, B: 50, A: 128})
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	s := NewBus(slog.Default(), file.Bytes())
	s.dial = bus.dial
	t.Cleanup(func() { _ = s.Close() })
	show(t, s, Popup{Title: "t"})
	var data struct {
		Width, Height, Stride int32
		Alpha                 bool
		Bits, Samples         int32
		Pixels                []byte
	}
	n := <-fake.notified
	if err := n.Hints["image-data"].Store(&data); err != nil {
		t.Fatal(err)
	}
	if want := []byte{200, 100, 50, 128}; data.Width != 1 || !data.Alpha || !reflect.DeepEqual(data.Pixels, want) {
		t.Errorf("got %+v, want the pixel %v", data, want)
	}
}

// TestDesktopFallsBack: no bus, or no server on it, is an error at worst.
func TestDesktopFallsBack(t *testing.T) {
	t.Parallel()
	for name, bus := range map[string]*privateBus{"no bus": {address: "unix:path=/nonexistent"}, "no server": newBus(t, nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &wall{}
			d := &Desktop{bus: bus.sender(t), fallback: w}
			p, _ := held()
			if id := show(t, d, p); id != 1 || w.last.Title != p.Title {
				t.Errorf("the fallback was not used: id %d, %q", id, w.last.Title)
			}
			p.Replaces, p.OnlyIfShown = 1, true
			if _, err := d.Show(t.Context(), p); err != nil || len(w.took()) != 1 {
				t.Errorf("a popup that is gone came back (%v)", err)
			}
			w.broken = context.Canceled
			p.OnlyIfShown = false
			if _, err := d.Show(t.Context(), p); err == nil {
				t.Error("shown by nothing")
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if _, err := d.bus.Show(t.Context(), p); err == nil {
				t.Error("shown after the end")
			}
		})
	}
}

// TestRunOverTheBus is the whole way: event, popup, button, action, and
// nothing left on the screen.
func TestRunOverTheBus(t *testing.T) {
	t.Parallel()
	bus := newBus(t, nil)
	fake := newFakeServer(t, bus, 7, "actions")
	actions := make(chan string, 10)
	events, end := running(t, Options{Sender: bus.sender(t), OnAction: func(endpoint string, a fault.Action) {
		actions <- endpoint + " " + string(a.Kind)
	}})
	events <- sync.ProblemRaised{Endpoint: "work", Problem: sync.Problem{Err: &fault.Error{Kind: fault.Held}}}
	within(t, "the popup", fake.notified)
	emit(t, fake.conn, "ActionInvoked", uint32(7), "restore")
	if got := within(t, "the action", actions); got != "work restore" {
		t.Errorf("got %q", got)
	}
	end()
	if id := within(t, "the withdrawal", fake.closed); id != 7 {
		t.Errorf("withdrew %d", id)
	}
}
