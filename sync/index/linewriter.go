package index

import (
	"bufio"
	"io"
)

// lineWriter writes entries as lines of a db-file.
type lineWriter struct {
	w    *bufio.Writer
	line []byte
}

func newLineWriter(w io.Writer) *lineWriter {
	return &lineWriter{w: bufio.NewWriterSize(w, 64<<10)}
}

func (l *lineWriter) put(e Entry) error {
	l.line = e.AppendLine(l.line[:0])
	_, err := l.w.Write(l.line)
	return err
}

func (l *lineWriter) flush() error { return l.w.Flush() }
