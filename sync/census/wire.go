package census

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/remote"
)

// A census travels as lines, compressed, behind a greeting:
//
//	folder PATH
//	file SUB SIZE HEADER BODY LIKE FLAW NAME     in that folder; LIKE and FLAW "-" for none
//	stray KIND PATH
//	end
//
// The other end may then ask for headers by "header NAME" and gets "header SIZE"
// and as many bytes, or "gone". It ends when nobody asks any more.

// greeting begins a census.
const greeting = "smd-applet census 1\n"

// Bounds on what a stranger sends.
const (
	maxLine     = 64 << 10
	maxMessages = 50_000_000
	maxWindow   = 8 << 20
)

// Tell counts the mailboxes of a store for [Listen] at the other end, and then
// answers its questions until in ends.
func Tell(ctx context.Context, store *maildir.Store, o Options, in io.Reader, out io.Writer) error {
	if _, err := io.WriteString(out, greeting); err != nil {
		return err
	}
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	defer z.Reset(nil) // the other end is not listening for an end
	w := bufio.NewWriterSize(z, 64<<10)
	strays, err := walk(ctx, store, o, func(messages []Message) error {
		for i := range messages {
			if err := writeMessage(w, &messages[i]); err != nil {
				return err
			}
		}
		return nil
	}, func(folder string) error {
		_, err := fmt.Fprintf(w, "folder %s\n", folder)
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range strays {
		if maildir.CheckPath(s.Path) != nil {
			s.Path = strings.Trim(strconv.Quote(s.Path), `"`)
		}
		fmt.Fprintf(w, "stray %s %s\n", s.Kind, s.Path)
	}
	fmt.Fprintln(w, "end")
	if err := errors.Join(w.Flush(), z.Flush()); err != nil {
		return err
	}
	questions := bufio.NewScanner(in)
	questions.Buffer(nil, maxLine)
	for questions.Scan() && ctx.Err() == nil {
		header, err := answer(store, questions.Text())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintln(w, "gone")
		case err != nil:
			return err
		default:
			fmt.Fprintf(w, "header %d\n", len(header))
			if _, err := w.Write(header); err != nil {
				return err
			}
		}
		if err := errors.Join(w.Flush(), z.Flush()); err != nil {
			return err
		}
	}
	return errors.Join(questions.Err(), ctx.Err())
}

func writeMessage(w io.Writer, m *Message) error {
	like, flaw := "-", "-"
	if m.Like != (maildir.Digest{}) {
		like = m.Like.String()
	}
	if m.Flaw != "" {
		flaw = strings.ReplaceAll(string(m.Flaw), " ", "-")
	}
	_, err := fmt.Fprintf(w, "file %s %d %s %s %s %s %s\n", m.Name.Sub, m.Size, m.Sum.Header, m.Sum.Body, like, flaw, m.Name.File)
	return err
}

func answer(store *maildir.Store, question string) ([]byte, error) {
	name, ok := strings.CutPrefix(question, "header ")
	if !ok {
		return nil, fault.New(fault.Protocol, "answer", question, errors.New("it is no question of a census"))
	}
	n, err := maildir.ParseName(name)
	if err != nil {
		return nil, err
	}
	return Header(store, n)
}

// Header reads the header of a message, the empty line included; of a file
// without one as much as is looked into.
func Header(store *maildir.Store, n maildir.Name) ([]byte, error) {
	p, err := store.Place(n)
	if err != nil {
		return nil, err
	}
	f, err := p.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var kept capped
	split := maildir.NewSplitter(&kept, io.Discard)
	r := bufio.NewReader(io.LimitReader(f, maxHeader))
	for split.Whole() != nil {
		line, err := r.ReadSlice('\n')
		if _, writeErr := split.Write(line); writeErr != nil {
			return nil, writeErr
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				break
			}
			return nil, err
		}
	}
	return kept.Bytes(), nil
}

// Line is a census that the other end tells, and the way to ask it for more.
type Line struct {
	Census
	to   io.Writer
	z    *zstd.Decoder
	from *bufio.Reader
}

// ErrNotTold is returned where the other end tells no census: it is not there, or
// another program.
var ErrNotTold = errors.New("it does not tell what it has")

