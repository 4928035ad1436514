package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/peer/mse"
	"shoal/peer/wire"
)

// tapped is a connection that keeps what its end wrote.
type tapped struct {
	net.Conn
	mu    sync.Mutex
	wrote bytes.Buffer
}

func (c *tapped) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.wrote.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tapped) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote.String()
}

var policies = map[Encryption]string{PreferEncryption: "prefer", RequireEncryption: "require", NoEncryption: "off"}

// TestPolicies: each pair of policies meets as it may, after at most two dials, and what is required is kept on the wire.
func TestPolicies(t *testing.T) {
	for _, tc := range []struct {
		dials, takes    Encryption
		meet, encrypted bool
		tries           int
	}{
		{PreferEncryption, PreferEncryption, true, true, 1},
		{PreferEncryption, RequireEncryption, true, true, 1},
		{PreferEncryption, NoEncryption, true, false, 2},
		{RequireEncryption, PreferEncryption, true, true, 1},
		{RequireEncryption, RequireEncryption, true, true, 1},
		{RequireEncryption, NoEncryption, false, false, 1},
		{NoEncryption, PreferEncryption, true, false, 1},
		{NoEncryption, RequireEncryption, false, false, 1},
		{NoEncryption, NoEncryption, true, false, 1},
	} {
		t.Run(policies[tc.dials]+" dials "+policies[tc.takes], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, tries, met := tc.dials.First(), 0, false
				for {
					tries++
					x, y := sockets(t, fast, fast)
					a, b := &tapped{Conn: x}, &tapped{Conn: y}
					var wg sync.WaitGroup
					wg.Go(func() {
						c, _, err := Accept(t.Context(), b, &Config{Encryption: tc.takes}, known)
						if err == nil {
							c.Close(nil)
						}
					})
					c, _, err := Dial(t.Context(), a, &Config{Encryption: tc.dials}, ih, o)
					if met = err == nil; met {
						if c.Encrypted() != tc.encrypted {
							t.Errorf("encrypted %v", c.Encrypted())
						}
						c.Close(nil)
					}
					wg.Wait()
					forced := tc.dials == RequireEncryption || tc.takes == RequireEncryption && met
					if said := a.said() + b.said(); forced && strings.Contains(said, "BitTorrent protocol") {
						t.Errorf("on the wire: %q", said)
					}
					if !met && b.said() != "" {
						t.Errorf("a refused one got %d bytes", len(b.said()))
					}
					again := false
					if !met {
						o, again = tc.dials.Next(o, err)
					}
					if !again {
						break
					}
				}
				if met != tc.meet || tries != tc.tries {
					t.Errorf("met %v after %d dials, want %v after %d", met, tries, tc.meet, tc.tries)
				}
			})
		})
	}
}

// TestNext: what is tried after which failure.
func TestNext(t *testing.T) {
	unspoken, refused := fmt.Errorf("x: %w", mse.ErrUnspoken), fmt.Errorf("x: %w", mse.ErrRefused)
	for _, tc := range []struct {
		e    Encryption
		o    Opening
		err  error
		want Opening
		ok   bool
	}{
		{PreferEncryption, OpenRC4, unspoken, OpenPlain, true},
		{PreferEncryption, OpenRC4, refused, OpenEither, true},
		{PreferEncryption, OpenRC4, wire.ErrProtocol, OpenRC4, false},
		{PreferEncryption, OpenRC4, context.Canceled, OpenRC4, false},
		{PreferEncryption, OpenEither, refused, OpenEither, false},
		{PreferEncryption, OpenPlain, io.EOF, OpenPlain, false},
		{RequireEncryption, OpenRC4, unspoken, OpenRC4, false},
		{RequireEncryption, OpenRC4, refused, OpenRC4, false},
		{NoEncryption, OpenPlain, io.EOF, OpenPlain, false},
	} {
		if got, ok := tc.e.Next(tc.o, tc.err); got != tc.want && ok || ok != tc.ok {
			t.Errorf("%s, %d, %v: %d, %v", policies[tc.e], tc.o, tc.err, got, ok)
		}
	}
}

// TestE02Policy: a dial that the policy forbids says nothing, whoever asks for it.
func TestE02Policy(t *testing.T) {
	for e, o := range map[Encryption][]Opening{RequireEncryption: {OpenPlain, OpenEither}, NoEncryption: {OpenRC4, OpenEither}} {
		for _, o := range o {
			x, y := net.Pipe()
			end := make(chan string, 1)
			go func() { b, _ := io.ReadAll(y); end <- string(b) }()
			if _, _, err := Dial(t.Context(), x, &Config{Encryption: e}, ih, o); err == nil {
				t.Errorf("%s opened with %d", policies[e], o)
			}
			if said := <-end; said != "" {
				t.Errorf("%s opened with %d: %q", policies[e], o, said)
			}
		}
	}
}

