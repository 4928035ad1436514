package session

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
)

// liar serves the torrent on a host of its own, with wrong bytes in every 5th block that it sends.
type liar struct {
	host *simnet.Host

	mu     sync.Mutex
	sent   int          // blocks
	pieces map[int]bool // in which it lied
}

// liar starts a lying seed.
func (w *sim) liar(link simnet.Link) *liar {
	l := &liar{host: w.host(link), pieces: make(map[int]bool)}
	ctx, cancel := context.WithCancel(context.Background())
	nl, err := l.host.Listen(ctx, "tcp4", "0.0.0.0:6881")
	if err != nil {
		w.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := nl.Accept()
			if err != nil {
				return
			}
			all.Go(func() { l.serve(ctx, w, nc) })
		}
	})
	w.end = append(w.end, func() { cancel(); nl.Close(); all.Wait() })
	return l
}

func (l *liar) addr() string { return netip.AddrPortFrom(l.host.Addr(), 6881).String() }

func (l *liar) serve(ctx context.Context, w *sim, nc net.Conn) {
	p := fakepeer.New(nc)
	defer p.Close()
	id := [20]byte{'-', 'L', 'I', 'A', 'R', l.host.Addr().As4()[3]}
	if err := p.Answer(fakepeer.Hello{InfoHash: w.tor.ID.Wire(), PeerID: id}); err != nil {
		return
	}
	// It ends when it is thrown out.
	_, _ = p.Serve(ctx, fakepeer.Seed{Info: w.tor.Info, Data: w.data, Lie: l.lie})
}

func (l *liar) lie(b metainfo.Block, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent++; l.sent%5 == 0 {
		payload[len(payload)/2] ^= 0xff
		l.pieces[b.Piece] = true
	}
}

// bans collects the addresses that a session bans, from its log.
type bans struct {
	slog.Handler
	mu    sync.Mutex
	addrs []netip.Addr
}

func (b *bans) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "peer banned" {
		r.Attrs(func(a slog.Attr) bool {
			if addr, ok := a.Value.Any().(netip.Addr); ok {
				b.mu.Lock()
				b.addrs = append(b.addrs, addr)
				b.mu.Unlock()
			}
			return true
		})
	}
	return nil
}

func (b *bans) Enabled(context.Context, slog.Level) bool { return true }

// attack downloads from honest seeds and liars and returns how long it took.
func attack(t *testing.T, honest, lying int) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 200/fewer*256<<10, 256<<10)
		defer w.close()
		up := simnet.Link{Up: mbit(10), Down: mbit(10), Latency: 10 * time.Millisecond}
		var peers []string
		innocent := map[netip.Addr]bool{}
		for range honest {
			n := w.node(up).seed()
			peers = append(peers, n.addr())
			innocent[n.host.Addr()] = true
		}
		var liars []*liar
		for range lying {
			l := w.liar(up)
			liars = append(liars, l)
			peers = append(peers, l.addr())
		}
		leech := w.node(simnet.Link{Up: mbit(100), Down: mbit(1000), Latency: 10 * time.Millisecond})
		seen := &bans{}
		leech.cfg.Log = slog.New(seen)
		leech.start(Add{Peers: peers})
		took = leech.wait(20 * time.Minute)
		st := leech.status()
		most := 0
		for _, l := range liars {
			l.mu.Lock()
			most = max(most, len(l.pieces))
			if !slices.Contains(seen.addrs, l.host.Addr()) && len(l.pieces) > 3 {
				t.Errorf("liar %v lied in %d pieces and was not banned", l.host.Addr(), len(l.pieces))
			}
			l.mu.Unlock()
		}
		for _, a := range seen.addrs {
			if innocent[a] {
				t.Errorf("%v was banned and is innocent", a)
			}
		}
		if st.FailedPieces > 3*lying {
			t.Errorf("%d pieces failed because of %d liars, at most 3 each are allowed", st.FailedPieces, lying)
		}
		if lying > 0 {
			t.Logf("%d of %d liars banned, no innocent one; %d pieces failed in all; a liar touched at most %d pieces before it was out; %d KiB were in vain",
				len(seen.addrs), lying, st.FailedPieces, most, st.Wasted>>10)
		}
	})
	return took
}

// TestW12Liars: 10 of 30 peers send wrong bytes in every 5th block: those who are proven to
// lie are banned within 3 spoiled pieces, nobody else is, and the
// download keeps at least 80 % of the pace that it has with the honest ones alone.
func TestW12Liars(t *testing.T) {
	t.Parallel()
	alone := attack(t, 20, 0)
	with := attack(t, 20, 10)
	kept := alone.Seconds() / with.Seconds()
	t.Logf("50 MiB from 20 honest peers in %v, with 10 liars beside them in %v: %.0f %% of the pace", alone, with, 100*kept)
	if kept < 0.8 && fewer == 1 {
		t.Errorf("%.0f %% of the pace kept, at least 80 %% are wanted", 100*kept)
	}
}
