package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// stage is two homes on this machine, whose programs run for real: "ssh" here
// starts the other end behind a pipe. Either end can be run step by step.
type stage struct {
	t            testing.TB
	dir          string
	env          []string
	bin          string
	here, there  *synctest.Mailbox
	homes        [2]string // here, there
	protocolName string
}

// The ends of a stage.
const (
	here  = 0
	there = 1
)

func newStage(t testing.TB, dir, protocol string) *stage {
	t.Helper()
	s := &stage{t: t, dir: dir, bin: synctest.BuildBinary(t), protocolName: protocol}
	s.homes = [2]string{filepath.Join(dir, "here"), filepath.Join(dir, "there")}
	for _, d := range []string{"here/.smd", "here/Mail", "there/Mail", "path", "programs", "save"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.put("here/.smd/config.default", "SERVERNAME=mailhost\nCLIENTNAME=laptop\nMAILBOX=Mail\nSSH=openssh\n"+
		"PROTOCOL="+protocol+"\nREMOTE_PROGRAM="+filepath.Join(dir, "programs", "smd-applet")+"\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.put("path/ssh", fmt.Sprintf("#!/bin/sh\nfor last; do :; done\nexport HOME=%s\ncd\nexec /bin/sh -c \"exec $last\"\n", s.homes[there]))
	s.put("programs/smd-applet", fmt.Sprintf("#!/bin/sh\nif [ -e %[1]s ]; then export %[2]s=%[1]s; exec %[3]s %[4]s/smd-applet \"$@\"; fi\nexec %[4]s/smd-applet \"$@\"\n",
		s.orderFile(there), steps.Variable, self, s.bin))
	s.env = append(os.Environ(), "HOME="+s.homes[here], "PATH="+filepath.Join(dir, "path")+":"+s.bin+":"+os.Getenv("PATH"),
		"DBUS_SYSTEM_BUS_ADDRESS=disabled:")
	s.here = synctest.OpenMailbox(filepath.Join(s.homes[here], "Mail"), "laptop")
	s.there = synctest.OpenMailbox(filepath.Join(s.homes[there], "Mail"), "server")
	return s
}

func (s *stage) put(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// boxes are the mailboxes of both ends.
func (s *stage) boxes() [2]*synctest.Mailbox { return [2]*synctest.Mailbox{s.here, s.there} }

// orderFile is where an end finds that it is to run step by step.
func (s *stage) orderFile(end int) string { return s.homes[end] + ".order" }

// run runs a program of ours here, to its end.
func (s *stage) run(argv ...string) (string, error) { return s.step(nil, argv...) }

// step runs a program of ours here, with orders for either end.
func (s *stage) step(orders map[int]*steps.Order, argv ...string) (string, error) {
	program := filepath.Join(s.bin, argv[0])
	cmd := exec.Command(program, argv[1:]...)
	cmd.Env = s.env
	for end := range s.homes {
		file := s.orderFile(end)
		o := orders[end]
		if o == nil {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				s.t.Fatal(err)
			}
			continue
		}
		o.Trace, o.Save = s.homes[end]+".trace", filepath.Join(s.dir, "save")
		if err := o.Write(file); err != nil {
			s.t.Fatal(err)
		}
		if end == here {
			self, err := os.Executable()
			if err != nil {
				s.t.Fatal(err)
			}
			cmd = exec.Command(self, append([]string{program}, argv[1:]...)...)
			cmd.Env = append(s.env[:len(s.env):len(s.env)], steps.Variable+"="+file)
		}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
