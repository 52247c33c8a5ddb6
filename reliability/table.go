package main

// chapter is a table of the report.
type chapter struct {
	title string
	rows  []row
}

// row is something that is tried: a test, or a subtest, of a package.
type row struct {
	what, pkg, test string
}

var chapters = []chapter{
	{"Death and power cuts", []row{
		{"an end killed before, in the middle of or after a step, with and without what was not yet durable", "cmd/smd-applet", "TestCrashMatrix"},
		{"order of writes and fsyncs: the check of it sees each way to get it wrong", "sync/synctest/steps", "TestCheck"},
		{"a program killed in the middle of a first sync", "cmd/smd-applet", "TestKilledInTheMiddle"},
		{"a process killed while it commits the agreed state: the state is that of its last commit", "sync/agreed", "TestKilled"},
		{"the agreed state's file damaged: begun anew, nothing deleted", "sync/agreed", "TestDamagedFileHeals"},
		{"a folder that a crash left half made: completed", "sync/twoway", "TestHalfMadeFolderIsCompleted"},
		{"a message that became empty or short, smd/2: not sent, mended from the other end", "sync/twoway", "TestDamageIsMended"},
		{"the same, smd 1.3", "sync/apply", "TestDamageIsMended"},
	}},
	{"Histories", []row{
		{"what two people may do to two copies of a mailbox, at random, smd/2", "sync/twoway", "TestHistories"},
		{"the same on a line that stays open", "sync/twoway", "TestResidentHistories"},
		{"the same with the line cut at any byte", "sync/twoway", "TestCutHistories"},
		{"dovecot-lda delivers, and what came is flagged as mutt does, during runs", "cmd/smd-applet", "TestDovecotDelivers"},
		{"mail programs at work on both mailboxes during the run", "sync/twoway", "TestChangesDuringSync"},
		{"a message flagged or moved, at either end or both, between its early arrival and the run, or in the run: kept once", "sync/twoway", "TestEarlyArrivalIsKeptOnce"},
		{"a message flagged, or moved away, between the look and the reading of it", "sync/tracker", "TestReadAfterARename"},
		{"a message moved at one end, and filed anew at the other whenever that looks: kept once", "sync/twoway", "TestMovedInARestlessMailbox"},
		{"a line cut at each frame, or an end dead at each step, then the message flagged, moved or edited at either end or both, smd/2: kept once", "sync/twoway", "TestMovedAfterAMishapIsKeptOnce"},
		{"so while a new content of a message both have is on its way", "sync/twoway", "TestEditedAfterAMishapIsKeptOnce"},
		{"so while each end has a message of the same content: both stay", "sync/twoway", "TestSameContentStaysTwice"},
		{"so, and then another message given the name of one that has not come: both stay", "sync/twoway", "TestAnotherOfThatNameStays"},
		{"the client killed when a message lies at both ends and is not agreed on, then that refiled or edited, smd/2: kept once", "cmd/smd-applet", "TestMovedAfterAKillIsKeptOnce"},
		{"a run given up when a message came early, then both ends begun anew, the server without mail: it stays", "sync/twoway", "TestListGoesWithItsState"},
		{"a message flagged, moved or edited after a pull or push that was cut at each line, smd 1.3; then the same way is gone again, or, but for edited ones, the other: kept once", "sync/apply", "TestMovedAfterACutIsKeptOnce"},
		{"smd 1.3: a run that failed between the list of what it brought and putting that in place; an older message of the same content stays", "sync/apply", "TestListedButNotPlaced"},
		{"short histories, enumerated: deliver, flag, move, copy, delete, edit header, rename folder at two ends; the line cut at each frame, smd/2", "sync/twoway", "TestShortHistories"},
		{"the same, smd 1.3: a pull or push cut at each line", "sync/apply", "TestShortHistories"},
		{"the same histories, up to three operations long; either end dies at a step, smd/2 (all: make crash-histories)", "sync/twoway", "TestDeaths"},
		{"some of them with programs that are killed at a step, both dialects (all: make crash-programs)", "cmd/smd-applet", "TestShortHistoriesDie"},
		{"the same message changed at both ends, smd 1.3", "sync/apply", "TestConflicts"},
	}},
	{"A faulty world", []row{
		{"a system call that fails, once or from then on, with EIO, ENOSPC, EDQUOT, EACCES, EROFS, EMFILE, ENFILE or ESTALE, at either end: a word for a person, nothing lost, the next runs converge", "cmd/smd-applet", "TestFaultMatrix"},
		{"a disk that fills up during a pull or a push, a real one", "cmd/smd-applet", "TestScripts/full-disk"},
		{"a folder nobody may read, at either end", "cmd/smd-applet", "TestScripts/unreadable-folder"},
		{"folders that vanish while they are scanned", "sync/maildir", "TestScanOfVanishingFolders"},
		{"a folder replaced by another while it is scanned", "sync/maildir", "TestScanOfReplacedFolder"},
		{"a directory that changes while it is listed", "sync/maildir", "TestListOfChangingDirectory"},
		{"a link cut or dead in the middle of a run, a hook or notmuch that hangs: ended within two seconds, the next run goes on", "cmd/smd-applet", "TestLoopIsEnded"},
		{"a link that lets no byte pass any more", "cmd/smd-applet", "TestLoopIsEndedOnADeadLine"},
		{"a clock a day behind, years ahead, or before 1970 at one end", "sync/twoway", "TestClockIsWrong"},
		{"a disk without hard links, and one that takes names for the same which differ in case only", "cmd/smd-applet", "TestOddDisks"},
		{"a mailbox moved away or replaced while the line stays open, smd/2", "sync/twoway", "TestMailboxIsReplaced"},
		{"a line throttled to single bytes, smd/2", "sync/twoway", "TestDrippingLine"},
		{"the same, smd 1.3", "sync/apply", "TestDrippingLine"},
		{"a peer that stalls for ever, or talks now and then, in made-up time", "sync", "TestSilence"},
		{"a server that takes the connection and says nothing", "sync/remote", "TestSilentServer"},
	}},
	{"Overlaps", []row{
		{"smd-pull, smd-push, sync, loop and applet started at once, by two clients of one server, while folders are renamed and removed: no letter lost", "cmd/smd-applet", "TestOverlaps"},
		{"two applets on one home, the first killed, its socket gone", "cmd/smd-applet", "TestSecondApplet"},
		{"a run refused by another one's lock: no byte changed at either end", "cmd/smd-applet", "TestRefusedRunChangesNothing"},
	}},
	{"The other end is hostile", []row{
		{"an agent that sends what it may not: a typed refusal, nothing written outside", "sync/twoway", "TestHostileAgent"},
		{"a client that asks for what it may not", "sync/twoway", "TestHostileClient"},
		{"a server of smd 1.3 that floods, repeats itself, lies about lengths, contents and places", "sync/apply", "TestHostileServer"},
		{"changes without end, smd 1.3: refused before they take memory", "sync/apply", "TestFloodOfChangesTakesNoMemory"},
		{"LZMA bombs: memory measured", "sync/vcdiff", "TestBombsTakeNoMemory"},
		{"a host key that is unknown or changed, a key that is refused", "sync/remote", "TestRefusals"},
		{"files, folders and socket that others could read; a secret in a log, a status or a message", "cmd/smd-applet", "TestPrivate"},
		{"a way around smd-restricted-shell", "cmd/smd-applet", "TestRestrictedShellRefuses"},
		{"a message sent to a place outside the mailbox", "cmd/smd-applet", "TestRestrictedShellWritesMailOnly"},
	}},
	{"Mail or memory is lost at one end", []row{
		{"unmounted or missing mailbox, rm -rf, a folder gone or unreadable, an old backup, agreed states lost, old or another mailbox's, a machine installed from scratch; both dialects, either end: the other end keeps all, in the end both have all", "cmd/smd-applet", "TestLosses"},
		{"a folder gone as a folder, smd/2: held back, then confirmed", "sync/twoway", "TestFolderGoneIsHeld"},
		{"the same, then brought back", "sync/twoway", "TestHeldIsRestored"},
		{"the same, and the mail comes back by itself", "sync/twoway", "TestReappearanceWithdraws"},
		{"on a desktop: the popup asks, popup or menu answers, either way; an unmounted mailbox", "cmd/smd-applet", "TestHeldDeletionsOnARealPanel"},
		{"more deletions than MAX_DELETE", "sync/twoway", "TestTooManyAreHeld"},
		{"a folder gone here, smd 1.3", "sync/apply", "TestGuardHoldsAVanishedFolder"},
		{"a folder gone there, smd 1.3", "sync/apply", "TestGuardHoldsTheServersDeletions"},
		{"an unmounted mailbox, smd 1.3", "sync/apply", "TestEmptyMountPoint"},
		{"an agreed state lost, smd 1.3: union, no deletion, no duplicate", "sync/apply", "TestLostStateHeals"},
	}},
}
