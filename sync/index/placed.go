package index

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"smd-applet/sync/maildir"
)

// Placed is a message of the list at [Files.Placed]: a run was about to put it in place,
// or did, and the ends have not agreed on it since.
type Placed struct {
	Name maildir.Name
	Sum  maildir.Sum
	// Since is when it was about to be put in place, in nanoseconds of Unix time, by
	// the clock of its file system.
	Since int64
}

// maxPlaced bounds the list, in messages.
const maxPlaced = 1 << 20

// Line is the message as it stands in the list.
func (p Placed) Line() string {
	return fmt.Sprintf("%s %s %d %q\n", p.Sum.Header, p.Sum.Body, p.Since, p.Name.String())
}

// ReadPlaced reads such a list. Where there is none the error is fs.ErrNotExist.
func ReadPlaced(path string) ([]Placed, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var list []Placed
	s := bufio.NewScanner(file)
	for s.Scan() && len(list) < maxPlaced {
		if p, err := parsePlaced(s.Text()); err == nil { // else it is the end of what a crash left
			list = append(list, p)
		}
	}
	if err := s.Err(); !errors.Is(err, bufio.ErrTooLong) { // such a line a power cut left
		return list, err
	}
	return list, nil
}

func parsePlaced(line string) (p Placed, err error) {
	var header, body, name string
	if _, err = fmt.Sscanf(line, "%s %s %d %q", &header, &body, &p.Since, &name); err != nil {
		return p, err
	}
	if p.Name, err = maildir.ParseName(name); err != nil {
		return p, err
	}
	if p.Sum.Header, err = maildir.ParseDigest(header); err != nil {
		return p, err
	}
	p.Sum.Body, err = maildir.ParseDigest(body)
	return p, err
}
