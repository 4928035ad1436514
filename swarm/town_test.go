package swarm

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/metainfo"
	wires "shoal/peer"
	"shoal/piece"
	"shoal/status"
)

// town is a few running swarms of one torrent that can dial each other.
type town struct {
	t    *testing.T
	ctx  context.Context
	end  func()
	work sync.WaitGroup
	info *metainfo.Info
	data []byte
	raw  []byte
	id   metainfo.ID
	mu   sync.Mutex
	all  map[netip.AddrPort]*citizen
	run  func(*Swarm)
}

// citizen is one of them, and its own host.
type citizen struct {
	*fakeHost
	w     *town
	s     *Swarm
	addr  netip.AddrPort
	store *piece.Store
	cfg   Config
	wait  time.Duration // between the info dictionary and Begin
}

func newTown(t *testing.T, pieces int) *town {
	w := &town{t: t, all: map[netip.AddrPort]*citizen{}}
	w.info, w.data = fakepeer.Content("test", pieces*2*metainfo.BlockSize-5000, 2*metainfo.BlockSize, 3)
	w.raw = fakepeer.InfoBytes(w.info)
	w.id = metainfo.ID{V1: sha1.Sum(w.raw)}
	ctx, cancel := context.WithCancel(context.Background())
	diskCtx, endDisk := context.WithCancel(context.Background())
	w.ctx = diskCtx
	var swarms sync.WaitGroup
	w.end = func() {
		cancel()
		swarms.Wait()
		endDisk()
		w.work.Wait()
	}
	w.run = func(s *Swarm) { swarms.Go(func() { _ = s.Run(ctx) }) } // always nil
	return w
}

// settle adds a swarm at 10.0.0.n, that has everything or just the hash.
func (w *town) settle(n int, seed bool, change func(*citizen)) *citizen {
	c := &citizen{fakeHost: newFakeHost(), w: w, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 6881)}
	c.store = piece.NewStore(fsys.NewMem(), w.info, piece.NewFiles(2))
	disk := piece.NewDisk(1)
	w.work.Go(func() { _ = disk.Run(w.ctx) }) // nil after cancel
	c.cfg = Config{ID: w.id, Info: w.info, Metadata: w.raw, Host: c, Disk: disk, Store: c.store, Seed: uint64(n), Client: "shoal test", Port: 6881, MaxPeers: 20}
	copy(c.cfg.PeerID[:], fmt.Sprintf("-SH0001-%012d", n))
	if seed {
		c.cfg.Have = metainfo.NewBitfield(w.info.NumPieces())
		c.cfg.Have.SetAll()
		for i := range w.info.NumPieces() {
			off := w.info.PieceOffset(i)
			if err := c.store.WriteBlocks(off, [][]byte{w.data[off : off+int64(w.info.PieceSize(i))]}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	if change != nil {
		change(c)
	}
	cfg := c.cfg
	if !seed {
		cfg.Info, cfg.Metadata, cfg.Store = nil, nil, nil
	}
	c.s = New(cfg)
	w.mu.Lock()
	w.all[c.addr] = c
	w.mu.Unlock()
	w.run(c.s)
	return c
}

func (c *citizen) Metadata(t *metainfo.Torrent) {
	c.note("metadata")
	if !bytes.Equal(t.InfoBytes, c.w.raw) {
		c.w.t.Error("wrong info dictionary")
	}
	c.w.work.Go(func() {
		time.Sleep(c.wait)
		if c.wait >= 0 {
			_ = c.s.Begin(context.Background(), c.cfg) // fails when it has ended
		}
	})
}

// Dial connects to another citizen, or fails.
func (c *citizen) Dial(a netip.AddrPort) {
	c.note("dial %v", a)
	w := c.w
	w.mu.Lock()
	to := w.all[a]
	w.mu.Unlock()
	if to == nil {
		c.s.DialFailed(a, errors.New("refused"))
		return
	}
	x, y := net.Pipe()
	from := netip.AddrPortFrom(c.addr.Addr(), uint16(40_000+len(c.said("dial"))))
	shake := func(me *citizen, nc net.Conn, addr netip.AddrPort, in bool) {
		cfg := &wires.Config{PeerID: me.cfg.PeerID}
		dial := func() (*wires.Conn, error) {
			conn, _, err := wires.Dial(w.ctx, nc, cfg, w.id.Wire(), wires.OpenPlain)
			return conn, err
		}
		if in {
			dial = func() (*wires.Conn, error) {
				conn, _, err := wires.Accept(w.ctx, nc, cfg, anything{})
				return conn, err
			}
		}
		conn, err := dial()
		if err != nil {
			if !in {
				me.s.DialFailed(addr, err)
			}
			return
		}
		other := to
		if in {
			other = c
		}
		h := Hello{Addr: addr, PeerID: other.cfg.PeerID, Incoming: in, Fast: conn.Fast(), Extended: true}
		_ = conn.Run(w.ctx, me.s.Attach(conn, h), me.store) // why it ended shows elsewhere
	}
	w.work.Go(func() { shake(c, x, a, false) })
	w.work.Go(func() { shake(to, y, from, true) })
}

// complete waits for a download and looks at it.
func (c *citizen) complete(limit time.Duration) {
	c.w.t.Helper()
	select {
	case <-c.done:
	case <-time.After(limit):
		c.w.t.Fatalf("%v is not complete after %v: %+v", c.addr, limit, c.s.Snapshot())
	}
	buf := make([]byte, c.w.info.Size())
	if _, err := c.store.ReadAt(buf, 0); err != nil && err != io.EOF || !bytes.Equal(buf, c.w.data) {
		c.w.t.Errorf("%v: what is on disk is wrong: %v", c.addr, err)
	}
}

// TestTownOfMagnets: one has the torrent, four have its hash and know the one. They find the files, and each other.
func TestTownOfMagnets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 40)
		defer w.end()
		seed := w.settle(1, true, func(c *citizen) { c.cfg.LimitedUp = true }) // is granted nothing for now
		var rest []*citizen
		for n := 2; n <= 5; n++ {
			c := w.settle(n, false, func(c *citizen) { c.wait = time.Duration(n) * time.Second })
			c.s.AddPeers([]netip.AddrPort{seed.addr}, Source{Kind: FromUser})
			rest = append(rest, c)
		}
		time.Sleep(2 * time.Minute)
		for _, c := range rest {
			if sn := c.s.Snapshot(); sn.Phase != status.Leeching || sn.Peers < 4 || sn.Name != "test" {
				t.Errorf("%v: %+v", c.addr, sn)
			}
			if n := len(c.said("metadata")); n != 1 {
				t.Errorf("%v was told of the info dictionary %d times", c.addr, n)
			}
		}
		seed.s.Grant(1<<30, 0)
		for _, c := range rest {
			c.complete(10 * time.Minute)
		}
		// Nobody had to connect a second time on the way.
		for _, c := range rest {
			if n := len(c.said("dial " + seed.addr.String())); n != 1 {
				t.Errorf("%v dialled the seed %d times", c.addr, n)
			}
		}
	})
}

