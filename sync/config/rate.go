package config

import (
	"fmt"
	"strconv"
	"strings"
)

// parseRate reads a number of bytes a second: plain, or with k, M or G for
// thousands, millions and milliards. Empty and 0 are no limit.
func parseRate(name, v string) (int64, error) {
	factor := int64(1)
	digits := v
	for _, unit := range []struct {
		suffix string
		factor int64
	}{{"k", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if d, ok := strings.CutSuffix(v, unit.suffix); ok {
			digits, factor = d, unit.factor
		}
	}
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<40/factor {
		return 0, fmt.Errorf("%s=%q: bytes a second, such as 500k or 2M, or 0 for no limit", name, v)
	}
	return n * factor, nil
}
