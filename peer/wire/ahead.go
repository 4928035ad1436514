package wire

import (
	"encoding/binary"

	"shoal/internal/block"
)

const (
	// maxAhead is how many blocks one read makes room for beside the one that is coming in: 256 KiB.
	maxAhead = maxBuffer / block.Size
	// leastAhead is the size of reads, in bytes, from which they are worth being made ahead.
	leastAhead = 4 * block.Size
	// leastRun is how many frames of whole blocks in a row make a regular stream. Where something comes in between after
	// all, what lies behind it has to be copied and buffers to be made, so each time twice as many are asked for, up to mostRun.
	leastRun = 32
	mostRun  = 1024
)

// VectorReader is a source that can put what one read brings into several places, in order, like readv.
type VectorReader interface {
	// ReadVector is io.Reader's Read for the bytes of all of bufs in their order. It does not keep bufs.
	ReadVector(bufs [][]byte) (int, error)
}

// ahead reads a regular stream, one of nothing but whole blocks, straight into Blocks: in such a stream it is known where the
// next heads and payloads will be before they come. Whatever else comes is found in the place of a head, and goes into the buffer with all that
// lies behind it: what a stream means does not depend on what was expected of it.
type ahead struct {
	src  VectorReader // nil: the source can only Read
	need int          // the run that is asked for
	*places
}

// places are where the next frames are to land, frame k in heads[k] and blocks[k].
type places struct {
	heads  [maxAhead][PieceHeader]byte
	blocks [maxAhead]*block.Block
	vec    [][]byte
}

// held returns the number of Blocks that wait for their payload.
func (a *ahead) held() (n int) {
	if a.places == nil {
		return 0
	}
	for _, b := range a.blocks {
		if b != nil {
			n++
		}
	}
	return n
}

// keep gives back all Blocks but the first n.
func (a *ahead) keep(n int) {
	if a.places == nil {
		return
	}
	for k := n; k < len(a.blocks); k++ {
		if b := a.blocks[k]; b != nil {
			b.Release()
			a.blocks[k] = nil
		}
	}
}

// drop gives all memory back.
func (a *ahead) drop() {
	a.keep(0)
	a.places, a.need = nil, leastRun
}

// regular reports whether the next read can be made ahead and is worth it. What was decoded last left no more than a part of a
// head in the buffer.
func (d *Reader) regular() bool {
	if d.ahead.src == nil || d.run < d.ahead.need || d.size < leastAhead {
		return false
	}
	if d.open {
		return d.part.Kind == Piece && d.r == d.w
	}
	return d.w-d.r < PieceHeader
}

// readAhead makes one read into Blocks and appends the messages that are then complete to dst. Called when regular says so.
func (d *Reader) readAhead(dst []Message, end int) ([]Message, error) {
	a := &d.ahead
	if a.places == nil {
		a.places = &places{vec: make([][]byte, 0, 1+2*maxAhead)}
	}
	count := min(d.size/block.Size, maxAhead)
	a.keep(count)
	d.pool.Fill(a.blocks[:count])
	begun := copy(a.heads[0][:], d.buf[d.r:d.w]) // bytes of the first head
	room := d.aim(begun, count)
	n, err := a.src.ReadVector(a.vec)
	clear(a.vec)
	d.resize(n, room)
	if err := d.cause(n, err); err != nil {
		return dst, err
	}
	if len(d.buf) > minBuffer { // it was as large as a read
		d.buf = nil
	}
	d.r, d.w = 0, 0
	if d.open {
		m := min(n, d.left)
		d.got += m
		d.left -= m
		n -= m
		if d.left > 0 {
			return dst, nil
		}
		dst = d.emit(dst)
	}
	return d.landed(dst, end, begun+n)
}

// aim sets where the next read goes, and returns for how many bytes there is room: the rest of the open block, and then
// count frames, of the first of which some bytes are in place.
func (d *Reader) aim(begun, count int) (room int) {
	a := &d.ahead
	a.vec = a.vec[:0]
	if d.open {
		a.vec = append(a.vec, d.part.Block.Bytes()[d.got:])
	}
	for k := range count {
		a.vec = append(a.vec, a.heads[k][begun:], a.blocks[k].Resize(block.Size))
		begun = 0
	}
	for _, p := range a.vec {
		room += len(p)
	}
	return room
}

// landed takes n bytes that lie in the places.
func (d *Reader) landed(dst []Message, end, n int) ([]Message, error) {
	a := &d.ahead
	for k := 0; n > 0; k++ {
		head := &a.heads[k]
		if n < PieceHeader {
			d.stash(k, n)
			return d.decode(dst, end)
		}
		if binary.BigEndian.Uint32(head[:]) != 9+block.Size || Kind(head[4]) != Piece {
			d.stash(k, n)
			a.need = min(a.need*2, mostRun)
			a.keep(0)
			return d.decode(dst, end)
		}
		d.part = Message{
			Kind: Piece, Block: a.blocks[k],
			Index: binary.BigEndian.Uint32(head[5:]), Begin: binary.BigEndian.Uint32(head[9:]),
		}
		a.blocks[k] = nil
		n -= PieceHeader
		d.open, d.got = true, min(n, block.Size)
		d.left = block.Size - d.got
		n -= d.got
		if d.left > 0 {
			break
		}
		dst = d.emit(dst)
	}
	return dst, nil
}

// stash moves n bytes, which lie in the places from head k on, to the buffer, which is empty.
func (d *Reader) stash(k, n int) {
	if len(d.buf) < n {
		size := minBuffer
		if n > size {
			size = max(n, d.size)
		}
		d.buf = make([]byte, size)
	}
	for d.w < n {
		d.w += copy(d.buf[d.w:n], d.ahead.heads[k][:])
		d.w += copy(d.buf[d.w:n], d.ahead.blocks[k].Bytes())
		k++
	}
}
