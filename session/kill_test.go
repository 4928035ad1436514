package session

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/session/state"
)

// survey compares what a node claims after a start with what is on its disk.
type survey struct {
	kills, claims, falseClaims, durable, lostSynced, lostRight int
}

// look checks the claims of a node that has just been started again. synced are the
// pieces that the last record on disk called durable.
func (v *survey) look(t *testing.T, n *node, rec *state.Record) {
	t.Helper()
	tor := n.s.reg.find(n.w.tor.ID.Wire())
	for tor.running() == nil { // the check is going on
		if _, err, _ := tor.look(); err != nil {
			t.Fatalf("restart failed: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	have := tor.running().Have()
	var disk []byte
	if _, err := n.disk.Lstat("file.bin"); err == nil {
		disk = get(t, n.disk, "file.bin")
	}
	info := n.w.tor.Info
	for i := range info.NumPieces() {
		off, end := info.PieceOffset(i), info.PieceOffset(i)+int64(info.PieceSize(i))
		right := end <= int64(len(disk)) && bytes.Equal(disk[off:end], n.w.data[off:end])
		switch {
		case have.Has(i) && right:
			v.claims++
		case have.Has(i):
			v.falseClaims++
			t.Errorf("piece %d is claimed and is not on disk", i)
		case right:
			v.lostRight++
		}
		if rec != nil && rec.Synced.Has(i) {
			v.durable++
		}
		if rec != nil && rec.Synced.Has(i) && !have.Has(i) {
			v.lostSynced++
			t.Errorf("piece %d was recorded as durable and is lost", i)
		}
	}
}

// killLoop downloads with kills at random calls and returns what was seen.
func killLoop(t *testing.T, seed uint64, powerCut bool) (v survey, sent int64) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 8<<20, 64<<10)
		defer w.close()
		link := simnet.Link{Up: 512 << 10, Down: 512 << 10, Latency: 5 * time.Millisecond}
		from := w.node(link).seed()
		n := w.node(link)
		rnd := rand.New(rand.NewPCG(seed, 1))
		for boot := 0; ; boot++ {
			n.life = newLife(1 + rnd.IntN(60))
			var rec *state.Record
			rec, _ = state.Load(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, w.tor.ID, w.tor.Info.NumPieces(), 1)
			if err := n.try(Add{Peers: []string{from.addr()}}); err != nil {
				n.stop()
				continue // killed while it started
			}
			done := make(chan error, 1)
			go func() { done <- n.s.Wait(context.Background(), w.tor.ID) }()
			synctest.Wait()
			if n.life.dead() == nil {
				v.look(t, n, rec)
			}
			select {
			case <-n.life.ended:
				v.kills++
			case err := <-done:
				if err == nil && bytes.Equal(get(t, n.disk, "file.bin"), w.data) {
					sent = from.status().UpTotal
					n.stop()
					return
				}
				v.kills++
			}
			n.stop()
			if powerCut {
				n.disk, n.state = n.disk.Crash(rnd), n.state.Crash(rnd)
				n.cfg.BootID = string(rune('a' + boot%26))
			}
		}
	})
	return v, sent
}

// TestR01Kill: a process that is killed at random calls never claims a piece
// that is not on disk, and loses none that is.
func TestR01Kill(t *testing.T) {
	t.Parallel()
	var all survey
	const runs = 20 / fewer
	for seed := range uint64(runs) {
		v, sent := killLoop(t, seed, false)
		all.add(v)
		if limit := int64(8<<20 + v.kills*1<<20); sent > limit {
			t.Errorf("run %d: the seed sent %d bytes in %d kills, more than %d", seed, sent, v.kills, limit)
		}
	}
	t.Logf("%d kills in %d downloads: %d claims looked at, %d false; %d of %d durable pieces lost; %d pieces on disk not found again",
		all.kills, runs, all.claims, all.falseClaims, all.lostSynced, all.durable, all.lostRight)
	if all.lostRight > 0 {
		t.Errorf("%d pieces were on disk and were not found", all.lostRight)
	}
}

// TestR02PowerCut: the same with the machine's power cut: of what was not
// synced a random part is gone.
func TestR02PowerCut(t *testing.T) {
	t.Parallel()
	var all survey
	const runs = 20 / fewer
	for seed := range uint64(runs) {
		v, _ := killLoop(t, seed, true)
		all.add(v)
	}
	t.Logf("%d power cuts in %d downloads: %d claims looked at, %d false; %d of %d durable pieces lost; %d pieces on disk not found again",
		all.kills, runs, all.claims, all.falseClaims, all.lostSynced, all.durable, all.lostRight)
}

func (v *survey) add(o survey) {
	v.kills += o.kills
	v.claims += o.claims
	v.falseClaims += o.falseClaims
	v.durable += o.durable
	v.lostSynced += o.lostSynced
	v.lostRight += o.lostRight
}
