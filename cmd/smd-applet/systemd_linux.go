package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"smd-applet/sync"
)

// tellSystemd tells the service manager that started us, if one wants to know,
// when the configuration has been read, how things stand, that the engine
// still answers, and that we are ending; until ctx ends. Its own failure stops
// nothing else.
func (b *background) tellSystemd(ctx context.Context) {
	if !b.notify("STATUS=starting") {
		return
	}
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		b.log.Warn("systemd's watchdog is not served", "cause", err)
	}
	var beat <-chan time.Time
	if within > 0 {
		ticker := time.NewTicker(within / 3)
		defer ticker.Stop()
		beat = ticker.C
	}
	changes := b.engine.Subscribe()
	defer changes.Close()
	told := ""
	for {
		message := ""
		select {
		case <-ctx.Done():
			b.notify(daemon.SdNotifyStopping)
			return
		case <-changes.Changed():
			if message = serviceState(b.engine.State()); message == told {
				continue
			}
			told = message
		case <-beat:
			if !b.answers(ctx, within/3) {
				continue
			}
			message = daemon.SdNotifyWatchdog
		}
		b.notify(message)
	}
}

// notify sends a message to the service manager, and reports whether there is
// one that took it.
func (b *background) notify(message string) bool {
	sent, err := daemon.SdNotify(false, message)
	if err != nil {
		b.log.Warn("the service manager can't be told", "cause", err)
	}
	return sent
}

// answers reports whether the engine answers in time.
func (b *background) answers(ctx context.Context, within time.Duration) bool {
	inTime, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := b.engine.Check(inTime)
	if err != nil && ctx.Err() == nil {
		b.log.Error("systemd's watchdog is not told that all is well", "cause", err)
	}
	return err == nil
}

// serviceState is a state as systemctl status shows it; nothing is told before
// the configuration has been read.
func serviceState(s sync.State) string {
	if s.Setup == nil && len(s.Endpoints) == 0 {
		return "STATUS=starting"
	}
	status := string(s.Overall)
	if s.Setup != nil {
		status += ": " + s.Setup.Error()
	}
	for _, ep := range s.Endpoints {
		if ep.Problem != nil {
			status += fmt.Sprintf("; %s: %v", ep.Name, ep.Problem.Err)
		}
	}
	return daemon.SdNotifyReady + "\nSTATUS=" + strings.ReplaceAll(status, "\n", " ")
}
