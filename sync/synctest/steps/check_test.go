package steps_test

import (
	"strings"
	"testing"

	"smd-applet/sync/synctest/steps"
)

// The check of a trace sees what it is there for, and nothing else.
func TestCheck(t *testing.T) {
	t.Parallel()
	const tmp, file, dir = "/m/tmp/1", "/m/cur/1", "/m/cur"
	write := steps.Step{Call: "write", Path: tmp, Bytes: 9}
	flush := steps.Step{Call: "fsync", Path: tmp}
	name := steps.Step{Call: "rename", Path: tmp, To: file}
	link := steps.Step{Call: "link", Path: tmp, To: file}
	settle := steps.Step{Call: "fsync", Path: dir}
	all := steps.Step{Call: "syncfs", Path: dir}
	remove := steps.Step{Call: "unlink", Path: "/m/cur/2"}
	agree := steps.Step{Call: "write", Path: "/h/.smd/laptop__Mail.agreed", Bytes: 9}
	agree13 := steps.Step{Call: "write", Path: "/h/.smd/laptop__Mail.db.txt", Bytes: 9}
	sent := steps.Step{Call: "write", Path: "pipe:[7]", Bytes: 9}
	pid := steps.Step{Call: "write", Path: "/h/.smd/locks/lock.pid", Bytes: 5}
	lock := steps.Step{Call: "rename", Path: pid.Path, To: "/h/.smd/lock"}
	other := steps.Step{Call: "rename", Path: pid.Path, To: "/h/.smd/config.lock"}
	failed := func(s steps.Step) steps.Step { s.Failed = true; return s }
	for _, c := range []struct {
		what  string
		trace []steps.Step
		want  string // of the one fault; "" is none
	}{
		{"as it is to be", []steps.Step{write, flush, name, settle, remove, agree}, ""},
		{"as it is to be, by a link", []steps.Step{write, flush, link, settle, agree13}, ""},
		{"all made durable at once", []steps.Step{write, name, all, remove}, "its content is not durable"},
		{"a name before the content is durable", []steps.Step{write, name, settle}, "step 2"},
		{"a link before the content is durable", []steps.Step{write, link, settle}, "step 2"},
		{"the content written to after its fsync", []steps.Step{write, flush, write, name, settle}, "step 4"},
		{"an fsync that failed", []steps.Step{write, failed(flush), name, settle}, "step 3"},
		{"a message removed before the new name is durable", []steps.Step{write, flush, name, remove}, "step 4"},
		{"a removal that failed", []steps.Step{write, flush, name, failed(remove), settle}, ""},
		{"an agreement before the name is durable", []steps.Step{write, flush, name, agree}, "step 4"},
		{"an agreement before the name is durable, in smd 1.3", []steps.Step{write, flush, name, agree13}, "step 4"},
		{"an agreement, and then the name", []steps.Step{agree, write, flush, name, settle}, ""},
		{"a pid file needs no disk", []steps.Step{pid, lock}, ""},
		{"what is no pid file does", []steps.Step{pid, other}, "step 2"},
		{"what is sent needs no disk", []steps.Step{sent, write, flush, name, sent, settle}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			faults := steps.Check(c.trace)
			switch {
			case c.want == "" && len(faults) > 0:
				t.Errorf("%q", faults)
			case c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.want)):
				t.Errorf("%q, want one about %q", faults, c.want)
			}
		})
	}
}
