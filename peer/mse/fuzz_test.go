package mse

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzMSE: a remote that knows the arithmetic and sends any bytes never makes us panic, read
// beyond the handshake or agree to what we did not want.
func FuzzMSE(f *testing.F) {
	f.Add(true, []byte{}, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x05hello"), []byte("tail"), true)
	f.Add(false, []byte("padding"), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x02pp"), []byte("tail"), true)
	f.Add(true, bytes.Repeat([]byte{7}, 513), []byte{}, []byte{}, false)
	f.Add(false, []byte{}, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x02\x01"), []byte{}, true)
	f.Fuzz(func(t *testing.T, dials bool, pad, field, tail []byte, known bool) {
		p := newPlay()
		if !known {
			p.key = append(bytes.Clone(pad), make([]byte, keyLen)...)[:keyLen]
		}
		k := p.x.public()
		if p.key != nil {
			k = [keyLen]byte(p.key)
		}
		s := &script{}
		s.next = []func(*script){
			func(s *script) { s.in = append(append(s.in, k[:]...), pad...) },
			func(s *script) {
				if len(s.out) < keyLen {
					return
				}
				secret := p.x.secret((*[keyLen]byte)(s.out))
				keys := newStreamKeys(&secret, torrent)
				stream := keys.acceptor
				if dials {
					stream = keys.dialler
					sync, veil, mask := digest("req1", secret[:]), Veil(torrent), digest("req3", secret[:])
					s.in = append(s.in, sync[:]...)
					for i := range veil {
						s.in = append(s.in, veil[i]^mask[i])
					}
				}
				b := bytes.Clone(field)
				slowCipher(stream[:]).XORKeyStream(b, b)
				s.in = append(append(s.in, b...), tail...)
			},
		}
		var r Result
		var err error
		if dials {
			r, err = Accept(s, Config{Methods: RC4 | Plain}, nil, lookup)
		} else {
			r, err = Dial(s, Config{Methods: RC4 | Plain}, torrent, []byte("along"))
		}
		if most := keyLen + 2*maxPad + 4*hashLen + 2*fieldLen + MaxInitial; s.read > most {
			t.Fatalf("read %d bytes", s.read)
		}
		if err == nil && (r.Method != RC4 && r.Method != Plain || (r.Stream != nil) != (r.Method == RC4) || r.InfoHash != torrent || len(r.Initial) > MaxInitial) {
			t.Fatalf("agreed to %+v", r)
		}
		if end, ok := handshakeLen(field, dials); err == nil && known && ok && s.read != keyLen+len(pad)+end {
			t.Fatalf("read %d bytes after the pad, the handshake has %d", s.read-keyLen-len(pad), end)
		}
	})
}

// handshakeLen returns how long the fields say that a handshake is after the pad of the keys; false if they are not all there.
func handshakeLen(field []byte, dials bool) (n int, ok bool) {
	if len(field) < fieldLen {
		return 0, false
	}
	n = fieldLen + int(binary.BigEndian.Uint16(field[fieldLen-2:]))
	if dials {
		if len(field) < n+2 {
			return 0, false
		}
		n += 2 + int(binary.BigEndian.Uint16(field[n:])) + 2*hashLen
	}
	return n, true
}
