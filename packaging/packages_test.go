package packaging_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"smd-applet/desktoptest"
)

// TestPackages makes every kind of package, for this machine, and looks at them
// as those who get them do.
func TestPackages(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "make", "dpkg-deb", "rpm", "zstd", "lintian", "appstreamcli", "desktop-file-validate", "systemd-analyze", "mandoc", "man")
	tree, other := filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "another", "place")
	packages := makePackages(t, tree)
	again := makePackages(t, other)
	root := filepath.Join(t.TempDir(), "root")
	output(t, "dpkg-deb", "-x", packages["deb"], root)

	t.Run("reproducible", func(t *testing.T) {
		t.Parallel()
		for kind, file := range packages {
			first, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			second, err := os.ReadFile(again[kind])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first, second) {
				t.Errorf("%s has other bytes when it is made in another directory", filepath.Base(file))
			}
		}
	})
	t.Run("contents", func(t *testing.T) {
		t.Parallel()
		installed := filepath.Join(t.TempDir(), "installed")
		output(t, "make", "-C", tree, "install", "DESTDIR="+installed, "PREFIX=/usr")
		want := files(t, installed)
		if !slices.Contains(want, "usr/bin/smd-pull") || !slices.Contains(want, "usr/lib/systemd/user/smd-loop.service") {
			t.Errorf("make install installed %q", want)
		}
		deb := slices.Sorted(slices.Values(append(slices.Clone(want),
			"usr/share/doc/smd-applet/changelog.Debian.gz",
			"usr/share/lintian/overrides/smd-applet",
			"usr/share/zsh/vendor-completions/_smd-applet")))
		const rpmFormat = `[%{FILEMODES:perms} %{FILENAMES}\n]`
		notDirectories := regexp.MustCompile(`(?m)^[^d]\S+ (.*\n)`)
		var rpm strings.Builder
		for _, m := range notDirectories.FindAllStringSubmatch(output(t, "rpm", "-qp", "--qf", rpmFormat, packages["rpm"]), -1) {
			rpm.WriteString(m[1])
		}
		for kind, tc := range map[string]struct{ want, got []string }{
			"deb":         {deb, files(t, root)},
			"rpm":         {want, listed(rpm.String())},
			"apk":         {want, listed(output(t, "tar", "-tzf", packages["apk"]))},
			"pkg.tar.zst": {want, listed(output(t, "tar", "--zstd", "-tf", packages["pkg.tar.zst"]))},
		} {
			for _, name := range tc.want {
				if !slices.Contains(tc.got, name) {
					t.Errorf("%s lacks %s", kind, name)
				}
			}
			for _, name := range tc.got {
				if !slices.Contains(tc.want, name) {
					t.Errorf("%s has %s, which is not installed", kind, name)
				}
			}
		}
	})
	t.Run("programs", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		programs, err := os.ReadDir(filepath.Join(root, "usr", "bin"))
		if err != nil || len(programs) < 10 {
			t.Fatalf("programs: %v, %v", programs, err)
		}
		for _, p := range programs {
			help := exec.CommandContext(t.Context(), filepath.Join(root, "usr", "bin", p.Name()), "--help")
			help.Env = append(os.Environ(), "HOME="+home)
			if out, err := help.CombinedOutput(); err != nil || !strings.Contains(string(out), "Usage:") {
				t.Errorf("%s --help: %v\n%s", p.Name(), err, out)
			}
			if _, err := os.Stat(page(root, p.Name())); err != nil {
				t.Errorf("%s has no manual page: %v", p.Name(), err)
			}
		}
	})
	t.Run("manual", func(t *testing.T) {
		t.Parallel()
		pages, err := filepath.Glob(filepath.Join(root, "usr", "share", "man", "man*", "*.gz"))
		if err != nil || len(pages) < 12 {
			t.Fatalf("pages: %q, %v", pages, err)
		}
		for _, p := range pages {
			for _, check := range [][]string{
				{"mandoc", "-T", "lint", "-W", "warning", p},
				{"man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", p},
			} {
				cmd := exec.CommandContext(t.Context(), check[0], check[1:]...)
				var said bytes.Buffer
				if cmd.Stderr = &said; check[0] == "mandoc" {
					cmd.Stdout = &said
				}
				if err := cmd.Run(); err != nil || said.Len() > 0 {
					t.Errorf("%s of %s: %v\n%s", check[0], filepath.Base(p), err, &said)
				}
			}
		}
		written, err := filepath.Glob("man/*.1")
		if err != nil || len(written) == 0 {
			t.Fatalf("what is written by hand: %q, %v", written, err)
		}
		for _, w := range written {
			if _, err := os.Stat(page(root, strings.TrimSuffix(filepath.Base(w), ".1"))); err != nil {
				t.Errorf("%s belongs to no program: %v", w, err)
			}
		}
	})
	t.Run("desktop", func(t *testing.T) {
		t.Parallel()
		share := filepath.Join(root, "usr", "share")
		output(t, "appstreamcli", "validate", "--no-net", filepath.Join(share, "metainfo", "io.github.smd_applet.smd_applet.metainfo.xml"))
		output(t, "desktop-file-validate", filepath.Join(share, "applications", "smd-applet.desktop"))
		if _, err := os.Stat(filepath.Join(root, "etc")); err == nil {
			t.Error("the package has something in /etc: it must not start the applet for everybody")
		}
	})
	t.Run("units", func(t *testing.T) {
		t.Parallel()
		verifyUnits(t, root)
	})
	t.Run("lintian", func(t *testing.T) {
		t.Parallel()
		output(t, "lintian", "--fail-on", "error", "--allow-root", packages["deb"])
	})
}

