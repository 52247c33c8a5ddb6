//go:build unix

package deploy_test

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/deploy"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
	"smd-applet/sync/synctest"
)

// server is a machine to deploy to, with nothing in its $PATH but some programs.
func server(t *testing.T, programs ...string) (*synctest.SSHD, remote.Host) {
	t.Helper()
	path := t.TempDir()
	for _, p := range programs {
		at, err := exec.LookPath(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(at, filepath.Join(path, p)); err != nil {
			t.Fatal(err)
		}
	}
	s := synctest.StartSSHD(t, synctest.SSHDOptions{Env: map[string]string{"PATH": path}})
	home := t.TempDir()
	s.WriteClientHome(t, home, "mailhost")
	h := &remote.OpenSSH{Alias: "mailhost", Options: []string{"-F", filepath.Join(home, ".ssh", "config")}, Reason: "test"}
	return s, h
}

// bare is all that a server needs to have; rm is for the sshd of the test.
var bare = []string{"sh", "cat", "mkdir", "mv", "chmod", "ln", "uname", "rm"}

func built(t *testing.T) *deploy.Program {
	t.Helper()
	p, err := deploy.Find(filepath.Join(synctest.BuildBinary(t), "smd-applet"), "", runtime.GOOS, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDeployToABareServer(t *testing.T) {
	t.Parallel()
	for name, programs := range map[string][]string{"bare": bare, "with sha256sum": append(slices.Clone(bare), "sha256sum")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, host := server(t, programs...)
			p := built(t)
			before, err := deploy.Look(t.Context(), host, "mailhost", "/nowhere/smd-applet")
			if err != nil {
				t.Fatal(err)
			}
			if before.System != runtime.GOOS || before.Machine != runtime.GOARCH || before.Installed != "" || before.Sum != "" || before.First != "" {
				t.Errorf("before: %+v", before)
			}
			var sent int64
			done, err := deploy.Install(t.Context(), host, "mailhost", p, func(n int64) { sent = n })
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(done.Version, "smd-applet ") || len(done.Kept) > 0 || sent != p.Size {
				t.Errorf("installed: %+v, sent %d of %d", done, sent, p.Size)
			}
			after, err := deploy.Look(t.Context(), host, "mailhost", "/nowhere/smd-applet")
			if err != nil {
				t.Fatal(err)
			}
			if after.Installed != done.Version || after.Sum != p.Sum || after.First != "" || after.InPath {
				t.Errorf("after: %+v", after)
			}
			if out, err := exec.Command(filepath.Join(s.ServerHome, ".local/bin/smd-server"), "--help").CombinedOutput(); err != nil {
				t.Errorf("smd-server --help: %v %s", err, out)
			}
			entries, err := os.ReadDir(filepath.Join(s.ServerHome, ".local/bin"))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), ".") {
					t.Errorf("left behind: %s", e.Name())
				}
			}
		})
	}
}