// TestE02PlainWhenForced: a plain handshake gets no answer where encryption is required, and the encrypted one none
// where it is off.
func TestE02PlainWhenForced(t *testing.T) {
	key := append([]byte{0x80}, make([]byte, 95)...)
	for name, tc := range map[string]struct {
		e     Encryption
		send  []byte
		cause error
	}{
		"plain, required":          {RequireEncryption, hello(), ErrNotEncrypted},
		"plain in halves":          {RequireEncryption, hello()[:20], ErrNotEncrypted},
		"encrypted, off":           {NoEncryption, key, wire.ErrProtocol},
		"W02 HTTP, required":       {RequireEncryption, []byte("GET / HTTP/1.1\r\n\r\n"), wire.ErrProtocol},
		"E01 a bad key, preferred": {PreferEncryption, make([]byte, 96), wire.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, y := net.Pipe()
				end := make(chan error, 1)
				start := time.Now()
				go func() {
					_, _, err := Accept(context.Background(), x, &Config{Encryption: tc.e}, known)
					end <- err
				}()
				go y.Write(tc.send)
				if n, err := y.Read(make([]byte, 1)); n != 0 || err != io.EOF {
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

// TestE02OtherTorrent: inside of the encryption a remote must mean the torrent that it named outside.
func TestE02OtherTorrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := sockets(t, fast, fast)
		go func() {
			other := wire.AppendHandshake(nil, &wire.Handshake{InfoHash: metainfo.Hash{7}})
			mse.Dial(y, mse.Config{Methods: mse.RC4}, ih, other)
		}()
		if _, _, err := Accept(t.Context(), x, &Config{}, both{}); !errors.Is(err, ErrUnknownTorrent) {
			t.Error(err)
		}
		y.Close()
		x, y = sockets(t, fast, fast)
		go mse.Dial(y, mse.Config{Methods: mse.RC4}, metainfo.Hash{8}, hello())
		if _, _, err := Accept(t.Context(), x, &Config{}, known); !errors.Is(err, ErrUnknownTorrent) {
			t.Error(err)
		}
		y.Close()
	})
}

// both has every torrent, but only one of them under a veil.
type both struct{ knows }

func (both) Known(metainfo.Hash) bool                     { return true }
func (both) Unveil(v metainfo.Hash) (metainfo.Hash, bool) { return known.Unveil(v) }

// TestEarly: what a remote sends along behind its handshake is read as the first frames.
func TestEarly(t *testing.T) {
	for _, m := range []mse.Methods{mse.RC4, mse.Plain} {
		for _, more := range []int{-40, 0, 5, 9} { // bytes sent along beyond the handshake
			synctest.Test(t, func(t *testing.T) {
				x, y := sockets(t, fast, fast)
				say := hello()
				for i := range 3 {
					say = wire.Append(say, &wire.Message{Kind: wire.Have, Index: uint32(i)})
				}
				n := wire.HandshakeLen + more
				go func() {
					res, err := mse.Dial(y, mse.Config{Methods: m}, ih, say[:n])
					if err != nil {
						t.Error(err)
					}
					rest := bytes.Clone(say[n:])
					res.Stream.Encrypt(rest)
					y.Write(rest)
					io.Copy(io.Discard, y)
				}()
				c, h, err := Accept(t.Context(), x, &Config{}, known)
				if err != nil || h.PeerID != [20]byte{9} || c.Encrypted() != (m == mse.RC4) {
					t.Fatal(err, h)
				}
				var got []uint32
				rec := &recorder{got: func(m wire.Message) {
					if got = append(got, m.Index); len(got) == 3 {
						c.Close(nil)
					}
				}}
				c.Run(t.Context(), rec, nil)
				if fmt.Sprint(got) != "[0 1 2]" {
					t.Errorf("method %d, %d bytes early: got %v", m, more, got)
				}
				y.Close()
			})
		}
	}
}

// E01: whoever falls silent within the encrypted handshake is closed at 10 s, both ways; who has to show its key sooner, at 5 s.
func TestE01Silence(t *testing.T) {
	key := append([]byte{0x80}, make([]byte, 95)...)
	for name, send := range map[string][]byte{"nothing": nil, "19 bytes": key[:19], "95 bytes": key[:95], "a key": key} {
		for way, ours := range map[string]func(nc net.Conn) error{
			"accept": func(nc net.Conn) error { _, _, err := Accept(context.Background(), nc, &Config{}, known); return err },
			"dial": func(nc net.Conn) error {
				_, _, err := Dial(context.Background(), nc, &Config{}, ih, OpenRC4)
				return err
			},
			"dial for a key": func(nc net.Conn) error {
				_, _, err := Dial(context.Background(), nc, &Config{KeyTimeout: 5 * time.Second}, ih, OpenRC4)
				return err
			},
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x, y := sockets(t, fast, fast)
					go y.Write(send)
					start := time.Now()
					err := ours(x)
					limit := 10 * time.Second
					if way == "dial for a key" && name != "a key" {
						limit /= 2
					}
					if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != limit {
						t.Errorf("after %v: %v", time.Since(start), err)
					}
					if unspoken := errors.Is(err, mse.ErrUnspoken); way != "accept" && unspoken != (name != "a key") {
						t.Errorf("unspoken %v: %v", unspoken, err)
					}
					y.Close()
				})
			})
		}
	}
}

// E01: a waiting encrypted handshake holds at most 1 KiB more than a goroutine that waits for a byte.
func TestE01Memory(t *testing.T) {
	key := append([]byte{0x80}, make([]byte, 95)...)
	hold := func(f func(nc net.Conn)) (bytes int64) {
		synctest.Test(t, func(t *testing.T) {
			const n = 200
			var before, after runtime.MemStats
			var ends []net.Conn
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range n {
				x, y := net.Pipe()
				ends = append(ends, y)
				go f(x)
				y.Write(key)
				go io.Copy(io.Discard, y)
			}
			synctest.Wait()
			runtime.GC()
			runtime.ReadMemStats(&after)
			bytes = (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
			for _, y := range ends {
				y.Close()
			}
		})
		return bytes
	}
	wait := func(nc net.Conn) {
		nc.SetDeadline(time.Now().Add(time.Minute))
		io.ReadFull(nc, make([]byte, 97))
	}
	hold(wait) // the runtime keeps its goroutines
	bare := hold(wait)
	shaking := hold(func(nc net.Conn) { Accept(context.Background(), nc, &Config{}, known) })
	t.Logf("%d bytes, %d without", shaking, bare)
	if shaking-bare > 1<<10 {
		t.Errorf("%d bytes are held for each, %d would be without", shaking, bare)
	}
}
