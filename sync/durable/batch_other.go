//go:build !linux

package durable

import (
	"errors"
	"os"
)

func startWriteback(*os.File) {}

func flushFileSystems([]File) error { return errors.ErrUnsupported }
