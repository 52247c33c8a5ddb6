package synctest

import (
	"os"
	"runtime"
	"strings"
)

// Processor is what this machine calculates with, for a report of what was
// measured or tried on it: the model where the system tells it.
func Processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
