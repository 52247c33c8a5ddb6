package serve

import (
	"context"
	"fmt"
	"slices"
	"time"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// Detect hands each change since the agreed state to emit, as it is found,
// deletions last, and writes the new state beside the agreed one, which stays.
// It is a run's part that needs no other end: StopAfterDiff, Sent and Progress
// of the options mean nothing here.
func Detect(ctx context.Context, opt Options, emit func(delta.Action) error) (*Result, error) {
	result := &Result{Held: make(map[string]int)}
	return result, detect(ctx, opt, result, emit)
}

func detect(ctx context.Context, opt Options, result *Result, emit func(delta.Action) error) error {
	old, err := index.Load(opt.Files.DB)
	if err != nil {
		return fault.New(maildir.KindOf(err), "read the agreed state", opt.Files.DB, err)
	}
	since, err := opt.Files.ScanTime()
	if err != nil {
		return fault.New(maildir.KindOf(err), "read the time of the last scan", opt.Files.DB, err)
	}
	started := time.Now()
	found, err := scan(ctx, opt.Store, old, since, opt.Excluded)
	if err != nil {
		return err
	}
	result.Skipped = found.report.Skipped
	if err := plausible(old, found); err != nil {
		return err
	}
	unsettled, err := readUnsettled(opt.Files, old)
	if err != nil {
		return err
	}
	c := &changes{scanned: found, unsettled: unsettled, opt: opt, result: result, changed: make([]bool, old.Len())}
	c.emit = func(a delta.Action) error {
		result.Counts.Add(a)
		return emit(a)
	}
	if err := c.find(ctx); err != nil {
		return err
	}
	if opt.DryRun {
		return nil
	}
	if err := opt.Ledger.Save(); err != nil {
		return fault.New(maildir.KindOf(err), "write the list of held deletions", "", err)
	}
	if err := opt.Files.WriteNew(c.newState); err != nil {
		return fault.New(maildir.KindOf(err), "write the new state", opt.Files.New(), err)
	}
	if err := opt.Files.WriteScanTime(started); err != nil {
		return fault.New(maildir.KindOf(err), "write the time of the scan", opt.Files.DB, err)
	}
	return nil
}

// plausible refuses to take an empty mount point for a mailbox whose every
// message was deleted.
func plausible(old *index.Index, found *scanned) error {
	if old.Len() == 0 || len(found.report.Folders) > 0 || !slices.Contains(found.gone(), true) {
		return nil
	}
	return fault.New(fault.MailboxMissing, "scan", found.store.Home(),
		fmt.Errorf("there is no folder in the mailbox, where %d messages were: is it mounted?", old.Len()))
}
