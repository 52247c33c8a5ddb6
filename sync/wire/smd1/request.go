package smd1

import (
	"fmt"
	"strings"
)

// Request is what a client asks a server in the transfer phase.
type Request string

// The requests of smd 1.3, spec §4.3 and §4.4.
const (
	Get       Request = "GET"
	GetHeader Request = "GETHEADER"
	GetBody   Request = "GETBODY"
	Commit    Request = "COMMIT"
	Done      Request = "DONE"
	Abort     Request = "ABORT"
)

// SendGet asks for a message, its header or its body, buffered. The name goes
// raw, to the end of the line.
func (c *Conn) SendGet(r Request, name string) error {
	_, err := fmt.Fprintf(c.w, "%s %s\n", r, name)
	return err
}

// SendWord sends COMMIT, DONE or ABORT at once.
func (c *Conn) SendWord(r Request) error {
	if _, err := c.w.WriteString(string(r) + "\n"); err != nil {
		return err
	}
	return c.w.Flush()
}

// ReadRequest reads a client's next request. It flushes what is buffered before
// it would have to wait: requests are pipelined, answers too.
func (c *Conn) ReadRequest() (r Request, name string, err error) {
	if c.r.Buffered() == 0 {
		if err := c.w.Flush(); err != nil {
			return "", "", err
		}
	}
	line, err := c.readLine()
	if err != nil {
		return "", "", err
	}
	word, name, _ := strings.Cut(line, " ")
	switch r = Request(word); r {
	case Get, GetHeader, GetBody:
		return r, name, nil
	case Commit, Done, Abort:
		if name == "" {
			return r, "", nil
		}
	}
	return "", "", protocolError("read a request", fmt.Errorf("unknown command %q", clip(line)))
}
