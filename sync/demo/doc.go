// Package demo is the stage of "smd-applet demo": a mail server on loopback,
// which needs neither root nor an sshd, a laptop beside it, both in temporary
// homes and with a sample mailbox, and a tour that has mail arrive, be flagged
// and deleted on either side while the engine keeps the two the same.
//
// All that is between the two is the real thing: ssh, keys, known_hosts, the
// protocol. Only the people are made up.
package demo
