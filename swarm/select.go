package swarm

import (
	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// selection is what is wanted of the torrent's files. Sizes are in bytes, without padding.
type selection struct {
	files        []uint8 // a priority each; nil: all normal
	size         int64   // of all files
	wanted, have int64   // of the wanted ones, and how much of those is verified
	spans        []metainfo.Span
}

// fileWanted reports whether file k has content that is wanted.
func (s *selection) fileWanted(f *metainfo.File, k int) bool {
	return !f.Pad && s.priority(k) != piece.Unwanted
}

// priority returns that of file k.
func (s *selection) priority(k int) uint8 {
	if s.files == nil || k >= len(s.files) || s.files[k] > piece.High {
		return piece.Normal
	}
	return s.files[k]
}

// count sums up what is wanted and there.
func (c *core) count() {
	s := &c.sel
	s.size, s.wanted, s.have = 0, 0, 0
	for k, f := range c.info.Files() {
		if f.Pad {
			continue
		}
		s.size += f.Length
		if s.fileWanted(&f, k) {
			s.wanted += f.Length
			s.have += c.verified(&f)
		}
	}
}

// verified returns how many bytes of a file are verified.
func (c *core) verified(f *metainfo.File) (n int64) {
	switch have := c.have(); {
	case have.All():
		return f.Length
	case have.Count() == 0:
		return 0
	}
	for off, end := f.Offset, f.Offset+f.Length; off < end; {
		i := int(off / c.info.PieceLength())
		next := min(c.info.PieceOffset(i)+int64(c.info.PieceSize(i)), end)
		if c.have().Has(i) {
			n += next - off
		}
		off = next
	}
	return n
}

// worth returns how many bytes of piece i are wanted.
func (c *core) worth(i int) (n int64) {
	s := &c.sel
	s.spans = c.info.AppendSpans(s.spans[:0], c.info.PieceOffset(i), int64(c.info.PieceSize(i)))
	for _, sp := range s.spans {
		if s.fileWanted(&c.info.Files()[sp.File], sp.File) {
			n += sp.Length
		}
	}
	return n
}

// onPriorities changes what is wanted. Requests for what is not wanted any more are taken back; its
// blocks stay for a while in case it is wanted again.
func (c *core) onPriorities(files []uint8) {
	c.sel.files = files
	c.m.SetPriorities(files)
	c.count()
	for _, p := range c.peers {
		p.wants = c.m.Interesting(&p.has)
		p.down.asked.drop(func(b metainfo.Block) bool {
			if c.m.Wanted(b.Piece) {
				return false
			}
			c.m.Cancelled(p.id, b)
			c.cancel(p, b)
			return true
		})
	}
	c.told = c.told && c.m.Complete()
	c.freed = true
	if c.running() {
		before := c.phase
		if c.goOn(); before != status.Leeching && c.phase == status.Leeching {
			c.cands.wake() // also those that had nothing for us
		}
	}
}

// fileList describes each file that is no padding.
func (c *core) fileList() []status.File {
	files := c.info.Files()
	out := make([]status.File, 0, len(files))
	for k := range files {
		f := &files[k]
		if f.Pad {
			continue
		}
		out = append(out, status.File{
			Path: f.Path, Offset: f.Offset, Length: f.Length, Have: c.verified(f),
			Wanted: c.sel.fileWanted(f, k), Priority: c.sel.priority(k),
		})
	}
	return out
}
