package session

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"shoal/internal/fakepeer"
	"shoal/metainfo"
	"shoal/session/budget"
)

// The download that is killed: both processes make the same content.
const (
	killedSize  = 48 << 20
	killedPiece = 256 << 10
)

func killedTorrent() (*metainfo.Torrent, []byte) {
	info, data := fakepeer.Content("file.bin", killedSize, killedPiece, 5)
	return &metainfo.Torrent{ID: metainfo.ID{V1: metainfo.Hash{'k', '9'}}, Info: info}, data
}

// TestKilledChild is not a test of its own: it is the process that TestR01Kill9
// starts and kills.
func TestKilledChild(t *testing.T) {
	peer := os.Getenv("SHOAL_TEST_PEER")
	if peer == "" {
		return
	}
	tor, _ := killedTorrent()
	s := running(t, Config{Listen: "127.0.0.1:0", State: dir(t, os.Getenv("SHOAL_TEST_STATE")), BootID: "boot"})
	id, err := s.Add(t.Context(), Add{Torrent: tor, Folder: dir(t, os.Getenv("SHOAL_TEST_DIR")), Peers: []string{peer}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// TestR01Kill9: a real process, killed with -9 at random moments, over and over: the
// file is right in the end, and what was fetched twice is at most 16 MiB a kill.
func TestR01Kill9(t *testing.T) {
	t.Parallel()
	tor, data := killedTorrent()
	from, to, state := t.TempDir(), t.TempDir(), t.TempDir()
	folder := dir(t, from)
	put(t, folder, "file.bin", data)
	seed := running(t, Config{Listen: "127.0.0.1:0", Limits: budget.Limits{Up: 16 << 20}})
	if _, err := seed.Add(t.Context(), Add{Torrent: tor, Folder: folder, Seed: true, Trust: true}); err != nil {
		t.Fatal(err)
	}
	kills, rnd := 0, rand.New(rand.NewPCG(9, 9))
	for done := false; !done; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if kills < 12 { // CommandContext kills with SIGKILL
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond+time.Duration(rnd.IntN(500))*time.Millisecond)
		}
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilledChild$")
		cmd.Env = append(os.Environ(), "SHOAL_TEST_PEER="+seed.Addrs()[0].String(), "SHOAL_TEST_DIR="+to, "SHOAL_TEST_STATE="+state)
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
			done = true
		case ctx.Err() == nil:
			t.Fatalf("child: %v\n%s", err, out)
		default:
			kills++
		}
		cancel()
	}
	if got := get(t, dir(t, to), "file.bin"); !bytes.Equal(got, data) {
		t.Fatal("the file differs")
	}
	ts, err := seed.Torrents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	twice := ts[0].UpTotal - killedSize
	t.Logf("%d kills with -9 in %d MiB: the file is right; %d KiB were sent twice, %d KiB a kill",
		kills, killedSize>>20, twice>>10, twice>>10/int64(max(kills, 1)))
	if twice > int64(kills)*16<<20 || kills < 5 {
		t.Errorf("%d bytes sent twice in %d kills", twice, kills)
	}
}
