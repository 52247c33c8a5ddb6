package sync_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "smd-applet"
	core   = module + "/sync"
)

// listed is what these tests read of go list's answer.
type listed struct {
	ImportPath   string
	Dir          string
	Imports      []string
	GoFiles      []string
	IgnoredFiles []string `json:"IgnoredGoFiles"`
	TestGoFiles  []string
	XTestGoFiles []string
}

// goList answers for every package that patterns match, for the machine the
// tests run on.
func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("go list: %s", failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// TestCoreKnowsNoScreen keeps the core usable on a server: nothing that draws
// is among all it depends on.
func TestCoreKnowsNoScreen(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "-deps", core+"/...") {
		for _, screen := range []string{
			module + "/tray", module + "/notify", module + "/control", module + "/desk", module + "/phrase", module + "/cmd",
			"fyne.io/systray", "github.com/gen2brain/beeep", "github.com/esiqveland/notify",
		} {
			if within(p.ImportPath, screen) {
				t.Errorf("the sync core depends on %s", p.ImportPath)
			}
		}
	}
}

// TestArrowsPointDown keeps the parts below sync from knowing the whole: only
// the faces and what serves tests import sync itself.
func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	mayImport := []string{module + "/cmd", module + "/tray", module + "/notify", module + "/control", module + "/desk", core + "/synctest", core + "/demo", core}
	for _, p := range goList(t, module+"/...") {
		if !slices.Contains(p.Imports, core) {
			continue
		}
		allowed := slices.ContainsFunc(mayImport, func(from string) bool {
			return p.ImportPath == from || from != core && within(p.ImportPath, from)
		})
		if !allowed {
			t.Errorf("%s imports %s, which stands above it", p.ImportPath, core)
		}
	}
}

// TestStandardSyncIsNamed keeps the two packages called sync apart: the
// standard one is stdsync in every file, for every platform.
func TestStandardSyncIsNamed(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, module+"/...") {
		for _, file := range slices.Concat(p.GoFiles, p.IgnoredFiles, p.TestGoFiles, p.XTestGoFiles) {
			path := filepath.Join(p.Dir, file)
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Error(err)
				continue
			}
			for _, spec := range parsed.Imports {
				if spec.Path.Value == `"sync"` && (spec.Name == nil || spec.Name.Name != "stdsync") {
					t.Errorf("%s imports the standard sync under another name than stdsync", path)
				}
			}
		}
	}
}

func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}
