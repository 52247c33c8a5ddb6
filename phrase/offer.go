package phrase

import (
	"slices"
	"strings"

	"smd-applet/sync/fault"
)

// Offer is something a person can do about a failure, by one click.
type Offer struct {
	fault.Action
	Label string
}

// labels are what can be offered, in the order it is.
var labels = []struct {
	kind  fault.ActionKind
	label string
}{
	{fault.ConfirmHeld, Mark("Delete them on both sides")},
	{fault.RestoreHeld, Mark("Bring them back")},
	{fault.KeepBoth, Mark("Keep both")},
	{fault.TrustHost, Mark("Show the server's key")},
	{fault.EditConfig, Mark("Edit configuration")},
	{fault.ShowMail, Mark("Show the message")},
	{fault.ShowPerms, Mark("Show the folder")},
	{fault.RunCommand, Mark("Run: %s")},
	{fault.Retry, Mark("Sync now")},
	{fault.OpenLog, Mark("Open log")},
}

// Offers lists what a person can do about e.
func (b *Book) Offers(e *fault.Error) []Offer {
	actions := about(e)
	var offers []Offer
	for _, l := range labels {
		for _, a := range actions {
			if a.Kind != l.kind {
				continue
			}
			label := b.Word(l.label)
			if a.Kind == fault.RunCommand {
				label = b.Say("Run: %s", a.Arg)
			}
			offers = append(offers, Offer{a, label})
		}
	}
	return offers
}

// about adds to what e suggests what goes without saying: a failure can be tried
// again and looked up, a file be looked at. Held deletions are a question with
// two answers.
func about(e *fault.Error) []fault.Action {
	actions := slices.Clone(e.Suggested())
	if e.Kind == fault.Held {
		return actions
	}
	add := func(a fault.Action) {
		if !slices.ContainsFunc(actions, func(other fault.Action) bool { return other.Kind == a.Kind }) {
			actions = append(actions, a)
		}
	}
	add(fault.Action{Kind: fault.Retry})
	add(fault.Action{Kind: fault.OpenLog})
	switch e.Kind {
	case fault.Config:
		add(fault.Action{Kind: fault.EditConfig})
	case fault.Permission, fault.FileSystem, fault.MailboxMissing:
		if ours(e) {
			add(fault.Action{Kind: fault.ShowPerms, Arg: e.Path})
		}
		if ours(e) && e.Kind == fault.Permission {
			add(fault.Action{Kind: fault.RunCommand, Arg: "chmod u+rwX -- " + quoted(e.Path)})
		}
	}
	return actions
}

// ours reports whether e is about a file at this end, and not about a host.
func ours(e *fault.Error) bool { return !e.Elsewhere && strings.Contains(e.Path, "/") }

// quoted is a word as a shell reads it back.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// Kinds are those that can be offered, in the order they are.
func Kinds() []fault.ActionKind {
	kinds := make([]fault.ActionKind, len(labels))
	for i, l := range labels {
		kinds[i] = l.kind
	}
	return kinds
}
