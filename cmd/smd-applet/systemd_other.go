//go:build !linux

package main

import "context"

// tellSystemd has nobody to tell: systemd runs on Linux only.
func (b *background) tellSystemd(context.Context) {}
