// Package mse owns the encrypted handshake that BitTorrent clients know as Message Stream Encryption or
// Protocol Encryption (Vuze wiki, "Message Stream Encryption"), for both sides, and the ciphers that come
// of it. It hides the protocol from who looks at the bytes on the way; it proves nobody's identity.
//
// It reads not one byte beyond the handshake, so that with plaintext selected the connection is as bare
// as before. Deadlines and closing are the caller's. The functions keep no goroutine and may be called from
// any; the two directions of a Stream belong to one goroutine each.
package mse

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"shoal/metainfo"
)

// Methods is a set of ways to send what follows the handshake: the bits of crypto_provide and
// crypto_select.
type Methods uint32

// The two methods that exist.
const (
	Plain Methods = 1 << iota // nothing but the handshake is encrypted
	RC4                       // everything is
)

// Reasons for a handshake to fail; others are errors of the connection.
var (
	// ErrProtocol is wrapped when the remote does what no client does, or selects what was not offered.
	ErrProtocol = errors.New("encrypted handshake is broken")
	// ErrUnspoken is wrapped when the remote hung up, or kept silent, instead of sending a key: it
	// does not speak this.
	ErrUnspoken = errors.New("remote does not speak the encrypted handshake")
	// ErrRefused is wrapped when the remote spoke the handshake and hung up on the methods
	// that were offered or on the torrent; it does not say on which.
	ErrRefused = errors.New("remote refused the encrypted handshake")
	// ErrMethods is wrapped when the remote offers no method that we accept.
	ErrMethods = errors.New("no method of encryption in common")
	// ErrUnknown is wrapped when the remote names a torrent that we do not have.
	ErrUnknown = errors.New("encrypted handshake for an unknown torrent")
)

// Sizes in bytes.
const (
	// MaxInitial is how much the dialling side may send along with its handshake. All known clients send
	// the 68 bytes of a BitTorrent handshake, or nothing.
	MaxInitial = 512

	maxPad  = 512
	discard = 1024 // of each key stream, whose beginning tells of the key

	hashLen  = sha1.Size
	fieldLen = len(constant) + 4 + 2 // verification constant, methods, length of a pad
)

// constant is the verification constant: eight zero bytes, recognised by their encrypted form.
var constant [8]byte

// Config is how a side makes the handshake.
type Config struct {
	// Methods are offered by the dialling side and accepted by the other, which prefers RC4.
	Methods Methods
	// Work is called with what takes about half a millisecond of pure arithmetic: twice by Dial, once by
	// Accept. It may wait before it calls f, or return an error instead, which ends the handshake. nil calls at once.
	Work func(f func()) error
	// Spoken is called by Dial when the remote's key has come: it speaks this, and what is
	// late from now on is slow. May be nil.
	Spoken func()
}

func (c Config) work(f func()) error {
	if c.Work == nil {
		f()
		return nil
	}
	return c.Work(f)
}

// Result is what a handshake came to.
type Result struct {
	Method   Methods       // one of them
	InfoHash metainfo.Hash // of the torrent that both mean
	Initial  []byte        // what came along from the dialling side, decrypted, at most MaxInitial bytes
	Stream   *Stream       // nil with Plain
}

// Stream encrypts and decrypts in place what follows the handshake, both directions on their own. A nil
// *Stream leaves all bytes as they are.
type Stream struct {
	out, in *arc4
}

// Encrypt turns the next bytes to be sent into those that go over the wire.
func (s *Stream) Encrypt(p []byte) {
	if s != nil {
		s.out.xor(p)
	}
}

// Decrypt turns the next bytes from the wire into what was sent.
func (s *Stream) Decrypt(p []byte) {
	if s != nil {
		s.in.xor(p)
	}
}

// Veil returns what stands for a torrent in a handshake, once the remote's mask is taken off:
// HASH('req2', SKEY). Whoever accepts connections keeps an index of it.
func Veil(ih metainfo.Hash) metainfo.Hash { return digest("req2", ih[:]) }

// Plausible reports whether the first bytes of a connection, as many as there are, may begin a public key. Keys are
// random: what begins like text or like TLS is none, but for one honest key in four million.
func Plausible(b []byte) bool {
	if len(b) >= 3 && b[0] == 0x16 && b[1] == 3 && b[2] <= 4 {
		return false
	}
	if len(b) < 16 {
		return true
	}
	for i, c := range b[:16] {
		text := c >= ' ' && c < 0x7f || c == '\r' || c == '\n' || c == '\t'
		if !text && !(i == 0 && c == 0x13) {
			return true
		}
	}
	return false
}

func digest(label string, parts ...[]byte) (sum [hashLen]byte) {
	h := sha1.New()
	io.WriteString(h, label)
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// streamKeys are the keys of the two directions. Ciphers are made of them when they are needed: a
// handshake that waits holds no cipher, which is a KiB each.
type streamKeys struct {
	dialler, acceptor [hashLen]byte
}

func newStreamKeys(secret *[keyLen]byte, ih metainfo.Hash) streamKeys {
	return streamKeys{digest("keyA", secret[:], ih[:]), digest("keyB", secret[:], ih[:])}
}

// cipher returns the cipher of a key after the first skip bytes of its stream.
func cipher(key [hashLen]byte, skip int) *arc4 {
	c := newARC4(key[:])
	var waste [256]byte
	for n := discard + skip; n > 0; n -= len(waste) {
		b := waste[:min(n, len(waste))]
		c.xor(b)
	}
	return c
}

// appendField appends the verification constant, methods and the length of an empty pad.
func appendField(dst []byte, m Methods) []byte {
	dst = append(dst, constant[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(m))
	return append(dst, 0, 0)
}

// find reads up to the end of want, before which there may be a pad, and not a byte beyond.
func find(r io.Reader, want []byte) error {
	var buf [hashLen]byte
	w := buf[:len(want)]
	for read, k := 0, 0; ; { // the first k bytes of w are those of want
		n, err := io.ReadFull(r, w[k:])
		if err != nil {
			return noEOF(err)
		}
		read += n
		for k = len(w); string(w[len(w)-k:]) != string(want[:k]); k-- {
		}
		switch {
		case k == len(w):
			return nil
		case read-k > maxPad:
			return fmt.Errorf("%w: no end of its padding after %d bytes", ErrProtocol, read)
		}
		copy(w, w[len(w)-k:])
	}
}

// skip reads and drops n bytes.
func skip(r io.Reader, n int) error {
	var buf [64]byte
	for n > 0 {
		m, err := io.ReadFull(r, buf[:min(n, len(buf))])
		if err != nil {
			return noEOF(err)
		}
		n -= m
	}
	return nil
}

// noEOF says that an end within a handshake is unexpected.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pad appends up to 512 random bytes.
func pad(dst []byte) []byte {
	var n [2]byte
	_, _ = rand.Read(n[:]) // never fails
	p := make([]byte, binary.BigEndian.Uint16(n[:])%(maxPad+1))
	_, _ = rand.Read(p)
	return append(dst, p...)
}

// padLen reads the length of a pad.
func padLen(b []byte) (int, error) {
	n := int(binary.BigEndian.Uint16(b))
	if n > maxPad {
		return 0, fmt.Errorf("%w: a padding of %d bytes", ErrProtocol, n)
	}
	return n, nil
}
