//go:build linux || freebsd || openbsd || netbsd

package tray

import (
	"context"
	stdsync "sync"
	"time"

	"fyne.io/systray"
	"github.com/godbus/dbus/v5"
)

// title names the icon to panels, which remember its place by it.
const title = "smd-applet"

const (
	busTimeout  = 5 * time.Second // for a bus that accepts and says nothing
	firstReturn = time.Second     // the first wait for a new bus
	lastReturn  = time.Minute     // and the longest
)

// Run shows the icon and obeys its menu until the person quits or ctx is done;
// then it returns nil. It may be called once in a program's life.
//
// The session bus and the panel may be missing, come later, go away and come
// back: Run says so in the log, waits, and shows the icon when there is one.
func Run(ctx context.Context, c Controller, o Options) error {
	conn, err := connect(ctx)
	if err != nil {
		o.Logger.Warn("no session bus: going on without an icon until there is one", "err", err)
		if conn, err = reconnect(ctx); err != nil {
			return nil // ctx is done
		}
		o.Logger.Info("there is a session bus now, showing the icon")
	}
	// Systray is started once a bus: its own Run neither survives a lost bus nor ends
	// without one.
	systray.SetTitle(title) // before the start: it becomes the item's Id
	// It would go on to register with each new panel, which then asks for a menu that
	// is just being made for it: that is for [registration].
	systray.Quit()

	ctx, cancel := context.WithCancel(ctx)
	f := newFace(c, o)
	defer f.close()
	defer cancel()
	for again := false; ; again = true {
		lost := show(ctx, f, conn, again)
		conn.Close()
		if !lost {
			return nil
		}
		o.Logger.Warn("the session bus is gone, no icon until there is a new one")
		if conn, err = reconnect(ctx); err != nil {
			return nil // ctx is done
		}
		o.Logger.Info("there is a session bus again, showing the icon")
	}
}

// show puts the face on the bus of conn until ctx or the bus is done or the person
// quits. It reports whether it was the bus. again says that it was on another bus
// before.
func show(ctx context.Context, f *face, conn *dbus.Conn, again bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	var keeping stdsync.WaitGroup
	defer keeping.Wait()
	defer cancel()
	panels, err := newRegistration(ctx, conn, f.options.Logger) // first: none is missed
	made := make(chan struct{})
	start, _ := systray.RunWithExternalLoop(func() { <-made }, nil) // who asks for the menu waits for that
	start()
	if again {
		f.painter.rebuild() // the panel here is another one
	}
	close(made)
	if err != nil {
		f.options.Logger.Warn("the icon may be missing after a restart of the panel", "err", err)
	} else {
		keeping.Go(func() { panels.keep(ctx, func() { f.panelCame(ctx) }) })
	}
	return f.serve(ctx, conn.Context().Done())
}

// connect returns the connection that systray uses. A bus that can't be reached
// is noticed first: systray would go on without one, and godbus start one.
func connect(ctx context.Context) (*dbus.Conn, error) {
	if err := probe(ctx); err != nil {
		return nil, err
	}
	return dbus.SessionBus()
}

func probe(ctx context.Context) error {
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// dial makes a connection of its own, for as long as ctx lasts, to a bus that is
// there.
func dial(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	silent := time.AfterFunc(busTimeout, func() { conn.Close() })
	defer silent.Stop()
	if err := conn.Auth(nil); err != nil {
		conn.Close()
		return nil, err
	}
	if err := conn.Hello(); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// reconnect waits for a new bus. It fails only when ctx is done.
func reconnect(ctx context.Context) (*dbus.Conn, error) {
	wait := firstReturn
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
		}
		if conn, err := connect(ctx); err == nil {
			return conn, nil
		}
		wait = min(2*wait, lastReturn)
		timer.Reset(wait)
	}
}

// accessible is a title as this desktop's menus take it: "_" is before the access
// key.
func accessible(title string) string { return title }
