// Command licences prints the licence texts of everything that is linked into
// smd-applet: what packages install as their copyright file. Run it as
// "go run ./packaging/licences PACKAGE", with the tags of the build.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("licences: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: licences PACKAGE")
	}
	modules, err := linked(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := write(os.Stdout, modules); err != nil {
		log.Fatal(err)
	}
}

// module is a Go module at a place on disk.
type module struct{ name, version, dir string }

// linked lists the modules whose packages end up in a program, and the standard
// library, sorted.
func linked(program string) ([]module, error) {
	const format = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}`
	list := exec.Command("go", "list", "-deps", "-tags", "nodbus", "-f", format, program)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list what %s is made of: %w", program, err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find the standard library: %w", err)
	}
	modules := []module{{"the Go standard library", runtime.Version(), strings.TrimSpace(string(root))}}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		if f := strings.SplitN(line, " ", 3); len(f) == 3 {
			modules = append(modules, module{f[0], f[1], f[2]})
		}
	}
	return modules, nil
}

const head = `smd-applet

Copyright the smd-applet authors.
Licensed under the Apache License, Version 2.0; on Debian systems its text is
in /usr/share/common-licenses/Apache-2.0, elsewhere in the file LICENSE.

The program contains what is listed below, under these licences.
`

func write(w io.Writer, modules []module) error {
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	for _, m := range modules {
		text, err := licence(m.dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		title := m.name + " " + m.version
		if _, err := fmt.Fprintf(w, "\n%s\n%s\n\n%s\n", title, strings.Repeat("-", len(title)), text); err != nil {
			return err
		}
	}
	return nil
}

// licence returns what a module says of its licence, one file after the other.
// The text of Apache's, which everybody has, is only named.
func licence(dir string) (string, error) {
	var texts []string
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			if strings.Contains(string(text), "Apache License") && strings.Contains(string(text), "TERMS AND CONDITIONS FOR USE") {
				text = []byte("Apache License, Version 2.0, as above.")
			}
			texts = append(texts, strings.TrimSpace(string(text)))
		}
	}
	if texts == nil {
		return "", errors.New("no licence found in " + dir)
	}
	return strings.Join(texts, "\n\n"), nil
}
