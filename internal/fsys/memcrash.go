package fsys

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sync makes what was written durable. A sync that failed leaves the pages clean
// but unsafe, as Linux does: the next one has nothing to do and succeeds.
func (d *memData) sync(ok bool) {
	if !ok {
		maps.Copy(d.lost, d.undo)
		clear(d.undo)
		return
	}
	clear(d.undo)
	d.syncedSize = d.size
}

// Crash returns what a power cut at this moment would leave: everything that was
// synced, and a random part of what was not. Of each folder entry and each
// page either the old or the new state is there; a page may be torn at a multiple
// of 512 bytes; a file may have its old size or its new one. Room and
// faults are not carried over, and locks are gone. The Mem itself goes on
// unharmed, so that one run can be cut at many moments.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMem()
	c.inode = m.inode
	seen := map[*memNode]*memNode{}
	c.root = c.crash(m.root, rng, seen)
	return c
}

// crash copies one node; seen keeps a node that two names lead to one node.
func (c *Mem) crash(n *memNode, rng *rand.Rand, seen map[*memNode]*memNode) *memNode {
	if out := seen[n]; out != nil {
		return out
	}
	out := c.newNode(n.mode)
	out.ino = n.ino // a file system keeps its numbers over a power cut
	seen[n] = out
	if !n.mode.IsDir() {
		out.mtime, out.ctime = n.mtime, n.ctime
		out.memData = n.memData.crash(rng)
		return out
	}
	names := maps.Clone(n.entries)
	maps.Copy(names, n.synced)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		keep := n.entries[name]
		if rng.IntN(2) == 0 {
			keep = n.synced[name]
		}
		if keep != nil {
			out.entries[name] = c.crash(keep, rng, seen)
		}
	}
	out.synced = maps.Clone(out.entries)
	return out
}

func (d *memData) crash(rng *rand.Rand) memData {
	out := memData{pages: map[int64]*memPage{}, undo: map[int64]*memPage{}, lost: map[int64]*memPage{}}
	out.size = d.size
	if rng.IntN(2) == 0 {
		out.size = d.syncedSize
	}
	out.syncedSize = out.size
	for _, unsafe := range []map[int64]*memPage{d.undo, d.lost} {
		for _, i := range slices.Sorted(maps.Keys(unsafe)) {
			if p := torn(unsafe[i], d.pages[i], rng); p != nil {
				out.pages[i] = p
			}
		}
	}
	for i, p := range d.pages {
		_, a := d.undo[i]
		_, b := d.lost[i]
		if !a && !b {
			q := *p
			out.pages[i] = &q
		}
	}
	out.cutTo(out.size)
	return out
}

// torn returns the old page, the new one, or the beginning of the new one and
// the rest of the old one.
func torn(old, fresh *memPage, rng *rand.Rand) *memPage {
	switch rng.IntN(3) {
	case 0:
		fresh = old
	case 1:
		old = fresh
	}
	if old == nil && fresh == nil {
		return nil
	}
	var p memPage
	if old != nil {
		p = *old
	}
	cut := 512 * rng.IntN(pageSize/512+1)
	if fresh != nil {
		copy(p[:cut], fresh[:cut])
	} else {
		clear(p[:cut])
	}
	return &p
}

// cutTo drops and clears what lies beyond size.
func (d *memData) cutTo(size int64) {
	for i, p := range d.pages {
		if start := i * pageSize; start >= size {
			delete(d.pages, i)
		} else if start+pageSize > size {
			clear(p[size-start:])
		}
	}
}
