package notify

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"smd-applet/sync/fault"
)

// Lengths in characters. What other programs said may be a whole page; what to
// do about it is never cut off.
const (
	longestName      = 40
	longestTitle     = 100
	surelySeen       = 34  // of a title: xfce4-notifyd cuts it off about there
	longestWords     = 240 // of the one error a popup is about
	longestWordsEach = 120 // of each error, where there are several
	longestWayOut    = 240
	mostNames        = 3 // endpoints named in a title
	mostLines        = 4 // problems told in one body
)

// labels are the buttons we have, in the order they are shown. Other actions
// need an argument a person should see: they are left to the menu.
var labels = []Button{
	{Key: "confirm", Label: "Delete them on both sides", Action: fault.ConfirmHeld},
	{Key: "restore", Label: "Bring them back", Action: fault.RestoreHeld},
	{Key: "edit", Label: "Edit configuration", Action: fault.EditConfig},
	{Key: "sync", Label: "Sync now", Action: fault.Retry},
	{Key: "log", Label: "Open log", Action: fault.OpenLog},
}

// vital says that the safety of the mail, or of the connection, depends on
// what a person does: such a problem gets a popup of its own.
func vital(e *fault.Error) bool {
	return e.Kind == fault.Held || e.Kind == fault.HostKeyChanged
}

// problemPopup tells of problems, at least one; several get one popup.
func problemPopup(problems []problem) Popup {
	first := problems[0]
	p := Popup{Urgency: Normal, Category: category(first.err), Buttons: buttons(problems)}
	if vital(first.err) {
		p.Urgency = Critical
	}
	if len(problems) == 1 {
		p.Title = clip(name(first.endpoint)+": "+first.err.Summary(), longestTitle)
		var summary string
		if utf8.RuneCountInString(p.Title) > surelySeen {
			summary = capital(first.err.Summary())
		}
		p.Body = lines(summary, words(first.err, longestWords), capital(clip(first.err.WayOut(), longestWayOut)))
		return p
	}

	names := make([]string, len(problems))
	for i, pr := range problems {
		names[i] = name(pr.endpoint)
	}
	alike := !slices.ContainsFunc(problems, func(pr problem) bool {
		return pr.err.Kind != first.err.Kind || pr.err.WayOut() != first.err.WayOut()
	})
	var body []string
	for i, pr := range problems[:min(len(problems), mostLines)] {
		said := words(pr.err, longestWordsEach)
		if said == "" || !alike {
			said = pr.err.Summary()
		}
		body = append(body, names[i]+": "+said)
	}
	if more := len(problems) - mostLines; more > 0 {
		body = append(body, fmt.Sprintf("and %d more", more))
	}
	if alike {
		p.Title = clip(list(names)+": "+first.err.Summary(), longestTitle)
		body = append(body, capital(clip(first.err.WayOut(), longestWayOut)))
	} else {
		p.Title = clip(list(names)+" need a look", longestTitle)
		body = append(body, "The menu and the log say what to do about each")
	}
	p.Body = lines(body...)
	return p
}

// mailPopup tells of count new messages.
func mailPopup(endpoint string, count int) Popup {
	messages := "1 new message"
	if count != 1 {
		messages = fmt.Sprintf("%d new messages", count)
	}
	return Popup{
		Title:    name(endpoint) + ": " + messages,
		Urgency:  Normal,
		Category: "email.arrived",
	}
}

// buttons are what problems suggest. A failure can always be tried again and
// looked up; held deletions are a question with two answers.
func buttons(problems []problem) []Button {
	wanted := make(map[fault.ActionKind][]string)
	for _, pr := range problems {
		kinds := []fault.ActionKind{fault.Retry, fault.OpenLog}
		if pr.err.Kind == fault.Held {
			kinds = nil
		}
		for _, a := range pr.err.Suggested() {
			if !slices.Contains(kinds, a.Kind) {
				kinds = append(kinds, a.Kind)
			}
		}
		for _, k := range kinds {
			wanted[k] = append(wanted[k], pr.endpoint)
		}
	}
	var shown []Button
	for _, b := range labels {
		if b.Endpoints = wanted[b.Action]; b.Endpoints != nil {
			shown = append(shown, b)
		}
	}
	return shown
}

// category is one of the table in the Desktop Notifications Specification 1.2.
func category(e *fault.Error) string {
	switch e.Kind {
	case fault.Network, fault.HostKeyUnknown, fault.HostKeyChanged, fault.Auth:
		return "network.error"
	default:
		return "transfer.error"
	}
}

// name is an endpoint as a person reads it; the empty one is the configuration
// as a whole.
func name(endpoint string) string {
	if endpoint == "" {
		return appName
	}
	return clip(endpoint, longestName)
}

// words are the error in words, empty where they are no more than its summary.
func words(e *fault.Error, longest int) string {
	said := e.Error()
	if said == e.Summary() {
		return ""
	}
	return clip(said, longest)
}

// list joins names: "a", "a and b", "a, b and c", "a, b, c and 2 more".
func list(names []string) string {
	if more := len(names) - mostNames; more > 0 {
		names = append(slices.Clone(names[:mostNames]), fmt.Sprintf("%d more", more))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func lines(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "\n")
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// clip makes one line of s, of at most longest characters. Errors quote file
// names and what other machines said: whatever does not print becomes a space.
func clip(s string, longest int) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
	runes := []rune(strings.Join(strings.Fields(printable), " "))
	if len(runes) <= longest {
		return string(runes)
	}
	return string(runes[:longest-1]) + "…"
}
