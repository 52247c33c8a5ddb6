// Package restrict gives a client an ssh key of its own that can do nothing on the
// server but sync the mailboxes named with it, and takes all of that back.
//
// There are three things: a key pair in ~/.ssh, a block of ~/.ssh/config that
// makes a host of its own use it, and at the server a line of
// ~/.ssh/authorized_keys that says what it may do. Both files belong to a person:
// what is not ours in them stays as it is, byte for byte, and so do their
// permissions and the links that lead to them.
package restrict
