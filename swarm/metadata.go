package swarm

import (
	"slices"

	"shoal/peer/wire"
)

// Numbers of giving the info dictionary away (BEP 9).
const (
	// maxInfoQueue is how many pieces a peer may wait for; what it asks beyond that is rejected.
	maxInfoQueue = 64
	// maxInfoTimes is how often a peer gets one piece.
	maxInfoTimes = 3
	// infoWindow is how many bytes may wait in a link before another piece follows: it goes ahead of blocks, and more than
	// the link's queue holds would end the connection.
	infoWindow = 128 << 10
)

// infoQueue is what a peer wants of the info dictionary.
type infoQueue struct {
	waiting []int
	times   []uint8 // how often it asked for each piece
}

// onMetadata takes a ut_metadata message. Pieces and rejects are ignored: we have asked for nothing.
func (c *core) onMetadata(p *peer, data []byte) error {
	m, err := wire.ParseMetadata(data)
	if err != nil || m.Type != wire.MetadataRequest {
		return err
	}
	q, size := &p.info, int64(len(c.cfg.Metadata))
	_, _, ok := m.Span(size)
	if !ok || len(q.waiting) >= maxInfoQueue || !q.grant(int(m.Piece), wire.NumMetadataPieces(size)) {
		c.sendMetadata(p, &wire.Metadata{Type: wire.MetadataReject, Piece: m.Piece})
		return p.refused()
	}
	q.waiting = append(q.waiting, int(m.Piece))
	c.touch(p)
	return nil
}

// grant counts a request for piece i of n and reports whether it is not one too many.
func (q *infoQueue) grant(i, n int) bool {
	if q.times == nil {
		q.times = make([]uint8, n)
	}
	if q.times[i] == maxInfoTimes {
		return false
	}
	q.times[i]++
	return true
}

// giveInfo sends p what it waits for of the info dictionary, as far as its link takes it.
func (c *core) giveInfo(p *peer) {
	q := &p.info
	if len(q.waiting) == 0 {
		return
	}
	n := 0
	for left := infoWindow - c.unsent(p); n < len(q.waiting) && left > 0; left -= wire.MetadataPiece {
		size := int64(len(c.cfg.Metadata))
		m := wire.Metadata{Type: wire.MetadataData, Piece: int64(q.waiting[n]), Total: size}
		off, length, _ := m.Span(size)
		m.Data = c.cfg.Metadata[off : off+length]
		c.sendMetadata(p, &m)
		n++
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
}

// unsent is how many bytes wait in the link of p.
func (c *common) unsent(p *peer) int {
	if c.backlog == nil {
		return 0
	}
	return c.backlog(p.id)
}
