package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"shoal/internal/block"
)

// scattered is a stream that can read into several places. Each read brings as much as next says, at least a byte.
type scattered struct {
	rest    []byte
	next    func(most int) int
	err     error // what comes after rest
	vectors int   // calls of ReadVector
}

func (s *scattered) Read(p []byte) (int, error) { return s.bring([][]byte{p}) }

func (s *scattered) ReadVector(bufs [][]byte) (int, error) {
	s.vectors++
	return s.bring(bufs)
}

func (s *scattered) bring(bufs [][]byte) (n int, err error) {
	if len(s.rest) == 0 {
		return 0, s.err
	}
	room := 0
	for _, b := range bufs {
		room += len(b)
	}
	left := min(room, len(s.rest), max(1, s.next(room)))
	for _, b := range bufs {
		m := copy(b, s.rest[:min(left-n, len(b))])
		s.rest = s.rest[m:]
		n += m
	}
	return n, nil
}

// readAhead reads all of s and expects at each read that nothing but whole blocks will come.
func readAhead(s *scattered, pool *block.Pool) ([]Message, error) {
	r := NewReader(s, pool, 0)
	defer r.Close()
	var all []Message
	for {
		r.run, r.size = mostRun, maxBuffer
		n := len(all)
		var err error
		if all, err = r.ReadBatch(all); err != nil {
			return all, err
		}
		if len(all)-n > maxBatch {
			return all, errors.New("a batch without bound")
		}
	}
}

// story makes a stream of n frames, most of them whole blocks, by chance.
func story(rnd *rand.Rand, pool *block.Pool, n int) (ms []Message) {
	others := samples(pool)
	for len(ms) < n {
		m := Message{Kind: Piece, Index: uint32(len(ms)), Begin: rnd.Uint32()}
		switch rnd.IntN(12) {
		case 0:
			m = others[rnd.IntN(len(others))]
		case 1:
			m.Block = payload(pool, 1+rnd.IntN(block.Size))
		case 2:
			m = Message{Kind: Have, Index: rnd.Uint32()}
		default:
			m.Block = payload(pool, block.Size)
			binary.BigEndian.PutUint64(m.Block.Bytes()[rnd.IntN(block.Size-8):], rnd.Uint64())
		}
		ms = append(ms, m)
	}
	return ms
}

// What comes out of a stream is the same whether its frames were expected or not, and however they come in.
func TestAhead(t *testing.T) {
	pool := new(block.Pool)
	for seed := range uint64(5) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		want := story(rnd, pool, 60)
		stream := encode(want)
		for name, next := range map[string]func(int) int{
			"full":   func(most int) int { return most },
			"random": func(most int) int { return rnd.IntN(most) },
			"small":  func(int) int { return rnd.IntN(3000) },
			"frames": func(int) int { return (PieceHeader + block.Size) * (1 + rnd.IntN(20)) },
			"heads":  func(int) int { return block.Size - 4 + rnd.IntN(20) },
		} {
			s := &scattered{rest: stream, next: next, err: io.EOF}
			got, err := readAhead(s, pool)
			if err != io.EOF || len(got) != len(want) {
				t.Fatalf("seed %d, %s: %d messages of %d, %v", seed, name, len(got), len(want), err)
			}
			for i := range got {
				if !sameMessage(&got[i], &want[i]) {
					t.Fatalf("seed %d, %s: message %d is %v %d, want %v %d", seed, name, i, got[i].Kind, got[i].Index, want[i].Kind, want[i].Index)
				}
				if got[i].Block != nil {
					got[i].Block.Release()
				}
			}
			if s.vectors == 0 {
				t.Fatalf("seed %d, %s: nothing was read ahead", seed, name)
			}
		}
		for i := range want {
			if want[i].Block != nil {
				want[i].Block.Release()
			}
		}
	}
}

// Every cut of a regular stream ends as a cut stream does, and no block is lost with it.
func TestAheadTruncation(t *testing.T) {
	pool := new(block.Pool)
	var stream []byte
	for n := range 3 {
		stream = Append(stream, &Message{Kind: Piece, Index: uint32(n), Block: payload(pool, block.Size)})
	}
	const frame = PieceHeader + block.Size
	for cut := 0; cut <= len(stream); cut++ {
		if cut%frame == PieceHeader+3 { // inside a payload a few cuts are as good as all
			cut += block.Size - 6
		}
		got, err := readAhead(&scattered{rest: stream[:cut], next: func(most int) int { return most }, err: io.EOF}, pool)
		want := io.ErrUnexpectedEOF
		if cut%frame == 0 {
			want = io.EOF
		}
		if len(got) != cut/frame || err != want {
			t.Fatalf("cut at %d: %d messages, %v", cut, len(got), err)
		}
		for i := range got {
			got[i].Block.Release()
		}
	}
}

// A time-out inside a head or a payload loses nothing.
func TestAheadTimeout(t *testing.T) {
	pool := new(block.Pool)
	frame := Append(nil, &Message{Kind: Piece, Index: 7, Block: payload(pool, block.Size)})
	late := errors.New("too late")
	for _, cut := range []int{1, 4, 12, 13, 14, 5000, len(frame) - 1} {
		s := &scattered{rest: frame[:cut], next: func(most int) int { return most }, err: late}
		r := NewReader(s, pool, 0)
		r.run, r.size = mostRun, maxBuffer
		for n := range 3 {
			if got, err := r.ReadBatch(nil); len(got) != 0 || err != nil && err != late || n > 0 && err == nil {
				t.Fatalf("cut at %d: %d messages, %v", cut, len(got), err)
			}
			if n == 1 {
				r.Shrink()
				r.run, r.size = mostRun, maxBuffer
			}
		}
		s.rest = frame[cut:]
		got, err := r.ReadBatch(nil)
		if err != nil || len(got) != 1 || got[0].Index != 7 || len(got[0].Block.Bytes()) != block.Size {
			t.Fatalf("cut at %d: then %d messages, %v", cut, len(got), err)
		}
		r.Close()
	}
}

