package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"shoal/internal/bencode"
)

// Extended ids of BEP 10. ExtHandshakeID is everyone's; the others are ours:
// what remotes put on messages to us. Theirs are in their ExtHandshake.
const (
	ExtHandshakeID = 0
	UTMetadataID   = 1 // BEP 9
	UTPexID        = 2 // BEP 11
	DontHaveID     = 3 // BEP 54
)

// Names of extensions in the m dictionary of an extended handshake.
const (
	UTMetadata = "ut_metadata"
	UTPex      = "ut_pex"
	DontHave   = "lt_donthave"
)

// Limits on what an extended handshake may say.
const (
	MaxExtHandshake = 64 << 10 // bytes of payload
	MaxExtNames     = 32       // entries of m that are looked at; more are ignored
	MaxReqq         = 2000
	MaxMetadata     = 32 << 20 // bytes
	maxClient       = 128      // bytes of v
)

// ExtID is one entry of m: the id that the sender wants on messages of the
// extension. 0 takes the extension back.
type ExtID struct {
	Name string
	ID   uint8
}

// ExtHandshake is the payload of an Extended message with id ExtHandshakeID
// (BEP 10). Zero fields are absent. A later handshake on the same
// connection changes what it mentions and leaves the rest (see Update).
type ExtHandshake struct {
	M            []ExtID
	V            string     // client name and version, foreign text; at most 128 bytes
	P            uint16     // TCP port that the sender listens on
	Reqq         int        // requests the sender will queue, clamped to 1..MaxReqq
	YourIP       netip.Addr // the receiver's address as the sender sees it
	IPv4, IPv6   netip.Addr // other addresses of the sender
	MetadataSize int64      // bytes of the info dictionary, 1..MaxMetadata (BEP 9)
	// UploadOnly says that the sender will download nothing (BEP 21); it counts
	// only with HasUploadOnly.
	UploadOnly, HasUploadOnly bool
}

// ID returns the id that h gives to the extension name; 0 when none.
func (h *ExtHandshake) ID(name string) uint8 {
	for _, e := range h.M {
		if e.Name == name {
			return e.ID
		}
	}
	return 0
}

// Update changes in h what later mentions. The number of names stays bounded by MaxExtNames.
func (h *ExtHandshake) Update(later *ExtHandshake) {
	for _, e := range later.M {
		i := slices.IndexFunc(h.M, func(o ExtID) bool { return o.Name == e.Name })
		switch {
		case i >= 0:
			h.M[i].ID = e.ID
		case len(h.M) < MaxExtNames:
			h.M = append(h.M, e)
		}
	}
	if later.V != "" {
		h.V = later.V
	}
	if later.P != 0 {
		h.P = later.P
	}
	if later.Reqq != 0 {
		h.Reqq = later.Reqq
	}
	if later.MetadataSize != 0 {
		h.MetadataSize = later.MetadataSize
	}
	if later.HasUploadOnly {
		h.UploadOnly, h.HasUploadOnly = later.UploadOnly, true
	}
	for _, a := range []struct{ dst, src *netip.Addr }{{&h.YourIP, &later.YourIP}, {&h.IPv4, &later.IPv4}, {&h.IPv6, &later.IPv6}} {
		if a.src.IsValid() {
			*a.dst = *a.src
		}
	}
}

// ParseExtHandshake reads the payload of an extended handshake. A key with a
// value of the wrong kind, or out of range, counts as absent. It fails,
// wrapping ErrProtocol, only when b does not begin with a well-formed dictionary of at most
// MaxExtHandshake bytes; what follows that is ignored. The result does not alias b.
func ParseExtHandshake(b []byte) (ExtHandshake, error) {
	var h ExtHandshake
	n, err := bencode.Scan(b, bencode.Limits{Bytes: MaxExtHandshake, Depth: 6, Items: 1024, String: MaxExtHandshake})
	if err != nil {
		return h, fmt.Errorf("%w: extended handshake: %w", ErrProtocol, err)
	}
	if b[0] != 'd' {
		return h, fmt.Errorf("%w: extended handshake is not a dictionary", ErrProtocol)
	}
	for key, raw := range bencode.Dict(b[:n]) {
		h.set(key, raw)
	}
	return h, nil
}

