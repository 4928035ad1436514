//go:build linux

package clients

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"shoal/bench/partner"
)

// driver is the client made of libtorrent.
//
//go:embed driver.py
var driver string

func (p Programs) shoal() *Client {
	return &Client{
		Name:    "shoal",
		Missing: func() string { return "" }, // the harness builds it
		Version: func() string {
			out, _ := exec.Command(p.Shoal, "version", "--quiet").CombinedOutput()
			v := version("shoal", string(out))
			if _, rest, ok := strings.Cut(string(out), "(commit "); ok {
				id, _, _ := strings.Cut(rest, ",")
				v += " (" + id + ")"
			}
			return v
		},
		ready: says("seeding"),
		command: func(j Job) (*exec.Cmd, error) {
			args := []string{"--listen", j.Addr.String(), "--no-dht", "--no-lsd", "--no-pex", "--no-utp", "--no-portmap", "--progress", "plain"}
			if j.Up > 0 {
				args = append(args, "--limit-up", fmt.Sprintf("%dKiB", j.Up))
			}
			if j.Peers > 100 {
				args = append(args, "--max-peers", fmt.Sprint(j.Peers+50))
			}
			if j.Slots > 0 {
				args = append(args, "--upload-slots", fmt.Sprint(j.Slots))
			}
			if j.RC4 {
				args = append(args, "--encryption", "require")
			}
			if j.Stay {
				args = append(args, "--keep-seeding")
			}
			if j.Seed {
				args = slices.Concat([]string{"seed", j.Torrent}, j.More, []string{"--data", j.Folder}, args)
			} else {
				args = append([]string{"get", j.Torrent, "-o", j.Folder}, args...)
			}
			cmd := exec.Command(p.Shoal, args...)
			cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+j.State, "XDG_CONFIG_HOME="+j.State, "XDG_CACHE_HOME="+j.State, "XDG_RUNTIME_DIR="+j.State)
			return cmd, nil
		},
	}
}

func (p Programs) libtorrent() *Client {
	return &Client{
		Name: "libtorrent",
		Missing: func() string {
			if exec.Command(p.Python, "-c", "import libtorrent").Run() != nil {
				return p.Python + " has no libtorrent"
			}
			return ""
		},
		Version: func() string {
			return versionOf("libtorrent", p.Python, "-c", "import libtorrent; print(libtorrent.version)")
		},
		ready: says("ready"),
		done:  says("ready"),
		command: func(j Job) (*exec.Cmd, error) {
			arg, err := json.Marshal(map[string]any{"seed": j.Seed, "torrent": j.Torrent, "folder": j.Folder, "address": j.Addr.String(),
				"up": j.Up << 10, "peers": max(j.Peers, 200), "rc4": j.RC4})
			return exec.Command(p.Python, "-c", driver, string(arg)), err
		},
	}
}

func (p Programs) aria2() *Client {
	return &Client{
		Name:    "aria2",
		Missing: installed("aria2c"),
		Version: func() string { return versionOf("aria2", "aria2c", "--version") },
		ready:   announced,
		command: func(j Job) (*exec.Cmd, error) {
			if j.RC4 {
				return nil, fmt.Errorf("not set up for encryption")
			}
			args := []string{"--no-conf", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
				fmt.Sprintf("--listen-port=%d", j.Addr.Port()), "--interface=" + j.Addr.Addr().String(), "--dir=" + j.Folder, "--file-allocation=none",
				"--bt-max-peers=0", fmt.Sprintf("--max-overall-upload-limit=%dK", j.Up), "--summary-interval=0", "--console-log-level=warn",
				"--show-console-readout=false"}
			switch {
			case j.Seed:
				args = append(args, "--check-integrity=true", "--bt-hash-check-seed=true", "--seed-ratio=0.0", "--allow-overwrite=true")
			case j.Stay:
				args = append(args, "--seed-ratio=0.0")
			default:
				args = append(args, "--seed-time=0")
			}
			return exec.Command("aria2c", append(args, j.Torrent)...), nil
		},
	}
}

// limit is no client but what this machine allows: it receives, hashes and writes, and cannot serve. The
// address of its job is that of who sends.
func (p Programs) limit() *Client {
	return &Client{
		Name:    "limit",
		Missing: func() string { return "" },
		Version: func() string { return "" },
		command: func(j Job) (*exec.Cmd, error) {
			if j.Seed || j.Stay || j.RC4 {
				return nil, fmt.Errorf("it can only receive")
			}
			return Partner(p.Self, partner.Spec{Role: partner.Receive, Addr: j.Addr.String(), File: filepath.Join(j.Folder, "limit"), PieceLength: 1 << 20})
		},
	}
}

// Partner returns the command for a partner.
func Partner(self string, spec partner.Spec) (*exec.Cmd, error) {
	arg, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return exec.Command(self, "partner", string(arg)), nil
}

// versionOf returns the version in what a program prints about itself.
func versionOf(name, program string, args ...string) string {
	out, _ := exec.Command(program, args...).CombinedOutput()
	return version(name, string(out))
}

// version returns the first word with a digit, unless the name of the program is in it; all of it when there is none.
func version(name, out string) string {
	for _, w := range strings.Fields(out) {
		if strings.ContainsAny(w, "0123456789") && !strings.Contains(w, name) {
			return strings.Trim(w, ",()")
		}
	}
	return strings.TrimSpace(out)
}
