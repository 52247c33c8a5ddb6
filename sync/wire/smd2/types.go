package smd2

import (
	"fmt"
	"reflect"
)

// messageType is a frame type: its number on the wire and the struct it carries.
type messageType struct {
	number byte
	typ    reflect.Type
	make   func() any
}

func message[T any](number byte) messageType {
	return messageType{number, reflect.TypeFor[T](), func() any { return new(T) }}
}

// messageTypes are all frame types of version 1. A number is never given again.
var messageTypes = []messageType{
	message[Hello](1),
	message[Begin](2),
	message[Begun](3),
	message[Folders](4),
	message[List](5),
	message[Listing](6),
	message[Next](7),
	message[Changes](8),
	message[Sums](9),
	message[Get](10),
	message[Bodies](11),
	message[Ops](12),
	message[Outcomes](13),
	message[Agree](14),
	message[End](15),
	message[Ended](16),
	message[Changed](17),
	message[Cancel](18),
	message[Progress](19),
	message[Failure](20),
}

var (
	byNumber = map[byte]messageType{}
	byType   = map[reflect.Type]messageType{}
)

func init() {
	for _, m := range messageTypes {
		byNumber[m.number] = m
		byType[m.typ] = m
	}
}

// typeOf finds the type of a message or of a pointer to one.
func typeOf(msg any) (messageType, bool) {
	t := reflect.TypeOf(msg)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	m, ok := byType[t]
	return m, ok
}

// NameOf is what a message is called in logs and in docs/protocol.md.
func NameOf(msg any) string {
	if m, ok := typeOf(msg); ok {
		return m.typ.Name()
	}
	return fmt.Sprintf("%T", msg)
}
