package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// freePort is a TCP port of loopback that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// transmission starts Debian's daemon in folders of its own, and returns its address and the folder of downloads.
func transmission(t *testing.T, more ...string) (address, dir string) {
	t.Helper()
	if _, err := exec.LookPath("transmission-daemon"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("transmission-daemon is not installed: %v", err)
		}
		t.Skipf("not tested against Transmission: %v", err)
	}
	config, dir := t.TempDir(), t.TempDir()
	port := freePort(t)
	var said bytes.Buffer
	cmd := exec.Command("transmission-daemon", append([]string{"-f", "-g", config, "-w", dir, "-p", fmt.Sprint(port), "-r", "127.0.0.1", "-P", fmt.Sprint(freePort(t)),
		"-i", "127.0.0.1", "--no-portmap", "--no-dht", "--no-lpd", "--no-incomplete-dir"}, more...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address = fmt.Sprintf("127.0.0.1:%d", port)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return address, dir
		}
		if time.Now().After(end) {
			t.Fatalf("transmission-daemon does not answer: %v\n%s", err, &said)
		}
	}
}

// torrentOf makes files of these sizes, called by their numbers, in a folder name of dir, and returns the bytes of a .torrent file of them.
func torrentOf(t *testing.T, dir, name string, trackers [][]string, sizes ...int) []byte {
	t.Helper()
	for i, n := range sizes {
		file := filepath.Join(dir, name, fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Repeat([]byte{byte(i + 1)}, n), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	made, err := metainfo.Build(t.Context(), os.DirFS(dir), name, metainfo.BuildOptions{Trackers: trackers})
	if err != nil {
		t.Fatal(err)
	}
	b, err := made.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTransmission: what an Engine does, done to Debian's daemon.
func TestTransmission(t *testing.T) {
	address, dir := transmission(t, "--no-auth")
	c, err := Dial(address, Credentials{}, dialAny)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	entry := func(id metainfo.ID) status.Entry {
		t.Helper()
		e, err := c.Entry(ctx, id)
		must(err)
		return e
	}
	file := torrentOf(t, dir, "album", [][]string{{"http://127.0.0.1:9/announce"}}, 100_000, 3, 40_000)
	labels, limit, high := []string{"b", "a"}, int64(1234), int8(1)
	e, added, err := c.Add(ctx, status.NewTorrent{Metainfo: file, Stopped: true,
		Change: status.Change{Labels: &labels, DownLimit: &limit, Priority: &high, Files: map[int]uint8{1: 0, 2: 3}}})
	must(err)
	if !added || e.Name != "album" || !slices.Equal(e.Labels, []string{"a", "b"}) || e.DownLimit != 2000 || e.Priority != 1 || e.Dir != dir {
		t.Errorf("added %v: %+v", added, e)
	}
	if again, added, err := c.Add(ctx, status.NewTorrent{Metainfo: file}); err != nil || added || again.ID != e.ID {
		t.Errorf("a second time: %v, %v, %v", again.ID, added, err)
	}
	files, err := c.Files(ctx, e.ID)
	must(err)
	if len(files) != 3 || files[1].Wanted || files[2].Priority != 3 || files[0].Priority != 2 || files[0].Length != 100_000 {
		t.Errorf("files %+v", files)
	}
	must(c.Change(ctx, e.ID, status.Change{Files: map[int]uint8{1: 1}, Trackers: &[][]string{{"http://127.0.0.1:9/announce"}, {"http://127.0.0.1:7/announce"}}}))
	if got := entry(e.ID).Trackers; len(got) != 2 {
		t.Errorf("trackers %v", got)
	}
	must(c.Change(ctx, e.ID, status.Change{Trackers: &[][]string{{"http://127.0.0.1:7/announce"}}}))
	if got := entry(e.ID).Trackers; len(got) != 1 || got[0][0] != "http://127.0.0.1:7/announce" {
		t.Errorf("trackers %v", got)
	}
	must(c.Verify(ctx, e.ID))
	until(t, "it is checked", func() bool {
		e := entry(e.ID)
		return e.Have == e.Wanted && e.Wanted == 140_003 && e.Phase != status.Checking && !e.Verifying
	})
	d, err := c.Details(ctx, e.ID)
	must(err)
	if !d.Have.All() || d.Have.Len() != entry(e.ID).Pieces {
		t.Errorf("pieces %d of %d", d.Have.Count(), d.Have.Len())
	}
	before := time.Now()
	must(c.Start(ctx, e.ID, true))
	until(t, "it seeds", func() bool { return entry(e.ID).Phase == status.Seeding })
	if list, _, err := c.Entries(ctx, before); err != nil || len(list) != 1 || list[0].Phase != status.Seeding {
		t.Errorf("changed: %+v, %v", list, err)
	}
	must(c.Announce(ctx, e.ID))
	trackers, err := c.Trackers(ctx, e.ID)
	must(err)
	if len(trackers) != 1 || trackers[0].Complete != -1 {
		t.Errorf("trackers %+v", trackers)
	}
	if peers, err := c.Peers(ctx, e.ID); err != nil || len(peers) != 0 {
		t.Errorf("peers %v, %v", peers, err)
	}
	must(c.Rename(ctx, e.ID, "album", "record"))
	other := filepath.Join(t.TempDir(), "there")
	must(c.Move(ctx, e.ID, other, true))
	until(t, "it is moved", func() bool {
		_, err := os.Stat(filepath.Join(other, "record", "0"))
		return err == nil && entry(e.ID).Dir == other
	})
	ratio := status.Goal[float64]{Mode: status.GoalOwn, Value: 1.5}
	idle := status.Goal[time.Duration]{Mode: status.GoalNone}
	must(c.Change(ctx, e.ID, status.Change{Ratio: &ratio, Idle: &idle}))
	if got := entry(e.ID); got.Ratio != ratio || got.Idle != idle {
		t.Errorf("goals %v, %v", got.Ratio, got.Idle)
	}
	magnet, _, err := c.Add(ctx, status.NewTorrent{Source: "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567", First: true})
	must(err)
	if magnet.QueuePosition != 0 {
		t.Errorf("magnet %+v", magnet)
	}
	until(t, "the magnet link looks for metadata", func() bool { return entry(magnet.ID).Phase == status.Metadata })
	if _, err := c.Files(ctx, magnet.ID); !errors.Is(err, status.ErrNoMetadata) {
		t.Errorf("files of a magnet link: %v", err)
	}
	must(c.Queue(ctx, []metainfo.ID{magnet.ID}, status.QueueBottom))
	if got := entry(magnet.ID).QueuePosition; got != 1 {
		t.Errorf("queue position %d", got)
	}
	transmissionSettings(t, c, other)
	mark := time.Now()
	must(c.Remove(ctx, e.ID, status.Removal{Data: true}))
	until(t, "its files are gone", func() bool { _, err := os.Stat(filepath.Join(other, "record", "0")); return err != nil })
	if _, gone, err := c.Entries(ctx, mark); err != nil || !slices.Contains(gone, e.Number) {
		t.Errorf("gone %v, %v", gone, err)
	}
	if _, err := c.Entry(ctx, e.ID); !errors.Is(err, status.ErrUnknown) {
		t.Errorf("after that: %v", err)
	}
	if err := c.Stop(ctx, e.ID); !errors.Is(err, status.ErrUnknown) {
		t.Errorf("stopping what is gone: %v", err)
	}
	lacking := map[string]error{"restore": c.Restore(ctx, magnet.ID), "undo": c.Remove(ctx, magnet.ID, status.Removal{Undo: time.Second}),
		"sequential": c.Change(ctx, magnet.ID, status.Change{Sequential: new(bool)}), "group": c.Change(ctx, magnet.ID, status.Change{Group: new(string)})}
	_, lacking["log"] = c.Log(ctx, 0)
	_, _, lacking["rates"] = c.Rates(ctx, e.ID)
	for what, err := range lacking {
		if !errors.Is(err, status.ErrNotOffered) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(c.Shutdown(ctx))
	until(t, "it ends", func() bool { _, err := c.Stats(ctx); return errors.Is(err, ErrUnreachable) })
}

func transmissionSettings(t *testing.T, c *Client, dir string) {
	t.Helper()
	ctx := t.Context()
	s, err := c.Settings(ctx)
	if err != nil || s.Kind != "Transmission" || !strings.HasPrefix(s.Version, "3.") && !strings.HasPrefix(s.Version, "4.") {
		t.Fatalf("settings %+v, %v", s, err)
	}
	s.DownLimit, s.UpLimit, s.QueueDownloads, s.Ratio, s.Idle, s.Dir, s.Encryption = 5000, 0, 3, 2.5, time.Hour, dir, "require"
	s.AltSchedule = []status.Window{{Days: 3, From: time.Hour, To: 2 * time.Hour}}
	if err := c.Set(ctx, s); err != nil {
		t.Fatal(err)
	}
	got, err := c.Settings(ctx)
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", s) {
		t.Errorf("%v\n%+v\n%+v", err, got, s)
	}
	s.DownEach = 5
	if err := c.Set(ctx, s); !errors.Is(err, status.ErrNotOffered) {
		t.Errorf("a limit for each: %v", err)
	}
	if st, err := c.Stats(ctx); err != nil || st.Torrents != 2 {
		t.Errorf("stats %+v, %v", st, err)
	}
	if sum, err := c.Totals(ctx); err != nil || sum.Now.Starts != 1 || sum.Running+sum.Stopped != 2 {
		t.Errorf("totals %+v, %v", sum, err)
	}
	if free, _, err := c.Space(ctx, dir); err != nil || free <= 0 {
		t.Errorf("space %d, %v", free, err)
	}
}

// TestTransmissionCredentials: without and with wrong ones it says so, with the right ones it answers.
func TestTransmissionCredentials(t *testing.T) {
	address, _ := transmission(t, "--auth", "-u", "me", "-v", "secret")
	for _, creds := range []Credentials{{}, {"me", "wrong"}, {"you", "secret"}, {"me", "secret"}} {
		c, err := Dial(address, creds, dialAny)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Settings(t.Context())
		if right := creds == (Credentials{"me", "secret"}); right != (err == nil) || !right && !errors.Is(err, ErrCredentials) {
			t.Errorf("%+v: %v", creds, err)
		}
		c.Close()
	}
}

// until asks again and again whether something holds, for as long as a slow machine may need.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}
