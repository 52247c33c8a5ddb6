package census

import (
	"bytes"
	"mime"
	"net/mail"
	"strings"
)

// Title is what a person knows a message by.
type Title struct {
	MessageID string `json:"messageId,omitempty"` // without angle brackets
	Subject   string `json:"subject,omitempty"`
	From      string `json:"from,omitempty"`
	Date      string `json:"date,omitempty"`
}

// TitleOf reads a title from a header. What can't be read is left empty.
func TitleOf(header []byte) Title {
	m, err := mail.ReadMessage(bytes.NewReader(append(bytes.TrimRight(header, "\r\n"), "\n\n"...)))
	if err != nil {
		return Title{}
	}
	decoded := func(name string) string {
		value := m.Header.Get(name)
		if text, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
			value = text
		}
		return strings.Join(strings.Fields(value), " ")
	}
	return Title{
		MessageID: strings.Trim(strings.TrimSpace(m.Header.Get("Message-ID")), "<>"),
		Subject:   decoded("Subject"), From: decoded("From"), Date: decoded("Date"),
	}
}
