package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// programPath returns the absolute path this program was called by, links not
// followed: its directory is where the programs beside it are.
func programPath() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		if path, err = os.Executable(); err != nil {
			return "", fmt.Errorf("find this program: %w", err)
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return path, nil
}
