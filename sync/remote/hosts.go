package remote

import (
	"bytes"
	"slices"
	"strings"
)

// Hosts lists the hosts that an ssh configuration names, those with wildcards left
// out, in order.
func Hosts(config []byte) []string {
	var hosts []string
	for line := range bytes.Lines(config) {
		words := strings.Fields(strings.Replace(string(line), "=", " ", 1))
		if len(words) < 2 || !strings.EqualFold(words[0], "host") {
			continue
		}
		for _, name := range words[1:] {
			name = strings.Trim(name, `"`)
			if strings.HasPrefix(name, "#") {
				break
			}
			if !strings.ContainsAny(name, "*?!") && !slices.Contains(hosts, name) {
				hosts = append(hosts, name)
			}
		}
	}
	return hosts
}
