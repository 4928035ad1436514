package session

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
)

// homely is the link of the tests of the DHT.
var homely = simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 10 * time.Millisecond}

// dhtNode makes a session with a DHT node that enters through others.
func (w *sim) dhtNode(bootstrap ...*node) *node {
	n := w.node(homely)
	n.cfg.DHT = &DHT{}
	for _, b := range bootstrap {
		n.cfg.DHT.Bootstrap = append(n.cfg.DHT.Bootstrap, b.addr())
	}
	return n
}

// tap is a network that notes the datagrams it sends.
type tap struct {
	Net
	mu   sync.Mutex
	sent [][]byte
}

type tapped struct {
	net.PacketConn
	t *tap
}

func (t *tap) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	c, err := t.Net.ListenPacket(ctx, network, address)
	return tapped{c, t}, err
}

func (c tapped) WriteTo(b []byte, a net.Addr) (int, error) {
	c.t.mu.Lock()
	c.t.sent = append(c.t.sent, bytes.Clone(b))
	c.t.mu.Unlock()
	return c.PacketConn.WriteTo(b, a)
}

// naming returns how many datagrams hold b, and how many there were.
func (t *tap) naming(b []byte) (n, all int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.sent {
		if bytes.Contains(d, b) {
			n++
		}
	}
	return n, len(t.sent)
}

// makePrivate makes the torrent of the simulation private (BEP 27).
func (w *sim) makePrivate() {
	in := w.tor.Info
	var hashes []byte
	for i := range in.NumPieces() {
		h := in.PieceHash(i)
		hashes = append(hashes, h[:]...)
	}
	info, err := metainfo.NewInfo(in.Name(), in.PieceLength(), hashes, in.Files(), false, true)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tor.Info = info
}

// TestDHTAlone: two sessions know a third node and nothing else, and find each other.
func TestDHTAlone(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		t.Run(map[bool]string{false: "IPv4", true: "IPv6"}[v6], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 4<<20, 64<<10)
				w.v6 = v6
				defer w.close()
				boot := w.dhtNode().run()
				w.dhtNode(boot).seed()
				time.Sleep(2 * time.Second)
				leech := w.dhtNode(boot)
				leech.start(Add{})
				if took := leech.wait(time.Minute); took > 10*time.Second {
					t.Errorf("4 MiB took %v", took)
				} else {
					t.Logf("4 MiB in %v", took)
				}
				st, _ := leech.s.Stats(context.Background())
				if len(st.DHT) == 0 {
					t.Fatal("no DHT in the statistics")
				}
				good := 0
				for _, d := range st.DHT {
					good += d.Good
				}
				if good == 0 {
					t.Errorf("no good nodes: %+v", st.DHT)
				}
			})
		})
	}
}

// TestDHTSameMoment: both begin at once, so that the leech finds nothing at first.
func TestDHTSameMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		boot := w.dhtNode().run()
		leech := w.dhtNode(boot)
		leech.start(Add{})
		w.dhtNode(boot).seed()
		if took := leech.wait(time.Minute); took > 15*time.Second {
			t.Errorf("1 MiB took %v", took)
		}
	})
}

// TestG06PrivateDHT: the hash of a private torrent is in no datagram (BEP 27); that of a public one is.
func TestG06PrivateDHT(t *testing.T) {
	for _, private := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			if private {
				w.makePrivate()
			}
			w.tracker(time.Minute)
			boot := w.dhtNode().run()
			seed, leech := w.dhtNode(boot), w.dhtNode(boot)
			var taps []*tap
			for _, n := range []*node{seed, leech} {
				taps = append(taps, &tap{Net: n.cfg.Net})
				n.cfg.Net = taps[len(taps)-1]
			}
			seed.seed()
			leech.start(Add{})
			leech.wait(5 * time.Minute)
			time.Sleep(time.Hour)
			hash := w.tor.ID.Wire()
			for _, tap := range taps {
				n, all := tap.naming(hash[:])
				if all == 0 {
					t.Fatal("the DHT is silent altogether")
				}
				if private && n > 0 || !private && n == 0 {
					t.Errorf("private %v: %d of %d datagrams name the torrent", private, n, all)
				}
			}
		})
	}
}

// TestDHTOffline: a session that begins without network finds peers soon after it is there.
func TestDHTOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		boot := w.dhtNode().run()
		w.dhtNode(boot).seed()
		leech := w.dhtNode(boot)
		leech.host.Down()
		leech.start(Add{})
		time.Sleep(3 * time.Hour)
		leech.host.Up()
		if took := leech.wait(10 * time.Minute); took > 3*time.Minute {
			t.Errorf("it took %v after the network came", took)
		} else {
			t.Logf("%v after the network came", took)
		}
	})
}

// TestD12SavedNodes: what a session knew brings the next one into the network when the node that it began with is gone.
// A damaged file is no hindrance.
func TestD12SavedNodes(t *testing.T) {
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b },
		func(b []byte) []byte { b[5] ^= 1; return b[:len(b)-7] },
		func(b []byte) []byte { return append(b, make([]byte, 70_000)...) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			boot := w.dhtNode().run()
			var last *node
			for range 4 {
				last = w.dhtNode(boot).run()
			}
			w.dhtNode(boot).seed()
			leech := w.dhtNode(last).run()
			time.Sleep(4 * time.Minute)
			before := leech.s.DHTNodes()[0].ID
			leech.stop()
			put(t, leech.state, "dht4.dat", damage(get(t, leech.state, "dht4.dat")))
			last.stop()
			leech.cfg.DHT.Bootstrap = nil
			leech.start(Add{})
			leech.wait(2 * time.Minute)
			if after := leech.s.DHTNodes()[0].ID; after != before && damage(make([]byte, 100))[5] == 0 {
				t.Errorf("the id was %v and is %v", before, after)
			}
		})
	}
}