// TestDeployLeavesWhatIsThere: other programs of our names keep them, and what is
// installed stays until what replaces it has shown that it runs.
func TestDeployLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	s, host := server(t, append(slices.Clone(bare), "sha256sum")...)
	bin := filepath.Join(s.ServerHome, ".local", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"smd-applet": "#!/bin/sh\necho smd-applet 0.0.9\n", "mddiff": "#!/bin/sh\necho mine\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/opt/syncmaildir/smd-server", filepath.Join(bin, "smd-server")); err != nil {
		t.Fatal(err)
	}
	unchanged := func(name string) {
		t.Helper()
		if got, err := os.ReadFile(filepath.Join(bin, name)); err != nil || string(got) != files[name] {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}

	unfit := filepath.Join(t.TempDir(), "unfit")
	text := []byte("#!/bin/sh\necho no such system call >&2\nexit 3\n")
	if err := os.WriteFile(unfit, text, 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	for name, p := range map[string]*deploy.Program{
		"it does not run there":      {Path: unfit, Size: int64(len(text)), Sum: hex.EncodeToString(sum[:])},
		"something else arrived":     {Path: unfit, Size: int64(len(text)), Sum: strings.Repeat("0", 64)},
		"there is no such file here": {Path: unfit + ".not"},
	} {
		if _, err := deploy.Install(t.Context(), host, "mailhost", p, nil); err == nil {
			t.Errorf("%s: it was installed", name)
		}
		unchanged("smd-applet")
	}
	if left, _ := filepath.Glob(filepath.Join(bin, ".smd-applet*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	seen, err := deploy.Look(t.Context(), host, "mailhost", "/nowhere")
	if err != nil || seen.Installed != "smd-applet 0.0.9" {
		t.Errorf("it has %+v, %v", seen, err)
	}
	done, err := deploy.Install(t.Context(), host, "mailhost", built(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"smd-server", "mddiff"}; !slices.Equal(done.Kept, want) {
		t.Errorf("kept %v, want %v", done.Kept, want)
	}
	unchanged("mddiff")
	if to, err := os.Readlink(filepath.Join(bin, "smd-server")); err != nil || to != "/opt/syncmaildir/smd-server" {
		t.Errorf("smd-server leads to %s, %v", to, err)
	}
}

func TestDeployToAFullDiskOrNoShell(t *testing.T) {
	t.Parallel()
	_, host := server(t, "rm")
	_, err := deploy.Look(t.Context(), host, "mailhost", "/nowhere")
	if !fault.Is(err, fault.RemoteFailed) || !strings.Contains(fault.As(err).WayOut(), "runs no commands") {
		t.Errorf("without a shell: %v", err)
	}
	s, host := server(t, bare...)
	if err := os.MkdirAll(filepath.Join(s.ServerHome, deploy.Place), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := deploy.Look(t.Context(), host, "mailhost", "/nowhere"); !fault.Is(err, fault.FileSystem) {
		t.Errorf("with a folder in the way: %v", err)
	}
}

// TestDeployTellsOfAnotherProgram: what clients find before ours.
func TestDeployTellsOfAnotherProgram(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "smd-applet")
	if err := os.WriteFile(other, []byte("#!/bin/sh\necho smd-applet 0.0.1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, host := server(t, bare...)
	seen, err := deploy.Look(t.Context(), host, "mailhost", other)
	if err != nil || seen.First != other || seen.FirstSays != "smd-applet 0.0.1" {
		t.Errorf("at the place of the local one: %+v, %v", seen, err)
	}
	if _, err := deploy.Install(t.Context(), host, "mailhost", built(t), nil); err != nil {
		t.Fatal(err)
	}
	seen, err = deploy.Look(t.Context(), host, "mailhost", filepath.Join(s.ServerHome, deploy.Place))
	if err != nil || seen.First != "" {
		t.Errorf("the same program: %+v, %v", seen, err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	self := filepath.Join(synctest.BuildBinary(t), "smd-applet")
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		return hex.EncodeToString(sum[:]) + "  " + name + "\n"
	}
	sums := write("smd-applet-linux-arm64", header(t, elf.EM_AARCH64, elf.ELFOSABI_NONE))
	sums += write("smd-applet-freebsd-amd64", header(t, elf.EM_X86_64, elf.ELFOSABI_FREEBSD))
	sums += write("smd-applet-freebsd-arm64", header(t, elf.EM_X86_64, elf.ELFOSABI_FREEBSD))
	sums += write("smd-applet-linux-386", header(t, elf.EM_386, elf.ELFOSABI_FREEBSD))
	sums += write("smd-applet-linux-riscv64", []byte("no program"))
	sums += strings.Repeat("0", 64) + "  smd-applet-linux-arm\n"
	write("smd-applet-linux-arm", header(t, elf.EM_ARM, elf.ELFOSABI_NONE))
	write("SHA256SUMS", []byte(sums))
	for _, c := range []struct {
		from, system, machine, path, fails string
	}{
		{"", runtime.GOOS, runtime.GOARCH, self, ""},
		{"", "linux", "mips", "", "no such file"},
		{dir, "linux", "arm64", filepath.Join(dir, "smd-applet-linux-arm64"), ""},
		{dir, "freebsd", "amd64", filepath.Join(dir, "smd-applet-freebsd-amd64"), ""},
		{dir, "freebsd", "arm64", "", "another machine"},
		{dir, "linux", "386", "", "another system"},
		{dir, "linux", "riscv64", "", "no program for linux"},
		{dir, "linux", "arm", "", "not what SHA256SUMS says"},
		{dir, "linux", "amd64", "", "no such file"},
	} {
		p, err := deploy.Find(self, c.from, c.system, c.machine)
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s/%s from %q: %v, want %q", c.system, c.machine, c.from, err, c.fails)
		case c.fails == "" && (err != nil || p.Path != c.path):
			t.Errorf("%s/%s from %q: %+v, %v", c.system, c.machine, c.from, p, err)
		}
	}
}

// header is the beginning of a static program.
func header(t *testing.T, machine elf.Machine, system elf.OSABI) []byte {
	t.Helper()
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Ehsize: 64, Phentsize: 56, Shentsize: 64}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	h.Ident[elf.EI_OSABI] = byte(system)
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b  string
		older bool
	}{
		{"smd-applet 0.1.0 (commit 1)", "smd-applet 0.2.0 (commit 2)", true},
		{"smd-applet v0.9.0", "smd-applet v0.10.0", true},
		{"smd-applet v0.1.0-3-gabc", "smd-applet v0.1.0-12-gdef", true},
		{"smd-applet v0.1.0", "smd-applet v0.1.0-1-gdef", true},
		{"smd-applet 0.2.0", "smd-applet 0.1.0", false},
		{"smd-applet 0.1.0", "smd-applet 0.1.0", false},
		{"smd-applet c235df4 (commit c235df4), speaks smd/2 and smd/1.3", "smd-applet 0.1.0", false},
		{"smd-applet 0.1.0", "", false},
	} {
		if got := deploy.Older(c.a, c.b); got != c.older {
			t.Errorf("%q older than %q: %t", c.a, c.b, got)
		}
	}
}

// TestBothWays: the built-in ssh sends as much as the system's.
func TestBothWays(t *testing.T) {
	// Not parallel: the built-in one reads ~/.ssh.
	s := synctest.StartSSHD(t, synctest.SSHDOptions{})
	home := t.TempDir()
	s.WriteClientHome(t, home, "mailhost")
	t.Setenv("HOME", home)
	pool := &remote.Pool{Log: slog.New(slog.DiscardHandler)}
	defer pool.Close()
	host, err := pool.Host(t.Context(), "mailhost", "native")
	if err != nil {
		t.Fatal(err)
	}
	if done, err := deploy.Install(t.Context(), host, "mailhost", built(t), nil); err != nil || done.Version == "" {
		t.Errorf("%+v, %v", done, err)
	}
}
