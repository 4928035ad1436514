package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"shoal/internal/block"
	"shoal/metainfo"
)

func payload(pool *block.Pool, n int) *block.Block {
	b := pool.Get()
	for i := range b.Resize(n) {
		b.Bytes()[i] = byte(i * 7)
	}
	return b
}

// samples holds one message of every kind and the edges of their lengths.
func samples(pool *block.Pool) []Message {
	return []Message{
		{Kind: Choke}, {Kind: Unchoke}, {Kind: Interested}, {Kind: NotInterested}, {Kind: HaveAll}, {Kind: HaveNone},
		{Kind: Have, Index: 0}, {Kind: Have, Index: 1<<32 - 1}, {Kind: Suggest, Index: 7}, {Kind: AllowedFast, Index: 8},
		{Kind: Port, Index: 6881},
		{Kind: Request, Index: 1, Begin: 2, Length: 3}, {Kind: Cancel, Index: 4, Begin: 1<<32 - 1, Length: 5},
		{Kind: Reject, Index: 6, Begin: 7, Length: 1<<32 - 1},
		{Kind: Bitfield}, {Kind: Bitfield, Data: []byte{0xff, 0x80}}, {Kind: Bitfield, Data: make([]byte, metainfo.MaxPieces/8)},
		{Kind: Piece, Index: 9, Begin: 16384, Block: payload(pool, 1)},
		{Kind: Piece, Index: 9, Begin: 16384, Block: payload(pool, block.Size)},
		{Kind: Extended, Index: 0}, {Kind: Extended, Index: 255, Data: []byte("d1:ai1ee")},
		{Kind: Extended, Index: 3, Data: make([]byte, MaxExtended-2)},
		{Kind: HashRequest, Data: make([]byte, 48)}, {Kind: HashReject, Data: make([]byte, 48)},
		{Kind: Hashes, Data: make([]byte, 48+64)},
	}
}

func encode(ms []Message) []byte {
	var b []byte
	for i := range ms {
		b = Append(b, &ms[i])
	}
	return b
}

// readAll reads messages until the stream ends, and the error that ended it.
func readAll(r *Reader) ([]Message, error) {
	var all []Message
	for {
		var err error
		if all, err = r.ReadBatch(all); err != nil {
			return all, err
		}
	}
}

func sameMessage(a, b *Message) bool {
	if (a.Block == nil) != (b.Block == nil) || a.Block != nil && !bytes.Equal(a.Block.Bytes(), b.Block.Bytes()) {
		return false
	}
	x, y := *a, *b
	x.Block, y.Block = nil, nil
	return bytes.Equal(x.Data, y.Data) && x.Kind == y.Kind && x.Index == y.Index && x.Begin == y.Begin && x.Length == y.Length
}

