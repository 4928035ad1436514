//go:build linux

package clients

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// sessionHeader carries the id that a daemon wants to hear from who calls it.
const sessionHeader = "X-Transmission-Session-Id"

// DaemonJob is what a daemon of shoal begins with.
type DaemonJob struct {
	State   string         // its folder; the log is there too
	Folder  string         // of the content
	Addr    netip.AddrPort // to listen on
	Through netip.AddrPort // the node of the DHT that it enters through
}

// Daemon is a running daemon of shoal, and who steers it through its unix socket.
type Daemon struct {
	*Process
	client *http.Client
	mu     sync.Mutex
	id     string // of the RPC session
}

// StartDaemon starts a daemon of shoal. It need not answer yet.
func (p Programs) StartDaemon(j DaemonJob) (*Daemon, error) {
	socket := filepath.Join(j.State, "s")
	cmd := exec.Command(p.Shoal, "daemon", "--state-dir", j.State, "--download-dir", j.Folder, "--rpc", "", "--rpc-socket", socket,
		"--listen", j.Addr.String(), "--bootstrap", j.Through.String(), "--no-lsd")
	// All at once: what is measured comes after.
	cmd.Env = append(os.Environ(), "SHOAL_QUEUE_DOWNLOADS=0", "XDG_CONFIG_HOME="+j.State, "XDG_CACHE_HOME="+j.State, "XDG_RUNTIME_DIR="+j.State)
	process, err := Start(cmd, j.State)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Daemon{Process: process, client: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: callers, DisableCompression: true}}}, nil
}

// Node returns the command for a node of the DHT that others enter through.
func (p Programs) Node(a netip.AddrPort) *exec.Cmd {
	return exec.Command(p.Shoal, "dht", "--serve", "--listen", a.String())
}

// Call calls a method and returns the body of the answer.
func (d *Daemon) Call(ctx context.Context, method string, args any) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"method": method, "arguments": args})
	if err != nil {
		return nil, err
	}
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/transmission/rpc", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		req.Header.Set(sessionHeader, d.id)
		d.mu.Unlock()
		resp, err := d.client.Do(req)
		if err != nil {
			return nil, err
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusConflict {
			d.mu.Lock()
			d.id = resp.Header.Get(sessionHeader)
			d.mu.Unlock()
			continue
		}
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s: %s", method, resp.Status, answer)
		}
		return answer, nil
	}
	return nil, errors.New("the id of the session changes with each call")
}

// Answer waits for the first answer.
func (d *Daemon) Answer(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		select {
		case <-d.ended:
			return false, fmt.Errorf("it ended early: %s", d.Tail())
		default:
		}
		_, err := d.Call(ctx, "session-stats", map[string]any{})
		return err == nil, nil
	})
}

// callers is how many calls are under way at a time while torrents are added.
const callers = 32

// Add adds .torrent files.
func (d *Daemon) Add(ctx context.Context, files []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan string)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for name := range next {
				if err := d.add(ctx, name); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, name := range files {
		select {
		case next <- name:
		case <-ctx.Done():
		}
	}
	close(next)
	group.Wait()
	return context.Cause(ctx)
}

func (d *Daemon) add(ctx context.Context, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	answer, err := d.Call(ctx, "torrent-add", map[string]any{"metainfo": base64.StdEncoding.EncodeToString(b)})
	if err == nil && !bytes.Contains(answer, []byte(`"torrent-added"`)) {
		err = fmt.Errorf("%s is not added: %s", file, answer)
	}
	return err
}

// Seeding waits until n torrents seed.
func (d *Daemon) Seeding(ctx context.Context, n int) error {
	for {
		answer, err := d.Call(ctx, "torrent-get", map[string]any{"fields": []string{"status"}, "format": "table"})
		if err != nil {
			return err
		}
		if bytes.Count(answer, fmt.Appendf(nil, "[%d]", seeding)) == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50*time.Millisecond + time.Duration(n)*10*time.Microsecond):
		}
	}
}
