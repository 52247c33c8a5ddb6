// Package control lets programs ask a running applet or loop, over a socket that
// is the user's alone: the commands smd-applet sync, status and so on, and the
// status bars.
//
// # The socket
//
// It is $XDG_RUNTIME_DIR/smd-applet/control.ID, or ~/.smd/run/control.ID where
// that variable is not set; ID is made of the home directory, as each has its
// own applet. The directory has mode 0700, the socket 0600, and a peer that is
// neither the user nor root is turned away.
//
// # The protocol
//
// A connection carries one request and its answer: lines of JSON, each ended by
// a newline. A request has up to 4096 bytes, must come within 5 seconds, and
// what it does not need may be left out:
//
//	{"do":"sync","endpoint":"work","wait":true}
//
// What there is to do; an empty endpoint means all:
//
//	status    tells the state
//	follow    tells the state now and after every change, a line each, at most
//	          five a second, until the client hangs up
//	sync      pulls and pushes now; with wait the answer comes after the last
//	          run (the client keeps the connection open until then)
//	pause     stops the endpoint until resume, or for "seconds"
//	resume    ends the pause, and syncs
//	confirm   lets the endpoint's held deletions happen (an endpoint is needed)
//	restore   brings their messages back (an endpoint is needed)
//	reload    reads the configuration again
//	raise     is what a second start of the applet asks of the first
//	quit      ends the program
//
// An answer is a [Reply]: "status" holds a [Status], "failed" what went wrong, one
// [Failure] for each endpoint that it went wrong for. Fields may be added.
package control
