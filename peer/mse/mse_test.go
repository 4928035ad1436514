package mse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"shoal/metainfo"
)

var torrent = metainfo.Hash{1, 2, 3}

// lookup knows one torrent.
func lookup(veil metainfo.Hash) (metainfo.Hash, bool) { return torrent, veil == Veil(torrent) }

// TestBothWays: every pair of methods ends as it must, what goes along arrives, and what follows at once is read as it was written.
func TestBothWays(t *testing.T) {
	type outcome struct {
		Result
		err error
	}
	for _, initial := range []int{0, 1, 68, MaxInitial} {
		for offers := Methods(1); offers <= 3; offers++ {
			for takes := Methods(1); takes <= 3; takes++ {
				want := offers & takes
				if want&RC4 != 0 {
					want = RC4
				}
				name := fmt.Sprintf("%d bytes along, offers %d, takes %d", initial, offers, takes)
				synctest.Test(t, func(t *testing.T) {
					x, y := duplex(t)
					along := bytes.Repeat([]byte{'p'}, initial)
					accepted := make(chan outcome, 1)
					go func() {
						first := make([]byte, 20)
						io.ReadFull(y, first)
						r, err := Accept(y, Config{Methods: takes}, first, lookup)
						if err == nil {
							talk(t, y, r.Stream, "from the acceptor")
							hear(t, y, r.Stream, "from the dialler")
						}
						y.Close()
						accepted <- outcome{r, err}
					}()
					r, err := Dial(x, Config{Methods: offers}, torrent, along)
					if err == nil {
						hear(t, x, r.Stream, "from the acceptor")
						talk(t, x, r.Stream, "from the dialler")
					}
					other := <-accepted
					x.Close()
					if want == 0 {
						if !errors.Is(err, ErrRefused) || !errors.Is(other.err, ErrMethods) {
							t.Errorf("%s: %v and %v", name, err, other.err)
						}
						return
					}
					if err != nil || other.err != nil {
						t.Fatalf("%s: %v and %v", name, err, other.err)
					}
					if r.Method != want || other.Method != want || (r.Stream == nil) != (want == Plain) || (other.Stream == nil) != (want == Plain) {
						t.Errorf("%s: method %d and %d, want %d", name, r.Method, other.Method, want)
					}
					if r.InfoHash != torrent || other.InfoHash != torrent || !bytes.Equal(other.Initial, along) {
						t.Errorf("%s: %v, %v, %d bytes along", name, r.InfoHash, other.InfoHash, len(other.Initial))
					}
				})
			}
		}
	}
}

func talk(t *testing.T, nc net.Conn, s *Stream, say string) {
	b := []byte(say)
	s.Encrypt(b)
	if bytes.Equal(b, []byte(say)) != (s == nil) {
		t.Errorf("%q goes over the wire as %q", say, b)
	}
	nc.Write(b)
}

func hear(t *testing.T, nc net.Conn, s *Stream, want string) {
	b := make([]byte, len(want))
	_, err := io.ReadFull(nc, b)
	if s.Decrypt(b); string(b) != want {
		t.Errorf("heard %q, %v, want %q", b, err, want)
	}
}

// deviation is one way to break the handshake.
type deviation struct {
	name  string
	spoil func(p *play)
	cause error
	reply bool // it gets our key, which tells nothing
}

func key(at int, b byte) []byte {
	k := make([]byte, keyLen)
	k[at] = b
	return k
}

var badKeys = []deviation{
	{"E01 key zero", func(p *play) { p.key = key(0, 0) }, ErrProtocol, false},
	{"E01 key one", func(p *play) { p.key = key(keyLen-1, 1) }, ErrProtocol, false},
	{"E01 key p-1", func(p *play) { p.key = last.FillBytes(make([]byte, keyLen)) }, ErrProtocol, false},
	{"E01 key p", func(p *play) { p.key = prime.FillBytes(make([]byte, keyLen)) }, ErrProtocol, false},
	{"E01 key of ones", func(p *play) { p.key = bytes.Repeat([]byte{0xff}, keyLen) }, ErrProtocol, false},
}

