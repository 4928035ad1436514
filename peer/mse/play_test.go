package mse

import (
	"bytes"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
)

// script is a remote that answers without a goroutine: it may compute its next bytes when all before
// were read.
type script struct {
	in     []byte // what we are to read
	out    []byte // what we wrote
	next   []func(s *script)
	read   int
	sealed bool // in is the end: io.EOF after it, else errSilent
}

var errSilent = errors.New("silence")

func (s *script) Read(p []byte) (int, error) {
	for len(s.in) == 0 && len(s.next) > 0 {
		f := s.next[0]
		s.next = s.next[1:]
		f(s)
	}
	if len(s.in) == 0 {
		if s.sealed {
			return 0, io.EOF
		}
		return 0, errSilent
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	s.read += n
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.out = append(s.out, p...)
	return len(p), nil
}

// play is a remote's half of a handshake, honest but for what a test changes. All numbers are in bytes.
type play struct {
	x          private
	key        []byte // instead of the public key
	pad        int    // before the synchronisation
	sync       []byte // instead of it
	ih         metainfo.Hash
	constant   [8]byte
	methods    uint32
	padLen     int // as said
	fieldPad   int // as sent
	initialLen int // as said, by the dialling side
	initial    []byte
	tail       []byte // sent bare after the handshake
}

func newPlay() play {
	return play{x: private{19: 5}, pad: 77, ih: torrent, methods: 3, padLen: 9, fieldPad: 9, initialLen: 68, initial: bytes.Repeat([]byte{'i'}, 68)}
}

// as returns the remote, as the dialling side or as the other one.
func (p play) as(dials bool) *script {
	s := &script{}
	key := p.key
	if key == nil {
		k := p.x.public()
		key = k[:]
	}
	first := func(s *script) { s.in = append(s.in, key...); s.in = append(s.in, make([]byte, p.pad)...) }
	rest := func(s *script) {
		if len(s.out) < keyLen {
			return // it does not answer
		}
		secret := p.x.secret((*[keyLen]byte)(s.out))
		keys := newStreamKeys(&secret, p.ih)
		field := binary.BigEndian.AppendUint32(p.constant[:], p.methods)
		field = binary.BigEndian.AppendUint16(field, uint16(p.padLen))
		field = append(field, make([]byte, p.fieldPad)...)
		stream := keys.acceptor
		if dials {
			sync, veil, mask := digest("req1", secret[:]), Veil(p.ih), digest("req3", secret[:])
			if p.sync != nil {
				copy(sync[:], p.sync)
			}
			s.in = append(s.in, sync[:]...)
			for i := range veil {
				s.in = append(s.in, veil[i]^mask[i])
			}
			field = binary.BigEndian.AppendUint16(field, uint16(p.initialLen))
			field = append(field, p.initial...)
			stream = keys.dialler
		}
		slowCipher(stream[:]).XORKeyStream(field, field)
		s.in = append(s.in, field...)
		s.in = append(s.in, p.tail...)
	}
	s.next = []func(*script){first, rest}
	return s
}

// slowCipher is the cipher as the specification has it.
func slowCipher(key []byte) *rc4.Cipher {
	c, _ := rc4.NewCipher(key)
	c.XORKeyStream(make([]byte, 1024), make([]byte, 1024))
	return c
}

// duplex returns two ends of a connection in memory that hold what was written.
func duplex(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	n := simnet.New(1)
	link := simnet.Link{Latency: 5 * time.Millisecond}
	a, b := n.Host(netip.MustParseAddr("10.0.0.1"), link), n.Host(netip.MustParseAddr("10.0.0.2"), link)
	l, err := b.Listen(t.Context(), "tcp", ":6881")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x, err := a.Dial(t.Context(), "tcp", "10.0.0.2:6881")
	if err != nil {
		t.Fatal(err)
	}
	y, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return x, y
}
