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
	link := ""
	machine.Watch(ctx, machine.Handler{
		Network: func(n machine.Network) {
			b.engine.SetMetered(n.Metered)
			b.engine.SetOnline(n.Online)
			another := n.Link != "" && link != "" && n.Link != link
			if another {
				b.engine.Reconnect()
			}
			if another || !n.Online {
				b.pool.Drop()
			}
			if n.Link != "" {
				link = n.Link
			}
		},
		Sleep: func(ctx context.Context) {
			if err := b.engine.Suspend(ctx); err != nil {
				b.log.Warn("the machine sleeps before a run has ended", "cause", err)
			}
			b.pool.Drop()
		},
		Wake:       b.engine.WakeUp,
		SessionEnd: sessionEnd,
		Ready:      ready,
	}, b.log)
}