// TestMetadataAlone: a swarm that never begins ends as every other.
func TestMetadataAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 4)
		seed := w.settle(1, true, nil)
		c := w.settle(2, false, func(c *citizen) { c.wait = -1 })
		ctx := context.Background()
		if err := c.s.SetPriorities(ctx, nil); err != ErrNoMetadata {
			t.Error(err)
		}
		if f, err := c.s.Files(ctx); f != nil || err != nil {
			t.Error(f, err)
		}
		if err := c.s.Pause(ctx); err != nil || c.s.Snapshot().Phase != status.Paused {
			t.Error(err, c.s.Snapshot().Phase)
		}
		c.s.AddPeers([]netip.AddrPort{seed.addr}, Source{Kind: FromUser})
		if err := c.s.Resume(ctx); err != nil || c.s.Snapshot().Phase != status.Metadata {
			t.Error(err, c.s.Snapshot().Phase)
		}
		time.Sleep(time.Hour)
		if sn := c.s.Snapshot(); sn.Phase != status.Metadata || sn.MetadataHave != 1 || sn.Metadata != 1 || sn.Asked != 1 {
			t.Errorf("%+v", sn)
		}
		if p, err := c.s.Peers(ctx); len(p) != 1 || err != nil {
			t.Error(p, err)
		}
		w.end()
		if h := c.s.Have(); h.Count() != 0 {
			t.Error(h.Count())
		}
		if err := c.s.Begin(ctx, c.cfg); err != ErrEnded { // too late
			t.Error(err)
		}
	})
}

// TestX04Town: nine of ten swarms have another info dictionary under the same hash.
func TestX04Town(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 40)
		defer w.end()
		c := w.settle(1, false, nil)
		var addrs []netip.AddrPort
		for n := 2; n <= 11; n++ {
			o := w.settle(n, true, func(o *citizen) {
				if n != 8 {
					o.cfg.Metadata = bytes.Replace(w.raw, []byte("4:test"), fmt.Appendf(nil, "4:te%02d", n%4), 1)
				}
			})
			addrs = append(addrs, o.addr)
		}
		c.s.AddPeers(addrs, Source{Kind: FromTracker})
		c.complete(10 * time.Minute)
		if n := len(c.said("metadata")); n != 1 {
			t.Errorf("X04: told %d times", n)
		}
	})
}
