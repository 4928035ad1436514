package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/peer/mse"
	"shoal/peer/wire"
)

// knows is an index of one torrent.
type knows metainfo.Hash

func (k knows) Known(h metainfo.Hash) bool { return h == metainfo.Hash(k) }
func (k knows) Unveil(veil metainfo.Hash) (metainfo.Hash, bool) {
	return metainfo.Hash(k), veil == mse.Veil(metainfo.Hash(k))
}

var known = knows(ih)

func hello() []byte {
	return wire.AppendHandshake(nil, &wire.Handshake{InfoHash: ih, PeerID: [20]byte{9}})
}

func TestHandshakeBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, pipe := range map[string]func() (net.Conn, net.Conn){
			"pipe":   net.Pipe,
			"simnet": func() (net.Conn, net.Conn) { return sockets(t, fast, fast) },
		} {
			x, y := pipe()
			done := make(chan wire.Handshake, 1)
			go func() {
				c, h, err := Accept(t.Context(), y, &Config{PeerID: [20]byte{2}}, known)
				if err != nil {
					t.Error(name, err)
				} else {
					c.Close(nil)
				}
				done <- h
			}()
			c, theirs, err := Dial(t.Context(), x, &Config{PeerID: [20]byte{1}, DHT: true}, ih, OpenPlain)
			if err != nil {
				t.Fatal(name, err)
			}
			ours := <-done
			if theirs.PeerID != [20]byte{2} || ours.PeerID != [20]byte{1} || ours.InfoHash != ih {
				t.Errorf("%s: %+v %+v", name, theirs, ours)
			}
			r := ours.Reserved
			if !r.Fast() || !r.Extended() || !r.DHT() || theirs.Reserved.DHT() || r.V2() {
				t.Errorf("%s: bits % x", name, r)
			}
			c.Close(nil)
		}
	})
}

// W01: whoever is slow is closed at 10 s, both ways, however the bytes trickle in.
func TestW01SlowHandshake(t *testing.T) {
	play := map[string]func(nc net.Conn){
		"silence":           func(net.Conn) {},
		"67 bytes":          func(nc net.Conn) { nc.Write(hello()[:67]) },
		"one byte a second": func(nc net.Conn) { trickle(nc, hello()) },
	}
	for name, remote := range play {
		for way, ours := range map[string]func(nc net.Conn) error{
			"accept": func(nc net.Conn) error { _, _, err := Accept(context.Background(), nc, &Config{}, known); return err },
			"dial": func(nc net.Conn) error {
				_, _, err := Dial(context.Background(), nc, &Config{}, ih, OpenPlain)
				return err
			},
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x, y := sockets(t, fast, fast)
					var wg sync.WaitGroup
					defer wg.Wait()
					wg.Go(func() { remote(y) })
					start := time.Now()
					if err := ours(x); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 10*time.Second {
						t.Errorf("after %v: %v", time.Since(start), err)
					}
					if _, err := x.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
						t.Errorf("socket is open: %v", err)
					}
					y.Close()
				})
			})
		}
	}
}

func trickle(nc net.Conn, b []byte) {
	for i := range b {
		if _, err := nc.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// W01: a waiting handshake holds at most 1 KiB more than a goroutine that
// waits for a byte on the same socket with a deadline.
func TestW01Memory(t *testing.T) {
	wait := func(nc net.Conn) {
		nc.SetDeadline(time.Now().Add(time.Minute))
		io.ReadFull(nc, make([]byte, wire.HandshakeLen))
	}
	heldBy(t, wait) // the runtime keeps its goroutines
	bare := heldBy(t, wait)
	shaking := heldBy(t, func(nc net.Conn) {
		Accept(context.Background(), nc, &Config{}, known)
	})
	t.Logf("%d bytes, %d without", shaking, bare)
	if shaking-bare > 1<<10 {
		t.Errorf("%d bytes are held for each, %d would be without", shaking, bare)
	}
}

// heldBy returns the bytes of heap that f holds while it waits for the rest of a handshake.
func heldBy(t *testing.T, f func(nc net.Conn)) (bytes int64) {
	synctest.Test(t, func(t *testing.T) {
		const n = 500
		x, y := make([]net.Conn, n), make([]net.Conn, n)
		for i := range n {
			x[i], y[i] = net.Pipe()
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n {
			go f(x[i])
			y[i].Write(hello()[:40])
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		bytes = (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
		for i := range n {
			y[i].Close()
		}
	})
	return bytes
}

// W02: who wants something else gets no reply, not even half a handshake.
func TestW02NoReply(t *testing.T) {
	other := wire.AppendHandshake(nil, &wire.Handshake{InfoHash: metainfo.Hash{7}})
	wrong := hello()
	wrong[5] ^= 0x20
	for name, tc := range map[string]struct {
		send  []byte
		cause error
	}{
		"unknown info hash":   {other, ErrUnknownTorrent},
		"wrong protocol name": {wrong, wire.ErrProtocol},
		"HTTP GET":            {[]byte("GET / HTTP/1.1\r\n\r\n"), wire.ErrProtocol},
		"TLS":                 {[]byte{0x16, 3, 1}, wire.ErrProtocol},
		"nothing":             {nil, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, y := net.Pipe()
				end := make(chan error, 1)
				start := time.Now()
				go func() {
					_, _, err := Accept(context.Background(), x, &Config{}, known)
					end <- err
				}()
				y.Write(tc.send)
				if tc.send == nil {
					y.Close()
				} else if n, err := y.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("%d bytes of a reply, %v", n, err)
				}
				if err := <-end; !errors.Is(err, tc.cause) || time.Since(start) != 0 {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				y.Close()
			})
		})
	}
}

// A remote may wait for our handshake before it sends its peer id.
func TestReplyBeforePeerID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		go func() {
			y.Write(hello()[:wire.HashEnd])
			io.ReadFull(y, make([]byte, wire.HandshakeLen))
			y.Write(hello()[wire.HashEnd:])
		}()
		c, h, err := Accept(t.Context(), x, &Config{}, known)
		if err != nil || h.PeerID != [20]byte{9} {
			t.Fatal(h, err)
		}
		c.Close(nil)
		y.Close()
	})
}

func TestDialOtherTorrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		go func() {
			io.ReadFull(y, make([]byte, wire.HandshakeLen))
			y.Write(wire.AppendHandshake(nil, &wire.Handshake{InfoHash: metainfo.Hash{8}}))
			y.Close()
		}()
		if _, _, err := Dial(t.Context(), x, &Config{}, ih, OpenPlain); !errors.Is(err, ErrUnknownTorrent) {
			t.Error(err)
		}
	})
}

func TestHandshakeContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := sockets(t, fast, fast)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := Accept(ctx, x, &Config{}, known); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		y.Close()
	})
}
