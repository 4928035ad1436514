package wire

import (
	"fmt"

	"shoal/internal/bencode"
)

// MetadataPiece is the length in bytes of every piece of an info dictionary but the last (BEP 9).
const MetadataPiece = 16 << 10

// Message types of ut_metadata. Others are to be ignored.
const (
	MetadataRequest = 0
	MetadataData    = 1
	MetadataReject  = 2
)

// Metadata is the payload of a ut_metadata message (BEP 9). Piece is what the remote wrote and may be any number that is not
// negative; Span says where it lies, if anywhere.
type Metadata struct {
	Type  int64
	Piece int64
	// Total is the size of the whole info dictionary, of a MetadataData only; 0 when it was not said.
	Total int64
	// Data is what follows the dictionary of a MetadataData, at most MetadataPiece bytes; it aliases what was parsed.
	Data []byte
}

// NumMetadataPieces returns how many pieces an info dictionary of size bytes has.
func NumMetadataPieces(size int64) int { return int((size + MetadataPiece - 1) / MetadataPiece) }

// Span returns the bytes off to off+n that piece m.Piece takes of an info dictionary of size bytes; false when
// there is no such piece. No number of a remote makes it wrap.
func (m *Metadata) Span(size int64) (off, n int64, ok bool) {
	if size <= 0 || size > MaxMetadata || m.Piece < 0 || m.Piece >= int64(NumMetadataPieces(size)) {
		return 0, 0, false
	}
	off = m.Piece * MetadataPiece
	return off, min(MetadataPiece, size-off), true
}

// AppendMetadata appends the payload of m to dst. Total and Data are written for MetadataData only.
func AppendMetadata(dst []byte, m *Metadata) []byte {
	dst = appendInt(appendString(append(dst, 'd'), "msg_type"), m.Type)
	dst = appendInt(appendString(dst, "piece"), m.Piece)
	if m.Type != MetadataData {
		return append(dst, 'e')
	}
	dst = append(appendInt(appendString(dst, "total_size"), m.Total), 'e')
	return append(dst, m.Data...)
}

// ParseMetadata reads the payload of a ut_metadata message. It fails, wrapping ErrProtocol, when that does not begin with
// a well-formed dictionary that has a type and a piece, or has more data behind it than a piece is long. The result's Data aliases b.
func ParseMetadata(b []byte) (Metadata, error) {
	m := Metadata{Type: -1, Piece: -1}
	n, err := bencode.Scan(b, bencode.Limits{Bytes: 1 << 10, Depth: 4, Items: 64, String: 256})
	if err != nil {
		return m, fmt.Errorf("%w: ut_metadata: %w", ErrProtocol, err)
	}
	for key, raw := range bencode.Dict(b[:n]) {
		v, ok := bencode.Int(raw)
		switch {
		case !ok || v < 0:
		case key == "msg_type":
			m.Type = v
		case key == "piece":
			m.Piece = v
		case key == "total_size":
			m.Total = v
		}
	}
	if m.Type < 0 || m.Piece < 0 {
		return m, fmt.Errorf("%w: ut_metadata without type or piece", ErrProtocol)
	}
	if m.Type != MetadataData {
		m.Total = 0
		return m, nil
	}
	if m.Data = b[n:]; len(m.Data) > MetadataPiece {
		return m, fmt.Errorf("%w: ut_metadata with %d bytes of data, at most %d are allowed", ErrProtocol, len(m.Data), MetadataPiece)
	}
	return m, nil
}
