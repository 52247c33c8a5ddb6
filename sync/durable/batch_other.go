//go:build !linux

package durable

import "errors"

func startWriteback(uintptr) {}

func flushFileSystems([]File) error { return errors.ErrUnsupported }
