package swarm

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// fileList reads "3,p1,2".
func fileList(s string) (out []metainfo.File) {
	for i, w := range strings.Split(s, ",") {
		w, pad := strings.CutPrefix(w, "p")
		out = append(out, metainfo.File{Path: fmt.Sprint("test/", i), Length: int64(number(w)) * metainfo.BlockSize, Pad: pad})
	}
	return out
}

// digits reads "0123".
func digits(s string) (out []uint8) {
	for _, r := range s {
		out = append(out, uint8(r-'0'))
	}
	return out
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(fmt.Sprintf("script: %q is no number", s))
	}
	return n
}

// set reads "0,2,5", "all" or "none".
func set(n int, s string) metainfo.Bitfield {
	f := metainfo.NewBitfield(n)
	switch s {
	case "", "none":
	case "all":
		f.SetAll()
	default:
		for _, w := range strings.Split(s, ",") {
			f.Set(number(w))
		}
	}
	return f
}

// message reads what a peer says.
func (s *script) message(f []string) (m wire.Message, err error) {
	num := func(i int) uint32 { return uint32(number(f[i])) }
	span := func() {
		m.Index, m.Begin, m.Length = num(1), num(2)*metainfo.BlockSize, metainfo.BlockSize
	}
	switch f[0] {
	case "choke", "unchoke", "interested", "not-interested":
		m.Kind = map[string]wire.Kind{"choke": wire.Choke, "unchoke": wire.Unchoke, "interested": wire.Interested, "not-interested": wire.NotInterested}[f[0]]
	case "have-all":
		m.Kind = wire.HaveAll
	case "have-none":
		m.Kind = wire.HaveNone
	case "bitfield":
		b := set(s.info.NumPieces(), f[1])
		m.Kind, m.Data = wire.Bitfield, b.Bytes()
	case "have", "allowed-fast", "suggest", "dont-have":
		m.Kind, m.Index = map[string]wire.Kind{"have": wire.Have, "allowed-fast": wire.AllowedFast, "suggest": wire.Suggest}[f[0]], num(1)
		if f[0] == "dont-have" {
			m = wire.Message{Kind: wire.Extended, Index: wire.DontHaveID, Data: wire.AppendDontHave(nil, num(1))}
		}
	case "request", "cancel", "reject":
		m.Kind = map[string]wire.Kind{"request": wire.Request, "cancel": wire.Cancel, "reject": wire.Reject}[f[0]]
		span()
	case "hello": // the extended handshake
		h := wire.ExtHandshake{M: []wire.ExtID{{Name: wire.DontHave, ID: 7}}}
		for _, w := range f[1:] {
			switch k, v, _ := strings.Cut(w, "="); k {
			case "reqq":
				h.Reqq = number(v)
			case "port":
				h.P = uint16(number(v))
			case "upload-only":
				h.UploadOnly, h.HasUploadOnly = true, true
			case "sees": // us at an address
				h.YourIP = netip.MustParseAddr(v)
			}
		}
		m = wire.Message{Kind: wire.Extended, Data: wire.AppendExtHandshake(nil, &h)}
	case "piece", "wrong-piece":
		span()
		m.Kind, m.Length, m.Block = wire.Piece, 0, s.pool.Get()
		fill(m.Block.Resize(metainfo.BlockSize), int(m.Index), number(f[2]))
		if f[0] == "wrong-piece" {
			m.Block.Bytes()[0] ^= 0xff
		}
	default:
		err = fmt.Errorf("unknown message %q", f[0])
	}
	return m, err
}
