package session

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/session/lsd"
)

// local makes a node that looks for peers in the local network.
func (w *sim) local() *node {
	n := w.node(quick)
	n.cfg.NoLSD = false
	return n
}

// TestLocalTransfer: two sessions without any tracker find each other in the local network and move
// a file within seconds, whoever comes first.
func TestLocalTransfer(t *testing.T) {
	for _, first := range []string{"seed", "leech"} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 4<<20, 64<<10)
			defer w.close()
			seed, leech := w.local(), w.local()
			if first == "seed" {
				seed.seed()
			} else {
				leech.start(Add{})
			}
			time.Sleep(10 * time.Minute)
			if first == "seed" {
				leech.start(Add{})
			} else {
				seed.seed()
			}
			if took := leech.wait(time.Minute); took > 5*time.Second {
				t.Errorf("the %s first: %v", first, took)
			}
		})
	}
}

// heardLocally runs f with what a neighbour hears and says.
func heardLocally(t *testing.T, w *sim) (hear func() []lsd.Message, say func(lsd.Message)) {
	cs, err := w.host(quick).ListenMulticast(t.Context(), "udp4", lsd.Group4)
	if err != nil {
		t.Fatal(err)
	}
	w.end = append(w.end, func() { cs[0].Close() })
	hear = func() (out []lsd.Message) {
		b := make([]byte, 2000)
		cs[0].SetReadDeadline(time.Now().Add(time.Millisecond))
		for {
			n, _, err := cs[0].ReadFrom(b)
			if err != nil {
				return out
			}
			if m, err := lsd.Parse(b[:n]); err == nil {
				out = append(out, m)
			}
		}
	}
	say = func(m lsd.Message) {
		if _, err := cs[0].WriteTo(m.Append(nil, lsd.Group4), net.UDPAddrFromAddrPort(lsd.Group4)); err != nil {
			t.Fatal(err)
		}
	}
	return hear, say
}

// TestL03PrivateTorrent: a private torrent is not announced in the local network, and nobody
// is taken who says there that he has it.
func TestL03PrivateTorrent(t *testing.T) {
	for _, private := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			if private {
				in := w.tor.Info
				info, err := metainfo.NewInfo(in.Name(), in.PieceLength(), make([]byte, 20*in.NumPieces()), in.Files(), false, true)
				if err != nil {
					t.Fatal(err)
				}
				w.tor.Info = info
			}
			hear, say := heardLocally(t, w)
			n := w.local()
			n.start(Add{})
			time.Sleep(time.Minute)
			announced := len(hear())
			say(lsd.Message{Port: 7000, Hashes: []metainfo.Hash{w.tor.ID.Wire()}})
			time.Sleep(time.Second)
			st := n.status()
			known := st.Candidates + st.Dialing
			if private != (announced == 0) || private != (known == 0) {
				t.Errorf("private %v: announced %d times, %d candidates", private, announced, known)
			}
		})
	}
}

// TestL01LocalPoison: what the local network names passes the one rule for addresses: a port that is a
// service of somebody is not dialled.
func TestL01LocalPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		_, say := heardLocally(t, w)
		n := w.local()
		n.start(Add{})
		time.Sleep(10 * time.Second)
		for _, port := range []uint16{22, 25, 80, 443, 1023} {
			say(lsd.Message{Port: port, Hashes: []metainfo.Hash{w.tor.ID.Wire()}})
		}
		time.Sleep(time.Second)
		if st := n.status(); st.Candidates+st.Dialing != 0 {
			t.Errorf("%d candidates", st.Candidates+st.Dialing)
		}
		time.Sleep(time.Minute) // his share of this minute is used up
		say(lsd.Message{Port: 1024, Hashes: []metainfo.Hash{w.tor.ID.Wire()}})
		time.Sleep(600 * time.Millisecond) // there are two snapshots a second
		if st := n.status(); st.Candidates+st.Dialing != 1 {
			t.Errorf("%d candidates, port 1024 was to be one", st.Candidates+st.Dialing)
		}
	})
}

// TestLocalPaused: a paused torrent is not announced, and again when it goes on.
func TestLocalPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		hear, _ := heardLocally(t, w)
		n := w.local()
		n.start(Add{})
		time.Sleep(time.Minute)
		if got := hear(); len(got) == 0 || got[0].Port != n.s.port() {
			t.Errorf("announced %+v", got)
		}
		if err := n.s.Pause(context.Background(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		hear()
		time.Sleep(time.Hour)
		if got := hear(); len(got) != 0 {
			t.Errorf("announced %d times while paused", len(got))
		}
		if err := n.s.Resume(context.Background(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if len(hear()) == 0 {
			t.Error("not announced after that")
		}
	})
}

// TestLocalAfterMove: with another address the torrent is announced there.
func TestLocalAfterMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.local()
		road := &roaming{host: n.host}
		n.cfg.Net = road
		n.start(Add{})
		time.Sleep(7 * time.Minute) // it was announced more than a minute ago, and is not due yet
		n.host = w.host(quick)
		road.move(n.host)
		var from netip.Addr
		cs, err := w.host(quick).ListenMulticast(t.Context(), "udp4", lsd.Group4)
		if err != nil {
			t.Fatal(err)
		}
		defer cs[0].Close()
		cs[0].SetReadDeadline(time.Now().Add(watchEvery + 5*time.Second))
		if _, a, err := cs[0].ReadFrom(make([]byte, 2000)); err == nil {
			from = addrOf(a).Addr()
		}
		if from != n.host.Addr() {
			t.Errorf("heard it from %v, it is at %v now", from, n.host.Addr())
		}
	})
}
