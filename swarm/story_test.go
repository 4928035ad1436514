package swarm

import (
	"crypto/sha1"
	"fmt"
	"strings"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// scriptHost has the piece memory, the one thing that the core asks for directly.
type scriptHost struct {
	Host
	s *script
}

func (h scriptHost) Reserve(n int64) bool {
	if h.s.mem < n {
		return false
	}
	h.s.mem -= n
	return true
}

func (h scriptHost) Release(n int64) {
	h.s.mem += n
	h.s.say(fmt.Sprintf("release %d bytes", n))
}

// peerDoes plays what one peer does.
func (s *script) peerDoes(id piece.PeerID, f []string) error {
	switch f[0] {
	case "leaves":
		s.step(event{kind: evClosed, peer: id, err: fmt.Errorf("closed by the remote")})
	case "took": // blocks have left for its socket
		n := number(f[1])
		bytes := 0
		for _, b := range s.links[id][:n] {
			bytes += b.Length
		}
		s.links[id] = s.links[id][n:]
		s.step(event{kind: evUploaded, peer: id, n: n, bytes: bytes})
	case "drains": // what it asked for leaves for its socket, a block at a time: the first so many, or all
		n := 1 << 30
		if len(f) > 1 {
			n = number(f[1])
		}
		for ; n > 0 && len(s.links[id]) > 0; n-- {
			b := s.links[id][0]
			s.links[id] = s.links[id][1:]
			s.step(event{kind: evUploaded, peer: id, n: 1, bytes: b.Length})
			s.settle()
		}
	case "asks": // for the first so many blocks of the torrent
		var batch []wire.Message
		for k := range number(f[1]) {
			n := s.info.NumBlocks(0)
			batch = append(batch, request(k/n, k%n))
		}
		s.step(event{kind: evMessages, peer: id, batch: batch})
	case "serves": // answers the first so many requests, or all
		n := s.c.byID[id].down.asked.len()
		if len(f) > 1 {
			n = min(n, number(f[1]))
		}
		var batch []wire.Message
		for _, a := range s.c.byID[id].down.asked.all()[:n] {
			m := wire.Message{Kind: wire.Piece, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Block: s.pool.Get()}
			fill(m.Block.Resize(a.block.Length), a.block.Piece, a.block.Begin/metainfo.BlockSize)
			if len(f) > 2 && f[2] == "wrong" {
				m.Block.Bytes()[0] ^= 0xff
			}
			batch = append(batch, m)
		}
		s.step(event{kind: evMessages, peer: id, batch: batch})
	case "says":
		var batch []wire.Message
		times := 1
		for _, part := range strings.Split(strings.Join(f[1:], " "), ",, ") {
			w := strings.Fields(part)
			if n, ok := strings.CutSuffix(w[0], "x"); ok {
				times, w = number(n), w[1:]
			}
			for range times {
				m, err := s.message(w)
				if err != nil {
					return err
				}
				batch = append(batch, m)
			}
			times = 1
		}
		s.step(event{kind: evMessages, peer: id, batch: batch})
	default:
		return fmt.Errorf("unknown word %q", f[0])
	}
	return nil
}

// describe tells an action in one line.
func describe(c *core, a *action) string {
	at := func(b metainfo.Block) string { return fmt.Sprintf("%d/%d", b.Piece, b.Begin/metainfo.BlockSize) }
	switch a.kind {
	case acSend:
		return fmt.Sprintf("send %d: %s", a.peer, tell(c.out[a.from:a.to]))
	case acUpload:
		return fmt.Sprintf("upload %d: %s", a.peer, at(a.block))
	case acCancelUpload:
		return fmt.Sprintf("cancel-upload %d: %s", a.peer, at(a.block))
	case acClose:
		return fmt.Sprintf("close %d: %v", a.peer, a.err)
	case acJob:
		kind := [...]string{"commit", "write", "verify"}[a.job.Kind]
		if a.job.Kind == piece.Write {
			return fmt.Sprintf("%s piece %d, %d blocks from %d", kind, a.job.Piece, len(a.job.Blocks), a.job.Begin/metainfo.BlockSize)
		}
		return fmt.Sprintf("%s piece %d", kind, a.job.Piece)
	case acDial:
		return fmt.Sprintf("dial %v", a.addr)
	case acDemand:
		return fmt.Sprintf("demand up %d down %d", a.up, a.n)
	case acNeedPeers:
		return "need-peers"
	case acVerified:
		return fmt.Sprintf("verified %d", a.n)
	case acCompleted:
		return "completed"
	case acFailed:
		return fmt.Sprintf("failed: %v", a.err)
	case acBanned:
		return fmt.Sprintf("banned %v: %v", a.addr.Addr(), a.err)
	case acExternal:
		return fmt.Sprintf("external %v", a.addr.Addr())
	case acPublish:
		return "publish"
	case acCheckInfo:
		return fmt.Sprintf("check metadata of %d pieces", len(a.parts))
	case acMetadata:
		return "metadata of " + a.torrent.Info.Name()
	case acNode:
		return fmt.Sprintf("node %v", a.addr)
	}
	return "?"
}

// tell lists messages; runs of one kind are told together.
func tell(ms []wire.Message) string {
	var parts []string
	for i, m := range ms {
		name, arg := words(&m)
		if i > 0 && arg != "" && strings.HasPrefix(parts[len(parts)-1]+" ", name+" ") {
			parts[len(parts)-1] += " " + arg
			continue
		}
		parts = append(parts, strings.TrimSpace(name+" "+arg))
	}
	for i, p := range parts {
		if w := strings.Fields(p); len(w) > 9 {
			parts[i] = fmt.Sprintf("%s ... %s (%d)", strings.Join(w[:4], " "), w[len(w)-1], len(w)-1)
		}
	}
	return strings.Join(parts, ", ")
}

func words(m *wire.Message) (name, arg string) {
	block := fmt.Sprintf("%d/%d", m.Index, m.Begin/metainfo.BlockSize)
	switch m.Kind {
	case wire.Choke:
		return "choke", ""
	case wire.Unchoke:
		return "unchoke", ""
	case wire.Interested:
		return "interested", ""
	case wire.NotInterested:
		return "not-interested", ""
	case wire.Have:
		return "have", fmt.Sprint(m.Index)
	case wire.Bitfield:
		return "bitfield", fmt.Sprintf("%08b", m.Data)
	case wire.HaveAll:
		return "have-all", ""
	case wire.HaveNone:
		return "have-none", ""
	case wire.Request:
		return "request", block
	case wire.Cancel:
		return "cancel", block
	case wire.Reject:
		return "reject", block
	case wire.AllowedFast:
		return "allowed-fast", fmt.Sprint(m.Index)
	case wire.HashReject:
		return "hash-reject", ""
	case wire.Extended:
		if m.Index == wire.ExtHandshakeID {
			return "hello", string(m.Data[:len(m.Data)-5]) // without the bytes of the address
		}
		if m.Data[0] == 'd' {
			return fmt.Sprintf("ext-%d", m.Index), string(m.Data)
		}
		return "dont-have", fmt.Sprint(m.Data[len(m.Data)-1])
	}
	return fmt.Sprintf("message %d", m.Kind), ""
}

// testInfo makes a torrent of pieces with so many blocks each; the bytes are those of fill.
func testInfo(pieces, blocks int) *metainfo.Info {
	return testFiles(blocks, metainfo.File{Path: "test", Length: int64(pieces) * int64(blocks) * metainfo.BlockSize})
}

// testFiles is testInfo with files.
func testFiles(blocks int, files ...metainfo.File) *metainfo.Info {
	size := int64(0)
	for _, f := range files {
		size += f.Length
	}
	pieceLength := int64(blocks) * metainfo.BlockSize
	pieces := int((size + pieceLength - 1) / pieceLength)
	var hashes []byte
	buf := make([]byte, blocks*metainfo.BlockSize)
	for p := range pieces {
		buf = buf[:min(pieceLength, size-int64(p)*pieceLength)]
		for b := range (len(buf) + metainfo.BlockSize - 1) / metainfo.BlockSize {
			fill(buf[b*metainfo.BlockSize:][:min(metainfo.BlockSize, len(buf)-b*metainfo.BlockSize)], p, b)
		}
		h := sha1.Sum(buf)
		hashes = append(hashes, h[:]...)
	}
	info, err := metainfo.NewInfo("test", pieceLength, hashes, files, len(files) > 1, false)
	if err != nil {
		panic(err)
	}
	return info
}

func fill(p []byte, piece, block int) {
	for i := range p {
		p[i] = byte(piece*31 + block*7 + i)
	}
}

func hashOf(info *metainfo.Info, i int) []byte {
	h := info.PieceHash(i)
	return h[:]
}
