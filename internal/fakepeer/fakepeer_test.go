package fakepeer

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// pair returns two Peers on a simulated stream, after their handshakes.
func pair(t *testing.T, a, b Hello) (*Peer, *Peer) {
	t.Helper()
	n := simnet.New(1)
	link := simnet.Link{Up: 10e6, Latency: 5 * time.Millisecond}
	ha, hb := n.Host(netip.MustParseAddr("10.0.0.1"), link), n.Host(netip.MustParseAddr("10.0.0.2"), link)
	l, err := hb.Listen(t.Context(), "tcp", ":1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x, err := ha.Dial(t.Context(), "tcp", "10.0.0.2:1")
	if err != nil {
		t.Fatal(err)
	}
	y, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	pa, pb := New(x), New(y)
	end := make(chan error, 1)
	go func() { end <- pa.Dial(a) }()
	if err := errors.Join(pb.Answer(b), <-end); err != nil {
		t.Fatal(err)
	}
	return pa, pb
}

func TestServeAndFetch(t *testing.T) {
	info, data := Content("x", 3<<20+1000, 256<<10, 1)
	for name, h := range map[string]Hello{"fast": {}, "plain": {Plain: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seed, leech := pair(t, h, Hello{})
				if seed.Fast != (name == "fast") || leech.Fast != seed.Fast {
					t.Errorf("fast: %v %v", seed.Fast, leech.Fast)
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					if sent, _ := seed.Serve(t.Context(), Seed{Info: info, Data: data}); sent != int64(len(data)) {
						t.Errorf("%d bytes were sent", sent)
					}
				})
				got, err := leech.Fetch(t.Context(), info, 10)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				leech.Close()
				wg.Wait()
			})
		})
	}
}

func TestSeedHooks(t *testing.T) {
	info, data := Content("x", 1<<20, 256<<10, 2)
	synctest.Test(t, func(t *testing.T) {
		seed, leech := pair(t, Hello{}, Hello{})
		has := metainfo.NewBitfield(info.NumPieces())
		has.Set(1)
		var others []wire.Kind
		var wg sync.WaitGroup
		wg.Go(func() {
			seed.Serve(t.Context(), Seed{
				Info: info, Data: data, Has: &has,
				Lie:   func(_ metainfo.Block, p []byte) { p[0] ^= 1 },
				Hold:  func(b metainfo.Block) bool { time.Sleep(time.Second); return b.Begin == 0 },
				Other: func(m wire.Message) { others = append(others, m.Kind) },
			})
		})
		leech.Send(
			wire.Message{Kind: wire.Have, Index: 3},
			wire.Message{Kind: wire.Request, Index: 0, Length: 16384},
			wire.Message{Kind: wire.Request, Index: 1, Begin: 16384, Length: 16384},
			wire.Message{Kind: wire.Request, Index: 1, Length: 16384},
		)
		if m, err := leech.Expect(wire.Bitfield, time.Second); err != nil || !bytes.Equal(m.Data, has.Bytes()) {
			t.Errorf("% x, %v", m.Data, err)
		}
		if m, err := leech.Expect(wire.Reject, time.Second); err != nil || m.Index != 0 {
			t.Errorf("piece it has not: %+v, %v", m, err)
		}
		start := time.Now()
		m, err := leech.Expect(wire.Piece, time.Minute)
		if err != nil || m.Begin != 0 || m.Block.Bytes()[0] != data[256<<10]^1 || !bytes.Equal(m.Block.Bytes()[1:], data[256<<10+1:256<<10+16384]) {
			t.Errorf("%+v, %v", m, err)
		}
		if d := time.Since(start); d < 1900*time.Millisecond {
			t.Errorf("held for %v only", d)
		}
		if _, err := leech.Expect(wire.Piece, time.Second); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("dropped request: %v", err)
		}
		if err := leech.Ended(time.Second); err == nil {
			t.Error("an open connection counts as ended")
		}
		seed.Close()
		if err := leech.Ended(time.Second); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if len(others) != 1 || others[0] != wire.Have {
			t.Errorf("others: %v", others)
		}
		leech.Close()
	})
}

func TestContentIsRepeatable(t *testing.T) {
	a, x := Content("x", 100000, 16384, 5)
	b, y := Content("x", 100000, 16384, 5)
	_, z := Content("x", 100000, 16384, 6)
	if !bytes.Equal(x, y) || bytes.Equal(x, z) || a.PieceHash(6) != b.PieceHash(6) || a.NumPieces() != 7 {
		t.Error("content depends on more or less than its seed")
	}
}

func TestRawAndEndOverPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		p := New(x)
		go func() {
			p.Raw([]byte("abc"))
			p.Close()
		}()
		b := make([]byte, 3)
		if _, err := y.Read(b); string(b) != "abc" || err != nil {
			t.Error(b, err)
		}
		if err := New(y).Ended(time.Second); err != nil {
			t.Error(err)
		}
		y.Close()
	})
}
