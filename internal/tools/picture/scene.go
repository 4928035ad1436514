//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// prop is a torrent in the picture. Its content is zeros, so that what is there already costs no time.
type prop struct {
	name  string
	files []int64 // MiB; more than one makes a folder
	have  int     // per cent that the daemon finds on its disk
	seeds int     // how many seeds it is told of
	each  string  // how fast each of them sends
	pull  string  // how fast somebody downloads it from the daemon
	after []string
}

// The props: what a shoal command does to each after it was added is in after.
var props = []prop{
	{name: "alpenglow-linux-26.10-desktop-amd64.iso", files: []int64{4212}, have: 41, seeds: 3, each: "3.2MB", after: []string{"label", "--add", "linux"}},
	{name: "harbor-os-14.1-netinst-arm64.iso", files: []int64{641}, have: 34, seeds: 2, each: "1.3MB"},
	{name: "public-domain-films-1931-1934", files: []int64{212, 188, 240, 175, 201, 96}, have: 22, seeds: 1, each: "840kB"},
	{name: "lecture-series-topology-2026", files: []int64{94, 88, 102, 97}, have: 100, pull: "1.4MB"},
	{name: "wiki-travel-en-all-2026-10.zim", files: []int64{780}, have: 100, pull: "620kB"},
	{name: "field-recordings-vol-3", files: []int64{41, 38, 52, 47, 44}, have: 100},
	{name: "open-atlas-planet-261116.osm.pbf", files: []int64{1210}, have: 63, after: []string{"stop"}},
}

// scene is a daemon with the props, and all who exchange with it.
type scene struct {
	shoal, dir, home string
	env              []string
	stop             []func()
}

// newScene makes the home of whoever sits at the terminal, of a name that looks well in the picture.
func newScene(shoal, dir string) (*scene, error) {
	home := filepath.Join(os.TempDir(), "ada")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	s := &scene{shoal: shoal, dir: dir, home: home, env: append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"XDG_RUNTIME_DIR="+home, "RUNTIME_DIRECTORY=", "SHOAL_DOWNLOAD_DIR="+filepath.Join(home, "Downloads"), "SHOAL_NO_DHT=true", "SHOAL_NO_LSD=true", "SHOAL_NO_PORTMAP=true",
		"TERM=xterm-256color", "COLORTERM=truecolor", "LC_ALL=C.UTF-8", "NO_COLOR=")}
	s.stop = append(s.stop, func() { _ = os.RemoveAll(home) })
	return s, nil
}

func (s *scene) end() {
	for i := range s.stop {
		s.stop[len(s.stop)-1-i]()
	}
}

// run runs a command of shoal to its end.
func (s *scene) run(args ...string) (string, error) {
	cmd := exec.Command(s.shoal, args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("shoal %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// background starts a command of shoal that goes on, with a state of its own, and waits for a line on one of its outputs that has the word.
func (s *scene) background(state, word string, args ...string) (line string, err error) {
	cmd := exec.Command(s.shoal, args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	if state != "" {
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(s.dir, "states", state))
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return "", err
	}
	s.stop = append(s.stop, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	var said strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), word) {
			line = lines.Text()
			go func() {
				for lines.Scan() {
				}
			}()
			return line, nil
		}
	}
	return "", fmt.Errorf("shoal %s ended:\n%s", strings.Join(args, " "), &said)
}

// zeros makes the files of a prop below a folder.
func (p *prop) zeros(dir string) error {
	for i, mib := range p.files {
		name := p.path(dir, i)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := os.Create(name)
		if err == nil {
			err = f.Truncate(mib << 20)
			err = firstOf(err, f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// spoil makes as much of the content wrong as the daemon is to lack, in stretches.
func (p *prop) spoil(dir string) error {
	const step, stretch = 256 << 10, 48
	block := 0
	for i, mib := range p.files {
		f, err := os.OpenFile(p.path(dir, i), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		for off := int64(0); off < mib<<20 && err == nil; off += step {
			if dice := uint32(block/stretch+7) * 2654435761 >> 8 % 100; int(dice) >= p.have {
				_, err = f.WriteAt([]byte{1}, off)
			}
			block++
		}
		if err := firstOf(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// path is the file i of a prop below a folder.
func (p *prop) path(dir string, i int) string {
	if len(p.files) == 1 {
		return filepath.Join(dir, p.name)
	}
	return filepath.Join(dir, p.name, fmt.Sprintf("%02d-part.bin", i+1))
}

// The addresses of the scene: all of 127.0.0.0/8 is this machine.
const daemonAt = "127.0.0.1:51413"

// set builds the scene.
func (s *scene) set() error {
	// The socket alone: a daemon of the machine keeps its port.
	if _, err := s.background("", `"peers"`, "daemon", "--json", "--rpc", "", "--listen", daemonAt); err != nil {
		return err
	}
	// The newest is the first in the list.
	if _, err := s.run("add", "magnet:?xt=urn:btih:5be0c7a1d09f3e62b84471aa90c3d8e2f6071b94&dn=concert-archive-1998.tar&tr=http://127.0.99.1:6969/announce"); err != nil {
		return err
	}
	for i := len(props) - 1; i >= 0; i-- {
		time.Sleep(time.Second) // which is how exactly a daemon tells when it was added
		if err := s.add(i, len(props)-i+1); err != nil {
			return err
		}
	}
	return nil
}

// add makes a prop, has others seed it and hands it to the daemon, where it gets the number.
func (s *scene) add(i, number int) error {
	p, src, down := &props[i], filepath.Join(s.dir, "src"), filepath.Join(s.home, "Downloads")
	torrent := filepath.Join(s.dir, fmt.Sprintf("%d.torrent", i))
	err := p.zeros(src)
	if err == nil && p.have > 0 {
		if err = p.zeros(down); err == nil {
			err = p.spoil(down)
		}
	}
	if err == nil {
		_, err = s.run("create", filepath.Join(src, p.name), "-o", torrent)
	}
	if err != nil {
		return err
	}
	source := torrent
	for n := range p.seeds {
		at := fmt.Sprintf("127.0.%d.%d:6881", i+1, 17*n+9)
		if _, err := s.background(at, "seeding", "seed", torrent, "--data", src, "--trust", "--no-super-seed", "--limit-up", p.each, "--progress", "none", "--listen", at); err != nil {
			return err
		}
		if n == 0 {
			if source, err = s.run("inspect", "--magnet", torrent); err != nil {
				return err
			}
			source = strings.TrimSpace(source)
		}
		source += "&x.pe=" + at
	}
	if _, err := s.run("add", source); err != nil {
		return err
	}
	if p.pull != "" {
		at := fmt.Sprintf("127.0.%d.77:0", i+1)
		if _, err := s.background(at, "downloading", "get", torrent, "--progress", "plain", "--listen", at, "--peer", daemonAt, "--limit-down", p.pull,
			"-o", filepath.Join(s.dir, "others", fmt.Sprint(i))); err != nil {
			return err
		}
	}
	if len(p.after) > 0 {
		_, err = s.run(append([]string{p.after[0], fmt.Sprint(number)}, p.after[1:]...)...)
	}
	return err
}
