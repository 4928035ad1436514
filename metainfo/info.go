package metainfo

import (
	"errors"
	"fmt"
	"sort"
)

// BlockSize is the size in bytes of a block, the unit of requests. Only the
// last block of a piece may be shorter.
const BlockSize = 16 << 10

// Limits on what a torrent may ask of us.
const (
	MaxPieces      = 1 << 21
	MaxPieceLength = 128 << 20
)

// ErrInvalid is wrapped by every error about a torrent or magnet that breaks
// its format; the message names the key and the limit.
var ErrInvalid = errors.New("invalid torrent")

// Info describes the content of one torrent: names, sizes, piece hashes. It
// is immutable after it was made and may be read by every goroutine. Piece
// length, file spans and piece hashes come only from its methods, so that v2
// layouts can differ.
type Info struct {
	name        string
	pieceLength int64
	hashes      []byte // 20 bytes a piece
	files       []File
	size        int64
	pieces      int
	pad         int64 // bytes in pad files
	source      string
	private     bool
	multi       bool
	v2only      bool
}

// File is one file of a torrent.
type File struct {
	// Path is where the file belongs below the download folder: slash-separated,
	// mapped to names that are safe on every system, unique in the torrent, and
	// beginning with the torrent's name when it has several files.
	Path string
	// Raw are the path elements as the torrent spells them, without its name.
	Raw []string
	// Offset is the position in bytes of the first byte in the torrent.
	Offset int64
	// Length is the size in bytes.
	Length int64
	// Pad marks a BEP 47 padding file: zeros that are never stored.
	Pad bool
	// Executable, Hidden and Symlink are the other BEP 47 attributes. A symlink
	// is never created; it has no content.
	Executable, Hidden, Symlink bool
}

// Span is a run of bytes inside one file.
type Span struct {
	File   int   // index into Files
	Offset int64 // from the start of the file, in bytes
	Length int64 // in bytes, > 0
}

// Block is the checked address of one block. Only Info.Block makes it from
// numbers that came from outside.
type Block struct {
	Piece  int
	Begin  int
	Length int
}

// NewInfo puts an Info together from parts that were already checked for
// their format: hashes holds 20 bytes a piece, files lie one after another.
// It checks the sums: piece length in [1, MaxPieceLength], one hash a piece, at
// most MaxPieces.
func NewInfo(name string, pieceLength int64, hashes []byte, files []File, multi, private bool) (*Info, error) {
	in := &Info{name: name, pieceLength: pieceLength, hashes: hashes, files: files, private: private, multi: multi}
	if err := in.layOut(); err != nil {
		return nil, err
	}
	if len(hashes)%20 != 0 || len(hashes)/20 != in.pieces {
		return nil, invalid("pieces has %d bytes; %d pieces need %d", len(hashes), in.pieces, in.pieces*20)
	}
	return in, nil
}

// layOut gives the files their offsets and counts bytes and pieces.
func (in *Info) layOut() error {
	if in.pieceLength < 1 || in.pieceLength > MaxPieceLength {
		return invalid("piece length %d is not between 1 and %d bytes (%d MiB)", in.pieceLength, MaxPieceLength, MaxPieceLength>>20)
	}
	for i := range in.files {
		f := &in.files[i]
		if f.Length < 0 || f.Length > 1<<62-in.size {
			return invalid("length %d of file %d is negative, or all lengths add up to more than 2^62 bytes", f.Length, i)
		}
		f.Offset = in.size
		in.size += f.Length
		if f.Pad {
			in.pad += f.Length
		}
	}
	want := (in.size + in.pieceLength - 1) / in.pieceLength
	if want > MaxPieces {
		return invalid("%d pieces, at most %d are allowed", want, MaxPieces)
	}
	in.pieces = int(want)
	return nil
}

// Name returns the torrent's name as the torrent spells it; clean it with
// internal/text before showing it.
func (in *Info) Name() string { return in.name }