// makePackages makes the packages from a copy of the sources in dir.
func makePackages(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		from, to := filepath.Join("..", e.Name()), filepath.Join(dir, e.Name())
		switch {
		case e.Name() == ".git", e.Name() == "bin":
		case e.IsDir():
			err = os.CopyFS(to, os.DirFS(from))
		default:
			var content []byte
			if content, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	output(t, "make", "-C", dir, "packages", "ARCHS="+runtime.GOARCH, "VERSION=tested", "COMMIT=none")
	found := make(map[string]string)
	for _, kind := range []string{"deb", "rpm", "apk", "pkg.tar.zst"} {
		files, err := filepath.Glob(filepath.Join(dir, "bin", "packages", "*."+kind))
		if err != nil || len(files) != 1 {
			t.Fatalf("packages: %q, %v, want one *.%s", files, err, kind)
		}
		found[kind] = files[0]
	}
	return found
}

// output runs a program, which must succeed, and returns what it printed.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	// As at a person's prompt: not in the make that runs the tests, nor with
	// the C compiler that the race detector needs.
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "CGO_ENABLED=0", "SOURCE_DATE_EPOCH=1790000000")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// files lists what is below dir, without the directories, sorted.
func files(t *testing.T, dir string) []string {
	t.Helper()
	return listed(output(t, "find", dir, "-not", "-type", "d", "-printf", "%P\n"))
}

// listed sorts a list of what is in a package and leaves out directories and
// what the package manager goes by.
func listed(list string) []string {
	var names []string
	for line := range strings.Lines(list) {
		name := strings.TrimPrefix(strings.TrimSpace(line), "/")
		if !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// page is where the manual page of a program is.
func page(root, program string) string {
	return filepath.Join(root, "usr", "share", "man", "man1", program+".1.gz")
}

// verifyUnits lets systemd judge the units, with programs and manual pages from
// the package: systemd wants those to be there.
func verifyUnits(t *testing.T, root string) {
	t.Helper()
	dir := t.TempDir()
	units, err := filepath.Glob(filepath.Join(root, "usr", "lib", "systemd", "user", "*.service"))
	if err != nil || len(units) != 2 {
		t.Fatalf("units: %q, %v", units, err)
	}
	for i, unit := range units {
		content, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		units[i] = filepath.Join(dir, filepath.Base(unit))
		content = bytes.ReplaceAll(content, []byte("ExecStart=smd-"), []byte("ExecStart="+filepath.Join(root, "usr", "bin")+"/smd-"))
		if err := os.WriteFile(units[i], content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"--user", "verify", "--recursive-errors=yes"}, units...)...)
	verify.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "MANPATH="+filepath.Join(root, "usr", "share", "man"))
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
