package peer

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// BenchmarkBlocks moves blocks over a loopback TCP connection: requests one
// way, 16 KiB blocks the other, 256 outstanding. One op is one block.
func BenchmarkBlocks(b *testing.B) {
	for _, c := range []struct {
		name string
		o    Opening
	}{{"plain", OpenPlain}, {"RC4", OpenRC4}} {
		b.Run(c.name, func(b *testing.B) { benchBlocks(b, c.o) })
	}
}

func benchBlocks(b *testing.B, o Opening) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	cfg := &Config{Pool: new(block.Pool)}
	ready := make(chan *Conn)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			b.Error(err)
			return
		}
		c, _, err := Accept(context.Background(), nc, cfg, known)
		if err != nil {
			b.Error(err)
		}
		ready <- c
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	leech, _, err := Dial(context.Background(), nc, cfg, ih, o)
	if err != nil {
		b.Fatal(err)
	}
	seed := <-ready
	src := memSource(make([]byte, 16<<20))

	var wg sync.WaitGroup
	up := &benchSeed{c: seed}
	down := &benchLeech{c: leech, todo: b.N, left: b.N, done: make(chan struct{})}
	wg.Go(func() { seed.Run(context.Background(), up, src) })
	b.SetBytes(block.Size)
	b.ReportAllocs()
	b.ResetTimer()
	down.ask(256)
	wg.Go(func() { leech.Run(context.Background(), down, src) })
	<-down.done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/float64(down.batches), "blocks/batch")
	leech.Close(nil)
	seed.Close(nil)
	wg.Wait()
}

type memSource []byte

func (s memSource) ReadAt(p []byte, off int64) (int, error) { return copy(p, s[off:]), nil }
func (s memSource) Offset(b metainfo.Block) int64           { return int64(b.Piece)<<20 + int64(b.Begin) }

type benchSeed struct {
	c    *Conn
	sent atomic.Int64
}

func (s *benchSeed) Messages(batch []wire.Message) []wire.Message {
	for i := range batch {
		m := &batch[i]
		s.c.Upload(metainfo.Block{Piece: int(m.Index), Begin: int(m.Begin), Length: int(m.Length)})
	}
	return batch[:0]
}
func (s *benchSeed) Uploaded(_, bytes int) { s.sent.Add(int64(bytes)) }
func (s *benchSeed) Closed(error)          {}

type benchLeech struct {
	c          *Conn
	todo, left int
	next       int
	batches    int
	reqs       []wire.Message
	done       chan struct{}
}

func (l *benchLeech) ask(n int) {
	l.reqs = l.reqs[:0]
	for range min(n, l.todo) {
		l.reqs = append(l.reqs, wire.Message{
			Kind: wire.Request, Index: uint32(l.next >> 6 & 15), Begin: uint32(l.next & 63 * block.Size), Length: block.Size,
		})
		l.next++
	}
	l.todo -= len(l.reqs)
	l.c.Send(l.reqs...)
}

func (l *benchLeech) Messages(batch []wire.Message) []wire.Message {
	l.batches++
	for i := range batch {
		batch[i].Block.Release()
	}
	l.ask(len(batch))
	if l.left -= len(batch); l.left <= 0 {
		close(l.done)
	}
	return batch[:0]
}
func (l *benchLeech) Uploaded(int, int) {}
func (l *benchLeech) Closed(error)      {}
