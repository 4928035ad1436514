//go:build linux

package partner

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"shoal/metainfo"
)

// batch is the number of blocks that are sent at once.
const batch = 64

// server answers requests for one torrent.
type server struct {
	spec   Spec
	hash   metainfo.Hash
	data   []byte // the file, mapped; nil for zeros
	have   []byte // the message that says: everything, and you may ask
	served atomic.Int64
	first  sync.Once
	full   sync.Once
	tell   func(Told)
}

func serve(ctx context.Context, s Spec, tell func(Told)) error {
	v := &server{spec: s, tell: tell}
	var err error
	if v.hash, err = s.hash(); err != nil {
		return err
	}
	if s.File != "" {
		if v.data, err = mapFile(s.File, s.Size); err != nil {
			return err
		}
	}
	pieces := (s.Size + s.PieceLength - 1) / s.PieceLength
	bits := make([]byte, (pieces+7)/8)
	for i := range pieces {
		bits[i/8] |= 0x80 >> (i % 8)
	}
	v.have = frame(frame(nil, msgBitfield, bits...), msgUnchoke)
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	tell(Told{Event: Ready})
	for {
		conn, err := listener.Accept()
		if err != nil {
			return context.Cause(ctx)
		}
		go v.connection(conn)
	}
}

// mapFile maps a file and brings it into memory.
func mapFile(name string, size int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	return b, nil
}

// answers are blocks to be sent together.
type answers struct {
	heads [batch][13]byte
	bufs  [2 * batch][]byte
	n     int
	bytes int64
}

var zeros [128 << 10]byte

// connection serves one peer until it hangs up. Who speaks something else is hung up on: it may come back in another way.
func (v *server) connection(conn net.Conn) {
	defer conn.Close()
	l, err := v.spec.accept(conn, v.hash)
	if err != nil || l.write(append([]byte(nil), v.have...)) != nil {
		return
	}
	var out answers
	body := make([]byte, 64)
	for {
		if out.n == batch || out.n > 0 && l.in.Buffered() < 17 { // 17 bytes are a request
			if v.flush(l, &out) != nil {
				return
			}
		}
		id, n, err := l.next(body)
		if err != nil {
			return
		}
		if id == msgRequest && n == 12 && !v.answer(&out, body[:12]) {
			return
		}
	}
}

// answer adds the block that was asked for; false when there is none such.
func (v *server) answer(out *answers, req []byte) bool {
	index, begin, n := binary.BigEndian.Uint32(req), binary.BigEndian.Uint32(req[4:]), binary.BigEndian.Uint32(req[8:])
	offset := int64(index)*v.spec.PieceLength + int64(begin)
	if n > uint32(len(zeros)) || offset+int64(n) > v.spec.Size {
		return false
	}
	if v.spec.Bytes > 0 && v.served.Load()+out.bytes >= v.spec.Bytes {
		v.full.Do(func() { v.tell(Told{Event: Full}) })
		return true
	}
	block := zeros[:n]
	if v.data != nil {
		block = v.data[offset : offset+int64(n)]
	}
	head := &out.heads[out.n]
	binary.BigEndian.PutUint32(head[:], 9+n)
	head[4] = msgPiece
	copy(head[5:], req[:8])
	out.bufs[2*out.n], out.bufs[2*out.n+1] = head[:], block
	out.n++
	out.bytes += int64(n)
	return true
}

func (v *server) flush(l *link, out *answers) error {
	err := l.writeAll(net.Buffers(out.bufs[:2*out.n]))
	v.served.Add(out.bytes)
	v.first.Do(func() { v.tell(Told{Event: First}) })
	out.n, out.bytes = 0, 0
	return err
}
