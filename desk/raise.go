package desk

import (
	"strings"
	"time"

	"smd-applet/notify"
	"smd-applet/sync"
	"smd-applet/tray"
)

// Raise is what a second start of the program does: it syncs, and where no panel
// shows the icon it shows the state in a popup.
func (d *Desk) Raise() {
	d.Engine.SyncNow("")
	d.work.Go(func() {
		if !tray.HasHost(d.ctx) {
			d.show(d.status(d.Engine.State(), time.Now()))
		}
	})
}

// status is a popup that can do the most needed of what the menu can.
func (d *Desk) status(s sync.State, now time.Time) notify.Notice {
	title, endpoints := tray.Describe(s, d.Book, now)
	n := notify.Notice{
		Name: "status", Title: title, Body: strings.Join(endpoints, "\n"), Urgency: notify.Normal,
		Choices: []notify.Choice{{Label: d.Book.Say("Sync now"), Do: func() { d.Engine.SyncNow("") }}},
	}
	if s.Overall == sync.Paused {
		n.Choices = append(n.Choices, notify.Choice{Label: d.Book.Say("Resume"), Do: func() { d.Engine.Resume("") }})
	} else {
		n.Choices = append(n.Choices, notify.Choice{Label: d.Book.Say("Pause"), Do: func() { d.Engine.Pause("") }})
	}
	n.Choices = append(
		n.Choices,
		notify.Choice{Label: d.Book.Say("Open log"), Do: func() { d.OpenLog("") }},
		notify.Choice{Label: d.Book.Say("Quit"), Do: d.Quit},
	)
	return n
}

// About implements [tray.Desk].
func (d *Desk) About() {
	d.show(notify.Notice{
		Name: "about", Title: "smd-applet " + d.Version, Urgency: notify.Normal,
		Body: d.Book.Say("Keeps a Maildir the same on a laptop and a mail server.") + "\n" +
			d.Book.Say("Settings and logs are in %s. Licence: Apache 2.0.", "~/.smd"),
	})
}
