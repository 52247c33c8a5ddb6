package notify

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"smd-applet/phrase"
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

// mostButtons is how many fit on a popup: GNOME shows no more. The menu has all.
const mostButtons = 3

// vital says that the safety of the mail, or of the connection, depends on
// what a person does: such a problem gets a popup of its own.
func vital(e *fault.Error) bool {
	return e.Kind == fault.Held || e.Kind == fault.HostKeyChanged
}

// problemPopup tells of problems, at least one; several get one popup.
func problemPopup(book *phrase.Book, problems []problem) Popup {
	first := problems[0]
	p := Popup{Urgency: Normal, Category: category(first.err), Buttons: buttons(book, problems)}
	if vital(first.err) {
		p.Urgency = Critical
	}
	if len(problems) == 1 {
		p.Title = phrase.Clip(name(first.endpoint)+": "+book.Summary(first.err), longestTitle)
		var summary string
		if utf8.RuneCountInString(p.Title) > surelySeen {
			summary = capital(book.Summary(first.err))
		}
		p.Body = lines(summary, words(first.err, longestWords), capital(phrase.Clip(book.WayOut(first.err), longestWayOut)))
		return p
	}

	names := make([]string, len(problems))
	for i, pr := range problems {
		names[i] = name(pr.endpoint)
	}
	alike := !slices.ContainsFunc(problems, func(pr problem) bool {
		return pr.err.Kind != first.err.Kind || book.WayOut(pr.err) != book.WayOut(first.err)
	})
	var body []string
	for i, pr := range problems[:min(len(problems), mostLines)] {
		said := words(pr.err, longestWordsEach)
		if said == "" || !alike {
			said = book.Summary(pr.err)
		}
		body = append(body, names[i]+": "+said)
	}
	if more := len(problems) - mostLines; more > 0 {
		body = append(body, book.SayN(more, "and %d more", "and %d more", more))
	}
	if alike {
		p.Title = phrase.Clip(list(book, names)+": "+book.Summary(first.err), longestTitle)
		body = append(body, capital(phrase.Clip(book.WayOut(first.err), longestWayOut)))
	} else {
		p.Title = phrase.Clip(book.Say("%s need a look", list(book, names)), longestTitle)
		body = append(body, book.Say("The menu and the log say what to do about each"))
	}
	p.Body = lines(body...)
	return p
}

// mailPopup tells of count new messages.
func mailPopup(book *phrase.Book, endpoint string, count int) Popup {
	messages := book.SayN(count, "%s new message", "%s new messages", book.Number(count))
	return Popup{
		Title:    name(endpoint) + ": " + messages,
		Urgency:  Normal,
		Category: "email.arrived",
	}
}

// buttons are what can be done about problems, but for what a person should see
// first: the menu shows the command that it offers to run.
func buttons(book *phrase.Book, problems []problem) []Button {
	var all []Button
	for _, kind := range phrase.Kinds() {
		b := Button{Key: string(kind)}
		for _, pr := range problems {
			for _, o := range book.Offers(pr.err) {
				if o.Kind == kind && kind != fault.RunCommand {
					b.Label = o.Label
					b.Deeds = append(b.Deeds, Deed{pr.endpoint, o.Action})
				}
			}
		}
		if b.Deeds != nil {
			all = append(all, b)
		}
	}
	return all[:min(len(all), mostButtons)]
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
	return phrase.Clip(endpoint, longestName)
}

// words are the error in words, empty where they are no more than its summary.
func words(e *fault.Error, longest int) string {
	said := e.Error()
	if said == e.Summary() {
		return ""
	}
	return phrase.Clip(said, longest)
}

// list joins names: "a", "a and b", "a, b and c", "a, b, c and 2 more".
func list(book *phrase.Book, names []string) string {
	if more := len(names) - mostNames; more > 0 {
		names = append(slices.Clone(names[:mostNames]), book.SayN(more, "%d more", "%d more", more))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return book.Say("%s and %s", strings.Join(names[:last], ", "), names[last])
}

func lines(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "\n")
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}
