package phrase

import (
	"embed"
	"fmt"

	"github.com/leonelquinteros/gotext"
)

//go:embed po/*.po
var translations embed.FS

// Book has the texts of one language. It may be used by many goroutines.
type Book struct {
	po *gotext.Po // nil: English
}

// English is the book of the source's own words.
var English = &Book{}

// open returns the book of a language, "de"; nil when there is none.
func open(language string) *Book {
	text, err := translations.ReadFile("po/" + language + ".po")
	if err != nil {
		return nil
	}
	b := &Book{po: gotext.NewPo()}
	b.po.Parse(text)
	return b
}

// Say returns the translation of english, with args in the places of its verbs.
func (b *Book) Say(english string, args ...any) string {
	text := b.Word(english)
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// SayN is [Book.Say] of what is told of n things: one is the text for 1, many the
// English one for any other number.
func (b *Book) SayN(n int, one, many string, args ...any) string {
	var text string
	switch {
	case b.po != nil:
		text = b.po.GetN(one, many, n)
	case n == 1:
		text = one
	default:
		text = many
	}
	return fmt.Sprintf(text, args...)
}

// Word returns the translation of a text that was marked elsewhere, or the text
// itself where it has none.
func (b *Book) Word(marked string) string {
	if b.po == nil || marked == "" {
		return marked
	}
	return b.po.Get(marked, []any(nil)...) // none: it is no format here
}

// Mark marks a literal that a call of [Book.Word] translates later. It returns
// the literal.
func Mark(english string) string { return english }