// Listen reads the census that [Tell] tells at the other end of a channel. The
// caller closes the Line, and then the channel. progress may be nil.
func Listen(channel io.ReadWriter, progress func(files int)) (*Line, error) {
	b := bufio.NewReader(channel)
	if remote.SkipTo(b, greeting) != nil {
		return nil, ErrNotTold
	}
	z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	l := &Line{to: channel, z: z, from: bufio.NewReaderSize(z, maxLine)}
	if err := l.read(progress); err != nil {
		l.Close()
		return nil, fmt.Errorf("what it has can't be read: %w", err)
	}
	return l, nil
}

// Close frees what the Line holds; the channel is the caller's.
func (l *Line) Close() { l.z.Close() }

func (l *Line) read(progress func(int)) error {
	folder := ""
	for {
		line, err := l.line()
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "folder":
			if err := maildir.CheckPath(rest); err != nil {
				return err
			}
			if folder = rest; progress != nil {
				progress(len(l.Messages))
			}
			l.Folders = append(l.Folders, folder)
		case "file":
			m, err := parseMessage(folder, rest)
			if err != nil {
				return err
			}
			if l.Messages = append(l.Messages, m); len(l.Messages) > maxMessages {
				return errors.New("it has too many messages")
			}
		case "stray":
			kind, path, _ := strings.Cut(rest, " ")
			if l.Strays = append(l.Strays, Stray{StrayKind(kind), path}); len(l.Strays) > maxMessages {
				return errors.New("it has too many strays")
			}
		case "end":
			l.Folders = sortedOnce(l.Folders)
			return nil
		default:
			return fmt.Errorf("unknown line %.40q", line)
		}
	}
}

func (l *Line) line() (string, error) {
	line, err := l.from.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return strings.TrimSuffix(string(line), "\n"), err
}

func parseMessage(folder, line string) (m Message, err error) {
	f := strings.SplitN(line, " ", 7)
	if len(f) != 7 || folder == "" {
		return m, fmt.Errorf("bad line %.40q", line)
	}
	if m.Name, err = maildir.ParseName(folder + "/" + f[0] + "/" + f[6]); err != nil {
		return m, err
	}
	m.Name.Folder = folder // one string for all of them
	if m.Size, err = strconv.ParseInt(f[1], 10, 64); err != nil || m.Size < 0 {
		return m, fmt.Errorf("bad size %.20q", f[1])
	}
	if err := errors.Join(parseDigest(&m.Sum.Header, f[2]), parseDigest(&m.Sum.Body, f[3])); err != nil {
		return m, err
	}
	if m.Bare = m.Sum.Header; f[4] != "-" {
		if err := parseDigest(&m.Like, f[4]); err != nil {
			return m, err
		}
	}
	if f[5] != "-" {
		m.Flaw = Flaw(strings.ReplaceAll(f[5], "-", " "))
	}
	return m, nil
}

func parseDigest(d *maildir.Digest, s string) error {
	if len(s) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("bad digest %.50q", s)
	}
	_, err := hex.Decode(d[:], []byte(s))
	return err
}

// askAtOnce is how many questions are under way: they fit into any pipe.
const askAtOnce = 100

// Headers asks for the headers of messages by their names at the other end, and
// hands them on in that order; nil is one that is gone.
func (l *Line) Headers(names []maildir.Name, each func(i int, header []byte) error) error {
	for first := 0; first < len(names); first += askAtOnce {
		batch := names[first:min(first+askAtOnce, len(names))]
		var questions strings.Builder
		for _, n := range batch {
			fmt.Fprintf(&questions, "header %s\n", n)
		}
		if _, err := io.WriteString(l.to, questions.String()); err != nil {
			return err
		}
		for i := range batch {
			header, err := l.hear()
			if err == nil {
				err = each(first+i, header)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Header asks for one header. One that is gone is [fs.ErrNotExist].
func (l *Line) Header(n maildir.Name) (header []byte, err error) {
	err = l.Headers([]maildir.Name{n}, func(_ int, h []byte) error {
		if header = h; h == nil {
			return fs.ErrNotExist
		}
		return nil
	})
	return header, err
}

func (l *Line) hear() ([]byte, error) {
	line, err := l.line()
	if err != nil || line == "gone" {
		return nil, err
	}
	size, ok := strings.CutPrefix(line, "header ")
	length, err := strconv.Atoi(size)
	if !ok || err != nil || length < 0 || length > maxHeader {
		return nil, fmt.Errorf("asked for a header, it says %.40q", line)
	}
	header := make([]byte, length)
	_, err = io.ReadFull(l.from, header)
	return header, err
}
