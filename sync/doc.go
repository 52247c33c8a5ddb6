// Package sync keeps Maildirs the same on two machines: the public core of
// smd-applet.
//
// [Engine] runs endpoints by timers, watch events and requests; its [State] and
// [Event] stream are what a tray, a popup or a terminal shows. [Session] is one
// pull or push. The parts are in the packages below; none of them, nor this
// one, knows of a screen.
//
// The package shadows the standard library's sync: import that one as stdsync.
package sync
