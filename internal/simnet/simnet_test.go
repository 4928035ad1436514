package simnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	addrA = netip.MustParseAddr("10.0.0.1")
	addrB = netip.MustParseAddr("10.0.0.2")
)

// pair returns two hosts and a stream from a to b.
func pair(t *testing.T, a, b Link) (ha, hb *Host, ca, cb net.Conn) {
	t.Helper()
	n := New(1)
	ha, hb = n.Host(addrA, a), n.Host(addrB, b)
	ca, cb = connect(t, ha, hb)
	return ha, hb, ca, cb
}

func connect(t *testing.T, from, to *Host) (net.Conn, net.Conn) {
	t.Helper()
	l, err := to.Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	a, err := from.Dial(t.Context(), "tcp", netip.AddrPortFrom(to.Addr(), port).String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestStreamTiming(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b  Link
		bytes int
		want  time.Duration
	}{
		"latency only":     {Link{Latency: 20 * time.Millisecond}, Link{Latency: 30 * time.Millisecond}, 1 << 20, 50 * time.Millisecond},
		"uplink decides":   {Link{Up: 1e6}, Link{Down: 4e6}, 10e6, 10 * time.Second},
		"downlink decides": {Link{Up: 4e6}, Link{Down: 1e6}, 10e6, 10 * time.Second},
		"100 Mbit 100 ms":  {Link{Up: 12.5e6, Latency: 25 * time.Millisecond}, Link{Latency: 25 * time.Millisecond}, 25e6, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ha, hb, ca, cb := pair(t, tc.a, tc.b)
				data := bytes.Repeat([]byte("0123456789"), tc.bytes/10+1)[:tc.bytes]
				start := time.Now()
				go func() {
					ca.Write(data)
					ca.Close()
				}()
				got, err := io.ReadAll(cb)
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
				if d := time.Since(start); d < tc.want || d > tc.want+tc.want/10+100*time.Millisecond {
					t.Errorf("took %v, want about %v", d, tc.want)
				}
				if ha.Sent() != int64(tc.bytes) || hb.Received() != int64(tc.bytes) || ha.Received() != 0 {
					t.Errorf("counted %d sent, %d received, %d back", ha.Sent(), hb.Received(), ha.Received())
				}
				cb.Close()
			})
		})
	}
}

func TestStreamsShareALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		seed := n.Host(addrA, Link{Up: 1e6, Latency: 10 * time.Millisecond})
		var wg sync.WaitGroup
		start := time.Now()
		for i := range 4 {
			h := n.Host(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), Link{Latency: 10 * time.Millisecond})
			a, b := connect(t, seed, h)
			wg.Go(func() {
				a.Write(make([]byte, 1e6))
				a.Close()
			})
			wg.Go(func() {
				io.Copy(io.Discard, b)
				b.Close()
				if d := time.Since(start); d < 3800*time.Millisecond || d > 4500*time.Millisecond {
					t.Errorf("stream %d took %v of the 4 s that all take", i, d)
				}
			})
		}
		wg.Wait()
	})
}

func TestBackPressureAndDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, ca, cb := pair(t, Link{Latency: time.Millisecond}, Link{})
		ca.SetWriteDeadline(time.Now().Add(5 * time.Second))
		start := time.Now()
		n, err := ca.Write(make([]byte, 16<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n > maxWindow+maxQueue {
			t.Errorf("wrote %d to a sleeping reader: %v", n, err)
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != 5*time.Second {
			t.Errorf("time-out after %v: %v", time.Since(start), err)
		}
		cb.SetReadDeadline(time.Now().Add(time.Second))
		if m, err := io.ReadFull(cb, make([]byte, n)); err != nil {
			t.Errorf("read %d of %d: %v", m, n, err)
		}
		if _, err := cb.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read with nothing there: %v", err)
		}
		// A deadline that is set while a read waits counts.
		cb.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { cb.SetReadDeadline(time.Unix(1, 0)) })
		if _, err := cb.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read cut short: %v", err)
		}
		ca.Close()
		cb.Close()
	})
}

func TestClose(t *testing.T) {
	t.Run("fin after data", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, _, ca, cb := pair(t, Link{Up: 1000, Latency: time.Second}, Link{})
			ca.Write(make([]byte, 5000))
			ca.Close()
			if _, err := ca.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read after close: %v", err)
			}
			if got, err := io.ReadAll(cb); len(got) != 5000 || err != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			// Writing to a closed end brings a reset.
			cb.Write([]byte("x"))
			time.Sleep(5 * time.Second)
			if _, err := cb.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("write to a closed end: %v", err)
			}
			cb.Close()
		})
	})
	t.Run("reset when unread", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, _, ca, cb := pair(t, Link{}, Link{Latency: time.Millisecond})
			ca.Write([]byte("hello"))
			time.Sleep(time.Second)
			cb.Close()
			if _, err := ca.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read: %v", err)
			}
			ca.Close()
		})
	})
}

