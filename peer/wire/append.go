package wire

import "encoding/binary"

// PieceHeader is the length in bytes of a Piece frame in front of its payload.
const PieceHeader = 13

// Append appends the frame of m to dst. Which fields it reads is said at
// Message; a Piece takes its payload from Block, and one without a Block gets
// an empty payload. Unknown is left out, as it has no form.
func Append(dst []byte, m *Message) []byte {
	switch m.Kind {
	case KeepAlive:
		return append(dst, 0, 0, 0, 0)
	case Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
		return header(dst, m.Kind, 0)
	case Have, Suggest, AllowedFast:
		return be32(header(dst, m.Kind, 4), m.Index)
	case Port:
		return binary.BigEndian.AppendUint16(header(dst, m.Kind, 2), uint16(m.Index))
	case Request, Cancel, Reject:
		return be32(be32(be32(header(dst, m.Kind, 12), m.Index), m.Begin), m.Length)
	case Piece:
		if m.Block == nil {
			return AppendPieceHeader(dst, m.Index, m.Begin, 0)
		}
		p := m.Block.Bytes()
		return append(AppendPieceHeader(dst, m.Index, m.Begin, len(p)), p...)
	case Bitfield, HashRequest, Hashes, HashReject:
		return append(header(dst, m.Kind, len(m.Data)), m.Data...)
	case Extended:
		dst = append(header(dst, m.Kind, 1+len(m.Data)), byte(m.Index))
		return append(dst, m.Data...)
	}
	return dst
}

// AppendPieceHeader appends the first PieceHeader bytes of a Piece frame; n
// bytes of payload must follow.
func AppendPieceHeader(dst []byte, index, begin uint32, n int) []byte {
	return be32(be32(header(dst, Piece, 8+n), index), begin)
}

// header appends the length prefix and the id of a frame with n bytes after the id.
func header(dst []byte, k Kind, n int) []byte {
	return append(be32(dst, uint32(1+n)), byte(k))
}

func be32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }
