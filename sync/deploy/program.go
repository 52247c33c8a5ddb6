package deploy

import (
	"bufio"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"smd-applet/sync/fault"
)

// Program is a static program for one system.
type Program struct {
	Path string
	Size int64
	Sum  string // SHA-256, in hexadecimal
}

// sumsFile lists the checksums of a release folder, as sha256sum does.
const sumsFile = "SHA256SUMS"

// Find returns the program for a system and machine: that in the release folder
// from, or, where none is named, self if it runs there, else that in the folder
// "release" beside self. A program in a release folder is named
// smd-applet-SYSTEM-MACHINE, and has to be what SHA256SUMS there says.
func Find(self, from, system, machine string) (*Program, error) {
	name := "smd-applet-" + system + "-" + machine
	if from == "" {
		if err := runsOn(self, system, machine); err == nil {
			return open(self, "")
		}
		from = filepath.Join(filepath.Dir(self), "release")
	}
	path := filepath.Join(from, name)
	if _, err := os.Stat(path); err != nil {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "find a program for", Path: system + "/" + machine, Err: err,
			Hint:     "get %s (of the release, or by \"make release\" in the source) and name its folder: smd-applet deploy --from DIR HOST",
			HintArgs: []any{name},
		}
	}
	if err := runsOn(path, system, machine); err != nil {
		return nil, fault.New(fault.Config, "use", path, err)
	}
	want, err := listedSum(filepath.Join(from, sumsFile), name)
	if err != nil {
		return nil, fault.New(fault.Config, "read the checksum of", path, err)
	}
	return open(path, want)
}

// open sums up the program at path, which has to be want unless that is empty.
func open(path, want string) (*Program, error) {
	sum, size, err := sumOf(path)
	if err != nil {
		return nil, fault.New(fault.FileSystem, "read", path, err)
	}
	if want != "" && want != sum {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "use", Path: path, Err: fmt.Errorf("it is not what %s says", sumsFile),
			Hint: "get it again",
		}
	}
	return &Program{Path: path, Size: size, Sum: sum}, nil
}

// SelfSum is the SHA-256 of the program that runs, in hexadecimal: what it tells
// of itself where a server has no other program that sums up.
func SelfSum() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	sum, _, err := sumOf(self)
	return sum, err
}

func sumOf(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// listedSum returns the checksum that a list has for a name; empty where there is
// no list.
func listedSum(list, name string) (string, error) {
	f, err := os.Open(list)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		sum, file, _ := strings.Cut(s.Text(), " ")
		if strings.TrimLeft(file, " *") == name {
			return sum, nil
		}
	}
	if err := s.Err(); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%s does not list it", list)
}

// machines are what the header of a program says of those there are releases for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "386": elf.EM_386, "arm": elf.EM_ARM, "riscv64": elf.EM_RISCV}

// runsOn says why the program at path does not run on a system, wherever that
// one's libraries are.
func runsOn(path, system, machine string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("it is no program for %s: %w", system, err)
	}
	defer f.Close()
	if want, known := machines[machine]; !known || f.Machine != want {
		return fmt.Errorf("it is for another machine than %s: %s", machine, f.Machine)
	}
	if got := systemIn(f); got != system {
		return fmt.Errorf("it is for another system than %s: %s", system, got)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it is not static: it needs the libraries of the machine it was built on")
		}
	}
	return nil
}

// systemIn is the system that a Go program is for: Linux has no mark of its own.
func systemIn(f *elf.File) string {
	switch {
	case f.OSABI == elf.ELFOSABI_FREEBSD:
		return "freebsd"
	case f.Section(".note.netbsd.ident") != nil:
		return "netbsd"
	case f.Section(".note.openbsd.ident") != nil:
		return "openbsd"
	}
	return "linux"
}
