package smd2

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pipe is a Conn that receives what it sends, and what lies on the wire meanwhile.
func pipe(o Options) (*Conn, *bytes.Buffer) {
	var wire bytes.Buffer
	return NewConn(&wire, &wire, o), &wire
}

// said is a Conn to an end that says just this.
func said(wire ...string) *Conn {
	return NewConn(strings.NewReader(strings.Join(wire, "")), io.Discard, Options{})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// through sends a message and returns what arrives.
func through(t rapid.TB, c *Conn, msg any) any {
	t.Helper()
	if err := c.Send(msg); err != nil {
		t.Fatalf("send %T: %v", msg, err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	got, err := c.Receive()
	if err != nil {
		t.Fatalf("receive %T: %v", msg, err)
	}
	return got
}

// oneOfEach has every message once.
type oneOfEach struct {
	Hello    Hello
	Begin    Begin
	Begun    Begun
	Folders  Folders
	List     List
	Listing  Listing
	Next     Next
	Changes  Changes
	Sums     Sums
	Get      Get
	Bodies   Bodies
	Ops      Ops
	Outcomes Outcomes
	Agree    Agree
	End      End
	Ended    Ended
	Changed  Changed
	Cancel   Cancel
	Progress Progress
	Failure  Failure
}

// messages are pointers to them.
func (o *oneOfEach) messages() []any {
	var all []any
	for _, field := range reflect.ValueOf(o).Elem().Fields() {
		all = append(all, field.Addr().Interface())
	}
	return all
}

// anything draws any bytes for strings and any number that a count may be.
var anything = rapid.MakeConfig{Kinds: map[reflect.Kind]*rapid.Generator[any]{
	reflect.String: rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 30), func(b []byte) any { return string(b) }),
	reflect.Int:    rapid.IntMin(0).AsAny(),
	reflect.Int64:  rapid.Int64Min(0).AsAny(),
}}

// emptyIsNil makes empty slices nil, which is the same on the wire.
func emptyIsNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			emptyIsNil(field)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			emptyIsNil(v.Index(i))
		}
	}
}

func TestEveryMessageArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	draw := rapid.MakeCustom[oneOfEach](anything)
	var seen []any
	rapid.Check(t, func(t *rapid.T) {
		c, _ := pipe(Options{Uncompressed: rapid.Bool().Draw(t, "uncompressed")})
		one := draw.Draw(t, "messages")
		seen = one.messages()
		for _, msg := range seen {
			got := through(t, c, msg)
			emptyIsNil(reflect.ValueOf(msg).Elem())
			emptyIsNil(reflect.ValueOf(got).Elem())
			if !reflect.DeepEqual(got, msg) {
				t.Fatalf("sent %+v\n got %+v", msg, got)
			}
		}
	})
	if len(seen) != len(messageTypes) {
		t.Errorf("%d messages of %d were tried", len(seen), len(messageTypes))
	}
}

// TestValuesAndPointersAreTheSame: a message may be sent either way.
func TestValuesAndPointersAreTheSame(t *testing.T) {
	t.Parallel()
	c, _ := pipe(Options{})
	want := &List{Folder: "Mail/.\xff\xfe caf\xe9"}
	for _, msg := range []any{*want, want} {
		if got := through(t, c, msg); !reflect.DeepEqual(got, want) {
			t.Errorf("sent %#v, got %#v", msg, got)
		}
	}
}
