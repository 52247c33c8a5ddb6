package smd2

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	stdsync "sync"

	"github.com/fxamacker/cbor/v2"
)

const (
	maxDepth = 16 // of maps and arrays in each other; version 1 has 5
	maxPairs = 64 // of one map; version 1 has 10
)

// Names are any bytes and no text, so that strings travel as byte strings.
var (
	encoder = must(func() (cbor.UserBufferEncMode, error) {
		o := cbor.CoreDetEncOptions()
		o.String = cbor.StringToByteString
		o.NilContainers = cbor.NilContainerAsEmpty
		o.TagsMd = cbor.TagsForbidden
		return o.UserBufferEncMode()
	})
	decoder = must(cbor.DecOptions{
		DupMapKey:          cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:    maxDepth,
		MaxArrayElements:   MaxItems,
		MaxMapPairs:        maxPairs,
		IndefLength:        cbor.IndefLengthForbidden,
		TagsMd:             cbor.TagsForbidden,
		ByteStringToString: cbor.ByteStringToStringAllowed,
	}.DecMode)
)

func must[T any](mode func() (T, error)) T {
	m, err := mode()
	if err != nil {
		panic(err) // the options contradict each other
	}
	return m
}

// encode writes the payload of msg to b, which is empty.
func encode(b *bytes.Buffer, msg any) error {
	for field, list := range reflect.Indirect(reflect.ValueOf(msg)).Fields() {
		if list.Kind() == reflect.Slice && list.Len() > MaxItems {
			return fmt.Errorf("%d %s are more than the %d a message may have", list.Len(), field.Name, MaxItems)
		}
	}
	if err := encoder.MarshalToBuffer(msg, b); err != nil {
		return err
	}
	if b.Len() > MaxMessage {
		return fmt.Errorf("%d bytes are more than the %d a message may have", b.Len(), MaxMessage)
	}
	return nil
}

// decode reads a payload into msg, a pointer to a message, which may then alias
// the payload. A field that is missing stays zero, one that is unknown is ignored.
func decode(payload []byte, msg any) error {
	if err := decoder.Unmarshal(payload, msg); err != nil {
		return err
	}
	if v := reflect.ValueOf(msg).Elem(); counts(v.Type()) && negative(v) {
		return errors.New("a count is negative")
	}
	return nil
}

// negative finds a signed number below zero. Nothing in smd/2 is: they are counts
// and sizes, and whoever takes memory for one is to be safe.
func negative(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return v.Int() < 0
	case reflect.Struct:
		for field, value := range v.Fields() {
			if counts(field.Type) && negative(value) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if negative(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

var counting stdsync.Map // reflect.Type → whether there is a signed number in it

// counts reports whether values of the type hold signed numbers, so that what has
// none (bodies above all) is not walked through.
func counts(t reflect.Type) bool {
	if known, ok := counting.Load(t); ok {
		return known.(bool)
	}
	found := false
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		found = true
	case reflect.Struct:
		for field := range t.Fields() {
			found = found || counts(field.Type)
		}
	case reflect.Slice:
		found = counts(t.Elem())
	}
	counting.Store(t, found)
	return found
}