// TestDHTPort: peers tell each other of their DHT nodes (BEP 5).
func TestDHTPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 4<<20, 64<<10)
		defer w.close()
		seed := w.dhtNode().seed()
		leech := w.dhtNode()
		leech.start(Add{Peers: []string{seed.addr()}})
		leech.wait(time.Minute)
		time.Sleep(10 * time.Second)
		for _, n := range []*node{seed, leech} {
			if got := n.s.DHTNodes()[0]; got.Good == 0 {
				t.Errorf("%v knows no node", n.host.Addr())
			}
		}
	})
}

// TestDHTReadOnly: who only asks announces nothing, answers nobody and tells no peer of a node.
func TestDHTReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		boot := w.dhtNode().run()
		shy := w.dhtNode(boot)
		shy.cfg.DHT.ReadOnly = true
		shy.seed()
		time.Sleep(time.Minute)
		if n := boot.s.DHTNodes()[0]; n.Hashes != 0 || n.Nodes != 0 {
			t.Errorf("it announced %d torrents; %d nodes took it for one of theirs", n.Hashes, n.Nodes)
		}
		if n := shy.s.DHTNodes()[0]; n.Good != 1 {
			t.Errorf("it knows %d nodes", n.Good)
		}
		if p := shy.s.overlay.port(); p != 0 {
			t.Errorf("peers are told of port %d", p)
		}
	})
}

// TestDHTHints: the nodes that a torrent names are a way in, those of a private one are not.
func TestDHTHints(t *testing.T) {
	for _, private := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			boot := w.dhtNode().run()
			w.tor.Nodes = []string{"nowhere.example:1", boot.addr(), "127.0.0.1:80", ":", "x"}
			if private {
				w.makePrivate()
			}
			n := w.dhtNode()
			n.start(Add{})
			time.Sleep(time.Minute)
			if good := n.s.DHTNodes()[0].Good; good == 1 == private {
				t.Errorf("private %v: %d good nodes", private, good)
			}
		})
	}
}

// TestDHTRouters: well-known nodes are asked when nothing else helps, and not before.
func TestDHTRouters(t *testing.T) {
	for name, tc := range map[string]struct {
		bootstrap, saved, dead bool
		asked                  bool
	}{
		"nothing known":         {asked: true},
		"typed":                 {bootstrap: true},
		"typed, but silent":     {bootstrap: true, dead: true, asked: true},
		"saved":                 {saved: true},
		"saved, but all silent": {saved: true, dead: true, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 1<<20, 64<<10)
				defer w.close()
				router, other := w.dhtNode().run(), w.dhtNode().run()
				w.net.Name("router.example", router.host.Addr())
				n := w.dhtNode(other)
				if tc.saved {
					n.run()
					time.Sleep(time.Minute)
					n.stop()
				}
				if !tc.bootstrap {
					n.cfg.DHT.Bootstrap = nil
				}
				if tc.dead {
					other.stop()
				}
				n.cfg.DHT.Routers = []string{"router.example:6881"}
				n.run()
				time.Sleep(2 * time.Minute)
				if asked := router.s.DHTNodes()[0].Guard.Passed > 0; asked != tc.asked {
					t.Errorf("router asked: %v", asked)
				}
				if n.s.DHTNodes()[0].Good == 0 {
					t.Error("it is alone")
				}
			})
		})
	}
}

// TestDHTLookUp: what `shoal dht` does.
func TestDHTLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		boot := w.dhtNode().run()
		seed := w.dhtNode(boot).seed()
		time.Sleep(5 * time.Second)
		n := w.dhtNode(boot).run()
		var got []netip.AddrPort
		st, err := n.s.LookUp(context.Background(), w.tor.ID.Wire(), 4242, func(peers []netip.AddrPort, by netip.Addr) { got = append(got, peers...) })
		if err != nil || len(got) != 1 || got[0].String() != seed.addr() || st.Announced == 0 {
			t.Errorf("found %v, not %v: %+v, %v", got, seed.addr(), st, err)
		}
		got = nil
		_, err = seed.s.LookUp(context.Background(), w.tor.ID.Wire(), 0, func(peers []netip.AddrPort, by netip.Addr) { got = append(got, peers...) })
		if want := netip.AddrPortFrom(n.host.Addr(), 4242); err != nil || len(got) != 2 || got[0] != want && got[1] != want {
			t.Errorf("found %v, without %v: %v", got, want, err)
		}
		if _, err := w.node(homely).run().s.LookUp(context.Background(), metainfo.Hash{}, 0, nil); err != ErrNoDHT {
			t.Error(err)
		}
	})
}

// TestDHTOneFileTwoNodes: of two sessions with one state folder one has the saved id, the other the saved nodes alone.
func TestDHTOneFileTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		boot := w.dhtNode().run()
		first := w.dhtNode(boot).run()
		time.Sleep(4 * time.Minute)
		first.stop()
		first.run()
		second := w.dhtNode()
		second.state = first.state
		second.run()
		time.Sleep(time.Minute)
		a, b := first.s.DHTNodes()[0], second.s.DHTNodes()[0]
		if a.ID == b.ID || b.Good == 0 {
			t.Errorf("ids %v and %v; the second knows %d good nodes", a.ID, b.ID, b.Good)
		}
	})
}