// TestE01Accept: whoever dials and breaks the handshake is refused at a bounded distance, after one
// piece of work at most.
func TestE01Accept(t *testing.T) {
	for _, tc := range append(badKeys, []deviation{
		{"E01 key of 95 bytes", func(p *play) { p.key, p.pad = key(3, 7)[:95], 0 }, errSilent, false},
		{"E01 pad 513", func(p *play) { p.pad = 513 }, ErrProtocol, true},
		{"E01 no synchronisation", func(p *play) { p.sync, p.tail = []byte("none"), make([]byte, 4096) }, ErrProtocol, true},
		{"E01 unknown torrent", func(p *play) { p.ih = metainfo.Hash{9} }, ErrUnknown, true},
		{"E01 wrong constant", func(p *play) { p.constant[7] = 1 }, ErrProtocol, true},
		{"E01 pad C 513", func(p *play) { p.padLen, p.fieldPad = 513, 513 }, ErrProtocol, true},
		{"E01 pad C cut", func(p *play) { p.padLen, p.fieldPad, p.initial = 512, 100, nil }, errSilent, true},
		{"E01 initial payload of 513", func(p *play) { p.initialLen, p.initial = 513, make([]byte, 513) }, ErrProtocol, true},
		{"E01 initial payload of 65535", func(p *play) { p.initialLen = 65535 }, ErrProtocol, true},
		{"E01 initial payload cut", func(p *play) { p.initial = p.initial[:67] }, errSilent, true},
		{"E02 offers nothing", func(p *play) { p.methods = 0 }, ErrMethods, true},
		{"E02 offers what nobody knows", func(p *play) { p.methods = 0xfffffffc }, ErrMethods, true},
	}...) {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlay()
			tc.spoil(&p)
			s, work := p.as(true), 0
			_, err := Accept(s, Config{Methods: RC4 | Plain, Work: func(f func()) error { work++; f(); return nil }}, nil, lookup)
			if !errors.Is(err, tc.cause) {
				t.Errorf("%v, want %v", err, tc.cause)
			}
			if replied := len(s.out) > 0; replied != tc.reply || (work == 1) != tc.reply || len(s.out) > keyLen+maxPad {
				t.Errorf("%d bytes of reply after %d pieces of work", len(s.out), work)
			}
			if most := keyLen + 2*maxPad + 4*hashLen + 2*fieldLen + MaxInitial; s.read > most {
				t.Errorf("read %d bytes, at most %d lead anywhere", s.read, most)
			}
		})
	}
}

// TestE01Dial: the same for whoever is dialled.
func TestE01Dial(t *testing.T) {
	for _, tc := range append(badKeys, []deviation{
		{"E01 nothing", func(p *play) { p.key, p.pad = []byte{}, 0 }, errSilent, false},
		{"E01 plain handshake instead", func(p *play) { p.key = []byte("\x13BitTorrent protocol") }, ErrUnspoken, false},
		{"E01 pad 513", func(p *play) { p.pad = 513 }, ErrProtocol, true},
		{"E01 VC never", func(p *play) { p.ih, p.tail = metainfo.Hash{9}, make([]byte, 4096) }, ErrProtocol, true},
		{"E01 pad D 513", func(p *play) { p.padLen, p.fieldPad = 513, 513 }, ErrProtocol, true},
		{"E01 pad D cut", func(p *play) { p.padLen, p.fieldPad = 512, 511 }, errSilent, true},
		{"E02 selects two", func(p *play) { p.methods = 3 }, ErrProtocol, true},
		{"E02 selects none", func(p *play) { p.methods = 0 }, ErrProtocol, true},
		{"E02 selects the unknown", func(p *play) { p.methods = 4 }, ErrProtocol, true},
		{"E02 selects plain unoffered", func(p *play) { p.methods = 1 }, ErrProtocol, true},
		{"E02 selects more than a bit", func(p *play) { p.methods = 1<<31 | 2 }, ErrProtocol, true},
	}...) {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlay()
			p.methods = uint32(RC4)
			tc.spoil(&p)
			s, work := p.as(false), 0
			_, err := Dial(s, Config{Methods: RC4, Work: func(f func()) error { work++; f(); return nil }}, torrent, []byte("along"))
			if !errors.Is(err, tc.cause) {
				t.Errorf("%v, want %v", err, tc.cause)
			}
			if most := keyLen + 2*maxPad + hashLen + fieldLen; s.read > most || work > 2 || (work == 2) != tc.reply {
				t.Errorf("%d pieces of work, read %d bytes", work, s.read)
			}
			if !tc.reply && len(s.out) > keyLen+maxPad {
				t.Errorf("%d bytes were said to nobody", len(s.out))
			}
		})
	}
}

// TestPads: pads of every length up to 512 are skipped, and not a byte beyond the handshake is read.
func TestPads(t *testing.T) {
	for n := 0; n <= maxPad; n += 1 + n/7 {
		p := newPlay()
		p.pad, p.padLen, p.fieldPad, p.tail = n, n, n, []byte("bare")
		s := p.as(true)
		r, err := Accept(s, Config{Methods: Plain | RC4}, nil, lookup)
		if err != nil || r.Method != RC4 || string(s.in) != "bare" || !bytes.Equal(r.Initial, p.initial) {
			t.Fatalf("accepting, pads of %d: %v, method %d, %q left", n, err, r.Method, s.in)
		}
		p.methods = uint32(Plain)
		s = p.as(false)
		if r, err := Dial(s, Config{Methods: Plain | RC4}, torrent, nil); err != nil || r.Stream != nil || string(s.in) != "bare" {
			t.Fatalf("dialling, pads of %d: %v, %q left", n, err, s.in)
		}
	}
}

