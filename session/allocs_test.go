package session

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer"
	"shoal/peer/wire"
)

// hose is a seed that costs nothing: all pieces of its torrent are the same bytes, and it answers requests from there
// without making anything.
type hose struct {
	tor   *metainfo.Torrent
	piece []byte
}

// newHose makes a torrent of n pieces and listens for those who want it.
func newHose(t *testing.T, n, size int) (h *hose, addr string) {
	t.Helper()
	h = &hose{piece: make([]byte, size)}
	rnd := rand.New(rand.NewPCG(uint64(size), 1))
	for i := 0; i < size; i += 8 {
		binary.LittleEndian.PutUint64(h.piece[i:], rnd.Uint64())
	}
	sum := sha1.Sum(h.piece)
	const name = "flow.bin"
	info, err := metainfo.NewInfo(name, int64(size), bytes.Repeat(sum[:], n),
		[]metainfo.File{{Path: name, Raw: []string{name}, Length: int64(n * size)}}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	h.tor = &metainfo.Torrent{ID: metainfo.ID{V1: metainfo.Hash{8, byte(size >> 10)}}, Info: info}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go h.serve(nc)
		}
	}()
	return h, l.Addr().String()
}

// serve answers one connection until it ends.
func (h *hose) serve(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReaderSize(nc, 64<<10)
	hello := make([]byte, wire.HandshakeLen)
	if _, err := io.ReadFull(in, hello); err != nil {
		return
	}
	copy(hello[48:], "-XX0000-hosehosehose")
	out := wire.Append(hello, &wire.Message{Kind: wire.Bitfield, Data: slices.Repeat([]byte{0xff}, h.tor.Info.NumPieces()/8)})
	out = wire.Append(out, &wire.Message{Kind: wire.Unchoke})
	var frame [17]byte
	for {
		if in.Buffered() < len(frame) || len(out) > 64<<10 {
			if _, err := nc.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
		if _, err := io.ReadFull(in, frame[:4]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(frame[:4]))
		if n != 13 {
			if _, err := in.Discard(n); err != nil {
				return
			}
			continue
		}
		if _, err := io.ReadFull(in, frame[4:]); err != nil {
			return
		}
		begin, length := binary.BigEndian.Uint32(frame[9:]), binary.BigEndian.Uint32(frame[13:])
		out = wire.AppendPieceHeader(out, binary.BigEndian.Uint32(frame[5:]), begin, int(length))
		out = append(out, h.piece[begin:begin+length]...)
	}
}

// TestDownloadAllocates: a download of 1 GiB makes at most one object on the heap for twenty blocks, all told: reading, deciding,
// hashing, writing, noting what is there. Two smaller ones tell what the start costs and what a block costs.
func TestDownloadAllocates(t *testing.T) {
	const size = 4 << 20
	few, many := uint64(8), uint64(48) // pieces, a whole number of bytes in a bitfield
	start, all := download(t, int(few), size), download(t, int(many), size)
	const blocks = size / block.Size
	each := float64(all-min(start, all)) / float64((many-few)*blocks)
	whole := (float64(start) + each*float64(1<<30/block.Size-few*blocks)) / (1 << 30 / block.Size)
	t.Logf("%d pieces make %d objects, %d make %d: %.4f a block, %.4f in 1 GiB", few, start, many, all, each, whole)
	if whole > 0.05 {
		t.Errorf("%.4f objects a block in 1 GiB, 0.05 are allowed", whole)
	}
}

// download fetches a torrent of n pieces through a socket into a folder and returns how many objects that made on the heap.
func download(t *testing.T, n, size int) uint64 {
	h, addr := newHose(t, n, size)
	to := dir(t, t.TempDir())
	s := running(t, Config{Listen: "127.0.0.1:0", Encryption: peer.NoEncryption, NoTrackers: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	before := objects()
	id, err := s.Add(ctx, Add{Torrent: h.tor, Folder: to, Peers: []string{addr}})
	if err == nil {
		err = s.Wait(ctx, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return objects() - before
}

// objects returns how many objects were ever made on the heap.
func objects() uint64 {
	runtime.GC() // what a processor has set aside counts as made only then
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
