//go:build linux

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const seeding = 6 // status of a torrent in Transmission's RPC

func (p Programs) transmission() *Client {
	return &Client{
		Name:    "transmission",
		Missing: installed("transmission-daemon"),
		Version: func() string { return versionOf("transmission", "transmission-daemon", "--version") },
		hand:    func(ctx context.Context, p *Process) error { return newTransmission(p).hand(ctx) },
		ready: func(ctx context.Context, p *Process) error {
			return newTransmission(p).reach(ctx, func(t transmissionTorrent) bool { return t.Status == seeding })
		},
		done: func(ctx context.Context, p *Process) error {
			return newTransmission(p).reach(ctx, func(t transmissionTorrent) bool { return t.LeftUntilDone == 0 && t.PercentDone == 1 })
		},
		command: func(j Job) (*exec.Cmd, error) {
			encryption := 0
			if j.RC4 {
				encryption = 2
			}
			b, err := json.Marshal(map[string]any{
				"peer-port": j.Addr.Port(), "bind-address-ipv4": j.Addr.Addr().String(), "encryption": encryption,
				"rpc-bind-address": j.Addr.Addr().String(), "rpc-port": rpcPort, "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": false,
				"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "port-forwarding-enabled": false,
				"download-dir": j.Folder, "preallocation": 0, "cache-size-mb": 64, "watch-dir-enabled": false,
				"peer-limit-global": max(j.Peers, 200) + 50, "peer-limit-per-torrent": max(j.Peers, 200) + 50, "upload-slots-per-torrent": max(j.Slots, 14),
				"speed-limit-up-enabled": j.Up > 0, "speed-limit-up": j.Up, "speed-limit-down-enabled": false,
			})
			if err != nil {
				return nil, err
			}
			if err := os.WriteFile(filepath.Join(j.State, "settings.json"), b, 0o666); err != nil {
				return nil, err
			}
			return exec.Command("transmission-daemon", "-f", "-g", j.State), nil
		},
	}
}

// rpcPort is the same for all: each has an address of its own.
const rpcPort = 17999

// transmission is one daemon's RPC interface.
type transmission struct {
	url, session string
	job          Job
	process      *Process
}

// transmissionTorrent is what is asked about a torrent.
type transmissionTorrent struct {
	Status        int     `json:"status"`
	PercentDone   float64 `json:"percentDone"`
	LeftUntilDone int64   `json:"leftUntilDone"`
}

func newTransmission(p *Process) *transmission {
	return &transmission{url: fmt.Sprintf("http://%s:%d/transmission/rpc", p.job.Addr.Addr(), rpcPort), job: p.job, process: p}
}

// hand waits for the daemon and gives it the torrent. The clock begins when the daemon is there.
func (t *transmission) hand(ctx context.Context) error {
	if err := until(ctx, func() (bool, error) { return t.call(ctx, "session-get", nil, nil) == nil, nil }); err != nil {
		return err
	}
	t.process.Began = time.Now()
	return t.call(ctx, "torrent-add", map[string]any{"filename": t.job.Torrent, "download-dir": t.job.Folder}, nil)
}

// reach waits until the torrent is as wanted.
func (t *transmission) reach(ctx context.Context, as func(transmissionTorrent) bool) error {
	return until(ctx, func() (bool, error) {
		var answer struct{ Torrents []transmissionTorrent }
		if err := t.call(ctx, "torrent-get", map[string]any{"fields": []string{"status", "percentDone", "leftUntilDone"}}, &answer); err != nil || len(answer.Torrents) == 0 {
			return false, err
		}
		got := answer.Torrents[0]
		if t.job.Seed && got.Status == 0 && got.PercentDone < 1 {
			return false, t.call(ctx, "torrent-verify", nil, nil)
		}
		time.Sleep(3 * look) // it has no other way to tell, and is not to be kept busy
		return as(got), nil
	})
}

func (t *transmission) call(ctx context.Context, method string, arguments, answer any) error {
	b, err := json.Marshal(map[string]any{"method": method, "arguments": arguments})
	if err != nil {
		return err
	}
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(b))
		if err != nil {
			return err
		}
		req.Header.Set("X-Transmission-Session-Id", t.session)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode == http.StatusConflict { // it tells the session's id this way
			t.session = res.Header.Get("X-Transmission-Session-Id")
			continue
		}
		return json.NewDecoder(res.Body).Decode(&struct {
			Arguments any `json:"arguments"`
		}{answer})
	}
	return errors.New("no session with transmission")
}