func (h *ExtHandshake) set(key string, raw []byte) {
	switch key {
	case "m":
		h.M = parseNames(raw)
	case "v":
		s, _ := bencode.String(raw)
		h.V = string(s[:min(len(s), maxClient)])
	case "p":
		if v, ok := bencode.Int(raw); ok && v > 0 && v <= 65535 {
			h.P = uint16(v)
		}
	case "reqq":
		if v, ok := bencode.Int(raw); ok {
			h.Reqq = int(max(1, min(v, MaxReqq)))
		}
	case "metadata_size":
		if v, ok := bencode.Int(raw); ok && v > 0 && v <= MaxMetadata {
			h.MetadataSize = v
		}
	case "upload_only":
		if v, ok := bencode.Int(raw); ok {
			h.UploadOnly, h.HasUploadOnly = v != 0, true
		}
	case "yourip":
		h.YourIP = parseAddr(raw, 4, 16)
	case "ipv4":
		h.IPv4 = parseAddr(raw, 4, 4)
	case "ipv6":
		h.IPv6 = parseAddr(raw, 16, 16)
	}
}

func parseNames(raw []byte) []ExtID {
	var m []ExtID
	for name, v := range bencode.Dict(raw) {
		if id, ok := bencode.Int(v); ok && id >= 0 && id <= 255 && len(name) <= 64 {
			m = append(m, ExtID{Name: name, ID: uint8(id)})
		}
		if len(m) == MaxExtNames {
			break
		}
	}
	return m
}

func parseAddr(raw []byte, sizes ...int) netip.Addr {
	s, _ := bencode.String(raw)
	if !slices.Contains(sizes, len(s)) {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(s)
	return a.Unmap()
}

// AppendExtHandshake appends the payload for h to dst; absent fields are left out,
// m is always there.
func AppendExtHandshake(dst []byte, h *ExtHandshake) []byte {
	dst = append(dst, 'd')
	if h.IPv4.Is4() {
		dst = appendString(appendString(dst, "ipv4"), string(h.IPv4.AsSlice()))
	}
	if h.IPv6.Is6() {
		dst = appendString(appendString(dst, "ipv6"), string(h.IPv6.AsSlice()))
	}
	names := slices.Clone(h.M)
	slices.SortFunc(names, func(a, b ExtID) int { return strings.Compare(a.Name, b.Name) })
	dst = append(appendString(dst, "m"), 'd')
	for _, e := range names {
		dst = appendInt(appendString(dst, e.Name), int64(e.ID))
	}
	dst = append(dst, 'e')
	if h.MetadataSize > 0 {
		dst = appendInt(appendString(dst, "metadata_size"), h.MetadataSize)
	}
	if h.P != 0 {
		dst = appendInt(appendString(dst, "p"), int64(h.P))
	}
	if h.Reqq > 0 {
		dst = appendInt(appendString(dst, "reqq"), int64(h.Reqq))
	}
	if h.HasUploadOnly {
		v := int64(0)
		if h.UploadOnly {
			v = 1
		}
		dst = appendInt(appendString(dst, "upload_only"), v)
	}
	if h.V != "" {
		dst = appendString(appendString(dst, "v"), h.V)
	}
	if h.YourIP.IsValid() {
		dst = appendString(appendString(dst, "yourip"), string(h.YourIP.Unmap().AsSlice()))
	}
	return append(dst, 'e')
}

func appendString(dst []byte, s string) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	return append(append(dst, ':'), s...)
}

func appendInt(dst []byte, v int64) []byte {
	return append(strconv.AppendInt(append(dst, 'i'), v, 10), 'e')
}

// AppendDontHave appends the payload of lt_donthave (BEP 54): the sender no
// longer has the piece.
func AppendDontHave(dst []byte, piece uint32) []byte { return be32(dst, piece) }

// ParseDontHave reads the payload of lt_donthave; false when it has not four bytes.
func ParseDontHave(b []byte) (piece uint32, ok bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}
