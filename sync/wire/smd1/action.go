package smd1

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"smd-applet/sync/delta"
	"smd-applet/sync/maildir"
)

var encodeName = strings.NewReplacer("%", "%25", " ", "%20")

// decodeName undoes the encoding of names in actions: space and percent only.
var decodeName = strings.NewReplacer("%20", " ", "%25", "%")

// FormatAction returns an action as its line, without the newline.
func FormatAction(a delta.Action) string {
	src, dst := encodeName.Replace(a.Src), encodeName.Replace(a.Dst)
	switch a.Kind {
	case delta.Add:
		return fmt.Sprintf("ADD %s %s %s", dst, a.Sum.Header, a.Sum.Body)
	case delta.Copy, delta.Move:
		return fmt.Sprintf("%s %s %s %s TO %s", a.Kind, src, a.Sum.Header, a.Sum.Body, dst)
	case delta.CopyBody:
		return fmt.Sprintf("COPYBODY %s %s TO %s %s", src, a.Sum.Body, dst, a.Sum.Header)
	case delta.Delete:
		return fmt.Sprintf("DELETE %s %s %s", dst, a.Was.Header, a.Was.Body)
	case delta.ReplaceHeader:
		return fmt.Sprintf("REPLACEHEADER %s %s %s WITH %s", dst, a.Was.Header, a.Was.Body, a.Sum.Header)
	case delta.Replace:
		return fmt.Sprintf("REPLACE %s %s %s WITH %s %s", dst, a.Was.Header, a.Was.Body, a.Sum.Header, a.Sum.Body)
	case delta.Fail:
		return "ERROR " + strings.ReplaceAll(a.Text, "\n", " ")
	}
	panic("smd1: unknown action " + string(a.Kind)) // a bug of ours: kinds are made here and in delta only
}

// ParseAction parses an action's line. Names are decoded and checked: see
// [maildir.ParseName].
func ParseAction(line string) (delta.Action, error) {
	kind, rest, _ := strings.Cut(line, " ")
	a := delta.Action{Kind: delta.Kind(kind)}
	if a.Kind == delta.Fail {
		a.Text = rest
		return a, nil
	}
	p := fields{rest: strings.Split(rest, " ")}
	switch a.Kind {
	case delta.Add:
		a.Dst, a.Sum.Header, a.Sum.Body = p.name(), p.digest(), p.digest()
	case delta.Copy, delta.Move:
		a.Src, a.Sum.Header, a.Sum.Body = p.name(), p.digest(), p.digest()
		p.word("TO")
		a.Dst = p.name()
	case delta.CopyBody:
		a.Src, a.Sum.Body = p.name(), p.digest()
		p.word("TO")
		a.Dst, a.Sum.Header = p.name(), p.digest()
		a.Was.Body = a.Sum.Body
	case delta.Delete:
		a.Dst, a.Was.Header, a.Was.Body = p.name(), p.digest(), p.digest()
	case delta.ReplaceHeader:
		a.Dst, a.Was.Header, a.Was.Body = p.name(), p.digest(), p.digest()
		p.word("WITH")
		a.Sum.Header, a.Sum.Body = p.digest(), a.Was.Body
	case delta.Replace:
		a.Dst, a.Was.Header, a.Was.Body = p.name(), p.digest(), p.digest()
		p.word("WITH")
		a.Sum.Header, a.Sum.Body = p.digest(), p.digest()
	default:
		return a, fmt.Errorf("unknown action %q", clip(line))
	}
	if err := p.end(); err != nil {
		return a, fmt.Errorf("action %q: %w", clip(line), err)
	}
	return a, nil
}

// fields takes the words of a line one by one and keeps the first error.
type fields struct {
	rest []string
	err  error
}

func (p *fields) next() string {
	if len(p.rest) == 0 {
		p.fail(errors.New("too few words"))
		return ""
	}
	w := p.rest[0]
	p.rest = p.rest[1:]
	return w
}

func (p *fields) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *fields) name() string {
	n := strings.Clone(decodeName.Replace(p.next())) // not the whole line: names are kept
	if p.err == nil {
		if _, err := maildir.ParseName(n); err != nil {
			p.fail(err)
		}
	}
	return n
}

func (p *fields) digest() maildir.Digest {
	w := p.next()
	if p.err != nil {
		return maildir.Digest{}
	}
	d, err := maildir.ParseDigest(w)
	if err != nil {
		p.fail(err)
	}
	return d
}

func (p *fields) word(want string) {
	if got := p.next(); got != want {
		p.fail(fmt.Errorf("want the word %s", want))
	}
}

func (p *fields) end() error {
	if p.err == nil && len(p.rest) > 0 {
		return errors.New("too many words")
	}
	return p.err
}

// SendAction sends one action, buffered.
func (c *Conn) SendAction(a delta.Action) error {
	if _, err := c.w.WriteString(FormatAction(a)); err != nil {
		return err
	}
	return c.w.WriteByte('\n')
}

// SendEnd ends the actions.
func (c *Conn) SendEnd() error {
	if _, err := c.w.WriteString("END\n"); err != nil {
		return err
	}
	return c.w.Flush()
}

// ReadAction reads the next action; [io.EOF] after the last. The other end's
// ERROR is returned as an action of kind [delta.Fail].
func (c *Conn) ReadAction() (delta.Action, error) {
	line, err := c.readLine()
	if err != nil {
		return delta.Action{}, err
	}
	if line == "END" {
		return delta.Action{}, io.EOF
	}
	if line == "ABORT" {
		return delta.Action{}, ErrAborted
	}
	a, err := ParseAction(line)
	if err != nil {
		return a, protocolError("read the changes", err)
	}
	return a, nil
}