// TestEveryTruncation: a handshake that ends early is an error of its kind, at every byte.
func TestEveryTruncation(t *testing.T) {
	for _, dials := range []bool{true, false} {
		p := newPlay()
		p.pad = 30
		if !dials {
			p.methods = uint32(RC4)
		}
		run := func(s *script) error {
			if dials {
				_, err := Accept(s, Config{Methods: RC4}, nil, lookup)
				return err
			}
			_, err := Dial(s, Config{Methods: RC4}, torrent, []byte("along"))
			return err
		}
		whole := p.as(dials)
		if err := run(whole); err != nil {
			t.Fatal(err)
		}
		for n := range whole.read {
			s := p.as(dials)
			s.sealed = true
			c := &cut{s, n}
			var err error
			if dials {
				_, err = Accept(c, Config{Methods: RC4}, nil, lookup)
			} else {
				_, err = Dial(c, Config{Methods: RC4}, torrent, []byte("along"))
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("dials %v, cut at %d: %v", dials, n, err)
			}
			if !dials && errors.Is(err, ErrUnspoken) != (n < keyLen) || !dials && errors.Is(err, ErrRefused) != (n >= keyLen) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	}
}

// cut ends a script after n bytes.
type cut struct {
	*script
	n int
}

func (c *cut) Read(p []byte) (int, error) {
	if c.n == 0 {
		return 0, io.EOF
	}
	n, err := c.script.Read(p[:min(len(p), c.n)])
	c.n -= n
	return n, err
}

// TestWorkRefused: when the arithmetic is refused nothing is sent.
func TestWorkRefused(t *testing.T) {
	full := errors.New("no room")
	cfg := Config{Methods: RC4, Work: func(func()) error { return full }}
	s := newPlay().as(true)
	if _, err := Accept(s, cfg, nil, lookup); !errors.Is(err, full) || len(s.out) > 0 {
		t.Errorf("%v, %d bytes sent", err, len(s.out))
	}
	s = newPlay().as(false)
	if _, err := Dial(s, cfg, torrent, nil); !errors.Is(err, full) || len(s.out) > 0 {
		t.Errorf("%v, %d bytes sent", err, len(s.out))
	}
	if _, err := Dial(s, Config{Methods: RC4}, torrent, make([]byte, MaxInitial+1)); err == nil || len(s.out) > 0 {
		t.Errorf("%v, %d bytes sent", err, len(s.out))
	}
}

// TestUnspoken: silence and the ends of a connection before a key came say that the remote does not speak this.
func TestUnspoken(t *testing.T) {
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, wsaReset, &net.OpError{Op: "read", Err: os.NewSyscallError("read", wsaAborted)}} {
		if got := unspoken(err); !errors.Is(got, ErrUnspoken) || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	for _, err := range []error{errSilent, net.ErrClosed} {
		if got := unspoken(err); errors.Is(got, ErrUnspoken) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestPlausible(t *testing.T) {
	for say, want := range map[string]bool{
		"GET / HTTP/1.1\r\n\r\n": false, "\x13BiTtorrent protocol": false, "\x16\x03\x01": false, "\x16\x03\x04x": false,
		"": true, "GET": true, "\x16\x03": true, "\x16\x03\x05": true, "GET / HTTP/1.1\x00 and more": true,
		strings.Repeat("k", 15): true, strings.Repeat("k", 16): false, strings.Repeat("k", 15) + "\x80": true,
	} {
		if got := Plausible([]byte(say)); got != want {
			t.Errorf("%q: %v", say, got)
		}
	}
	wrong := 0
	for range 200 {
		x := newPrivate()
		k := x.public()
		for n := range k {
			if !Plausible(k[:n]) {
				wrong++
				break
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of 200 real keys are refused", wrong)
	}
}

// BenchmarkHandshake is both sides of one handshake.
func BenchmarkHandshake(b *testing.B) {
	for b.Loop() {
		p := newPlay()
		if _, err := Accept(p.as(true), Config{Methods: RC4}, nil, lookup); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStream is the price of a block of 16 KiB.
func BenchmarkStream(b *testing.B) {
	s := &Stream{in: cipher([hashLen]byte{1}, 0)}
	block := make([]byte, 16<<10)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		s.Decrypt(block)
	}
}
