//go:build linux || freebsd || openbsd || netbsd

package tray

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// HasHost reports whether something on the session bus shows tray icons now.
func HasHost(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	conn, err := dial(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	return showsIcons(ctx, conn)
}

func showsIcons(ctx context.Context, conn *dbus.Conn) bool {
	var present bool
	err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcherName).Store(&present)
	if err != nil || !present {
		return false
	}
	var host dbus.Variant
	err = conn.Object(watcherName, watcherPath).
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, watcherName, "IsStatusNotifierHostRegistered").Store(&host)
	shows, known := host.Value().(bool)
	return err != nil || !known || shows // a watcher alone that does not say is a panel
}
