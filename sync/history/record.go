// Package history is what the runs of the last month did, message by message: what
// "explain" tells from.
//
// It lies in a folder with a file a day, to which a run that changed something
// appends blocks of its own, of lines of text. So what is written is as much as
// what changed; a block is whole or is none, whatever becomes of the ones before
// it, and two programs may append at the same time. It is no more than a memory:
// nothing is decided by it, and a run whose history can't be written goes well.
package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Run says which run something belongs to.
type Run struct {
	ID       string // differs from that of every other run
	Endpoint string
	Way      string    // "pull", "push" or "sync", which is both
	Began    time.Time // to the millisecond
}

// Change is what a run did to one message, or with To to one that then had another
// name. Paths are below the home, as this end has them.
type Change struct {
	Sent bool   // done at the server, since it was done here; else the other way round
	What string // in the words of package hooks
	Path string
	To   string
	ID   string // see [IDOf]; "" where nobody looked
}

// Outcome is how a run ended.
type Outcome struct {
	Ended   time.Time
	Kind    string // of the failure, as package fault has it; "" when it went well
	Failure string // in words
	WayOut  string
	Held    []Held   // deletions held back when it ended
	Damaged []string // messages that were not sent
	Bytes   int64    // of messages, both ways
	Unnamed int      // changes that are not listed, because the day has too many
}

// Held is a folder whose deletions are held back.
type Held struct {
	Folder string
	Count  int
	Sent   bool // deleted here and still at the server; else the other way round
}

// The first word of a line.
const (
	wordRun     = "run"
	wordEnd     = "end"
	wordFailed  = "failed"
	wordHeld    = "held"
	wordDamaged = "damaged"
	wordHere    = "<" // then the change's own word
	wordSent    = ">"
)

func line(words ...string) string {
	for i, w := range words {
		if strings.ContainsAny(w, "\t\n") {
			words[i] = strings.NewReplacer("\t", " ", "\n", " ").Replace(w) // no message's name has any
		}
	}
	return strings.Join(words, "\t") + "\n"
}

func (r Run) line() string {
	return line(wordRun, r.ID, r.Endpoint, r.Way, strconv.FormatInt(r.Began.UnixMilli(), 10))
}

func (c Change) line() string {
	side := wordHere
	if c.Sent {
		side = wordSent
	}
	words := []string{side + c.What, c.Path, c.To, c.ID}
	for len(words[len(words)-1]) == 0 && len(words) > 2 {
		words = words[:len(words)-1]
	}
	return line(words...)
}

// told is what of an outcome is worth telling again only when it differs.
func (o Outcome) told() string {
	var b strings.Builder
	if o.Kind != "" {
		b.WriteString(line(wordFailed, o.Kind, o.Failure, o.WayOut))
	}
	for _, h := range o.Held {
		b.WriteString(line(wordHeld, h.Folder, strconv.Itoa(h.Count), strconv.FormatBool(h.Sent)))
	}
	for _, d := range o.Damaged {
		b.WriteString(line(wordDamaged, d))
	}
	return b.String()
}

func (o Outcome) lines() string {
	return o.told() + line(wordEnd, strconv.FormatInt(o.Ended.UnixMilli(), 10), strconv.FormatInt(o.Bytes, 10), strconv.Itoa(o.Unnamed))
}

// Block is a part of what is told of one run.
type Block struct {
	Run     Run
	Changes []Change
	Outcome *Outcome // in the last block of a run; it has none that was cut off
}

// parse reads a block. Lines of words it does not know are left out: a later
// version may write them.
func parse(text string) (*Block, error) {
	b := new(Block)
	var o Outcome
	for l := range strings.Lines(text) {
		w := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		word := w[0]
		w = append(w[1:], "", "", "", "") // a line may be short
		switch {
		case word == wordRun:
			b.Run = Run{ID: w[0], Endpoint: w[1], Way: w[2], Began: time.UnixMilli(number(w[3]))}
		case word == wordFailed:
			o.Kind, o.Failure, o.WayOut = w[0], w[1], w[2]
		case word == wordHeld:
			o.Held = append(o.Held, Held{Folder: w[0], Count: int(number(w[1])), Sent: w[2] == "true"})
		case word == wordDamaged:
			o.Damaged = append(o.Damaged, w[0])
		case word == wordEnd:
			o.Ended, o.Bytes, o.Unnamed = time.UnixMilli(number(w[0])), number(w[1]), int(number(w[2]))
			b.Outcome = &o
		case strings.HasPrefix(word, wordHere), strings.HasPrefix(word, wordSent):
			b.Changes = append(b.Changes, Change{Sent: word[:1] == wordSent, What: word[1:], Path: w[0], To: w[1], ID: w[2]})
		}
	}
	if b.Run.ID == "" {
		return nil, fmt.Errorf("it belongs to no run")
	}
	return b, nil
}

// number is 0 for what is none.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
