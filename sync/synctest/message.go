package synctest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"mime"
	stdsync "sync"
	"time"
)

// composer writes messages; equal composers write equal messages.
type composer struct {
	seed        uint64
	median, max float64 // bytes of a whole message
	tiny        bool    // the least a message can be, for counting rather than for bytes
}

// letter is what a message is about: everything else follows from its number.
type letter struct {
	id   uint64
	refs []uint64 // ancestors in its thread, oldest first
	date time.Time
}

var (
	people = []string{
		"Ada Byron <ada@analytic.example>", "Grace Hopper <grace@navy.example>",
		"Jürgen Groß <jg@post.example>", "Søren Å. Lund <soren@fjord.example>", "李明 <liming@mail.example>",
		"Build Robot <robot@ci.example>", "Zoë O'Neil <zoe@choir.example>", "postmaster@isp.example",
		"\"Weekly, The\" <news@weekly.example>", "Karel <karel@bridge.example>",
	}
	subjects = []string{
		"Minutes of Tuesday", "Grüße aus Köln", "[golang-nuts] question about io.Reader", "Invoice 2024-0117",
		"会议安排", "Build failed: main", "Choir on Friday?", "Photos", "Your parcel is on its way",
		"[debian-devel] Bug#1000000: a subject that goes on and on until no one line of eighty columns can hold it any more",
		"lunch", "Årsmøde", "",
	}
	words = []string{
		"the", "bridge", "and", "of", "letter", "which", "we", "shall", "meet", "again", "on", "Monday", "answer",
		"to", "your", "question", "is", "that", "no", "message", "may", "be", "lost", "über", "schön", "naïve",
		"before", "after", "server", "please", "find", "attached", "regards", "thanks", "for", "it", "a", "in",
	}
)

// prose is text in lines of at most 76 columns, cut from for message bodies.
var prose = stdsync.OnceValue(func() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	column := 0
	for b.Len() < 256<<10 {
		word := words[rng.IntN(len(words))]
		if column+len(word) > 75 {
			b.WriteByte('\n')
			column = 0
		} else if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
	return b.Bytes()
})

func (c composer) rng(id uint64) *rand.Rand { return rand.New(rand.NewPCG(c.seed, id)) }

func (c composer) messageID(id uint64) string {
	return fmt.Sprintf("<%016x.%d@mail.example>", c.rng(id^0x9e3779b97f4a7c15).Uint64(), id)
}

func (c composer) subject(l letter) string {
	if len(l.refs) > 0 {
		return "Re: " + c.subject(letter{id: l.refs[0]})
	}
	s := subjects[c.rng(^l.id).IntN(len(subjects))]
	return mime.QEncoding.Encode("utf-8", s)
}

// size draws a whole message's size from the lognormal distribution.
func (c composer) size(rng *rand.Rand) int {
	const sigma = 1.3 // as in mailboxes of plain people: a mean of 2.3 medians
	return int(min(c.max, c.median*math.Exp(sigma*rng.NormFloat64())))
}

// compose appends the message to b, with LF line ends as Maildirs have them.
func (c composer) compose(b *bytes.Buffer, l letter) {
	rng := c.rng(l.id)
	start := b.Len()
	size := c.size(rng)
	from, to := people[rng.IntN(len(people))], people[rng.IntN(len(people))]
	date := l.date.Format(time.RFC1123Z)
	if !c.tiny {
		fmt.Fprintf(b, "Return-Path: <bounce-%d@mail.example>\n", l.id)
		fmt.Fprintf(b, "Received: from relay%d.example (relay.example [192.0.2.%d])\n", rng.IntN(9), rng.IntN(256))
		fmt.Fprintf(b, "\tby mx.mail.example (Postfix) with ESMTPS id %010X\n\tfor <me@mail.example>; %s\n", rng.Uint64()>>24, date)
	}
	fmt.Fprintf(b, "Date: %s\nFrom: %s\nTo: %s\n", date, encodeAddress(from), encodeAddress(to))
	fmt.Fprintf(b, "Subject: %s\nMessage-ID: %s\n", c.subject(l), c.messageID(l.id))
	if n := len(l.refs); n > 0 {
		fmt.Fprintf(b, "In-Reply-To: %s\nReferences:", c.messageID(l.refs[n-1]))
		for _, ref := range l.refs {
			fmt.Fprintf(b, "\n %s", c.messageID(ref))
		}
		b.WriteByte('\n')
	}
	switch kind := rng.Float64(); {
	case c.tiny:
		fmt.Fprintf(b, "\nnumber %d\n", l.id)
	case kind < 0.01:
		// Robots send the same words under ever new headers.
		b.WriteString("Content-Type: text/plain; charset=utf-8\n\nAll checks passed.\n")
	case kind < 0.15 || size > 64<<10:
		c.writeMultipart(b, rng, l, size-(b.Len()-start))
	default:
		b.WriteString("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
		writeProse(b, rng, size-(b.Len()-start))
		fmt.Fprintf(b, "-- \n%d\n", l.id)
	}
}

// writeMultipart writes a text part and an attachment of about size bytes.
func (c composer) writeMultipart(b *bytes.Buffer, rng *rand.Rand, l letter, size int) {
	boundary := fmt.Sprintf("=_%016x", rng.Uint64())
	fmt.Fprintf(b, "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"%s\"\n\nThis is a multi-part message in MIME format.\n", boundary)
	fmt.Fprintf(b, "--%s\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n", boundary)
	writeProse(b, rng, min(size/4, 2000))
	fmt.Fprintf(b, "\n--%s\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n", boundary)
	fmt.Fprintf(b, "Content-Disposition: attachment; filename=\"photo-%d.jpg\"\n\n", l.id)
	writeBase64(b, rng, max(size*3/4, 1)) // an empty part is written in more than one way
	fmt.Fprintf(b, "--%s--\n", boundary)
}

// writeProse writes about n bytes of text, whole lines, at least one.
func writeProse(b *bytes.Buffer, rng *rand.Rand, n int) {
	text := prose()
	for first := true; first || n > 0; first = false {
		at := rng.IntN(len(text) / 2)
		at += bytes.IndexByte(text[at:], '\n') + 1
		piece := text[at:min(at+max(n, 1), len(text))]
		if end := bytes.LastIndexByte(piece, '\n'); end >= 0 {
			piece = piece[:end+1]
		} else {
			piece = text[at : at+bytes.IndexByte(text[at:], '\n')+1]
		}
		b.Write(piece)
		n -= len(piece) + 1
	}
}

// writeBase64 writes about n bytes of incompressible data in lines of 76 columns.
func writeBase64(b *bytes.Buffer, rng *rand.Rand, n int) {
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], rng.Uint64())
	}
	source := rand.NewChaCha8(seed)
	var raw [57]byte // 76 columns
	var line [77]byte
	line[76] = '\n'
	for ; n > 0; n -= len(raw) {
		_, _ = source.Read(raw[:]) // never fails, by its documentation
		base64.StdEncoding.Encode(line[:76], raw[:])
		b.Write(line[:])
	}
}

// encodeAddress encodes the name in front of an address as RFC 2047 asks.
func encodeAddress(address string) string {
	for i := range len(address) {
		if address[i] == '<' && i > 0 {
			return mime.QEncoding.Encode("utf-8", address[:i-1]) + " " + address[i:]
		}
	}
	return address
}
