package sync

import (
	"slices"

	"smd-applet/sync/config"
)

// Settings are what a person switches in the menu, as they are in force.
type Settings struct {
	NotifyNewMail bool // for an endpoint at least
	SyncMetered   bool // also where the network counts the bytes
}

// SetNotifyNewMail announces new mail of all endpoints, or of none, whatever
// their configurations say. It is remembered in ~/.smd/applet.
func (e *Engine) SetNotifyNewMail(on bool) error {
	return e.choose(func(p *config.Preferences) { p.NotifyNewMail = &on })
}

// SetSyncMetered lets the endpoints sync by themselves on a metered network, or
// only when they are asked to. It is remembered in ~/.smd/applet.
func (e *Engine) SetSyncMetered(on bool) error {
	return e.choose(func(p *config.Preferences) { p.SyncMetered = on })
}

func (e *Engine) choose(change func(*config.Preferences)) error {
	e.choosing.Lock()
	defer e.choosing.Unlock()
	p, err := config.LoadPreferences(e.opts.Paths)
	if err != nil {
		return err
	}
	change(&p)
	if err := p.Save(e.opts.Paths); err != nil {
		return err
	}
	e.prefer(p)
	return nil
}

func (e *Engine) prefer(p config.Preferences) {
	e.mu.Lock()
	e.chosen = p
	e.signal()
	e.mu.Unlock()
	e.weigh()
}

// loadPreferences reads what the menu last set. A file that can't be read
// changes nothing.
func (e *Engine) loadPreferences() {
	e.choosing.Lock()
	defer e.choosing.Unlock()
	p, err := config.LoadPreferences(e.opts.Paths)
	if err != nil {
		e.opts.Logger.Warn("the settings of the menu are left as they were", "err", err)
		return
	}
	e.prefer(p)
}

// settings are those in force. The caller holds mu.
func (e *Engine) settings() Settings {
	s := Settings{SyncMetered: e.chosen.SyncMetered}
	if wish := e.chosen.NotifyNewMail; wish != nil {
		s.NotifyNewMail = *wish
	} else {
		s.NotifyNewMail = slices.ContainsFunc(e.endpoints, func(ep *endpoint) bool { return ep.state.AnnouncesMail })
	}
	return s
}

// announces reports whether new mail of ep is to be announced.
func (ep *endpoint) announces() bool {
	ep.engine.mu.Lock()
	defer ep.engine.mu.Unlock()
	if wish := ep.engine.chosen.NotifyNewMail; wish != nil {
		return *wish
	}
	return ep.state.AnnouncesMail
}
