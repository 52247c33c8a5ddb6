package history

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
)

// maxHeader bounds how much of a message is read for its Message-ID, in bytes.
const maxHeader = 64 << 10

var messageIDHeader = []byte("message-id:")

// MessageID returns the Message-ID in the header of a message, without its angle
// brackets, "" when it has none. The error is the reader's.
func MessageID(r io.Reader) (string, error) {
	b := bufio.NewReaderSize(io.LimitReader(r, maxHeader), 4<<10)
	for begins := true; ; {
		l, err := b.ReadSlice('\n')
		if err == bufio.ErrBufferFull { //nolint:errorlint // as it is documented
			err = nil
		}
		if begins && len(bytes.TrimRight(l, "\r\n")) == 0 && len(l) > 0 {
			return "", nil // the body
		}
		if begins && len(l) > len(messageIDHeader) && bytes.EqualFold(l[:len(messageIDHeader)], messageIDHeader) {
			id := string(l[len(messageIDHeader):])
			if strings.TrimSpace(id) == "" {
				next, _ := b.ReadSlice('\n') // folded
				id = string(next)
			}
			return trimID(id), nil
		}
		if err == io.EOF { //nolint:errorlint // likewise
			return "", nil
		}
		if err != nil {
			return "", err
		}
		begins = bytes.HasSuffix(l, []byte("\n"))
	}
}

func trimID(id string) string {
	id = strings.TrimSpace(id)
	if inner, ok := strings.CutPrefix(id, "<"); ok {
		id, _, _ = strings.Cut(inner, ">")
	}
	return id
}

// IDOf is what the history keeps of a Message-ID: enough to find it again, and no
// more. It is "" for "".
func IDOf(messageID string) string {
	id := trimID(messageID)
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}