func TestRoundTrip(t *testing.T) {
	pool := new(block.Pool)
	want := samples(pool)
	stream := encode(want)
	for name, src := range map[string]func(io.Reader) io.Reader{
		"whole":           func(r io.Reader) io.Reader { return r },
		"half":            iotest.HalfReader,
		"error with data": iotest.DataErrReader,
		"one byte":        iotest.OneByteReader,
		"random": func(r io.Reader) io.Reader {
			rnd := rand.New(rand.NewPCG(1, 2))
			return readerFunc(func(p []byte) (int, error) { return r.Read(p[:1+rnd.IntN(len(p))]) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(src(bytes.NewReader(stream)), pool, 0)
			got, err := readAll(r)
			if err != io.EOF || len(got) != len(want) {
				t.Fatalf("%d messages of %d, %v", len(got), len(want), err)
			}
			for i := range got {
				if !sameMessage(&got[i], &want[i]) {
					t.Errorf("message %d is %v %d, want %v %d", i, got[i].Kind, got[i].Index, want[i].Kind, want[i].Index)
				}
			}
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Every cut of every message is an unexpected end, except the empty one.
func TestTruncation(t *testing.T) {
	pool := new(block.Pool)
	for _, m := range samples(pool) {
		b := encode([]Message{m})
		for cut := 0; cut < len(b); cut += 1 + len(b)/500 {
			r := NewReader(bytes.NewReader(b[:cut]), pool, 0)
			got, err := readAll(r)
			want := io.ErrUnexpectedEOF
			if cut == 0 {
				want = io.EOF
			}
			if len(got) != 0 || err != want {
				t.Fatalf("%v cut at %d of %d: %d messages, %v", m.Kind, cut, len(b), len(got), err)
			}
			r.Close()
		}
	}
}

// The order and meaning of what comes out does not depend on how the bytes come in.
func TestEverySplit(t *testing.T) {
	pool := new(block.Pool)
	ms := []Message{{Kind: Have, Index: 5}, {Kind: Piece, Index: 1, Block: payload(pool, 20)}, {Kind: Extended, Index: 1, Data: []byte("de")}, {Kind: Port, Index: 80}}
	b := encode(ms)
	for i := range b {
		r := NewReader(io.MultiReader(bytes.NewReader(b[:i]), bytes.NewReader(b[i:])), pool, 0)
		got, err := readAll(r)
		if err != io.EOF || !slices.EqualFunc(got, ms, func(a, b Message) bool { return sameMessage(&a, &b) }) {
			t.Fatalf("split at %d: %d messages, %v", i, len(got), err)
		}
	}
}

func TestBadFrames(t *testing.T) {
	long := func(n uint32, rest ...byte) []byte { return append(be32(nil, n), rest...) }
	for name, b := range map[string][]byte{
		"W04 length 2^32-1":               long(1<<32 - 1),
		"W04 length 1 MiB + 1":            long(1<<20 + 1),
		"choke with payload":              long(2, 0, 0),
		"have of 4 bytes":                 long(4, 4),
		"W07 request of 14 bytes":         long(14, 6),
		"port of 5 bytes":                 long(5, 9),
		"W05 bitfield above 2^21 pieces":  long(2+metainfo.MaxPieces/8, 5),
		"W07 piece without payload":       long(9, 7),
		"W07 piece of 16385 bytes":        long(9+block.Size+1, 7),
		"W04 extended of 1 MiB":           long(1<<20, 20, 1),
		"extended without id":             long(1, 20),
		"X01 extended handshake of 1 MiB": long(1<<20, 20, 0),
		"X01 extended handshake 64 KiB+1": long(2+MaxExtHandshake+1, 20, 0),
		"W18 short hash request":          long(48, 21),
		"W18 long hashes":                 long(maxHashes+1, 22),
	} {
		t.Run(name, func(t *testing.T) {
			pool := new(block.Pool)
			r := NewReader(io.MultiReader(bytes.NewReader(b), iotest.ErrReader(errors.New("went on reading"))), pool, 0)
			got, err := readAll(r)
			if !errors.Is(err, ErrProtocol) || len(got) != 0 {
				t.Errorf("%d messages, %v", len(got), err)
			}
			if r.Buffered() > minBuffer || cap(r.part.Data) > 0 {
				t.Errorf("holds %d and %d bytes", r.Buffered(), cap(r.part.Data))
			}
		})
	}
}

// A remote that announces much and sends little costs what it sent.
func TestAnnouncedIsNotAllocated(t *testing.T) {
	b := append(be32(nil, MaxExtended), byte(Extended), 1)
	b = append(b, make([]byte, 1000)...)
	r := NewReader(bytes.NewReader(b), new(block.Pool), 0)
	readAll(r)
	if cap(r.part.Data) > 4096 {
		t.Errorf("1000 bytes of a frame of 128 KiB take %d bytes", cap(r.part.Data))
	}
}

func TestNothingMessages(t *testing.T) {
	var b []byte
	for range 100 {
		b = append(b, 0, 0, 0, 0)
		b = append(b, 0, 0, 0, 3, 99, 1, 2) // an unknown id
	}
	b = Append(b, &Message{Kind: Have, Index: 3})
	b = append(b, 0, 0, 0, 0)
	r := NewReader(bytes.NewReader(b), new(block.Pool), 0)
	got, err := r.ReadBatch(nil)
	if err != nil || len(got) != 1 || got[0].Index != 3 || r.Idle() != 1 {
		t.Errorf("%d messages, idle %d, %v", len(got), r.Idle(), err)
	}
}

// Tiny frames cannot make one huge batch.
func TestBatchIsBounded(t *testing.T) {
	b := bytes.Repeat([]byte{0, 0, 0, 1, 0}, 5000)
	r := NewReader(bytes.NewReader(b), new(block.Pool), 0)
	r.size = maxBuffer
	total := 0
	for {
		got, err := r.ReadBatch(nil)
		if err == io.EOF {
			break
		}
		if len(got) > maxBatch || err != nil {
			t.Fatalf("%d messages, %v", len(got), err)
		}
		total += len(got)
	}
	if total != 5000 {
		t.Errorf("%d messages of 5000", total)
	}
}

// Each Block costs 16 KiB however little its frame brought, so a batch of tiny
// ones holds no more of them than a buffer full of real ones.
func TestTinyBlocksAreBounded(t *testing.T) {
	pool := new(block.Pool)
	b := bytes.Repeat(Append(nil, &Message{Kind: Piece, Block: payload(pool, 1)}), 2000)
	r := NewReader(bytes.NewReader(b), pool, 0)
	r.size = maxBuffer
	total := 0
	for {
		got, err := r.ReadBatch(nil)
		if err == io.EOF {
			break
		}
		if len(got) > 2*maxBuffer/block.Size || err != nil {
			t.Fatalf("%d blocks in one batch, %v", len(got), err)
		}
		for i := range got {
			got[i].Block.Release()
		}
		total += len(got)
	}
	if total != 2000 {
		t.Errorf("%d messages of 2000", total)
	}
}

// The buffer is small at rest, large in a stream, small again after it.
func TestBufferFollowsTheStream(t *testing.T) {
	pool := new(block.Pool)
	var stream []byte
	for range 200 {
		stream = Append(stream, &Message{Kind: Piece, Block: payload(pool, block.Size)})
	}
	r := NewReader(bytes.NewReader(stream), pool, 0)
	var ms []Message
	most := 0
	for {
		var err error
		ms, err = r.ReadBatch(ms[:0])
		for i := range ms {
			ms[i].Block.Release()
		}
		most = max(most, r.Buffered())
		if err != nil {
			break
		}
	}
	if most != maxBuffer {
		t.Errorf("the buffer grew to %d bytes", most)
	}
	r.Shrink()
	if r.Buffered() != 0 || r.size != minBuffer {
		t.Errorf("%d bytes are held at rest", r.Buffered())
	}
	// So it is when a remote stops inside the head of a frame.
	r = NewReader(bytes.NewReader([]byte{0, 0, 0, 5, 4, 0, 0}), pool, 0)
	r.size = maxBuffer
	r.ReadBatch(nil)
	if r.Shrink(); r.Buffered() != minBuffer || r.w-r.r != 7 {
		t.Errorf("%d bytes are held for the %d of a head", r.Buffered(), r.w-r.r)
	}
	// A slow stream gives the memory back by itself.
	r = NewReader(iotest.OneByteReader(bytes.NewReader(bytes.Repeat([]byte{0}, 4000))), pool, 0)
	r.size = maxBuffer
	readAll(r)
	if r.Buffered() > minBuffer {
		t.Errorf("%d bytes are held by a slow stream", r.Buffered())
	}
}

func TestSteadyStateAllocates(t *testing.T) {
	if raceEnabled {
		return // sync.Pool drops items at random there
	}
	pool := new(block.Pool)
	frame := Append(nil, &Message{Kind: Piece, Block: payload(pool, block.Size)})
	src := &loop{b: frame}
	r := NewReader(src, pool, 0)
	ms := make([]Message, 0, 64)
	step := func() {
		ms, _ = r.ReadBatch(ms[:0])
		for i := range ms {
			ms[i].Block.Release()
		}
	}
	for range 20 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n > 0.5 {
		t.Errorf("%v allocations a batch", n)
	}
}

// loop is a stream that repeats b for ever.
type loop struct {
	b   []byte
	pos int
}

func (l *loop) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		m := copy(p[n:], l.b[l.pos:])
		n += m
		l.pos = (l.pos + m) % len(l.b)
	}
	return len(p), nil
}

func TestHandshake(t *testing.T) {
	h := Handshake{InfoHash: metainfo.Hash{1, 2, 3}, PeerID: [20]byte{4, 5}}
	h.Reserved = h.Reserved.WithExtended().WithDHT()
	b := AppendHandshake(nil, &h)
	if len(b) != HandshakeLen {
		t.Fatalf("%d bytes", len(b))
	}
	got, err := ParseHandshake(b)
	if err != nil || got != h {
		t.Errorf("%+v, %v", got, err)
	}
	r := got.Reserved
	if !r.Extended() || !r.DHT() || r.Fast() || r.V2() || !r.WithFast().Fast() || !r.WithV2().V2() {
		t.Errorf("bits % x", r)
	}
	for cut := range b {
		if _, err := ParseHandshake(b[:cut]); !errors.Is(err, ErrProtocol) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		ih, ok, err := CheckHandshake(b[:cut])
		if err != nil || ok != (cut >= HashEnd) || ok && ih != h.InfoHash {
			t.Errorf("check at %d: %v %v", cut, ok, err)
		}
	}
	for i := range len(Protocol) {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, _, err := CheckHandshake(bad[:i+1]); !errors.Is(err, ErrProtocol) {
			t.Errorf("wrong byte %d: %v", i, err)
		}
	}
}
