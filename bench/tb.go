//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
)

// kit lets a program use what is made for tests: what would fail a test panics
// with a failure, which [kit.try] catches.
type kit struct {
	top      string
	cleanups []func()
	errs     []error
}

type failure struct{ err error }

func (k *kit) Helper()          {}
func (k *kit) Cleanup(f func()) { k.cleanups = append(k.cleanups, f) }
func (k *kit) TempDir() string {
	dir, err := os.MkdirTemp(k.top, "")
	if err != nil {
		k.Fatalf("%v", err)
	}
	return dir
}
func (k *kit) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (k *kit) Errorf(format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf(format, args...))
}
func (k *kit) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (k *kit) Skipf(format string, args ...any)  { k.Fatalf(format, args...) }

// try runs what uses the kit.
func (k *kit) try(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// clean undoes what was set up, the last first.
func (k *kit) clean() {
	for _, f := range slices.Backward(k.cleanups) {
		f()
	}
}
