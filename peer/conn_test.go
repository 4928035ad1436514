package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/block"
	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer/wire"
)

var ih = metainfo.Hash{1, 2, 3}

// link is what both ends of a test connection hang on.
var fast = simnet.Link{Latency: 10 * time.Millisecond}

// sockets returns both ends of a stream in a simulated network.
func sockets(t *testing.T, a, b simnet.Link) (net.Conn, net.Conn) {
	t.Helper()
	n := simnet.New(1)
	ha, hb := n.Host(netip.MustParseAddr("10.0.0.1"), a), n.Host(netip.MustParseAddr("10.0.0.2"), b)
	l, err := hb.Listen(t.Context(), "tcp", ":6881")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x, err := ha.Dial(t.Context(), "tcp", "10.0.0.2:6881")
	if err != nil {
		t.Fatal(err)
	}
	y, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return x, y
}

// recorder is a Handler that keeps what it was told.
type recorder struct {
	got     func(m wire.Message) // may be nil
	mu      sync.Mutex
	kinds   []wire.Kind
	blocks  int
	bytes   int
	closed  int
	lastErr error
}

func (r *recorder) Messages(batch []wire.Message) []wire.Message {
	for _, m := range batch {
		r.mu.Lock()
		r.kinds = append(r.kinds, m.Kind)
		r.mu.Unlock()
		if r.got != nil {
			r.got(m)
		}
		if m.Block != nil {
			m.Block.Release()
		}
	}
	return batch[:0]
}

func (r *recorder) Uploaded(blocks, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocks += blocks
	r.bytes += bytes
}

func (r *recorder) Closed(err error) {
	r.closed++
	r.lastErr = err
}

// running is a Conn under test against a scripted remote.
type running struct {
	*Conn
	remote *fakepeer.Peer
	rec    *recorder
	end    chan error
	start  time.Time
}

// start makes both handshakes and runs our side.
func start(t *testing.T, cfg *Config, src Source, hello fakepeer.Hello, ours, theirs simnet.Link) *running {
	t.Helper()
	x, y := sockets(t, ours, theirs)
	r := &running{remote: fakepeer.New(y), rec: new(recorder), end: make(chan error, 1), start: time.Now()}
	hello.InfoHash = ih
	answered := make(chan error, 1)
	go func() { answered <- r.remote.Answer(hello) }()
	c, _, err := Dial(t.Context(), x, cfg, ih, OpenPlain)
	if err := errors.Join(err, <-answered); err != nil {
		t.Fatal(err)
	}
	r.Conn = c
	go func() { r.end <- c.Run(context.Background(), r.rec, src) }()
	return r
}

// finish closes both ends and checks that the handler heard of it once.
func (r *running) finish(t *testing.T) error {
	t.Helper()
	r.remote.Close()
	err := <-r.end
	if r.rec.closed != 1 || r.rec.lastErr != err || err == nil {
		t.Errorf("Closed was called %d times with %v; Run returned %v", r.rec.closed, r.rec.lastErr, err)
	}
	return err
}

// chatter lets the remote say something every minute, so that it is not found
// idle. The function returned waits for the end of that.
func (r *running) chatter() func() {
	var wg sync.WaitGroup
	wg.Go(func() {
		for r.remote.Send(wire.Message{Kind: wire.Have}) == nil {
			time.Sleep(time.Minute)
		}
	})
	return wg.Wait
}

func TestMessagesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &Config{}, nil, fakepeer.Hello{}, fast, fast)
		r.Send(wire.Message{Kind: wire.Interested}, wire.Message{Kind: wire.Have, Index: 7})
		for _, want := range []wire.Kind{wire.Interested, wire.Have} {
			if m, err := r.remote.Next(time.Second); m.Kind != want || err != nil {
				t.Errorf("got %v, %v, want %v", m.Kind, err, want)
			}
		}
		b := new(block.Pool).Get()
		b.Resize(100)
		r.remote.Send(wire.Message{Kind: wire.KeepAlive}, wire.Message{Kind: wire.Unchoke}, wire.Message{Kind: wire.Piece, Index: 1, Block: b})
		r.remote.Raw([]byte{0, 0, 0, 1, 200}) // an unknown id
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprint(r.rec.kinds); got != "[unchoke piece]" {
			t.Errorf("handler got %v", got)
		}
		if !r.Fast() || r.RemoteAddr().String() != "10.0.0.2:6881" {
			t.Error(r.Fast(), r.RemoteAddr())
		}
		if err := r.finish(t); !errors.Is(err, io.EOF) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestCloseAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &Config{}, nil, fakepeer.Hello{}, fast, fast)
		why := errors.New("enough")
		r.Close(why)
		r.Close(errors.New("later"))
		if err := <-r.end; err != why {
			t.Errorf("ended with %v", err)
		}
		r.Send(wire.Message{Kind: wire.Choke})
		r.Upload(metainfo.Block{Length: 1})
		if r.ctl != nil || r.ups.len() != 0 {
			t.Error("a closed connection queues")
		}
		if err := r.remote.Ended(time.Second); err != nil {
			t.Error(err)
		}
		r.remote.Close()

		// The context ends it too, and closing before Run is fine.
		x, y := sockets(t, fast, fast)
		c := newConn(line{nc: x}, (&Config{}).withDefaults(), wire.Handshake{})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := c.Run(ctx, new(recorder), nil); err != why {
			t.Errorf("context: %v", err)
		}
		y.Close()
		x, y = sockets(t, fast, fast)
		c = newConn(line{nc: x}, (&Config{}).withDefaults(), wire.Handshake{})
		c.Close(nil)
		if err := c.Run(t.Context(), new(recorder), nil); err != ErrClosed {
			t.Errorf("closed before: %v", err)
		}
		y.Close()
	})
}

func TestProtocolErrorCloses(t *testing.T) {
	for name, raw := range map[string][]byte{
		"W04 2^32-1":                {0xff, 0xff, 0xff, 0xff},
		"W04 1 MiB + 1":             {0, 0x10, 0, 1, 20},
		"W07 piece of 16 KiB + 1":   {0, 0, 0x40, 10, 7},
		"W07 request of 12 bytes":   {0, 0, 0, 12, 6},
		"W05 bitfield of 2^32-1000": {0xff, 0xff, 0xfc, 0x18, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, &Config{}, nil, fakepeer.Hello{}, fast, fast)
				r.remote.Raw(raw)
				if err := r.remote.Ended(time.Second); err != nil {
					t.Error(err)
				}
				if err := r.finish(t); !errors.Is(err, wire.ErrProtocol) {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

// W04: keep-alives for ever do not keep a connection that nobody wants.
func TestW04Idle(t *testing.T) {
	every := func(d time.Duration) func(p *fakepeer.Peer) {
		return func(p *fakepeer.Peer) {
			for p.Send(wire.Message{Kind: wire.KeepAlive}) == nil {
				time.Sleep(d)
			}
		}
	}
	// trickled begins a frame and goes on with a byte a minute.
	trickled := func(head ...byte) func(p *fakepeer.Peer) {
		return func(p *fakepeer.Peer) {
			for p.Raw(head) == nil {
				head = []byte{0}
				time.Sleep(time.Minute)
			}
		}
	}
	for name, tc := range map[string]struct {
		play  func(p *fakepeer.Peer)
		first []wire.Message
		limit time.Duration
		cause error
	}{
		"silence":                   {func(*fakepeer.Peer) {}, nil, 150 * time.Second, ErrIdle},
		"keep-alives only":          {every(50 * time.Second), nil, 11 * time.Minute, ErrIdle},
		"zeros as fast as they go":  {every(time.Millisecond), nil, time.Second, wire.ErrProtocol},
		"interested and keep-alive": {every(50 * time.Second), []wire.Message{{Kind: wire.Interested}}, 0, nil},
		// Two minutes between keep-alives are usual (BEP 3), and some clients are a bit late.
		"slow keep-alives":        {every(121 * time.Second), []wire.Message{{Kind: wire.Interested}}, 0, nil},
		"a frame that never ends": {trickled(0, 16, 0, 0, 99), nil, 10 * time.Minute, ErrIdle},
		"a block that never ends": {trickled(0, 0, 64, 9, 7), nil, 10 * time.Minute, ErrIdle},
		"one byte a second": {func(p *fakepeer.Peer) {
			for p.Raw([]byte{0}) == nil {
				time.Sleep(time.Second)
			}
		}, nil, 11 * time.Minute, ErrIdle},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, &Config{}, nil, fakepeer.Hello{}, fast, fast)
				r.remote.Send(tc.first...)
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { tc.play(r.remote) })
				if tc.limit == 0 {
					time.Sleep(3 * time.Hour)
					if len(r.end) > 0 {
						t.Errorf("closed: %v", <-r.end)
						r.remote.Close()
						return
					}
					r.finish(t)
					return
				}
				select {
				case err := <-r.end:
					if d := time.Since(r.start); !errors.Is(err, tc.cause) || d < tc.limit*9/10-time.Second || d > tc.limit+time.Second {
						t.Errorf("closed after %v with %v", d, err)
					}
				case <-time.After(24 * time.Hour):
					t.Error("still open after a day")
				}
				r.remote.Close()
			})
		})
	}
}

func TestKeepAliveIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &Config{}, nil, fakepeer.Hello{}, fast, fast)
		defer r.chatter()()
		r.remote.Conn.SetReadDeadline(time.Time{})
		last := time.Now()
		for i := range 4 {
			b := make([]byte, 4)
			if _, err := io.ReadFull(r.remote.Conn, b); err != nil || !bytes.Equal(b, make([]byte, 4)) {
				t.Fatal(b, err)
			}
			if d := time.Since(last); d < 60*time.Second || d > 100*time.Second {
				t.Errorf("keep-alive %d after %v", i, d)
			}
			last = time.Now()
		}
		r.finish(t)
	})
}

// W09 at the level of one connection: a remote that never reads is dropped, and what waits for it is bounded.
func TestW09NeverReads(t *testing.T) {
	t.Run("stalled write", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src := &source{data: make([]byte, 1<<20)}
			r := start(t, &Config{}, src, fakepeer.Hello{}, fast, fast)
			for i := range 2000 {
				r.Upload(metainfo.Block{Begin: i % 64 * block.Size, Length: block.Size})
			}
			if err := <-r.end; err == nil || !strings.Contains(err.Error(), "timeout") {
				t.Errorf("ended with %v", err)
			}
			if d := time.Since(r.start); d < 60*time.Second || d > 95*time.Second {
				t.Errorf("ended after %v", d)
			}
			r.remote.Close()
		})
	})
	t.Run("queue of messages", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &Config{}, nil, fakepeer.Hello{}, simnet.Link{Up: 1000}, fast)
			for range 100 {
				r.Send(wire.Message{Kind: wire.Extended, Index: 1, Data: make([]byte, 8192)})
			}
			if err := <-r.end; !errors.Is(err, ErrQueueFull) {
				t.Errorf("ended with %v", err)
			}
			r.remote.Close()
		})
	})
	t.Run("queue of uploads", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src := &source{data: make([]byte, 1<<20)}
			r := start(t, &Config{}, src, fakepeer.Hello{}, simnet.Link{Up: 1000}, fast)
			for range 2200 {
				r.Upload(metainfo.Block{Length: block.Size})
			}
			if err := <-r.end; !errors.Is(err, ErrQueueFull) {
				t.Errorf("ended with %v", err)
			}
			r.remote.Close()
		})
	})
}

// A slow remote that reads is not dropped, however long it takes.
func TestSlowReaderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{data: make([]byte, 1<<20)}
		r := start(t, &Config{}, src, fakepeer.Hello{}, simnet.Link{Up: 400}, fast)
		for i := range 40 {
			r.Upload(metainfo.Block{Begin: i * block.Size, Length: block.Size})
		}
		r.remote.Conn.SetReadDeadline(time.Time{})
		defer r.chatter()()
		if n, err := io.CopyN(io.Discard, r.remote.Conn, 40*(block.Size+wire.PieceHeader)); err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		r.finish(t)
	})
}
