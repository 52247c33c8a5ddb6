//go:build linux || freebsd || openbsd || netbsd

package machine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	callTimeout = 5 * time.Second  // for a service that does not answer
	sleepTime   = 4 * time.Second  // to end what is going on; logind waits for 5 by default
	firstReturn = time.Second      // the first wait for a bus that is not there
	lastReturn  = 10 * time.Minute // and the longest
)

// The names on the bus, and where their objects are.
const (
	nmName      = "org.freedesktop.NetworkManager"
	nmPath      = "/org/freedesktop/NetworkManager"
	ndName      = "org.freedesktop.network1"
	ndPath      = "/org/freedesktop/network1"
	loginName   = "org.freedesktop.login1"
	loginPath   = "/org/freedesktop/login1"
	manager     = ".Manager"
	ownerSignal = "org.freedesktop.DBus.NameOwnerChanged"
)

// Watch tells h what happens until ctx ends.
func Watch(ctx context.Context, h Handler, log *slog.Logger) {
	w := &watcher{handler: h, log: log, told: Network{Online: true}}
	defer w.uninhibit()
	defer w.ready()
	wait := firstReturn
	for {
		came, err := w.follow(ctx)
		w.ready()
		if ctx.Err() != nil {
			return
		}
		if came {
			wait = firstReturn
		}
		log.Debug("the system bus tells nothing", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lastReturn)
	}
}

type watcher struct {
	handler Handler
	log     *slog.Logger
	told    Network
	asleep  bool
	isReady bool

	conn      *dbus.Conn
	session   dbus.ObjectPath // ours, "" without one
	inhibitor int             // file that delays sleep while it is open; 0: none
}

func (w *watcher) ready() {
	if !w.isReady && w.handler.Ready != nil {
		w.handler.Ready()
	}
	w.isReady = true
}

// follow listens until the bus or ctx is gone. It reports whether there was a bus.
func (w *watcher) follow(ctx context.Context) (came bool, err error) {
	w.conn, err = connect(ctx)
	if err != nil {
		return false, err
	}
	defer w.conn.Close()
	defer w.uninhibit()
	signals := make(chan *dbus.Signal, 16)
	w.conn.Signal(signals)
	if err := w.listen(ctx); err != nil {
		return true, err
	}
	w.wake() // the signal for it may have been missed
	w.login(ctx)
	w.network(ctx)
	w.ready()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case s, ok := <-signals:
			if !ok {
				return true, errors.New("the connection is gone")
			}
			w.hear(ctx, s)
		}
	}
}

// connect returns a connection that delivers signals in their order.
func connect(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.SystemBusPrivate(dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return nil, err
	}
	silent := time.AfterFunc(callTimeout, func() { conn.Close() })
	defer silent.Stop()
	if err := conn.Auth(nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.Hello(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// listen asks for the signals of the three services, and of their coming and going.
func (w *watcher) listen(ctx context.Context) error {
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(nmName), dbus.WithMatchObjectPath(nmPath)},
		{dbus.WithMatchSender(ndName), dbus.WithMatchObjectPath(ndPath)},
		{dbus.WithMatchSender(loginName), dbus.WithMatchInterface(loginName + manager), dbus.WithMatchMember("PrepareForSleep")},
		{dbus.WithMatchSender(loginName), dbus.WithMatchInterface(loginName + manager), dbus.WithMatchMember("SessionRemoved")},
		{dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, nmName)},
		{dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, ndName)},
		{dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, loginName)},
	} {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		err := w.conn.AddMatchSignalContext(ctx, match...)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) hear(ctx context.Context, s *dbus.Signal) {
	switch {
	case s.Name == ownerSignal && len(s.Body) > 0 && s.Body[0] == loginName:
		w.uninhibit()
		w.login(ctx)
	case s.Name == ownerSignal, s.Path == nmPath, s.Path == ndPath:
		w.network(ctx)
	case s.Name == loginName+manager+".PrepareForSleep" && len(s.Body) == 1:
		switch s.Body[0] {
		case true:
			w.sleep(ctx)
		case false:
			w.wake()
			w.inhibit(ctx)
		}
	case s.Name == loginName+manager+".SessionRemoved" && len(s.Body) == 2:
		if w.session != "" && s.Body[1] == w.session && w.handler.SessionEnd != nil {
			w.handler.SessionEnd()
		}
	}
}

// network asks for what there is, and tells it if it is news.
func (w *watcher) network(ctx context.Context) {
	var nm networkManager
	var nd networkd
	if all, err := w.properties(ctx, nmName, nmPath, nmName); err == nil {
		nm.state, _ = all["State"].Value().(uint32)
		nm.connectivity, _ = all["Connectivity"].Value().(uint32)
		nm.metered, _ = all["Metered"].Value().(uint32)
		primary, _ := all["PrimaryConnection"].Value().(dbus.ObjectPath)
		nm.primary = string(primary)
	}
	if all, err := w.properties(ctx, ndName, ndPath, ndName+manager); err == nil {
		nd.operational, _ = all["OperationalState"].Value().(string)
	}
	n := judge(nm, nd)
	if n == w.told || ctx.Err() != nil {
		return
	}
	w.log.Info("the network has changed", "online", n.Online, "metered", n.Metered)
	w.told = n
	w.handler.Network(n)
}

// properties reads all properties of an interface, without starting its service.
func (w *watcher) properties(ctx context.Context, name string, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var all map[string]dbus.Variant
	err := w.conn.Object(name, path).
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", dbus.FlagNoAutoStart, iface).Store(&all)
	return all, err
}

// login finds our session, and asks to be waited for before a sleep.
func (w *watcher) login(ctx context.Context) {
	if w.handler.SessionEnd != nil && w.session == "" {
		var path dbus.ObjectPath
		err := w.call(ctx, "GetSessionByPID", uint32(os.Getpid())).Store(&path)
		if id := os.Getenv("XDG_SESSION_ID"); err != nil && id != "" {
			err = w.call(ctx, "GetSession", id).Store(&path)
		}
		if err == nil {
			w.session = path
		}
	}
	w.inhibit(ctx)
}

func (w *watcher) call(ctx context.Context, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return w.conn.Object(loginName, loginPath).CallWithContext(ctx, loginName+manager+"."+method, dbus.FlagNoAutoStart, args...)
}

// inhibit delays the next sleep until uninhibit.
func (w *watcher) inhibit(ctx context.Context) {
	if w.inhibitor != 0 {
		return
	}
	var fd dbus.UnixFD
	if err := w.call(ctx, "Inhibit", "sleep", "smd-applet", "ending the mail sync", "delay").Store(&fd); err != nil {
		w.log.Debug("a sleep will not wait for the end of a run", "err", err)
		return
	}
	syscall.CloseOnExec(int(fd))
	w.inhibitor = int(fd)
}

func (w *watcher) uninhibit() {
	if w.inhibitor != 0 {
		_ = syscall.Close(w.inhibitor) // there is nothing to write
		w.inhibitor = 0
	}
}

func (w *watcher) sleep(ctx context.Context) {
	w.asleep = true
	ctx, cancel := context.WithTimeout(ctx, sleepTime)
	defer cancel()
	w.handler.Sleep(ctx)
	w.uninhibit()
}

func (w *watcher) wake() {
	if w.asleep {
		w.asleep = false
		w.handler.Wake()
	}
}