// Multi reports whether the torrent is a folder of files (true even for a
// folder with one file) rather than a single file.
func (in *Info) Multi() bool { return in.multi }

// Private reports the private flag of BEP 27.
func (in *Info) Private() bool { return in.private }

// Size returns the sum of all file lengths in bytes, pad files included.
func (in *Info) Size() int64 { return in.size }

// Payload returns the sum of all file lengths in bytes, pad files left out.
func (in *Info) Payload() int64 { return in.size - in.pad }

// Source returns the source tag that some trackers put into the info
// dictionary, mostly empty; foreign text like the name.
func (in *Info) Source() string { return in.source }

// Downloadable returns nil, or an error that says why the content cannot be
// downloaded; it wraps ErrUnsupportedV2 for a v2-only torrent, whose Info can still be looked at.
func (in *Info) Downloadable() error {
	if in.v2only {
		return fmt.Errorf("%s: %w", short(in.name), ErrUnsupportedV2)
	}
	return nil
}

// Files returns the files in torrent order. The slice must not be written to.
func (in *Info) Files() []File { return in.files }

// NumPieces returns the number of pieces; 0 when all files are empty.
func (in *Info) NumPieces() int { return in.pieces }

// PieceLength returns the nominal piece length in bytes.
func (in *Info) PieceLength() int64 { return in.pieceLength }

// PieceSize returns the size in bytes of piece i, which is shorter than
// PieceLength for the last piece. i must be in range.
func (in *Info) PieceSize(i int) int {
	return int(min(in.pieceLength, in.size-int64(i)*in.pieceLength))
}

// PieceOffset returns the position of piece i in the torrent, in bytes.
func (in *Info) PieceOffset(i int) int64 { return int64(i) * in.pieceLength }

// PieceHash returns the SHA-1 digest that piece i must have; the zero Hash when the torrent
// is v2-only. i must be in range.
func (in *Info) PieceHash(i int) Hash {
	if in.v2only {
		return Hash{}
	}
	return Hash(in.hashes[i*20 : i*20+20])
}

// NumBlocks returns the number of blocks of piece i.
func (in *Info) NumBlocks(i int) int { return (in.PieceSize(i) + BlockSize - 1) / BlockSize }

// BlockAt returns the address of block n of piece i; both must be in range.
func (in *Info) BlockAt(i, n int) Block {
	begin := n * BlockSize
	return Block{Piece: i, Begin: begin, Length: min(BlockSize, in.PieceSize(i)-begin)}
}

// Block checks numbers that came from a peer: the piece exists, 0 < length <=
// BlockSize, and the run lies inside the piece. It need not be aligned.
func (in *Info) Block(index, begin, length uint32) (Block, error) {
	if uint64(index) >= uint64(in.NumPieces()) {
		return Block{}, fmt.Errorf("piece %d of %d", index, in.NumPieces())
	}
	if length == 0 || length > BlockSize || uint64(begin)+uint64(length) > uint64(in.PieceSize(int(index))) {
		return Block{}, fmt.Errorf("bytes %d+%d of piece %d, which has %d", begin, length, index, in.PieceSize(int(index)))
	}
	return Block{Piece: int(index), Begin: int(begin), Length: int(length)}, nil
}

// AppendSpans appends the file spans of the n bytes at off to dst, in order,
// pad files included, empty files left out. The run must lie in the torrent.
func (in *Info) AppendSpans(dst []Span, off, n int64) []Span {
	i := sort.Search(len(in.files), func(i int) bool { return in.files[i].Offset+in.files[i].Length > off })
	for ; n > 0 && i < len(in.files); i++ {
		f := &in.files[i]
		if f.Length == 0 {
			continue
		}
		m := min(n, f.Offset+f.Length-off)
		dst = append(dst, Span{File: i, Offset: off - f.Offset, Length: m})
		off, n = off+m, n-m
	}
	return dst
}
