//go:build !linux

package watch

func unwatchable(string) string { return "" }
