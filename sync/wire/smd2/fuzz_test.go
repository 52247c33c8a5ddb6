package smd2

import (
	"bytes"
	"io"
	"testing"

	"smd-applet/sync/fault"
)

// FuzzReceive: whatever a peer sends is a message that can be sent on and arrives
// as the same bytes, or an error; never a panic.
func FuzzReceive(f *testing.F) {
	for _, line := range readTranscript(f) {
		f.Add([]byte(line.wire))
	}
	f.Add([]byte(frame(200, flagOptional, 2, "ab") + frame(1, 0, 1<<31)))
	f.Add([]byte(frame(7, flagMore, 2, "\xa1\x01") + frame(7, 0, 1, "\x05")))
	f.Fuzz(func(t *testing.T, wire []byte) {
		c := said(string(wire))
		for {
			msg, err := c.Receive()
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF && !fault.Is(err, fault.Protocol) {
					t.Fatalf("%T: %v", err, err)
				}
				return
			}
			again, onWire := pipe(Options{Uncompressed: true})
			check(t, again.Send(msg))
			check(t, again.Flush())
			first := bytes.Clone(onWire.Bytes())
			back, err := again.Receive()
			check(t, err)
			check(t, again.Send(back))
			check(t, again.Flush())
			if !bytes.Equal(onWire.Bytes(), first) {
				t.Fatalf("%+v\nis sent as %x\nand then as %x", msg, first, onWire.Bytes())
			}
			if failure, ok := msg.(*Failure); ok {
				_ = failure.Err().Error()
			}
		}
	})
}
