//go:build linux || freebsd || openbsd || netbsd

package tray

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	itemPath    = "/StatusNotifierItem" // systray's
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

// registration makes the icon known to every panel that comes, with a menu made
// for it. Systray would do without the menu, misses a panel that comes while it is
// starting, as at login, and stops after any signal of another kind.
type registration struct {
	item  *dbus.Conn // systray's: a panel shows the icon of who registers
	own   *dbus.Conn // for signals
	comes chan *dbus.Signal
	panel string // the last one known, by its unique name; empty when there is none
	log   *slog.Logger
}

// newRegistration listens for panels from now on. It says in the log when there
// is none yet.
func newRegistration(ctx context.Context, item *dbus.Conn, log *slog.Logger) (*registration, error) {
	own, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("listen for panels: %w", err)
	}
	r := &registration{item: item, own: own, comes: make(chan *dbus.Signal, 16), log: log}
	own.Signal(r.comes)
	err = own.AddMatchSignalContext(ctx,
		dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName))
	if err != nil {
		own.Close()
		return nil, fmt.Errorf("listen for panels: %w", err)
	}
	err = own.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, watcherName).Store(&r.panel)
	if err != nil {
		log.Info("nothing here shows tray icons; ours appears when something does")
	}
	return r, nil
}

// keep registers the icon with each panel that comes, and tells of it, until ctx
// or the bus is done.
func (r *registration) keep(ctx context.Context, came func()) {
	defer r.own.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-r.comes:
			if !ok {
				return
			}
			owner, is := newOwner(s)
			if !is || owner == r.panel {
				continue
			}
			if r.panel = owner; owner == "" {
				continue
			}
			came()
			if err := r.register(ctx); err != nil {
				r.log.Warn("a panel does not take the icon", "err", err)
			}
		}
	}
}

// newOwner returns who has the watcher's name now, empty for nobody, if that is
// what s tells.
func newOwner(s *dbus.Signal) (owner string, is bool) {
	if s.Name != "org.freedesktop.DBus.NameOwnerChanged" || len(s.Body) != 3 {
		return "", false
	}
	owner, is = s.Body[2].(string)
	return owner, is
}

// register tells the watcher of the icon, unless it knows.
func (r *registration) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	if r.registered(ctx) {
		return nil
	}
	return r.item.Object(watcherName, watcherPath).
		CallWithContext(ctx, watcherName+".RegisterStatusNotifierItem", 0, itemPath).Err
}

func (r *registration) registered(ctx context.Context) bool {
	var value dbus.Variant
	err := r.own.Object(watcherName, watcherPath).
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, watcherName, "RegisteredStatusNotifierItems").Store(&value)
	if err != nil {
		return false // to register twice does no harm
	}
	items, _ := value.Value().([]string)
	return slices.ContainsFunc(items, func(item string) bool {
		return slices.ContainsFunc(r.item.Names(), func(name string) bool {
			return item == name || strings.HasPrefix(item, name+"/")
		})
	})
}
