package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// fileManager is the program that shows folders, "" for none. Without a desktop xdg-open would start a browser on our terminal.
func fileManager(goos string, getenv func(string) string) string {
	switch {
	case goos == "windows":
		return "explorer"
	case goos == "darwin":
		return "open"
	case getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "":
		return "xdg-open"
	}
	return ""
}

// openFolder shows a folder of this machine in the file manager, of which there is one; it goes on by itself.
func openFolder(dir string) error {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() || !filepath.IsAbs(dir) {
		return errors.New("there is no such folder yet")
	}
	cmd := exec.Command(fileManager(runtime.GOOS, os.Getenv), dir) // no input, no output: the terminal is ours
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("file manager: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