// Blocks are made ready for a stream that is fast and regular, no more than 16, and are given back when it is not.
func TestAheadIsBounded(t *testing.T) {
	pool := new(block.Pool)
	frame := Append(nil, &Message{Kind: Piece, Block: payload(pool, block.Size)})
	most, reads := 0, 0
	s := &scattered{err: errors.New("pause"), next: func(most int) int { return most }}
	r := NewReader(s, pool, 0)
	read := func(stream []byte) {
		s.rest = stream
		for err := error(nil); err == nil; reads++ {
			var got []Message
			got, err = r.ReadBatch(nil)
			for i := range got {
				if got[i].Block != nil {
					got[i].Block.Release()
				}
			}
			most = max(most, r.Buffered())
		}
	}
	read(bytes.Repeat(frame, leastRun-1))
	if s.vectors > 0 {
		t.Errorf("%d reads ahead of a stream that has shown nothing", s.vectors)
	}
	read(bytes.Repeat(frame, 300))
	if s.vectors == 0 || most > maxBuffer+minBuffer || reads > 60 {
		t.Errorf("%d reads, %d of them ahead; they hold %d bytes", reads, s.vectors, most)
	}
	// Something in between ends it for longer than before.
	read(append(Append(bytes.Clone(frame), &Message{Kind: Have}), frame...))
	if held, need := r.ahead.held(), r.ahead.need; held != 0 || need != 2*leastRun {
		t.Errorf("%d blocks wait after a Have, %d have to come first", held, need)
	}
	read(bytes.Repeat(frame, 300))
	if r.ahead.held() == 0 {
		t.Error("no block waits in a fast stream")
	}
	if r.Shrink(); r.Buffered() != 0 || r.ahead.places != nil {
		t.Errorf("%d bytes are held at rest", r.Buffered())
	}
	// A stream that comes in small pieces is read through a small buffer.
	s.next = func(int) int { return 100 }
	read(bytes.Repeat(frame, 4))
	if r.ahead.held() != 0 || r.Buffered() > 4*minBuffer {
		t.Errorf("a slow stream holds %d bytes", r.Buffered())
	}
	r.Close()
}

// A steady stream costs no memory, read ahead or not.
func TestAheadAllocates(t *testing.T) {
	pool := new(block.Pool)
	frame := Append(nil, &Message{Kind: Piece, Block: payload(pool, block.Size)})
	for name, src := range map[string]io.Reader{"ahead": vectorLoop{&loop{b: frame}}, "buffer": &loop{b: frame}} {
		r := NewReader(src, pool, 0)
		ms := make([]Message, 0, 64)
		step := func() {
			var err error
			if ms, err = r.ReadBatch(ms[:0]); err != nil {
				t.Fatal(err)
			}
			for i := range ms {
				ms[i].Block.Release()
			}
		}
		for range 40 {
			step()
		}
		if n := testing.AllocsPerRun(100, step); n > 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
		if ahead := r.ahead.places != nil; ahead != (name == "ahead") {
			t.Errorf("%s: it reads ahead: %v", name, ahead)
		}
	}
}

type vectorLoop struct{ *loop }

func (l vectorLoop) ReadVector(bufs [][]byte) (n int, err error) {
	for _, b := range bufs {
		m, _ := l.Read(b)
		n += m
	}
	return n, nil
}

// BenchmarkReader decodes blocks that lie in memory. One op is one block.
func BenchmarkReader(b *testing.B) {
	pool := new(block.Pool)
	frame := Append(nil, &Message{Kind: Piece, Block: payload(pool, block.Size)})
	for _, name := range []string{"buffer", "ahead"} {
		b.Run(name, func(b *testing.B) {
			var src io.Reader = &loop{b: frame}
			if name == "ahead" {
				src = vectorLoop{&loop{b: frame}}
			}
			r := NewReader(src, pool, 0)
			ms := make([]Message, 0, 64)
			b.SetBytes(block.Size)
			b.ReportAllocs()
			for n := 0; n < b.N; n += len(ms) {
				var err error
				if ms, err = r.ReadBatch(ms[:0]); err != nil {
					b.Fatal(err)
				}
				for i := range ms {
					ms[i].Block.Release()
				}
			}
		})
	}
}

// BenchmarkCodec encodes and decodes the small messages of a download: requests one way, Haves the other. One op is one message.
func BenchmarkCodec(b *testing.B) {
	var stream []byte
	for n := range uint32(500) {
		stream = Append(stream, &Message{Kind: Request, Index: n, Begin: n * block.Size, Length: block.Size})
		stream = Append(stream, &Message{Kind: Have, Index: n})
	}
	b.Run("decode", func(b *testing.B) {
		r := NewReader(&loop{b: stream}, new(block.Pool), 0)
		ms := make([]Message, 0, maxBatch)
		b.ReportAllocs()
		for n := 0; n < b.N; n += len(ms) {
			var err error
			if ms, err = r.ReadBatch(ms[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		m := Message{Kind: Request, Length: block.Size}
		var buf []byte
		b.ReportAllocs()
		for n := range b.N {
			if n%1000 == 0 {
				buf = buf[:0]
			}
			m.Index = uint32(n)
			buf = Append(buf, &m)
		}
	})
}
