// Package machine tells what becomes of the machine that a sync has to do with:
// whether there is a network, and one that is not metered, when it goes to sleep
// and wakes up, and when the person's session ends.
//
// It listens to NetworkManager, systemd-networkd and logind on the system bus.
// Each of them may be missing, come later, end and come back; where nobody knows,
// the network is taken to be there, and a failed sync shows that it is not. On
// systems without that bus nothing is told.
package machine

import "context"

// Network is what is known of the network. Where nothing is known it is online.
type Network struct {
	Online  bool
	Metered bool   // also when that is only guessed
	Link    string // changes when the way to the internet does; "": unknown
}

// Handler is told of changes, of one after the other. Its functions return soon,
// but for Sleep.
type Handler struct {
	// Network is called when the network becomes another; the first one is taken
	// to be Network{Online: true}.
	Network func(Network)
	// Sleep is called before the machine sleeps, which waits until it returns, but
	// not beyond ctx.
	Sleep func(ctx context.Context)
	// Wake is called after it.
	Wake func()
	// SessionEnd is called when the login session this process is of has ended;
	// nil where that is no reason to end.
	SessionEnd func()
	// Ready is called once: what can be known at the start has been told.
	Ready func()
}
