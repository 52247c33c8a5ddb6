package remote

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	stdsync "sync"
)

// Pool keeps one way to each server, for as long as the program runs.
type Pool struct {
	Log *slog.Logger

	secrets secrets

	mu    stdsync.Mutex
	hosts map[string]*native
}

// Host returns the way to the server of an ssh alias. prefer is "native" or
// "openssh" where the configuration says so, else "": then it is native unless
// ~/.ssh/config asks for something only the system's ssh can do.
func (p *Pool) Host(ctx context.Context, alias, prefer string) (Host, error) {
	if prefer == "openssh" {
		return &OpenSSH{Alias: alias, Reason: "SSH=openssh"}, nil
	}
	if prefer == "" {
		o, err := resolveOptions(ctx, alias)
		if err != nil {
			return nil, err
		}
		if why := o.foreign(); why != "" {
			return &OpenSSH{Alias: alias, Reason: why}, nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[alias]
	if h == nil {
		if p.hosts == nil {
			p.hosts = make(map[string]*native)
		}
		h = &native{alias: alias, log: p.Log, secrets: &p.secrets}
		p.hosts[alias] = h
	}
	return h, nil
}

// Drop ends every connection at once, also those being made: the network they go
// over is another one now, or will be after a sleep. The next command makes a new
// one.
func (p *Pool) Drop() {
	p.mu.Lock()
	hosts := slices.Collect(maps.Values(p.hosts))
	p.mu.Unlock()
	for _, h := range hosts {
		h.dropped()
	}
}

// Close ends every connection.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for alias, h := range p.hosts {
		h.Close()
		delete(p.hosts, alias)
	}
}
