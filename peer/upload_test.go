package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/block"
	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// source serves pieces of 1 MiB from memory and counts the reads.
type source struct {
	data []byte
	bad  int64 // offset of a byte that cannot be read, 0: none

	mu    sync.Mutex
	reads int
	most  int // bytes of the largest read
}

func (s *source) Offset(b metainfo.Block) int64 { return int64(b.Piece)<<20 + int64(b.Begin) }

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	s.most = max(s.most, len(p))
	if s.bad != 0 && off <= s.bad && s.bad < off+int64(len(p)) {
		return copy(p, s.data[off:s.bad]), errors.New("bad sector")
	}
	n := copy(p, s.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestUpload(t *testing.T) {
	_, data := fakepeer.Content("x", 2<<20, 1<<20, 1)
	synctest.Test(t, func(t *testing.T) {
		src := &source{data: data}
		r := start(t, &Config{}, src, fakepeer.Hello{}, fast, fast)
		var want []metainfo.Block
		for i := range 128 {
			b := metainfo.Block{Piece: i / 64, Begin: i % 64 * block.Size, Length: block.Size}
			want = append(want, b)
		}
		want = append(want, metainfo.Block{Piece: 1, Begin: 5, Length: 100})
		for _, b := range want {
			r.Upload(b)
		}
		for _, b := range want {
			m, err := r.remote.Expect(wire.Piece, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			off := int(src.Offset(b))
			if int(m.Index) != b.Piece || int(m.Begin) != b.Begin || !bytes.Equal(m.Block.Bytes(), data[off:off+b.Length]) {
				t.Fatalf("block %d %d is not block %+v", m.Index, m.Begin, b)
			}
			m.Block.Release()
		}
		synctest.Wait()
		if r.rec.blocks != 129 || r.rec.bytes != 2<<20+100 {
			t.Errorf("%d blocks and %d bytes were reported", r.rec.blocks, r.rec.bytes)
		}
		if src.reads > 20 {
			t.Errorf("%d reads for 128 contiguous blocks", src.reads)
		}
		r.finish(t)
	})
}

// TestW10CancelledUploads: messages go before blocks, and what is cancelled before its turn is neither read nor sent.
func TestW10CancelledUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{data: make([]byte, 1<<20)}
		r := start(t, &Config{}, src, fakepeer.Hello{}, simnet.Link{Up: 100e3}, fast)
		for i := range 64 {
			r.Upload(metainfo.Block{Begin: i * block.Size, Length: block.Size})
		}
		time.Sleep(time.Second)
		r.Send(wire.Message{Kind: wire.Have, Index: 9})
		cancelled := 0
		for i := range 64 {
			if r.CancelUpload(metainfo.Block{Begin: i * block.Size, Length: block.Size}) {
				cancelled++
			}
		}
		blocks := 0
		for {
			m, err := r.remote.Next(10 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind == wire.Have {
				break
			}
			m.Block.Release()
			blocks++
		}
		if src.reads > blocks {
			t.Errorf("%d reads for %d blocks", src.reads, blocks)
		}
		if blocks > 20 || cancelled < 40 || blocks+cancelled != 64 {
			t.Errorf("%d blocks came first, %d were cancelled", blocks, cancelled)
		}
		synctest.Wait()
		if r.rec.blocks != blocks {
			t.Errorf("%d blocks reported, %d came", r.rec.blocks, blocks)
		}
		if r.CancelUpload(metainfo.Block{Length: 1}) {
			t.Error("cancelled what was never queued")
		}
		r.finish(t)
	})
}

