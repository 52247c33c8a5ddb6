package main

import (
	"context"
	"time"

	"smd-applet/sync/machine"
)

// machineTime is how long the engine waits at its start to be told of the machine.
const machineTime = time.Second

// followMachine keeps the engine told of network and sleep until ctx ends. It
// calls ready when the engine may start.
func (b *background) followMachine(ctx context.Context, sessionEnd, ready func()) {
	last := machine.Network{Online: true}
	machine.Watch(ctx, machine.Handler{
		Network: func(n machine.Network) {
			if n.Link == "" {
				n.Link = last.Link // it may come back as it was
			}
			another := last.Link != "" && n.Link != last.Link
			cut := another || !n.Online || n.Metered && !last.Metered
			last = n
			b.engine.SetMetered(n.Metered)
			b.engine.SetOnline(n.Online)
			if !cut {
				return
			}
			b.engine.Reconnect() // first, that a run is made again and has not failed
			b.drop()
			b.engine.Wake("") // what changed there while the line was dead
		},
		Sleep: func(ctx context.Context) {
			if err := b.engine.Suspend(ctx); err != nil {
				b.log.Warn("the machine sleeps before a run has ended", "cause", err)
			}
			b.drop()
		},
		Wake:       b.engine.WakeUp,
		SessionEnd: sessionEnd,
		Ready:      ready,
	}, b.log)
}

// drop ends all lines to the servers, the connections first: no line waits for an
// answer then.
func (b *background) drop() {
	b.pool.Drop()
	b.sessions.Drop()
}
