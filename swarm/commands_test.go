package swarm

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/status"
)

// TestSelection goes through the public door: one file of three is chosen.
func TestSelection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		const size = 8 * 4 * metainfo.BlockSize // 8 pieces
		var files []metainfo.File
		for _, name := range []string{"a", "b", "c"} {
			files = append(files, metainfo.File{Path: "test/" + name, Length: size})
		}
		w := run(24, 4, func(c *Config) {
			c.Info, c.Priorities, c.Sequential = testFiles(4, files...), []uint8{0, 3, 0}, true
		})
		if s := w.Snapshot(); s.Wanted != size || s.Size != 3*size {
			t.Errorf("before it runs: %+v", s)
		}
		w.link(nil)
		<-w.host.done
		synctest.Wait()
		if s := w.Snapshot(); s.Phase != status.Partial || s.Have != size || s.Wanted != size || s.PiecesHave != 8 || s.ETA != 0 || s.Peers != 0 {
			t.Errorf("with one file: %+v", s)
		}
		list, err := w.Files(ctx)
		want := []status.File{
			{Path: "test/a", Length: size}, {Path: "test/b", Offset: size, Length: size, Have: size, Wanted: true, Priority: 3}, {Path: "test/c", Offset: 2 * size, Length: size},
		}
		if err != nil || !slices.Equal(list, want) {
			t.Errorf("%+v, %v", list, err)
		}
		for _, bad := range [][]uint8{{}, {1, 2}, {1, 2, 4}} {
			if err := w.SetPriorities(ctx, bad); err == nil || !strings.Contains(err.Error(), "priorit") {
				t.Errorf("%v: %v", bad, err)
			}
		}
		w.end()
	})
}

// TestSelectionChanges: more is wanted after what was is there, then less, then all.
func TestSelectionChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		const size = 8 * 4 * metainfo.BlockSize
		var files []metainfo.File
		for _, name := range []string{"a", "b", "c"} {
			files = append(files, metainfo.File{Path: "test/" + name, Length: size})
		}
		w := run(24, 4, func(c *Config) { c.Info, c.Priorities = testFiles(4, files...), []uint8{0, 3, 0} })
		w.link(nil)
		<-w.host.done
		w.host.done = make(chan struct{})
		if err := errors.Join(w.SetPriorities(ctx, []uint8{2, 0, 1}), w.SetSequential(ctx, false)); err != nil {
			t.Fatal(err)
		}
		if s := w.Snapshot(); s.Phase != status.Leeching || s.Wanted != 2*size || s.Have != 0 {
			t.Errorf("with the others: %+v", s)
		}
		slow := w.link(func(l *fakeLink) { l.delay = time.Second })
		time.Sleep(3 * time.Second)
		if err := w.SetPriorities(ctx, []uint8{0, 1, 0}); err != nil { // what is missing is not wanted
			t.Fatal(err)
		}
		<-w.host.done
		synctest.Wait()
		if s := w.Snapshot(); s.Phase != status.Partial || s.Have != size || !errors.Is(slow.reason, errBothSeeds) {
			t.Errorf("given up: %+v, %v", s, slow.reason)
		}
		time.Sleep(2 * time.Minute)
		w.host.done = make(chan struct{})
		if err := w.SetPriorities(ctx, nil); err != nil {
			t.Fatal(err)
		}
		w.link(nil)
		<-w.host.done
		synctest.Wait()
		if s := w.Snapshot(); s.Phase != status.Seeding || s.Have != 3*size {
			t.Errorf("all of it: %+v", s)
		}
		w.end()
		if err := w.SetPriorities(ctx, nil); err != ErrEnded || w.host.mem != 0 {
			t.Errorf("after the end: %v, %d bytes reserved", err, w.host.mem)
		}
	})
}

// TestShares: what the session deals takes effect while the swarm runs, and the demand is to be seen.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(4, 4, func(c *Config) { c.Have = set(4, "all") })
		w.SetSlots(0)
		w.SetMaxDials(2)
		var links []*fakeLink
		for i := range 5 {
			l := newFakeLink(&w.pool, 4)
			links = append(links, l)
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 6881)
			sink := w.Attach(l, Hello{Addr: addr, Incoming: true, Fast: true, PeerID: [20]byte{byte(i)}})
			sink.Messages([]wire.Message{{Kind: wire.HaveNone}, {Kind: wire.Interested}})
		}
		var addrs []netip.AddrPort
		for i := range 9 {
			addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 6881))
		}
		w.AddPeers(addrs, Source{})
		time.Sleep(time.Second)
		if s := w.Snapshot(); s.Interested != 5 || s.PeersReceiving != 0 || s.Dialing != 2 {
			t.Errorf("%+v", s)
		}
		w.SetSlots(3)
		time.Sleep(time.Second)
		if s := w.Snapshot(); s.PeersReceiving != 3 {
			t.Errorf("%+v", s)
		}
		w.SetSlots(-1)
		w.SetMaxPeers(4)
		time.Sleep(time.Second)
		if s := w.Snapshot(); s.PeersReceiving != 4 || s.Peers != 4 {
			t.Errorf("%+v", s)
		}
		closed := 0
		for _, l := range links {
			if l.reason != nil {
				closed++
			}
		}
		if closed != 1 {
			t.Errorf("%d links closed", closed)
		}
		w.end()
	})
}
