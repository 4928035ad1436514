package swarm

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// TestLoopSeeds walks through the public door of a seed: requests, uploads, unreadable pieces, failure.
func TestLoopSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(4, 4, func(c *Config) { c.Have, c.LimitedUp = set(4, "all"), true })
		l := newFakeLink(&w.pool, 4)
		sink := w.Attach(l, Hello{Addr: netip.MustParseAddrPort("10.0.0.9:6881"), Incoming: true, Fast: true})
		sink.Messages([]wire.Message{{Kind: wire.HaveNone}, {Kind: wire.Interested}})
		synctest.Wait()
		var ask []wire.Message
		for i := range uint32(8) {
			ask = append(ask, wire.Message{Kind: wire.Request, Index: i / 4, Begin: i % 4 * metainfo.BlockSize, Length: metainfo.BlockSize})
		}
		sink.Messages(ask)
		synctest.Wait()
		if len(l.uploads) != 0 {
			t.Fatal("uploads without a grant")
		}
		w.Grant(3*metainfo.BlockSize, 0)
		synctest.Wait()
		if len(l.uploads) != 3 {
			t.Fatalf("%d uploads with a grant for 3", len(l.uploads))
		}
		sink.Uploaded(3, 3*metainfo.BlockSize)
		w.ReadFailed(metainfo.Block{Piece: 3, Length: 1}, errors.New("input/output error"))
		w.AddPeers([]netip.AddrPort{netip.MustParseAddrPort("[::ffff:10.0.0.7]:6881")}, Source{})
		synctest.Wait()
		w.DialFailed(netip.MustParseAddrPort("10.0.0.7:6881"), errors.New("refused"))
		time.Sleep(time.Second)
		s := w.Snapshot()
		if s.UpTotal != 3*metainfo.BlockSize || s.Phase != status.Leeching || s.PiecesHave != 3 || s.Candidates != 1 {
			t.Errorf("%+v", s)
		}
		if have := w.Have(); have.Has(3) {
			t.Error("an unreadable piece is claimed")
		}
		w.host.fails = func() {
			if w.Snapshot().Phase == status.Failed {
				t.Error("the host is told after the snapshot: who looks at it finds no reason")
			}
		}
		w.Fail(errors.New("test: the file was cut while in use"))
		synctest.Wait()
		if s := w.Snapshot(); s.Phase != status.Failed || s.Err == "" || l.reason == nil {
			t.Errorf("%+v", s)
		}
		sink.Closed(errors.New("closed"))
		w.end()
		if !slices.Contains(w.host.notes, "dial 10.0.0.7:6881") || !slices.Contains(w.host.notes, "failed test: the file was cut while in use") {
			t.Errorf("the host heard %q", w.host.notes)
		}
	})
}

// TestRealDisk downloads through the disk workers into a store in memory.
func TestRealDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		disk := piece.NewDisk(2)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = disk.Run(ctx) // nil after cancel
		}()
		info := testInfo(20, 8)
		store := piece.NewStore(fsys.NewMem(), info, piece.NewFiles(4))
		w := run(20, 8, func(c *Config) { c.Info, c.Store, c.Disk = info, store, disk })
		w.link(nil)
		w.link(nil)
		<-w.host.done
		w.end()
		buf, want := make([]byte, metainfo.BlockSize), make([]byte, metainfo.BlockSize)
		for p := range 20 {
			for b := range 8 {
				fill(want, p, b)
				if _, err := store.ReadAt(buf, store.Offset(info.BlockAt(p, b))); err != nil || !slices.Equal(buf, want) {
					t.Fatalf("block %d of piece %d: %v", b, p, err)
				}
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		<-ended
	})
}
