package main_test

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"smd-applet/sync/synctest/steps"
)

// What the test binary is asked to be by its environment, in place of tests.
const (
	// A witness runs a program and writes the most memory it had to a file: the
	// program, and the file.
	asWitness   = "SMD_APPLET_WITNESS_OF"
	witnessFile = "SMD_APPLET_WITNESS_FILE"
	// A player acts a program of stock SMD as the play in a file says.
	asPlayer = "SMD_APPLET_PLAY"
)

func TestMain(m *testing.M) {
	if program := os.Getenv(asWitness); program != "" {
		os.Exit(bearWitness(program))
	}
	if play := os.Getenv(asPlayer); play != "" {
		os.Exit(perform(play, os.Args[1:]))
	}
	if status, ran := steps.Main(); ran {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

func bearWitness(program string) int {
	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = cmd.Run() // its status is passed on
	peak := strconv.FormatInt(peakOf(cmd.ProcessState), 10)
	if err := os.WriteFile(os.Getenv(witnessFile), []byte(peak), 0o600); err != nil {
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// peakOf is the most memory a process had, in bytes. That of a large parent
// counts, from before the child became a program of its own: so there is a small
// witness in between.
func peakOf(s *os.ProcessState) int64 { return s.SysUsage().(*syscall.Rusage).Maxrss << 10 }
