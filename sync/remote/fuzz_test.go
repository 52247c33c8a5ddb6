package remote

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// FuzzOptions: whatever ssh prints of a host is read without harm.
func FuzzOptions(f *testing.F) {
	for _, s := range []string{
		"hostname mail.example\nport 22\nuser ada\n", "hostname\n", "HostName a b c\nport -1\nconnecttimeout 1e9\n", "connecttimeout none\n",
		"hostkeyalias x\nhostname ::1\n", "\x00 \xff\n\n \n", "serveraliveinterval 99999999999999999999\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o := parseOptions(text)
		for key := range o {
			if strings.ToLower(key) != key {
				t.Errorf("the keyword %q is not in lower case", key)
			}
			if strings.Contains(o.get(key), "\n") {
				t.Errorf("%q holds more than its line", key)
			}
		}
		if d := o.seconds("connecttimeout", time.Second); d <= 0 {
			t.Errorf("waits for %v", d)
		}
		_, _ = o.addr(), o.keyName()
	})
}

// FuzzHosts: what is offered as a host is one word of the configuration.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{
		"Host mail\n", "host = a b # c\nHost *\n", "Host \"mail\" !x y?\n", "Match host x\n\tHost\n", "HOST\tmail\r\n", "\x00\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, h := range Hosts(text) {
			if strings.ContainsAny(h, "*?! \t\r\n") || !bytes.Contains(text, []byte(h)) {
				t.Errorf("of %q is read %q", text, h)
			}
		}
	})
}