func TestUnreadableBlock(t *testing.T) {
	bad := metainfo.Block{Begin: 3 * block.Size, Length: block.Size}
	t.Run("rejected", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src := &source{data: make([]byte, 1<<20), bad: 3*block.Size + 5}
			r := start(t, &Config{}, src, fakepeer.Hello{}, fast, fast)
			for i := range 8 {
				r.Upload(metainfo.Block{Begin: i * block.Size, Length: block.Size})
			}
			pieces, rejects := 0, 0
			for pieces+rejects < 8 {
				m, err := r.remote.Next(time.Second)
				if err != nil {
					t.Fatal(err)
				}
				switch m.Kind {
				case wire.Piece:
					pieces++
					m.Block.Release()
				case wire.Reject:
					rejects++
					if int(m.Begin) != bad.Begin || int(m.Length) != bad.Length {
						t.Errorf("rejected %d+%d", m.Begin, m.Length)
					}
				}
			}
			synctest.Wait()
			if rejects != 1 || r.rec.blocks != 8 || r.rec.bytes != 7*block.Size {
				t.Errorf("%d rejects, %d blocks, %d bytes", rejects, r.rec.blocks, r.rec.bytes)
			}
			r.finish(t)
		})
	})
	t.Run("closed without BEP 6", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src := &source{data: make([]byte, 1<<20), bad: 3*block.Size + 5}
			r := start(t, &Config{}, src, fakepeer.Hello{Plain: true}, fast, fast)
			r.Upload(bad)
			if err := <-r.end; r.Fast() || !errors.Is(err, ErrClosed) {
				t.Errorf("fast %v, ended with %v", r.Fast(), err)
			}
			r.remote.Close()
		})
	})
}

// sizer notes how much each Read asks for.
type sizer struct {
	net.Conn
	most, last int
}

func (s *sizer) Read(p []byte) (int, error) {
	s.last = len(p)
	s.most = max(s.most, s.last)
	return s.Conn.Read(p)
}

// Buffers made for speed are gone two seconds after the last byte.
func TestBuffersAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := sockets(t, fast, fast)
		in := &sizer{Conn: y}
		cfg := (&Config{}).withDefaults()
		src := &source{data: make([]byte, 1<<20)}
		a, b := newConn(line{nc: x}, cfg, wire.Handshake{}), newConn(line{nc: in}, cfg, wire.Handshake{})
		var wg sync.WaitGroup
		w := writer{c: a, h: new(recorder), src: src, batch: 1}
		wg.Go(func() { a.Close(w.run()) })
		wg.Go(func() { b.Run(context.Background(), new(recorder), nil) })
		for i := range 64 {
			a.Upload(metainfo.Block{Begin: i * block.Size, Length: block.Size})
		}
		time.Sleep(5 * time.Second)
		a.Close(nil)
		wg.Wait()
		if in.most < 64<<10 || src.most < 64<<10 {
			t.Errorf("busy: reads of %d bytes, writes of %d", in.most, src.most)
		}
		if out := cap(w.data) + cap(w.flat) + cap(w.ctl); in.last > smallBuffer || out > smallBuffer {
			t.Errorf("idle: %d bytes in, %d out", in.last, out)
		}
	})
}

// So are those of messages, which change places with each write.
func TestMessageBuffersAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := sockets(t, fast, fast)
		c := newConn(line{nc: x}, (&Config{}).withDefaults(), wire.Handshake{})
		var wg sync.WaitGroup
		w := writer{c: c, h: new(recorder), batch: 1}
		wg.Go(func() { c.Close(w.run()) })
		for range 3 {
			c.Send(wire.Message{Kind: wire.Bitfield, Data: make([]byte, 50<<10)})
			time.Sleep(5 * time.Second)
			synctest.Wait()
			held := cap(c.ctl) + cap(w.ctl)
			if held > smallBuffer {
				t.Errorf("idle: %d bytes", held)
			}
		}
		c.Close(nil)
		y.Close()
		wg.Wait()
	})
}

// The whole way over a real socket, where writes are gathered.
func TestTransferOverTCP(t *testing.T) {
	info, data := fakepeer.Content("x", 5<<20+777, 1<<20, 3)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		nc, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		c, _, err := Accept(t.Context(), nc, &Config{}, known)
		if err != nil {
			t.Error(err)
			return
		}
		rec := &recorder{}
		rec.got = func(m wire.Message) {
			switch m.Kind {
			case wire.Interested:
				c.Send(wire.Message{Kind: wire.Unchoke})
			case wire.Request:
				b, err := info.Block(m.Index, m.Begin, m.Length)
				if err != nil {
					t.Error(err)
				}
				c.Upload(b)
			}
		}
		c.Run(t.Context(), rec, &source{data: data})
		if rec.bytes != len(data) {
			t.Errorf("%d bytes reported", rec.bytes)
		}
	})
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := fakepeer.New(nc)
	if err := p.Dial(fakepeer.Hello{InfoHash: ih}); err != nil {
		t.Fatal(err)
	}
	got, err := p.Fetch(t.Context(), info, 64)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	p.Close()
}
