package desk

import (
	"errors"
	"strings"

	"smd-applet/notify"
	"smd-applet/phrase"
	"smd-applet/sync/fault"
)

// Key is a server's key, for a person to trust or not.
type Key struct {
	Type        string   // such as ssh-ed25519
	Fingerprint string   // as ssh shows it: SHA256:…
	Trusted     bool     // it is on record already
	Replaces    []string // the fingerprints on record that it contradicts
	Record      func() error
}

// trustKey is to trust the key with the fingerprint Arg, which was shown before.
const trustKey fault.ActionKind = "trust-key"

// keyNotice is the name of the popup that shows an endpoint's key.
func keyNotice(endpoint string) string { return "key " + endpoint }

// showKey shows the key of an ssh alias, and offers to trust it.
func (d *Desk) showKey(endpoint, alias string) error {
	key, err := d.FetchKey(d.ctx, alias)
	if err != nil {
		return err
	}
	if key.Trusted {
		d.note(endpoint, d.Book.Say("its key is trusted"))
		d.Engine.SyncNow(endpoint)
		return nil
	}
	d.mu.Lock()
	d.keys[endpoint] = key
	d.mu.Unlock()

	trust := phrase.Offer{Action: fault.Action{Kind: trustKey, Arg: key.Fingerprint}, Label: d.Book.Say("Trust this key")}
	shown := d.Book.Say("%s shows the key %s, %s", alias, key.Fingerprint, key.Type)
	how := d.Book.Say("On the server, this shows its key: %s", "ssh-keygen -lf /etc/ssh/ssh_host_"+algorithm(key.Type)+"_key.pub")
	n := notify.Notice{
		Name: keyNotice(endpoint), Title: d.Book.Say("%s: is this the server's key?", alias), Body: shown + "\n" + how,
		Urgency: notify.Normal,
		Choices: []notify.Choice{
			{Label: trust.Label, Do: func() { d.Act(endpoint, trust.Action) }},
			{Label: d.Book.Say("Do not trust it"), Do: func() { d.forget(endpoint) }},
		},
	}
	if key.Replaces != nil {
		warning := d.Book.Say("It is not the key on record, %s: either the server was reinstalled, or someone is between you and it",
			strings.Join(key.Replaces, ", "))
		n.Body = shown + "\n" + warning + "\n" + how
		n.Urgency = notify.Critical
		shown += ". " + warning
	}
	d.note(endpoint, shown, trust)
	d.show(n)
	return nil
}

// algorithm is the key's as the names of its files on the server have it.
func algorithm(keyType string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(keyType, "ssh-"), "-")
	return name
}

// take returns the key that was shown, once.
func (d *Desk) take(endpoint string) (Key, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, shown := d.keys[endpoint]
	delete(d.keys, endpoint)
	return key, shown
}

// trust records the key that was shown with this fingerprint, and no other.
func (d *Desk) trust(endpoint, fingerprint string) error {
	key, shown := d.take(endpoint)
	if !shown || key.Fingerprint != fingerprint {
		return errors.New("no such key was shown")
	}
	if err := key.Record(); err != nil {
		return err
	}
	d.Logger.Info("a server's key is trusted from now on", "endpoint", endpoint, "key", fingerprint)
	d.show(notify.Notice{Name: keyNotice(endpoint)})
	d.note(endpoint, d.Book.Say("its key is trusted"))
	d.Engine.SyncNow(endpoint)
	return nil
}

// forget takes back what was shown.
func (d *Desk) forget(endpoint string) {
	d.take(endpoint)
	d.note(endpoint, d.Book.Say("its key is not trusted"))
}
