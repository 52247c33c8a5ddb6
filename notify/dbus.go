package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"log/slog"
	"slices"
	stdsync "sync"
	"time"

	freedesktop "github.com/esiqveland/notify"
	"github.com/godbus/dbus/v5"
)

const (
	server       = "org.freedesktop.Notifications"
	serverObject = "/org/freedesktop/Notifications"
	theBus       = "org.freedesktop.DBus"

	// startTime is for showing a popup: the bus may have to start the server.
	startTime = 20 * time.Second
	// answerTime is for everything a running server does.
	answerTime = 5 * time.Second
)

// Bus shows popups by org.freedesktop.Notifications on the session bus, as the
// Desktop Notifications Specification 1.2 has it. Its connection is its own: a
// signal of a popup on the one the tray icon uses would keep the icon from
// coming back after a restart of the panel. A connection that broke is made
// anew for the next popup.
type Bus struct {
	log  *slog.Logger
	icon *image.RGBA // nil: that of the theme
	dial func(...dbus.ConnOption) (*dbus.Conn, error)

	readers stdsync.WaitGroup

	mu     stdsync.Mutex // held during a call to the server
	link   *link         // nil: none
	closed bool
}

// link is one connection and what its server showed for us.
type link struct {
	conn  *dbus.Conn
	owner string // the server's unique name, empty while there is none
	can   abilities
	shown map[ID]shown
}

// abilities are what the server can do, of the optional things that matter here.
type abilities struct {
	actions, markup bool
	persistence     bool // what a person did not see is kept for later
}

// shown is a popup on the screen.
type shown struct {
	by      string // the server's unique name: ids are its own
	pressed func(key string)
}

// NewBus returns a sender that connects when the first popup is shown. icon is
// a PNG file's bytes; nil means the icon smd-applet of the theme. It must be
// closed.
func NewBus(log *slog.Logger, icon []byte) *Bus {
	b := &Bus{log: log, dial: dbus.SessionBusPrivateNoAutoStartup}
	if icon != nil {
		img, err := straight(icon)
		if err != nil {
			log.Warn("the icon of popups can't be used", "error", err)
		}
		b.icon = img
	}
	return b
}

// straight decodes a PNG to what the image-data hint wants: RGBA bytes whose
// colours are not multiplied by alpha, in the type that the hint is made from.
func straight(data []byte) (*image.RGBA, error) {
	decoded, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decode icon: %w", err)
	}
	img := image.NewNRGBA(image.Rectangle{Max: decoded.Bounds().Size()})
	draw.Draw(img, img.Bounds(), decoded, decoded.Bounds().Min, draw.Src)
	return &image.RGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}, nil
}

// Show implements [Sender]. The bus starts the server if it knows how to.
func (b *Bus) Show(ctx context.Context, p Popup) (ID, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.OnlyIfShown && (b.link == nil || !b.link.has(p.Replaces)) {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	l, err := b.connected(ctx)
	if err != nil {
		return 0, err
	}
	// These calls take no context: a server that hangs is left with the
	// connection.
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	defer stop()

	if err := l.meet(ctx); err != nil {
		return 0, fmt.Errorf("find the notification server: %w", err)
	}
	if !l.has(p.Replaces) {
		if p.OnlyIfShown {
			return 0, nil
		}
		p.Replaces = 0
	}
	id, err := freedesktop.SendNotification(l.conn, b.notification(p, l.can))
	if err != nil {
		return 0, fmt.Errorf("ask the notification server: %w", err)
	}
	delete(l.shown, p.Replaces)
	l.shown[ID(id)] = shown{by: l.owner, pressed: p.Pressed}
	return ID(id), nil
}

// Withdraw implements [Sender].
func (b *Bus) Withdraw(id ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.link == nil || !b.link.has(id) {
		return nil
	}
	delete(b.link.shown, id)
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	call := b.link.conn.Object(server, serverObject).
		CallWithContext(ctx, server+".CloseNotification", dbus.FlagNoAutoStart, uint32(id))
	if call.Err != nil {
		return fmt.Errorf("withdraw popup %d: %w", id, call.Err)
	}
	return nil
}

// Close closes the connection and waits for what reads from it. Show fails
// from then on.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.closed = true
	var err error
	if b.link != nil {
		err = b.link.conn.Close()
	}
	b.mu.Unlock()
	b.readers.Wait()
	if err != nil {
		return fmt.Errorf("leave the session bus: %w", err)
	}
	return nil
}

