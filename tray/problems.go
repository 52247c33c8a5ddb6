package tray

import (
	"strings"
	"unicode/utf8"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// Note is what came of something a person chose to do about a problem.
type Note struct {
	Text   string         // empty: nothing to tell
	Offers []phrase.Offer // what can be done next, at most one
}

// Of the block a problem has in its submenu: the width of its text in characters,
// and how many lines there are for it.
const (
	textWidth = 64
	textLines = 9
)

// problemsMenu has a block of lines for each endpoint, hidden while there is
// nothing to tell, and one before them for the configuration as a whole.
func (v scene) problemsMenu() (count int, list []entry) {
	add := func(shown bool, block []line) {
		if shown {
			count++
		}
		for _, l := range block {
			l.hidden = l.hidden || !shown
			list = append(list, entry{line: l})
		}
	}
	setup := sync.EndpointState{}
	if v.state.Setup != nil {
		setup.Problem = &sync.Problem{Err: v.state.Setup}
	}
	add(setup.Problem != nil, v.problem(setup))
	for _, e := range v.state.Endpoints {
		add(e.Problem != nil || e.Held != nil, v.problem(e))
	}
	return count, list
}

// problem is the block of an endpoint: what is wrong, what was done, what can be
// done. Whatever it is, an offer of a kind has the same place.
func (v scene) problem(e sync.EndpointState) []line {
	var err *fault.Error
	if e.Problem != nil {
		err = e.Problem.Err
	}
	heading, texts := e.Name, v.problemTexts(e, err)
	if len(texts) > 0 {
		heading, texts = strings.TrimPrefix(e.Name+": "+texts[0], ": "), texts[1:]
	}
	block := []line{{title: plain(phrase.Clip(heading, textWidth)), disabled: true}}
	var told []string
	for _, t := range texts {
		told = append(told, wrap(t, textWidth)...)
	}
	for i := range textLines {
		l := line{hidden: i >= len(told), disabled: true}
		if !l.hidden {
			l.title = plain("    " + told[i])
		}
		block = append(block, l)
	}
	block = append(block, offerLine(e.Name, v.notes[e.Name].Offers))
	offers := v.offers(e, err)
	for _, kind := range phrase.Kinds() {
		var of []phrase.Offer
		for _, o := range offers {
			if o.Kind == kind {
				of = append(of, o)
			}
		}
		block = append(block, offerLine(e.Name, of))
	}
	return block
}

// problemTexts are what is wrong, in a few words and in many, the way out, and
// what was done.
func (v scene) problemTexts(e sync.EndpointState, err *fault.Error) []string {
	var texts []string
	if err != nil {
		texts = append(texts, v.Summary(err))
		if words := err.Error(); words != err.Summary() {
			texts = append(texts, words)
		}
	}
	if e.Held != nil && (err == nil || err.Kind != fault.Held) {
		texts = append(texts, v.heldText(e.Held))
	}
	if err != nil {
		texts = append(texts, v.WayOut(err))
		if p := e.Problem; p.Count > 1 && err.Kind != fault.Held {
			texts = append(texts, v.SayN(p.Count, "tried %d time since %s", "tried %d times since %s", p.Count, v.Clock(p.Since, v.now)))
		}
	}
	if note := v.notes[e.Name].Text; note != "" {
		texts = append(texts, note)
	}
	return texts
}

// offers are what can be done: what the failure offers and, whatever it is, the
// answers to the question about held deletions.
func (v scene) offers(e sync.EndpointState, err *fault.Error) []phrase.Offer {
	var offers []phrase.Offer
	if err != nil {
		offers = v.Offers(err)
	}
	if e.Held != nil && (err == nil || err.Kind != fault.Held) {
		offers = append(offers, v.Offers(&fault.Error{Kind: fault.Held})...)
	}
	return offers
}

// offerLine is the line of the first offer, hidden when there is none.
func offerLine(endpoint string, offers []phrase.Offer) line {
	if len(offers) == 0 {
		return line{do: act, hidden: true}
	}
	o := offers[0]
	return line{do: act, endpoint: endpoint, action: o.Action, title: plain(phrase.Clip(o.Label, textWidth))}
}

// wrap breaks a text into lines of at most width characters, between words where
// it can.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(phrase.Clip(text, textLines*width)) {
		word = phrase.Clip(word, width)
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
