//go:build linux

package partner

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"shoal/metainfo"
	"shoal/peer/mse"
)

// Message ids of the peer wire protocol (BEP 3) that a partner knows.
const (
	msgChoke      = 0
	msgUnchoke    = 1
	msgInterested = 2
	msgBitfield   = 5
	msgRequest    = 6
	msgPiece      = 7
)

const (
	blockSize = 16 << 10
	protocol  = "\x13BitTorrent protocol"
	greeting  = len(protocol) + 8 + 20 + 20
	patience  = 20 * time.Second // for a handshake
)

var errForeign = errors.New("speaks something else")

// link is one connection after the handshake, plain or encrypted. Reading and writing belong to one
// goroutine each.
type link struct {
	conn   net.Conn
	in     *bufio.Reader
	stream *mse.Stream // nil when plain
	veil   []byte      // what is encrypted before it is sent
}

// deciphered reads what the remote sent before it was encrypted.
type deciphered struct {
	r io.Reader
	s *mse.Stream
}

func (d deciphered) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.s.Decrypt(p[:n])
	return n, err
}

func (s Spec) hash() (ih metainfo.Hash, err error) {
	if n, err := hex.Decode(ih[:], []byte(s.InfoHash)); err != nil || n != len(ih) {
		return ih, fmt.Errorf("info hash %q", s.InfoHash)
	}
	return ih, nil
}

// hello returns a handshake with a new peer id and no extensions.
func hello(ih metainfo.Hash) []byte {
	id := make([]byte, 20)
	rand.Read(id)
	copy(id, "-BE0001-")
	b := append([]byte(protocol), make([]byte, 8)...)
	return append(append(b, ih[:]...), id...)
}

// accept makes the handshake with who connected.
func (s Spec) accept(conn net.Conn, ih metainfo.Hash) (*link, error) {
	conn.SetDeadline(time.Now().Add(patience))
	l := &link{conn: conn}
	var begun io.Reader = conn
	if s.RC4 {
		res, err := mse.Accept(conn, mse.Config{Methods: mse.RC4}, nil, func(veil metainfo.Hash) (metainfo.Hash, bool) {
			return ih, veil == mse.Veil(ih)
		})
		if err != nil {
			return nil, err
		}
		l.stream = res.Stream
		begun = io.MultiReader(&initial{b: res.Initial}, deciphered{conn, res.Stream})
	}
	l.in = bufio.NewReaderSize(begun, 64<<10)
	if err := l.greeted(ih); err != nil {
		return nil, err
	}
	if err := l.write(hello(ih)); err != nil {
		return nil, err
	}
	return l, conn.SetDeadline(time.Time{})
}

// initial is what came along with an encrypted handshake.
type initial struct{ b []byte }

func (i *initial) Read(p []byte) (int, error) {
	if len(i.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, i.b)
	i.b = i.b[n:]
	return n, nil
}

// dial connects and makes the handshake; buffer is the size of what is read at once.
func (s Spec) dial(ctx context.Context, ih metainfo.Hash, buffer int) (*link, error) {
	d := net.Dialer{Timeout: patience}
	if s.From != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(s.From)}
	}
	conn, err := d.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	l := &link{conn: conn}
	if err := s.introduce(l, ih, buffer); err != nil {
		conn.Close()
		return nil, err
	}
	return l, conn.SetDeadline(time.Time{})
}

func (s Spec) introduce(l *link, ih metainfo.Hash, buffer int) error {
	if s.RC4 {
		res, err := mse.Dial(l.conn, mse.Config{Methods: mse.RC4}, ih, hello(ih))
		if err != nil {
			return err
		}
		l.stream = res.Stream
		l.in = bufio.NewReaderSize(deciphered{l.conn, res.Stream}, buffer)
		return l.greeted(ih)
	}
	l.in = bufio.NewReaderSize(l.conn, buffer)
	if err := l.write(hello(ih)); err != nil {
		return err
	}
	return l.greeted(ih)
}

// greeted reads the remote's handshake.
func (l *link) greeted(ih metainfo.Hash) error {
	var b [greeting]byte
	if _, err := io.ReadFull(l.in, b[:]); err != nil {
		return err
	}
	if string(b[:len(protocol)]) != protocol || string(b[len(protocol)+8:][:20]) != string(ih[:]) {
		return errForeign
	}
	return nil
}

// write sends b, which is encrypted in place.
func (l *link) write(b []byte) error {
	l.stream.Encrypt(b)
	_, err := l.conn.Write(b)
	return err
}

// writeAll sends bufs, whose bytes are left as they are.
func (l *link) writeAll(bufs net.Buffers) error {
	if l.stream == nil {
		_, err := bufs.WriteTo(l.conn)
		return err
	}
	l.veil = l.veil[:0]
	for _, b := range bufs {
		l.veil = append(l.veil, b...)
	}
	return l.write(l.veil)
}

// frame appends a message.
func frame(dst []byte, id byte, body ...byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(1+len(body)))
	return append(append(dst, id), body...)
}

// request appends a request for n bytes of the torrent, beginning at offset.
func (s Spec) request(dst []byte, offset, n int64) []byte {
	var body [12]byte
	binary.BigEndian.PutUint32(body[0:], uint32(offset/s.PieceLength))
	binary.BigEndian.PutUint32(body[4:], uint32(offset%s.PieceLength))
	binary.BigEndian.PutUint32(body[8:], uint32(n))
	return frame(dst, msgRequest, body[:]...)
}

// next reads a message up to its id, and skips its body unless that fits into body, which may be nil. A
// keep-alive has the id 255.
func (l *link) next(body []byte) (id byte, n int, err error) {
	head, err := l.in.Peek(4)
	if err != nil {
		return 0, 0, err
	}
	n = int(binary.BigEndian.Uint32(head))
	l.in.Discard(4)
	if n == 0 {
		return 255, 0, nil
	}
	if id, err = l.in.ReadByte(); err != nil {
		return 0, 0, err
	}
	if n--; n <= len(body) {
		_, err = io.ReadFull(l.in, body[:n])
	} else {
		_, err = l.in.Discard(n)
	}
	return id, n, err
}
