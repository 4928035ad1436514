package session

import (
	"cmp"
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/status"
	"shoal/tui"
	"shoal/tui/draw"
	"shoal/tui/tabs"
	"shoal/tui/theme"
)

// visit connects a scripted peer with n; leave ends it.
func (n *node) visit(play func(context.Context, *fakepeer.Peer)) (leave func()) {
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
	leave = func() { cancel(); <-ended }
	n.w.end = append(n.w.end, leave)
	return leave
}

// stingy has everything and unchokes nobody.
func stingy(ctx context.Context, p *fakepeer.Peer) {
	if p.Send(wire.Message{Kind: wire.HaveAll}) == nil {
		<-ctx.Done()
	}
}

// sentences are how what a person is told of each cause begins.
var sentences = [status.NumCauses]string{"Nothing here holds it back", "No peer", "The peers that are known do not answer",
	"It is choked by", "Our download limit", "The disk does not keep up", "The way to the peers is long"}

// TestCauses: each of the six causes, and none, produced in a whole session with real limits, memory and disk workers, takes most of the time, and all of them
// together take the time since the start; and a person is told so in a sentence.
func TestCauses(t *testing.T) {
	plain, err := theme.New("mono", theme.Plain)
	if err != nil {
		t.Fatal(err)
	}
	look := draw.Style{Theme: plain, Glyphs: theme.ASCII()}
	fast := simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 5 * time.Millisecond}
	for _, tt := range []struct {
		name  string
		cause status.Cause
		play  func(w *sim, n *node)
		time  time.Duration // 0: 25 s
	}{
		{"no peers", status.NoPeers, func(w *sim, n *node) { n.start(Add{}) }, 0},
		{"no peers: nobody has more", status.NoPeers, func(w *sim, n *node) {
			n.start(Add{})
			n.visit(func(ctx context.Context, p *fakepeer.Peer) {
				_ = p.Send(wire.Message{Kind: wire.HaveNone})
				<-ctx.Done()
			})
		}, 0},
		{"not reachable", status.Unreachable, func(w *sim, n *node) {
			n.start(Add{Peers: []string{"10.9.9.9:6881", "10.9.9.8:6881"}})
		}, 70 * time.Second},
		{"choked", status.Choked, func(w *sim, n *node) {
			n.start(Add{Peers: []string{"10.9.9.9:6881"}})
			n.visit(stingy)
			n.visit(stingy)
		}, 0},
		{"our limit", status.Limited, func(w *sim, n *node) {
			n.cfg.Limits.Down = 200 << 10
			n.start(Add{Peers: []string{w.node(fast).seed().addr()}})
		}, 0},
		{"our limit: of the torrent alone", status.Limited, func(w *sim, n *node) {
			n.start(Add{Peers: []string{w.node(fast).seed().addr()}, Limits: TorrentLimits{Down: 50 << 10}})
		}, 0},
		{"nothing: a limit that is wide enough", status.Running, func(w *sim, n *node) {
			n.cfg.Limits.Down = 4 << 20
			n.start(Add{Peers: []string{w.node(simnet.Link{Up: 128 << 10, Down: 1 << 20, Latency: 20 * time.Millisecond}).seed().addr()}})
		}, 0},
		{"disk", status.DiskBound, func(w *sim, n *node) {
			n.slow, n.cfg.Limits.Memory = 700*time.Millisecond, 256<<10
			n.start(Add{Peers: []string{w.node(fast).seed().addr()}})
		}, 0},
		{"nothing: a disk that is fast enough", status.Running, func(w *sim, n *node) {
			n.slow = 100 * time.Millisecond
			n.start(Add{Peers: []string{w.node(simnet.Link{Up: 128 << 10, Down: 1 << 20, Latency: 20 * time.Millisecond}).seed().addr()}})
		}, 0},
		{"request window", status.WindowBound, func(w *sim, n *node) {
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
				r := tui.Why(&status.Entry{Torrent: s}, tui.Around{Limit: -1})
				if got := r.String(); !strings.HasPrefix(got, sentences[tt.cause]) || r.Advice == "" {
					t.Errorf("people are told %q, not that %q", got, sentences[tt.cause])
				}
				all, percents := 0.0, 0
				for i, p := range tui.Percents(r.Shares) {
					all, percents = all+r.Shares[i].Share, percents+p
				}
				if math.Abs(all-1) > 1e-9 || percents != 100 || r.Shares[0].Cause != tt.cause {
					t.Errorf("the shares %v add up to %v", r.Shares, all)
				}
				overview := strings.Join(tabs.New()[0].View(look, &tabs.Data{Entry: status.Entry{Torrent: s}, Limit: -1, Now: time.Now()}, 200, 40), "\n")
				for _, want := range []string{r.Say, r.Advice, r.Shares[0].Name, "%"} {
					if !strings.Contains(overview, want) {
						t.Errorf("the overview does not say %q:\n%s", want, overview)
					}
				}
				if tt.cause == status.Choked && s.PeersChoking != 2 {
					t.Errorf("%d peers choke", s.PeersChoking)
				}
			})
		})
	}
}

