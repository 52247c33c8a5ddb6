//go:build !(linux && amd64)

package steps

import "errors"

// Supported says whether programs can be run step by step here.
const Supported = false

func run([]string, Order) ([]Step, int, error) { return nil, 0, errors.ErrUnsupported }
