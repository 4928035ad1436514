package session

import (
	"cmp"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/peer/wire"
	"shoal/status"
)

// visit connects a scripted peer with n.
func (n *node) visit(play func(context.Context, *fakepeer.Peer)) {
	n.w.t.Helper()
	h := n.w.host(simnet.Link{Latency: 200 * time.Millisecond})
	hello := fakepeer.Hello{InfoHash: n.w.tor.ID.Wire(), PeerID: [20]byte{'v', byte(n.w.next)}}
	nc, err := h.Dial(context.Background(), "tcp", n.addr())
	if err != nil {
		n.w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p := fakepeer.New(nc)
		defer p.Close()
		if err := p.Dial(hello); err == nil {
			play(ctx, p)
		}
	}()
	n.w.end = append(n.w.end, func() { cancel(); <-ended })
}

// stingy has everything and unchokes nobody.
func stingy(ctx context.Context, p *fakepeer.Peer) {
	if p.Send(wire.Message{Kind: wire.HaveAll}) == nil {
		<-ctx.Done()
	}
}

// TestCauses: each cause, produced in a whole session with real limits, memory and disk workers, takes most of the time, and all of them
// together take the time since the start.
func TestCauses(t *testing.T) {
	fast := simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 5 * time.Millisecond}
	for _, tt := range []struct {
		name  string
		cause status.Cause
		play  func(w *sim, n *node)
		time  time.Duration // 0: 25 s
	}{
		{"nobody is known", status.NoPeers, func(w *sim, n *node) { n.start(Add{}) }, 0},
		{"nobody has more", status.NoPeers, func(w *sim, n *node) {
			n.start(Add{})
			n.visit(func(ctx context.Context, p *fakepeer.Peer) {
				_ = p.Send(wire.Message{Kind: wire.HaveNone})
				<-ctx.Done()
			})
		}, 0},
		{"nobody answers", status.Unreachable, func(w *sim, n *node) {
			n.start(Add{Peers: []string{"10.9.9.9:6881", "10.9.9.8:6881"}})
		}, 70 * time.Second},
		{"all choke", status.Choked, func(w *sim, n *node) {
			n.start(Add{Peers: []string{"10.9.9.9:6881"}})
			n.visit(stingy)
			n.visit(stingy)
		}, 0},
		{"a limit", status.Limited, func(w *sim, n *node) {
			n.cfg.Limits.Down = 200 << 10
			n.start(Add{Peers: []string{w.node(fast).seed().addr()}})
		}, 0},
		{"a limit of the torrent alone", status.Limited, func(w *sim, n *node) {
			n.start(Add{Peers: []string{w.node(fast).seed().addr()}, Down: 50 << 10})
		}, 0},
		{"a limit that is wide enough", status.Running, func(w *sim, n *node) {
			n.cfg.Limits.Down = 4 << 20
			n.start(Add{Peers: []string{w.node(simnet.Link{Up: 128 << 10, Down: 1 << 20, Latency: 20 * time.Millisecond}).seed().addr()}})
		}, 0},
		{"a slow disk", status.DiskBound, func(w *sim, n *node) {
			n.slow, n.cfg.Limits.Memory = 700*time.Millisecond, 256<<10
			n.start(Add{Peers: []string{w.node(fast).seed().addr()}})
		}, 0},
		{"a slow disk that is fast enough", status.Running, func(w *sim, n *node) {
			n.slow = 100 * time.Millisecond
			n.start(Add{Peers: []string{w.node(simnet.Link{Up: 128 << 10, Down: 1 << 20, Latency: 20 * time.Millisecond}).seed().addr()}})
		}, 0},
		{"a small window over a long way", status.WindowBound, func(w *sim, n *node) {
			n.start(Add{})
			n.visit(func(ctx context.Context, p *fakepeer.Peer) {
				h := wire.ExtHandshake{Reqq: 4}
				if p.Send(wire.Message{Kind: wire.Extended, Data: wire.AppendExtHandshake(nil, &h)}) == nil {
					_, _ = p.Serve(ctx, fakepeer.Seed{Info: w.tor.Info, Data: w.data})
				}
			})
		}, 40 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 8<<20, 64<<10)
				defer w.close()
				n := w.node(fast)
				begun := time.Now()
				tt.play(w, n)
				time.Sleep(cmp.Or(tt.time, 25*time.Second))
				s := n.status()
				t.Logf("%v, %d chokers, %+v", s.Phase, s.PeersChoking, s.Time)
				if sum, passed := s.Time.All.Total(), time.Since(begun); sum > passed || passed-sum > 6*time.Second {
					t.Errorf("%v are accounted of %v", sum, passed)
				}
				for _, part := range []status.Shares{s.Time.All, s.Time.Minute, s.Time.Lately} {
					if c, share := part.Main(); c != tt.cause || share < 0.8 {
						t.Errorf("it is %v, with %.2f of the time", c, share)
					}
				}
				if tt.cause == status.Choked && s.PeersChoking != 2 {
					t.Errorf("%d peers choke", s.PeersChoking)
				}
			})
		})
	}
}
