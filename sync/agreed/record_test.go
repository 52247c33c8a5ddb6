package agreed

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

// golden records, by hand: a store written by an earlier version must read the same.
var golden = map[string]struct {
	record Record
	hex    string
}{
	"smallest": {Record{Mark: Mark{Sub: "cur"}}, "01" + "00" + "00" + "00"},
	"full": {
		Record{
			Mark: Mark{Sub: "new", Info: ":2,S"},
			Sum:  Sum{Header: Digest{0xaa}, Body: Digest{31: 0xbb}},
			Size: 300, Seen: Seen{Mtime: 1, Size: 299, Ino: 128},
		},
		"01" + "07" + "04" + hex.EncodeToString([]byte(":2,S")) +
			"aa" + strings.Repeat("00", 62) + "bb" + "d804" + "02" + "01" + "8001",
	},
	"sum only": {
		Record{Mark: Mark{Sub: "cur"}, Sum: Sum{Body: Digest{1}}, Size: 1},
		"01" + "02" + "00" + strings.Repeat("00", 32) + "01" + strings.Repeat("00", 31) + "02",
	},
	"extremes": {
		Record{Mark: Mark{Sub: "cur"}, Size: math.MaxInt64, Seen: Seen{Mtime: math.MinInt64, Size: math.MinInt64, Ino: math.MaxUint64}},
		"01" + "04" + "00" + "feffffffffffffffff01" + "ffffffffffffffffff01" + "02" + "ffffffffffffffffff01",
	},
}

func TestRecordGolden(t *testing.T) {
	t.Parallel()
	for name, c := range golden {
		b, err := appendRecord(nil, c.record)
		if got := hex.EncodeToString(b); err != nil || got != c.hex {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.hex)
		}
		want, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeRecord(want); err != nil || got != c.record {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.record)
		}
		for n := range want {
			if got, err := decodeRecord(want[:n]); err == nil {
				t.Errorf("%s: the first %d bytes are %+v", name, n, got)
			}
		}
		if got, err := decodeRecord(append(want, 0)); err == nil {
			t.Errorf("%s: with a byte more it is %+v", name, got)
		}
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"another format": "02000000",
		"unknown bits":   "01080000",
		"endless varint": "01" + "00" + strings.Repeat("ff", 11),
		"info too long":  "0100" + "ffffffffffffffffff01" + "00",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeRecord(b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzDecodeRecord: what decodes is the same after encoding, and nothing panics.
func FuzzDecodeRecord(f *testing.F) {
	for _, c := range golden {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		encoded, err := appendRecord(nil, r)
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if again, err := decodeRecord(encoded); err != nil || again != r {
			t.Fatalf("%+v, %v, want %+v", again, err, r)
		}
	})
}
