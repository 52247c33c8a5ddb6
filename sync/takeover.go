package sync

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"smd-applet/sync/check"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// TakenOver is what there is to do about an endpoint of syncmaildir.
type TakenOver struct {
	Endpoint string // or "this machine"
	Findings []check.Finding
}

// TakeOverSMD looks at what syncmaildir left: its configurations and what it
// agreed on are used as they are, so there is only to be said what else is there.
// It changes nothing.
func (s *Sessions) TakeOverSMD(ctx context.Context) ([]TakenOver, error) {
	names, err := config.Endpoints(s.Paths)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fault.New(fault.Config, "take over syncmaildir", s.Paths.SMD(), errors.New("there is no configuration"))
	}
	here := TakenOver{Endpoint: "this machine", Findings: s.leftBySMD()}
	all := []TakenOver{here}
	for _, name := range names {
		findings, err := s.Check(ctx, name)
		if err != nil {
			return nil, err
		}
		e, err := config.Load(ctx, s.Paths, name)
		if err == nil { // else the check tells
			r := &session{Sessions: s, endpoint: e}
			state := check.Finding{Topic: "state", Level: check.OK, Text: "goes on from " + r.files().DB}
			if r.isNew() {
				state = check.Finding{Topic: "state", Level: check.Note, Text: "syncmaildir agreed on nothing yet by this CLIENTNAME: the first sync compares both ends, and deletes nothing"}
			}
			findings = append(findings, state)
		}
		all = append(all, TakenOver{name, findings})
	}
	return all, nil
}

// leftBySMD finds what syncmaildir leaves on a machine and nothing needs.
func (s *Sessions) leftBySMD() []check.Finding {
	var all []check.Finding
	for _, program := range []string{"smd-pull", "smd-loop", "smd-applet"} {
		found, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		real, err := filepath.EvalSymlinks(found)
		self, selfErr := filepath.EvalSymlinks(s.Program)
		f := check.Finding{Topic: "programs", Level: check.OK, Text: found + " is this program"}
		if err != nil || selfErr != nil || real != self {
			f = check.Finding{
				Topic: "programs", Level: check.Warning, Text: found + " is another program",
				Fix: "remove syncmaildir, or put " + filepath.Dir(s.Program) + " in front of $PATH",
			}
		}
		all = append(all, f)
	}
	for _, left := range []string{"workarea", "fifo"} {
		if _, err := os.Lstat(filepath.Join(s.Paths.SMD(), left)); err == nil {
			all = append(all, check.Finding{Topic: "files", Level: check.Note, Text: "~/.smd/" + left + " is of no use any more", Fix: "once syncmaildir is not run any more: rm -r ~/.smd/" + left})
		}
	}
	return all
}
