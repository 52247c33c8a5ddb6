package smd1_test

import (
	"testing"

	"smd-applet/sync/wire/smd1"
)

// moved is a line as a stock server sends it.
var moved = "MOVE Mail/.work/new/1700000000.M1P2.host " + h + " " + b + " TO Mail/.work/cur/1700000000.M1P2.host:2,S"

// BenchmarkParseAction reads a line and writes it again.
func BenchmarkParseAction(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		a, err := smd1.ParseAction(moved)
		if err != nil {
			b.Fatal(err)
		}
		if smd1.FormatAction(a) != moved {
			b.Fatal("another line")
		}
	}
}
