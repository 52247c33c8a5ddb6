package remote

import (
	"context"
	stdsync "sync"
)

// Click is a person's wish that what is done for it may ask that person for the
// passphrase of a key. The zero value is one; it is not copied.
type Click struct {
	mu      stdsync.Mutex
	refused map[string]bool // keys, by file, whose passphrase was not given
}

type clickKey struct{}

// On is ctx for what is done for the click. A nil Click is none.
func (c *Click) On(ctx context.Context) context.Context {
	if c == nil {
		return ctx
	}
	return context.WithValue(ctx, clickKey{}, c)
}

// ClickOf is the click that something is done for; nil without one.
func ClickOf(ctx context.Context) *Click {
	c, _ := ctx.Value(clickKey{}).(*Click)
	return c
}

// refuse notes that the person did not give a passphrase.
func (c *Click) refuse(file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[string]bool)
	}
	c.refused[file] = true
}

func (c *Click) hasRefused(file string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[file]
}
