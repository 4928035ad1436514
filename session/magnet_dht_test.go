package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/status"
)

// TestDHTMagnet: an info hash is enough. The leech is announced as soon as it knows that the torrent is not private, and not before.
func TestDHTMagnet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 4<<20, 64<<10).real(false)
		defer w.close()
		boot := w.dhtNode().run()
		first := w.dhtNode(boot)
		first.start(Add{Magnet: w.magnet()})
		time.Sleep(time.Minute)
		if n := boot.s.DHTNodes()[0].Peers; n != 0 {
			t.Errorf("%d peers are announced though nobody knows what the torrent is", n)
		}
		w.dhtNode(boot).seed()
		time.Sleep(2 * time.Second)
		leech := w.dhtNode(boot)
		leech.start(Add{Magnet: w.magnet()})
		if took := leech.wait(time.Minute); took > 10*time.Second {
			t.Errorf("4 MiB took %v", took)
		}
		time.Sleep(30 * time.Second)
		if n := boot.s.DHTNodes()[0].Peers; n < 2 {
			t.Errorf("%d peers are announced", n)
		}
		first.wait(2 * time.Minute)
	})
}

// TestG06PrivateMagnetLeavesDHT: once a magnet is known to be private no datagram names it, and it was never announced.
func TestG06PrivateMagnetLeavesDHT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(true)
		defer w.close()
		boot := w.dhtNode().run()
		seed := w.dhtNode(boot).seed()
		n := w.dhtNode(boot)
		tap := &tap{Net: n.cfg.Net}
		n.cfg.Net = tap
		m := w.magnet()
		n.start(Add{Magnet: m})
		time.Sleep(20 * time.Second)
		hash := w.tor.ID.Wire()
		if named, _ := tap.naming(hash[:]); named == 0 {
			t.Fatal("it was not looked up")
		}
		tor := n.s.reg.find(hash)
		tor.addTyped(t.Context(), []string{seed.addr()})
		n.wait(time.Minute)
		before, _ := tap.naming(hash[:])
		time.Sleep(2 * time.Hour)
		if after, _ := tap.naming(hash[:]); after != before {
			t.Errorf("%d datagrams named it after it was known to be private", after-before)
		}
		if named, _ := tap.naming([]byte("announce_peer")); named != 0 {
			t.Error("it was announced")
		}
	})
}

// TestFigureMagnetDHT: from an info hash to its info dictionary, with sessions as nodes, of which a third has died, and
// links of 50 ms. TEST_MAGNETS=N takes it with N hashes and N nodes.
func TestFigureMagnetDHT(t *testing.T) {
	nodes, hashes := 60/fewer, 40/fewer
	if n, err := strconv.Atoi(os.Getenv("TEST_MAGNETS")); err == nil && n > 0 {
		nodes, hashes = n, n
	}
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 16<<10, 16<<10)
		defer w.close()
		link := simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 25 * time.Millisecond}
		var all []*node
		for i := range nodes {
			n := w.node(link)
			n.cfg.DHT = &DHT{}
			for range min(i, 3) {
				n.cfg.DHT.Bootstrap = append(n.cfg.DHT.Bootstrap, all[rand.New(rand.NewPCG(uint64(i), 1)).IntN(i)].addr())
			}
			all = append(all, n.run())
			time.Sleep(time.Second)
		}
		var ids []metainfo.ID
		for i := range hashes {
			info, data := fakepeer.Content(fmt.Sprint(i), 16<<10, 16<<10, uint64(i))
			raw := fakepeer.InfoBytes(info)
			info, id, err := metainfo.ParseInfo(raw)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			disk := fsys.NewMem()
			put(t, disk, fmt.Sprint(i), data)
			s := all[nodes*2/3-1-i%(nodes/2)] // of those that live on
			if _, err := s.s.Add(t.Context(), Add{Torrent: &metainfo.Torrent{ID: id, Info: info, InfoBytes: raw}, Folder: disk, Seed: true, Trust: true}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Minute)
		for _, n := range all[nodes*2/3:] {
			n.host.Down()
		}
		var took []time.Duration
		for i, id := range ids {
			n := w.node(link)
			n.cfg.DHT = &DHT{Bootstrap: []string{all[i%(nodes/2)].addr()}}
			n.run()
			begun := time.Now()
			if _, err := n.s.Add(t.Context(), Add{Magnet: &metainfo.Magnet{ID: id}, MetadataOnly: true}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := n.s.Wait(ctx, id); err == nil {
				took = append(took, time.Since(begun))
			} else if st, _ := n.s.Torrents(t.Context()); len(st) == 1 && st[0].Phase == status.Metadata {
				t.Logf("%v not found: %+v", id, n.s.DHTNodes()[0])
			}
			cancel()
			n.stop()
		}
		slices.Sort(took)
		t.Logf("%d of %d found; median %v, last %v", len(took), hashes, took[len(took)/2], took[len(took)-1])
		if 100*len(took) < 99*hashes || took[len(took)/2] > 3*time.Second {
			t.Error("99 % and a median of 3 s are wanted")
		}
	})
}
