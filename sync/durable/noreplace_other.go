//go:build !linux

package durable

import (
	"errors"
	"os"
)

func renameNoReplace(*os.Root, string, string) error { return errors.ErrUnsupported }

func renameNoReplaceAt(*os.File, string, *os.File, string) error { return errors.ErrUnsupported }