// connected returns the link, made anew when there is none that works.
func (b *Bus) connected(ctx context.Context) (*link, error) {
	if b.closed {
		return nil, errors.New("the sender is closed")
	}
	if b.link != nil && b.link.conn.Connected() {
		return b.link, nil
	}
	// Signals in their order: the server may go right after a button was pressed.
	conn, err := b.dial(dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return nil, fmt.Errorf("connect to the session bus: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if err := enter(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("enter the session bus: %w", err)
	}
	l := &link{conn: conn, shown: make(map[ID]shown)}
	b.link = l
	b.readers.Go(func() { b.read(l, signals) })
	return l, nil
}

// enter does what a new connection has to before it can be used.
func enter(conn *dbus.Conn) error {
	if err := conn.Auth(nil); err != nil {
		return err
	}
	if err := conn.Hello(); err != nil {
		return err
	}
	if err := conn.AddMatchSignal(
		dbus.WithMatchSender(server),
		dbus.WithMatchInterface(server),
		dbus.WithMatchObjectPath(serverObject),
	); err != nil {
		return err
	}
	return conn.AddMatchSignal(
		dbus.WithMatchSender(theBus),
		dbus.WithMatchInterface(theBus),
		dbus.WithMatchMember("NameOwnerChanged"),
		dbus.WithMatchArg(0, server),
	)
}

// meet makes sure that a server is there, and that we know which and what it
// can do. Asking for its abilities starts it.
func (l *link) meet(ctx context.Context) error {
	owner, err := l.whoServes(ctx)
	if err == nil && owner == l.owner {
		return nil
	}
	words, err := freedesktop.GetCapabilities(l.conn)
	if err != nil {
		return err
	}
	if owner, err = l.whoServes(ctx); err != nil {
		return err
	}
	l.adopt(owner)
	l.can = abilities{
		actions:     slices.Contains(words, "actions"),
		markup:      slices.Contains(words, "body-markup"),
		persistence: slices.Contains(words, "persistence"),
	}
	return nil
}

func (l *link) whoServes(ctx context.Context) (owner string, err error) {
	err = l.conn.BusObject().CallWithContext(ctx, theBus+".GetNameOwner", 0, server).Store(&owner)
	return owner, err
}

// adopt forgets what any other server than owner showed.
func (l *link) adopt(owner string) {
	l.owner = owner
	for id, s := range l.shown {
		if s.by != owner {
			delete(l.shown, id)
		}
	}
}

func (l *link) has(id ID) bool {
	_, ok := l.shown[id]
	return ok
}

// read follows the signals of l until its connection ends. Others on the bus
// send what they like: nothing is taken for granted of a signal.
func (b *Bus) read(l *link, signals <-chan *dbus.Signal) {
	for s := range signals {
		if pressed, key := b.heard(l, s); pressed != nil {
			pressed(key)
		}
	}
	b.log.Debug("the connection for popups ended")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.link == l {
		b.link = nil
	}
}

// heard takes in a signal. If it says that a button of ours was pressed, it
// returns what to call, and with which key.
func (b *Bus) heard(l *link, s *dbus.Signal) (pressed func(key string), key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.Name == theBus+".NameOwnerChanged" && s.Sender == theBus {
		var name, before, now string
		if dbus.Store(s.Body, &name, &before, &now) == nil && name == server && before == l.owner {
			l.adopt("")
		}
		return nil, ""
	}
	var id uint32
	switch s.Name {
	case server + ".ActionInvoked":
		if dbus.Store(s.Body, &id, &key) != nil {
			return nil, ""
		}
	case server + ".NotificationClosed":
		var reason uint32
		if dbus.Store(s.Body, &id, &reason) != nil {
			return nil, ""
		}
	default:
		return nil, ""
	}
	// The ids of every application's popups are sent to all.
	popup, ours := l.shown[ID(id)]
	if !ours || popup.by != s.Sender {
		return nil, ""
	}
	if s.Name == server+".NotificationClosed" {
		delete(l.shown, ID(id))
		return nil, ""
	}
	return popup.pressed, key
}

// notification is p as this server can show it.
func (b *Bus) notification(p Popup, can abilities) freedesktop.Notification {
	n := freedesktop.Notification{
		AppName:       appName,
		AppIcon:       appName,
		ReplacesID:    uint32(p.Replaces),
		Summary:       p.Title,
		Body:          p.Body,
		ExpireTimeout: freedesktop.ExpireTimeoutSetByNotificationServer,
	}
	if can.markup {
		n.Body = escape(p.Body)
	}
	if can.actions {
		for _, button := range p.Buttons {
			n.Actions = append(n.Actions, freedesktop.Action{Key: button.Key, Label: button.Label})
		}
	}
	if p.Urgency == Critical && !can.persistence {
		n.ExpireTimeout = freedesktop.ExpireTimeoutNever
	}
	n.SetUrgency(freedesktop.Urgency(p.Urgency))
	n.AddHint(freedesktop.Hint{ID: "category", Variant: dbus.MakeVariant(p.Category)})
	n.AddHint(freedesktop.Hint{ID: "desktop-entry", Variant: dbus.MakeVariant(appName)})
	if b.icon != nil {
		n.AddHint(freedesktop.HintImageDataRGBA(b.icon))
	}
	return n
}
