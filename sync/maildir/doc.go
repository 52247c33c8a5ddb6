// Package maildir reads and changes Maildirs on disk: names and flags, message
// digests, whole-tree scans, and the few ways a message may appear, move or go.
//
// A message has two names. Its remote name is the one on the wire and in the
// agreed state (smd 1.3, spec §1), such as "Mail/.work/cur/170.M1P2.host:2,S".
// Its local place is found through the folder [Translator]; the file name itself
// is never translated. Every path a peer names is resolved inside an [os.Root],
// so that nothing outside the mailbox roots can be read or written.
package maildir