// TestReasonsChange: within the seconds of which the figures beside it tell, what people are told is no longer what it was: of a
// seed that comes, of a limit that is lifted, of peers who go.
func TestReasonsChange(t *testing.T) {
	slow, fast := simnet.Link{Up: 64 << 10, Down: 1 << 20, Latency: 20 * time.Millisecond}, simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 5 * time.Millisecond}
	for _, tt := range []struct {
		name        string
		limit, left int64 // of the torrent, before the change and after it
		play        func(w *sim, n *node) (change func())
		first, then string
	}{
		{"a seed comes", 0, 0, func(w *sim, n *node) func() {
			n.start(Add{})
			return func() {
				s := w.node(slow)
				put(t, s.disk, "file.bin", w.data)
				s.start(Add{Seed: true, Trust: true, Peers: []string{n.addr()}})
			}
		}, "No peer", "Nothing here holds it back (1 peer sends"},
		{"a limit is lifted", 10_000, 0, func(w *sim, n *node) func() {
			n.start(Add{Peers: []string{w.node(slow).seed().addr()}, Limits: TorrentLimits{Down: 10_000}})
			return func() {
				if err := n.s.SetLimits(t.Context(), w.tor.ID, TorrentLimits{}); err != nil {
					t.Error(err)
				}
			}
		}, "Our download limit holds it back (that of this torrent is 10 kB/s)", "Nothing here holds it back (1 peer sends"},
		{"the peer of a limited torrent goes", 10_000, 10_000, func(w *sim, n *node) func() {
			s := w.node(fast).seed()
			n.start(Add{Peers: []string{s.addr()}, Limits: TorrentLimits{Down: 10_000}})
			return s.stop
		}, "Our download limit", "No peers are"},
		{"who chokes goes", 0, 0, func(w *sim, n *node) func() {
			n.start(Add{})
			one, other := n.visit(stingy), n.visit(stingy)
			return func() { one(); other() }
		}, "It is choked by all 2 peers", "No peers are"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 8<<20, 64<<10)
				defer w.close()
				n := w.node(fast)
				told := func(limit int64) string {
					e := status.Entry{Torrent: n.status(), DownLimit: limit}
					return tui.Why(&e, tui.Around{}).String()
				}
				change := tt.play(w, n)
				time.Sleep(25 * time.Second)
				if got := told(tt.limit); !strings.HasPrefix(got, tt.first) {
					t.Errorf("at first people are told %q, not that %q", got, tt.first)
				}
				change()
				time.Sleep(8 * time.Second)
				if got := told(tt.left); !strings.HasPrefix(got, tt.then) {
					t.Errorf("then people are told %q, not that %q", got, tt.then)
				}
			})
		})
	}
}

// TestReasonsBesidesDownloading: while there is nothing to download, people are told what is tried, and why nothing is sent.
func TestReasonsBesidesDownloading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		seed := w.node(simnet.Link{}).seed()
		time.Sleep(10 * time.Second)
		told := func(n *node) string {
			s := n.status()
			return tui.Why(&status.Entry{Torrent: s}, tui.Around{Limit: -1}).String()
		}
		if got, want := told(seed), "Everything is here; nobody asks: no peer is connected."; got != want {
			t.Errorf("a seed says %q, not %q", got, want)
		}
		magnet := w.node(simnet.Link{})
		magnet.start(Add{Magnet: &metainfo.Magnet{ID: w.tor.ID}})
		magnet.visit(func(ctx context.Context, p *fakepeer.Peer) { <-ctx.Done() })
		time.Sleep(10 * time.Second)
		if got, want := told(magnet), "It looks for its metadata: 1 peer asked; those who are connected do not have it yet"; !strings.HasPrefix(got, want) {
			t.Errorf("a magnet link says %q, not %q", got, want)
		}
	})
}
