package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (*net.TCPConn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b
}

// A socket fills several places in order, waits no longer than its deadline, and ends as others do.
func TestReadVector(t *testing.T) {
	a, b := pair(t)
	src, ok := gathering(a).(wire.VectorReader)
	if !ok {
		t.Fatal("a TCP socket reads into one place only")
	}
	want := []byte("one way into several places")
	places := [][]byte{make([]byte, 3), nil, make([]byte, 1), make([]byte, 100)}
	if _, err := b.Write(want); err != nil {
		t.Fatal(err)
	}
	n, err := src.ReadVector(places)
	if got := bytes.Join(places, nil)[:n]; err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	a.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := src.ReadVector(places); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %d, %v", n, err)
	}
	a.SetReadDeadline(time.Time{})
	go b.Write(want)
	if n, err := src.ReadVector(make([][]byte, 5)); n != 0 || err != nil {
		t.Errorf("into nothing: %d, %v", n, err)
	}
	if n, err := src.ReadVector(places[:1]); n != 3 || err != nil {
		t.Errorf("after a wait: %d, %v", n, err)
	}
	many := make([][]byte, 3*mostVectors) // as many as one call takes
	for i := range many {
		many[i] = make([]byte, 1)
	}
	if n, err := src.ReadVector(many); n != len(want)-3 || err != nil {
		t.Errorf("into many: %d, %v", n, err)
	}
	b.Close()
	if n, err := src.ReadVector(places); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	a.Close()
	if n, err := src.ReadVector(places); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %d, %v", n, err)
	}
}

// keeper is a Handler that adds up what came.
type keeper struct {
	recorder
	sum []byte
}

func (k *keeper) Messages(batch []wire.Message) []wire.Message {
	for i := range batch {
		if b := batch[i].Block; b != nil {
			k.sum = append(k.sum, b.Bytes()...)
			b.Release()
		}
	}
	return batch[:0]
}

// Blocks come through a real socket as they were sent, in whatever portions it brings them, with other messages in between.
func TestBlocksThroughSocket(t *testing.T) {
	a, b := pair(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 300*block.Size)
	for i := range want {
		want[i] = byte(rnd.Uint32() >> 9)
	}
	var stream []byte
	for at := 0; at < len(want); at += block.Size {
		if at > 100*block.Size && rnd.IntN(10) == 0 {
			stream = wire.Append(stream, &wire.Message{Kind: wire.Have, Index: uint32(at)})
		}
		stream = wire.AppendPieceHeader(stream, 1, uint32(at), block.Size)
		stream = append(stream, want[at:at+block.Size]...)
	}
	var pool block.Pool
	cfg := (&Config{Pool: &pool}).withDefaults()
	c, k := newConn(line{nc: a}, cfg, wire.Handshake{}), new(keeper)
	if _, ok := c.source().(wire.VectorReader); !ok {
		t.Error("a connection in the clear reads into one place only")
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.Run(context.Background(), k, noSource{}) })
	for len(stream) > 0 {
		n := min(1+rnd.IntN(400<<10), len(stream))
		if _, err := b.Write(stream[:n]); err != nil {
			t.Fatal(err)
		}
		stream = stream[n:]
	}
	b.Close()
	wg.Wait()
	if !errors.Is(k.lastErr, io.EOF) || !bytes.Equal(k.sum, want) {
		t.Errorf("%d bytes of %d, equal: %v; %v", len(k.sum), len(want), bytes.Equal(k.sum, want), k.lastErr)
	}
	for range 2 {
		pool.Trim()
	}
	if pool.Held() != 0 {
		t.Errorf("%d bytes of blocks are lost", pool.Held())
	}
}

type noSource struct{}

func (noSource) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (noSource) Offset(metainfo.Block) int64       { return 0 }