// What waits to be sent on a stream that was reset does not use the link any more.
func TestResetFreesTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ha, hb, ca, cb := pair(t, Link{Up: 1000}, Link{})
		if n, err := ca.Write(make([]byte, 20e3)); n != 20e3 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(5 * time.Second)
		cb.Close() // with bytes unread, so it is a reset
		if _, err := ca.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		start := time.Now()
		ca, cb = connect(t, ha, hb)
		ca.Write(make([]byte, 5000))
		if _, err := io.ReadFull(cb, make([]byte, 5000)); err != nil || time.Since(start) > 7*time.Second {
			t.Errorf("another stream took %v for 5 s worth of bytes, %v", time.Since(start), err)
		}
		ca.Close()
		cb.Close()
	})
}

func TestDialFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := n.Host(addrA, Link{Latency: 10 * time.Millisecond}), n.Host(addrB, Link{})
		start := time.Now()
		if _, err := a.Dial(t.Context(), "tcp", "10.0.0.2:80"); !errors.Is(err, syscall.ECONNREFUSED) || time.Since(start) != 20*time.Millisecond {
			t.Errorf("no listener: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Dial(ctx, "tcp", "10.9.9.9:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no host: %v", err)
		}
		l, _ := b.Listen(t.Context(), "tcp4", ":80")
		if _, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second listener: %v", err)
		}
		b.Down()
		time.AfterFunc(10*time.Second, b.Up)
		start = time.Now()
		c, err := a.Dial(t.Context(), "tcp", "10.0.0.2:80")
		if err != nil || time.Since(start) < 10*time.Second {
			t.Fatalf("host that came back: %v after %v", err, time.Since(start))
		}
		l.Close() // with the stream still waiting to be accepted
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("stream nobody accepted: %v", err)
		}
		c.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after close: %v", err)
		}
	})
}

func TestCablePulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hb, ca, cb := pair(t, Link{Up: 1e6}, Link{})
		start := time.Now()
		time.AfterFunc(time.Second, hb.Down)
		time.AfterFunc(11*time.Second, hb.Up)
		go func() {
			ca.Write(make([]byte, 3e6))
			ca.Close()
		}()
		if n, err := io.Copy(io.Discard, cb); n != 3e6 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if d := time.Since(start); d < 12*time.Second || d > 13500*time.Millisecond {
			t.Errorf("took %v", d)
		}
		cb.Close()
	})
}

func TestPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(7)
		a, b := n.Host(addrA, Link{Latency: 5 * time.Millisecond, Loss: 0.2}), n.Host(addrB, Link{Latency: 5 * time.Millisecond})
		pa, err := a.ListenPacket(t.Context(), "udp", ":7000")
		if err != nil {
			t.Fatal(err)
		}
		pb, err := b.ListenPacket(t.Context(), "udp4", ":7000")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 1000 {
			pa.WriteTo(make([]byte, 100), &net.UDPAddr{IP: addrB.AsSlice(), Port: 7000})
		}
		got := 0
		pb.SetReadDeadline(start.Add(time.Second))
		for {
			n, from, err := pb.ReadFrom(make([]byte, 2000))
			if err != nil {
				break
			}
			if n != 100 || from.String() != "10.0.0.1:7000" || time.Since(start) != 10*time.Millisecond {
				t.Fatalf("%d bytes from %v after %v", n, from, time.Since(start))
			}
			got++
		}
		if got < 700 || got > 900 {
			t.Errorf("%d of 1000 datagrams came with a loss of 20 %%", got)
		}
		pa.Close()
		pb.Close()
		if _, _, err := pb.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	})
}

func TestLoopbackAndNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		six := netip.MustParseAddr("2001:db8::1")
		h := n.Host(addrA, Link{Up: 1, Down: 1, Latency: time.Hour}, six)
		n.Name("tracker.test", addrA)
		l, err := h.Listen(t.Context(), "tcp", ":80")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []string{"127.0.0.1:80", "[::1]:80", "10.0.0.1:80", "[2001:db8::1]:80", "tracker.test:80"} {
			c, err := h.Dial(t.Context(), "tcp", a)
			if err != nil {
				t.Fatal(a, err)
			}
			s, _ := l.Accept()
			c.Write([]byte("hello"))
			c.Close()
			if b, err := io.ReadAll(s); string(b) != "hello" || err != nil {
				t.Errorf("%s: %q %v", a, b, err)
			}
			s.Close()
		}
		if _, err := h.Lookup(t.Context(), "nobody.test"); err == nil {
			t.Error("an unknown name was found")
		}
		l.Close()
	})
}

func BenchmarkStream(b *testing.B) {
	n := New(1)
	ha, hb := n.Host(addrA, Link{}), n.Host(addrB, Link{})
	l, _ := hb.Listen(b.Context(), "tcp", ":1")
	ca, _ := ha.Dial(b.Context(), "tcp", "10.0.0.2:1")
	cb, _ := l.Accept()
	go io.Copy(io.Discard, cb)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		ca.Write(p)
	}
	ca.Close()
}
