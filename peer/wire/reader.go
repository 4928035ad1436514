package wire

import (
	"io"

	"shoal/internal/block"
)

// Sizes of the receive buffer in bytes. It starts at minBuffer and grows
// while reads come back full, so that an idle connection costs little and a
// busy one few system calls.
const (
	minBuffer = 4 << 10
	maxBuffer = 256 << 10
)

// Bounds of one batch, and so of the memory that a remote can make of a buffer
// full of tiny frames: messages, and those among them with a Block, each of which costs
// 16 KiB however little it brought. A buffer full of whole blocks stays below them.
const (
	maxBatch  = 1024
	maxBlocks = 2 * maxBuffer / block.Size
)

// Reader decodes frames from a stream. It belongs to one goroutine at a time.
//
// The payload of a Piece goes into a Block as it comes, other payloads grow
// with what has really arrived: a remote that announces much and sends little
// costs what it sent. The stream is read only when the buffer holds no more than one
// incomplete frame head, so it never has to be as large as a frame.
//
// A fast stream of whole blocks does not pass through the buffer, if its source can read into several places: see ahead.
type Reader struct {
	src  io.Reader
	pool *block.Pool
	max  uint32 // largest frame, length prefix not counted

	buf  []byte
	r, w int // buf[r:w] is not decoded yet
	size int // what buf should be at the next read
	thin int // reads in a row that used little of buf

	// The frame whose payload is coming in: left bytes of it are missing.
	// Its kind says where they go: Piece to part.Block, Unknown nowhere, others to part.Data.
	open bool
	part Message
	got  int // bytes of part.Block that are there
	left int

	blocks int // Blocks in the batch at hand
	idle   int // keep-alives and unknown frames since the last message
	run    int // frames of whole blocks since the last other frame
	ahead  ahead
}

// NewReader returns a Reader over src that takes the Blocks of Piece messages
// from pool. maxFrame bounds the length of a frame in bytes, 0 means MaxFrame.
func NewReader(src io.Reader, pool *block.Pool, maxFrame int) *Reader {
	if maxFrame <= 0 || maxFrame > MaxFrame {
		maxFrame = MaxFrame
	}
	d := &Reader{src: src, pool: pool, max: uint32(maxFrame), size: minBuffer}
	d.ahead.src, _ = src.(VectorReader)
	d.ahead.need = leastRun
	return d
}

// ReadBatch reads from the stream at most once and appends what is then
// complete to dst, at most 1024 messages and 32 Blocks; the rest comes with the
// next call, without a read. It may append nothing: keep-alives and unknown ids are
// only counted (see Idle), and a frame may still be incomplete. The messages
// own their Data and Block; nothing refers to the Reader.
//
// Errors are those of the stream, io.ErrUnexpectedEOF for an end inside a
// frame, or wrap ErrProtocol. Messages appended before the error are good. After
// a time-out of the stream the Reader can be used again; after others not.
func (d *Reader) ReadBatch(dst []Message) ([]Message, error) {
	start := len(dst)
	d.blocks = 0
	dst, err := d.decode(dst, start+maxBatch)
	if err != nil || len(dst) > start {
		return dst, err
	}
	if d.regular() {
		return d.readAhead(dst, start+maxBatch)
	}
	d.ahead.keep(0)
	if err := d.fill(); err != nil {
		return dst, err
	}
	return d.decode(dst, start+maxBatch)
}

// Idle returns how many keep-alives and unknown frames have come in since the
// last message.
func (d *Reader) Idle() int { return d.idle }

// Buffered returns the bytes of memory held for receiving, without the
// payload of a frame that is still coming in.
func (d *Reader) Buffered() int { return len(d.buf) + d.ahead.held()*block.Size }

// Shrink gives a large buffer back. It is called when no byte came for a while.
func (d *Reader) Shrink() {
	switch rest := d.buf[d.r:d.w]; {
	case len(rest) == 0:
		d.buf, d.r, d.w = nil, 0, 0
	case len(rest) < minBuffer && len(d.buf) > minBuffer:
		buf := make([]byte, minBuffer)
		d.buf, d.r, d.w = buf, 0, copy(buf, rest)
	}
	d.size, d.thin = minBuffer, 0
	d.ahead.drop()
}

// Close releases a Block that was not complete. The Reader must not be used
// afterwards.
func (d *Reader) Close() {
	if d.part.Block != nil {
		d.part.Block.Release()
	}
	d.part, d.open, d.buf = Message{}, false, nil
	d.ahead.drop()
}

// fill makes one read, into the buffer or, when more than a bufferful of a
// block is missing, straight into the block.
func (d *Reader) fill() error {
	if d.open && d.part.Kind == Piece && d.r == d.w && d.left >= d.size {
		p := d.part.Block.Bytes()[d.got:]
		n, err := d.src.Read(p)
		d.got += n
		d.left -= n
		d.grow(n == len(p))
		return d.cause(n, err)
	}
	d.makeRoom()
	room := len(d.buf) - d.w
	n, err := d.src.Read(d.buf[d.w:])
	d.w += n
	d.resize(n, room)
	return d.cause(n, err)
}

// cause turns the result of a Read into fill's: bytes come before errors, and an
// end inside a frame is unexpected.
func (d *Reader) cause(n int, err error) error {
	if n > 0 || err == nil {
		return nil
	}
	if err == io.EOF && (d.open || d.r < d.w) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeRoom moves an incomplete head, which is a few bytes, to the front of a
// buffer of the wanted size.
func (d *Reader) makeRoom() {
	if len(d.buf) == d.size {
		d.w = copy(d.buf, d.buf[d.r:d.w])
		d.r = 0
		return
	}
	old := d.buf[d.r:d.w]
	d.buf = make([]byte, d.size)
	d.r, d.w = 0, copy(d.buf, old)
}

// resize chooses how much the next read asks for after one of n bytes where there was room for more.
func (d *Reader) resize(n, room int) {
	switch {
	case n == room:
		d.thin = 0
		d.grow(true)
	case n > room/8:
		d.thin = 0
	default:
		// A slow stream: give the memory back, but not at every lull.
		if d.thin++; d.thin >= 64 && d.size > minBuffer {
			d.size, d.thin = d.size/4, 0
		}
	}
}

func (d *Reader) grow(full bool) {
	if full {
		d.size = min(d.size*4, maxBuffer)
	}
}
