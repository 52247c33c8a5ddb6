package control

import (
	"encoding/json"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

func FuzzRequest(f *testing.F) {
	for _, line := range []string{
		`{"do":"status"}`, `{"do":"sync","endpoint":"work","wait":true}`, `{"do":"pause","endpoint":"../../x"}`, `{"do":"pause","seconds":60}`, `{"do":"pause","seconds":-1}`,
		`{"do":"quit"}{"do":"quit"}`, `{"do":["status"]}`, `{"do":"follow","endpoint":"\u0000"}`, "null", "", "{",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line)
		if err != nil {
			if !fault.Is(err, fault.Protocol) || r != (Request{}) {
				t.Fatalf("%q: %+v, %v", line, r, err)
			}
			return
		}
		if r.Endpoint != "" && config.CheckEndpoint(r.Endpoint) != nil {
			t.Fatalf("%q: an endpoint %q", line, r.Endpoint)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseRequest(again); err != nil || back != r {
			t.Fatalf("%q: %+v becomes %+v, %v", line, r, back, err)
		}
	})
}
