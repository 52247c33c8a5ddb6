package smd2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/reconcile"
)

// frame builds a frame as a peer would that knows no bounds.
func frame(typ, flags byte, length uint32, rest ...string) string {
	b := binary.BigEndian.AppendUint32([]byte{typ, flags}, length)
	return string(b) + strings.Join(rest, "")
}

func number(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

func zstdOf(plain string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(w.EncodeAll([]byte(plain), nil))
}

// bomb is little on the wire and more than any frame may be.
var bomb = zstdOf(strings.Repeat("a", 8*MaxFrame))

// random is content that does not shrink.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed))).Read(b)
	return b
}

func TestWhatIsNotSMD2IsRefused(t *testing.T) {
	t.Parallel()
	many := "\xa1\x01\x9a\x00\x00\x40\x01" + strings.Repeat("\xa0", MaxItems+1)
	deep := "\xa1\x18\x63" + strings.Repeat("\x81", 100) + "\x00"
	for name, c := range map[string]struct{ wire, says string }{
		"a type nobody knows":         {frame(200, 0, 1, "\xa0"), "unknown type 200"},
		"flags nobody knows":          {frame(15, 8, 1, "\xa0"), "unknown flags 0x8"},
		"a frame of 2 GiB":            {frame(1, 0, 1<<31), "2147483648 bytes"},
		"an optional one of 2 GiB":    {frame(200, flagOptional, 1<<31), "2147483648 bytes"},
		"a plain length of 2 GiB":     {frame(1, flagZstd, 1, number(1<<31), "\xa0"), "2147483648 bytes"},
		"another type in between":     {frame(8, flagMore, 1, "\xa1") + frame(7, 0, 1, "\xa0"), "type 7 stands within a message of type 8"},
		"a message without end":       {strings.Repeat(frame(8, flagMore, MaxFrame, strings.Repeat("\x00", MaxFrame)), 17), "a message has 17825792 bytes"},
		"no CBOR":                     {frame(15, 0, 1, "\xff"), "End: cbor"},
		"no payload":                  {frame(15, 0, 0), "End: EOF"},
		"CBOR that ends early":        {frame(7, 0, 2, "\xa1\x01"), "Next: unexpected EOF"},
		"more than one item":          {frame(15, 0, 2, "\xa0\xa0"), "extraneous"},
		"another kind of value":       {frame(7, 0, 4, "\xa1\x01\x41a"), "cannot unmarshal"},
		"a list too long":             {frame(8, 0, uint32(len(many)), many), "exceeded max number of elements"},
		"a map too long":              {frame(15, 0, 4, "\xb9\x10\x00\x00"), "exceeded max number of key-value pairs"},
		"too deep":                    {frame(15, 0, uint32(len(deep)), deep), "exceeded max nested level"},
		"indefinite length":           {frame(15, 0, 2, "\xbf\xff"), "indefinite-length"},
		"a tag":                       {frame(15, 0, 4, "\xa1\x01\xc1\x00"), "tag isn't allowed"},
		"a field twice":               {frame(7, 0, 5, "\xa2\x01\x01\x01\x02"), "duplicate"},
		"a negative count":            {frame(7, 0, 3, "\xa1\x01\x20"), "a count is negative"},
		"a count beyond all":          {frame(7, 0, 11, "\xa1\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), "overflow"},
		"a short digest":              {frame(16, 0, 5, "\xa1\x01\x42ab"), "a digest has 32 bytes, not 2"},
		"content that is a number":    {frame(11, 0, 6, "\xa1\x01\x81\xa1\x02\x05"), "no byte string"},
		"content that is null":        {frame(11, 0, 6, "\xa1\x01\x81\xa1\x02\xf6"), "no byte string"},
		"no zstd":                     {frame(15, flagZstd, 1, number(1), "\xa0"), "decompress a frame"},
		"zstd longer than announced":  {frame(15, flagZstd, uint32(len(zstdOf("\xa0\xa0"))), number(1), zstdOf("\xa0\xa0")), "decompress a frame"},
		"zstd shorter than announced": {frame(15, flagZstd, uint32(len(zstdOf("\xa0"))), number(2), zstdOf("\xa0")), "not the length it announced"},
		"a zip bomb":                  {frame(11, flagZstd, uint32(len(bomb)), number(MaxFrame), bomb), "decompress a frame"},
	} {
		conn := said(c.wire)
		_, err := conn.Receive()
		if !fault.Is(err, fault.Protocol) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want a protocol error with %q", name, err, c.says)
		}
		if _, again := conn.Receive(); again != err {
			t.Errorf("%s: then %v; nothing more may be received", name, again)
		}
	}
}

// TestCutChannel: the end of the channel is an end only between two frames.
func TestCutChannel(t *testing.T) {
	t.Parallel()
	whole := frame(7, 0, 3, "\xa1\x01\x05") + frame(200, flagOptional, 2, "ab") + frame(7, flagMore, 2, "\xa1\x01") + frame(7, 0, 1, "\x05")
	for n := range len(whole) {
		want := io.ErrUnexpectedEOF
		if n == 0 || n == 9 || n == 17 {
			want = io.EOF
		}
		c := said(whole[:n])
		_, err := c.Receive()
		if n >= 9 && err == nil {
			_, err = c.Receive()
		}
		if err != want {
			t.Errorf("after %d bytes: %v, want %v", n, err, want)
		}
	}
}

// TestVersionsToCome: what a newer end may add, an older one reads over.
func TestVersionsToCome(t *testing.T) {
	t.Parallel()
	c := said(
		frame(200, flagOptional, 3, "new"),
		frame(201, flagOptional|flagZstd, 3, number(9), "new"),
		frame(7, flagOptional, 3, "\xa1\x01\x05"),                   // one that is known is not skipped
		frame(7, 0, 10, "\xa3\x01\x05\x18\x32\x81\x01\x18\x33\x00"), // nor what has new fields
	)
	for range 2 {
		if msg, err := c.Receive(); err == nil && !reflect.DeepEqual(msg, &Next{Max: 5}) {
			t.Errorf("%+v", msg)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestHostileFramesTakeNoMemory: nothing is allocated for what is only announced,
// and little for what is sent. It is not parallel: it measures the process.
func TestHostileFramesTakeNoMemory(t *testing.T) {
	empties := "\xa1\x01\x99\x40\x00" + strings.Repeat("\xa0", MaxItems)
	for name, c := range map[string]struct {
		wire string
		most uint64
	}{
		"2 GiB announced":       {frame(11, 0, 1<<31, "x"), 256 << 10},
		"a million changes":     {frame(8, 0, 1<<20, "\xa1\x01\x9a\x00\x0f\xff\xf9", strings.Repeat("\xa0", 1<<20-7)), 3 << 20},
		"all changes it may be": {frame(8, 0, uint32(len(empties)), empties), 8 << 20},
		"a zip bomb":            {frame(11, flagZstd, uint32(len(bomb)), number(1000), bomb), 1 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := said(c.wire).Receive()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > c.most {
			t.Errorf("%s (%v): %d KiB were allocated, no more than %d are well", name, err, took>>10, c.most>>10)
		}
	}
}

// TestBoundsHoldForSending: what the other end would refuse is not sent.
func TestBoundsHoldForSending(t *testing.T) {
	t.Parallel()
	c, wire := pipe(Options{})
	for name, msg := range map[string]any{
		"too many":     Outcomes{Items: make([]Outcome, MaxItems+1)},
		"too large":    Bodies{Parts: []Part{{Data: make([]byte, MaxMessage)}}},
		"no message":   agreed.Key{},
		"nothing":      nil,
		"a part of it": &Part{},
	} {
		if err := c.Send(msg); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, c.Flush())
	if wire.Len() > 0 {
		t.Errorf("%d bytes were sent", wire.Len())
	}
	through(t, c, Outcomes{Items: make([]Outcome, MaxItems)})
	through(t, c, Bodies{Parts: []Part{{Data: make([]byte, MaxMessage-64)}}})
}

// TestContentOfAnyLength: the length of a byte string has several forms, of which a
// peer need not use the shortest.
func TestContentOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, head := range []string{"\x43", "\x58\x03", "\x59\x00\x03", "\x5a\x00\x00\x00\x03", "\x5b\x00\x00\x00\x00\x00\x00\x00\x03"} {
		item := "\xa1\x01\x81\xa1\x02" + head + "abc"
		got, err := said(frame(11, 0, uint32(len(item)), item)).Receive()
		if want := (&Bodies{Parts: []Part{{Data: Data("abc")}}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("% x: %+v, %v", head, got, err)
		}
	}
	c, _ := pipe(Options{Uncompressed: true})
	for _, n := range []int{0, 1, 23, 24, 255, 256, 1<<16 - 1, 1 << 16, MaxFrame} {
		want := random(uint64(n), n)
		if got := through(t, c, &Bodies{Parts: []Part{{Data: want}}}).(*Bodies).Parts[0].Data; !bytes.Equal(got, want) {
			t.Errorf("%d bytes arrived as %d, or others", n, len(got))
		}
	}
}

// TestLongMessages: hundreds of the longest paths arrive, in several frames.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	folder := func(i int) string { return strings.Repeat(string('a'+rune(i%26)), 4000) }
	want := &Changes{Last: true}
	for i := range 300 {
		c := reconcile.Change{Kind: reconcile.Moved, Key: agreed.Key{Folder: folder(i), Unique: "1.M2"}, To: agreed.Key{Folder: folder(i + 1), Unique: "1.M2"}}
		want.Changes = append(want.Changes, c)
	}
	for _, o := range []Options{{}, {Uncompressed: true}} {
		c, wire := pipe(o)
		got := through(t, c, want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: it arrived as something else", o)
		}
		through(t, c, &Next{Max: 1}) // a short one after it
		if wire.Len() > 0 {
			t.Errorf("%+v: %d bytes were not read", o, wire.Len())
		}
	}
}

// TestManySenders: each message arrives whole, in the order of its sender.
func TestManySenders(t *testing.T) {
	t.Parallel()
	const senders, each = 4, 200
	r, w := io.Pipe()
	out, in := NewConn(nil, w, Options{}), NewConn(r, nil, Options{})
	var g errgroup.Group
	var left atomic.Int32
	left.Store(senders)
	for s := range senders {
		g.Go(func() error {
			for i := range each {
				part := Part{ID: uint64(i), Data: bytes.Repeat([]byte{byte(s)}, 10+i*7)}
				if err := out.Send(&Bodies{Parts: []Part{part}}); err != nil {
					return err
				}
				if i%50 == 0 {
					out.Release()
				}
			}
			if left.Add(-1) == 0 {
				return errors.Join(out.Flush(), w.Close())
			}
			return nil
		})
	}
	var next [senders]int
	for {
		msg, err := in.Receive()
		if err == io.EOF {
			break
		}
		check(t, err)
		part := msg.(*Bodies).Parts[0]
		s := part.Data[0]
		if part.ID != uint64(next[s]) || !bytes.Equal(part.Data, bytes.Repeat([]byte{s}, 10+next[s]*7)) {
			t.Fatalf("sender %d: part %d of %d bytes in place of part %d", s, part.ID, len(part.Data), next[s])
		}
		next[s]++
		if next[s] == each/2 {
			in.Release()
		}
	}
	check(t, g.Wait())
	if next != [senders]int{each, each, each, each} {
		t.Errorf("arrived: %v", next)
	}
}

// TestCompressionWhereItPays: text shrinks on the wire; what does not is sent as it
// is, soon without a try, and text after it shrinks again.
func TestCompressionWhereItPays(t *testing.T) {
	t.Parallel()
	c, _ := pipe(Options{})
	cost := func(data []byte) (wire, plain int64) {
		before := c.Traffic()
		got := through(t, c, &Bodies{Parts: []Part{{Data: data}}}).(*Bodies)
		if !bytes.Equal(got.Parts[0].Data, data) {
			t.Fatal("it arrived as something else")
		}
		now := c.Traffic()
		if now.Received != now.Sent || now.ReceivedWire != now.SentWire {
			t.Fatalf("not all arrived: %+v", now)
		}
		return now.SentWire - before.SentWire, now.Sent - before.Sent
	}
	text := bytes.Repeat([]byte("a line of a message\r\n"), 500)
	if wire, plain := cost(text); wire > plain/10 || plain < int64(len(text)) {
		t.Errorf("text of %d bytes: %d were counted, %d sent", len(text), plain, wire)
	}
	if wire, plain := cost(text[:100]); wire != plain {
		t.Errorf("a short one: %d bytes were %d on the wire", plain, wire)
	}
	for i := range 200 {
		if wire, plain := cost(random(uint64(i), 2000)); wire != plain {
			t.Fatalf("noise of %d bytes became %d", plain, wire)
		}
	}
	if c.compressor.pause == 0 {
		t.Error("noise is tried every time")
	}
	for tries := 0; ; tries++ {
		if wire, plain := cost(text); wire < plain {
			break
		}
		if tries > maxPause {
			t.Fatal("text is never tried again")
		}
	}
	if wire, plain := cost(text); wire == plain {
		t.Error("text after text is not compressed")
	}
	local, _ := pipe(Options{Uncompressed: true})
	through(t, local, &Bodies{Parts: []Part{{Data: text}}})
	if now := local.Traffic(); now.SentWire != now.Sent {
		t.Errorf("compressed though both ends are on one machine: %+v", now)
	}
}

// TestReleaseGivesMemoryBack: an idle Conn is small, and works on.
func TestReleaseGivesMemoryBack(t *testing.T) {
	t.Parallel()
	c, wire := pipe(Options{})
	text := bytes.Repeat([]byte("a line of a message\r\n"), 90000)
	for range 2 {
		through(t, c, &Bodies{Parts: []Part{{Data: text}}})
		if c.compressor.encoder == nil || c.decompressor.decoder == nil || c.payload.Cap() < len(text) {
			t.Fatal("nothing was to be released")
		}
		c.Release()
		if held := c.payload.Cap() + cap(c.compressor.out) + cap(c.decompressor.out) + cap(c.in) + cap(c.long); held > 0 ||
			c.compressor.encoder != nil || c.decompressor.decoder != nil {
			t.Errorf("%d bytes and perhaps zstd are held", held)
		}
	}
	if wire.Len() > 0 {
		t.Errorf("%d bytes were not read", wire.Len())
	}
}

// TestTrafficWithinAFrame: a large frame that comes slowly is a sign of life.
func TestTrafficWithinAFrame(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	c := NewConn(r, io.Discard, Options{})
	received := make(chan error, 1)
	go func() { _, err := c.Receive(); received <- err }()
	for i, part := range []string{frame(11, 0, 1000), strings.Repeat("a", 300), strings.Repeat("a", 300)} {
		_, err := w.Write([]byte(part))
		check(t, err)
		_, err = w.Write(nil) // waits until the reader asks for more, so that it has counted
		check(t, err)
		if got, want := c.Traffic().ReceivedWire, int64(6+300*i); got != want {
			t.Errorf("%d bytes are counted, want %d", got, want)
		}
	}
	check(t, w.Close())
	if err := <-received; err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

// TestNoCountIsNegative tries -1 in every count of every message.
func TestNoCountIsNegative(t *testing.T) {
	t.Parallel()
	tried := 0
	var spoil func(msg any, v reflect.Value)
	spoil = func(msg any, v reflect.Value) {
		switch v.Kind() {
		case reflect.Int, reflect.Int64:
			v.SetInt(-1)
			c, _ := pipe(Options{})
			check(t, c.Send(msg))
			check(t, c.Flush())
			if _, err := c.Receive(); !fault.Is(err, fault.Protocol) {
				t.Errorf("%+v: %v", msg, err)
			}
			v.SetInt(0)
			tried++
		case reflect.Struct:
			for _, field := range v.Fields() {
				spoil(msg, field)
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			spoil(msg, v.Index(0))
			v.SetZero()
		}
	}
	for _, msg := range new(oneOfEach).messages() {
		spoil(msg, reflect.ValueOf(msg).Elem())
	}
	if tried < 12 {
		t.Errorf("only %d counts were found", tried)
	}
}
