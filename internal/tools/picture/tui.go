//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"shoal/internal/screen"
)

// The size of the terminal, and how the limit of all torrents goes while the graph fills: steps of two seconds, in MB a second, 0 for none.
const tuiColumns, tuiRows = 110, 30

var rhythm = []int{3, 4, 5, 6, 7, 9, 11, 12, 0, 0, 11, 8, 7, 9, 0, 0, 0, 10, 6, 5, 4, 5, 8, 11, 0, 0, 12, 10, 8, 10, 0, 0, 9, 7, 9, 11, 0, 0, 12, 10, 0, 0, 0, 11, 9, 11, 50, 50, 50}

// drawTUI makes the pictures of shoal tui.
func drawTUI(shoal, dir string) error {
	s, err := newScene(shoal, dir)
	if err != nil {
		return err
	}
	defer s.end()
	if err := s.set(); err != nil {
		return err
	}
	t := screen.New(tuiColumns, tuiRows)
	cmd := exec.Command(shoal, "tui", "--theme", "dark", "--no-mouse")
	cmd.Env, cmd.Dir = s.env, dir
	p, err := screen.Start(cmd, t)
	if err != nil {
		return err
	}
	defer func() {
		_ = p.Signal(syscall.SIGTERM)
		_ = p.Wait()
	}()
	if err := shows(t, `Rates, last 5 min`); err != nil {
		return err
	}
	for _, mb := range rhythm {
		if _, err := s.run("limit", "--session", "--down", fmt.Sprintf("%dMB", mb)); err != nil {
			return err
		}
		time.Sleep(2 * time.Second)
	}
	if err := shows(t, `of 50 MB/s`); err != nil {
		return err
	}
	for _, shot := range []struct{ keys, shows, file, label string }{
		{"g", `\[Overview\]`, "list", "shoal tui: the list of torrents, with the details of the selected one below"},
		{"\r", `(?s)why .*pieces .*rates `, "details", "shoal tui: the overview of a torrent, with what keeps it back, its pieces and rates"},
		{"qGkk  D", `AND delete their files`, "remove", "shoal tui: it asks before files are deleted, and keeps them unless y is pressed"},
	} {
		fmt.Fprint(p.Keyboard, shot.keys)
		if err := shows(t, shot.shows); err != nil {
			return err
		}
		time.Sleep(1500 * time.Millisecond) // what the details ask for comes a little later
		file := filepath.Join("testdata", "picture", shot.file+".svg")
		if err := os.WriteFile(file, []byte(svg([][][]screen.Cell{t.Cells()}, tuiColumns, shot.label)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// shows waits until the terminal shows what matches.
func shows(t *screen.Screen, pattern string) error {
	re, late := regexp.MustCompile(pattern), time.After(time.Minute)
	for {
		news := t.Changed()
		if re.MatchString(t.String()) {
			return nil
		}
		select {
		case <-news:
		case <-late:
			return fmt.Errorf("the terminal never showed %s:\n%s", pattern, t)
		}
	}
}
