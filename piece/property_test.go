package piece

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"shoal/metainfo"
)

// TestManagerProperties plays random events and checks every invariant after
// each of them, and that exactly the liars are named.
func TestManagerProperties(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			blocks := 1 + rnd.IntN(6)
			length := int64(blocks*metainfo.BlockSize - rnd.IntN(2)*100)
			size := int64(5+rnd.IntN(60))*length - int64(rnd.IntN(int(length)))
			opt := Options{}
			if seed%3 == 0 {
				opt.InMemory = length / 2 // every piece goes to the disk block by block
			}
			w := newWorld(t, testInfo(t, size, length), seed, opt)
			for range 3000 {
				w.step(rnd)
				w.check()
			}
			w.settle()
		})
	}
}

func randomSet(rnd *rand.Rand, n int) *metainfo.Bitfield {
	b := metainfo.NewBitfield(n)
	switch part := rnd.IntN(4); part {
	case 0:
		b.SetAll()
	default:
		for i := range n {
			if rnd.IntN(4) < part {
				b.Set(i)
			}
		}
	}
	return &b
}

func take[T any](rnd *rand.Rand, s []T) (T, bool) {
	if len(s) == 0 {
		var none T
		return none, false
	}
	return s[rnd.IntN(len(s))], true
}

// step plays one random event.
func (w *world) step(rnd *rand.Rand) {
	n := w.info.NumPieces()
	p, _ := take(rnd, w.peers)
	if p == nil || len(w.peers) < 8 && rnd.IntN(20) == 0 {
		p = w.join(randomSet(rnd, n))
		if rnd.IntN(3) == 0 {
			mark := byte(1 + rnd.IntN(3)) // liars of one mark collude
			p.lie = func(b metainfo.Block) byte {
				if (b.Piece+b.Begin/metainfo.BlockSize)%5 == 0 {
					return mark
				}
				return 0
			}
		}
		return
	}
	switch rnd.IntN(20) {
	case 0:
		if rnd.IntN(10) == 0 {
			w.leave(p)
		}
	case 1:
		i := rnd.IntN(n)
		if p.has.Set(i) {
			w.m.PeerHas(i)
		} else if rnd.IntN(4) == 0 && p.has.Clear(i) {
			w.m.PeerLost(i)
		}
	case 2, 3, 4, 5:
		w.pick(p, 1+rnd.IntN(6), func(q *Query) {
			q.Slow = rnd.IntN(8) == 0
			if rnd.IntN(8) == 0 {
				q.Only = func(i int) bool { return i%7 == 0 }
			}
			if rnd.IntN(3) == 0 {
				q.Open = func(int64) bool { return rnd.IntN(2) == 0 }
			}
		})
	case 6:
		if b, ok := take(rnd, p.asked); ok {
			p.asked = slices.DeleteFunc(p.asked, func(o metainfo.Block) bool { return o == b })
			p.late = append(p.late, b)
			w.m.Cancelled(p.id, b)
		}
	case 7:
		if b, ok := take(rnd, p.late); ok {
			w.send(p, b)
		}
	case 8:
		w.oddEvent(rnd, p)
	case 9, 10:
		w.diskEvent(rnd)
	default:
		if b, ok := take(rnd, p.asked); ok {
			w.send(p, b)
		}
	}
}

// diskEvent ends a write or a job, well or badly.
func (w *world) diskEvent(rnd *rand.Rand) {
	w.endWrites(func() bool { return rnd.IntN(40) == 0 })
	if len(w.jobs) == 0 {
		return
	}
	k := rnd.IntN(len(w.jobs))
	if rnd.IntN(30) > 0 {
		w.finish(k)
		return
	}
	j := w.jobs[k]
	w.jobs = slices.Delete(w.jobs, k, k+1)
	for _, b := range j.Blocks {
		b.Release()
	}
	w.m.Failed(j.Piece)
	w.forget(j.Piece)
}

// endWrites ends every write under way.
func (w *world) endWrites(fails func() bool) {
	for i := range w.m.state {
		p := w.m.shelf.index[i]
		if p == nil {
			continue
		}
		for k := 0; w.m.shelf.index[i] == p && k < len(p.slots); k++ {
			if p.slots[k].state != slotWriting {
				continue
			}
			if fails() {
				w.m.Failed(i)
				w.forget(i)
			} else if w.m.Written(i, k*metainfo.BlockSize) {
				w.take(i)
			}
		}
	}
}

// forget takes requests for a piece that was closed from the remotes.
func (w *world) forget(i int) {
	for _, p := range w.peers {
		p.asked = slices.DeleteFunc(p.asked, func(b metainfo.Block) bool { return b.Piece == i })
	}
}

func (w *world) oddEvent(rnd *rand.Rand, p *remote) {
	n := w.info.NumPieces()
	i := rnd.IntN(n)
	switch rnd.IntN(6) {
	case 0:
		w.m.Lost(i)
	case 1:
		if w.m.GiveUp(i) > 0 {
			w.forget(i)
		}
	case 2:
		var want *metainfo.Bitfield
		if rnd.IntN(2) == 0 {
			want = randomSet(rnd, n)
		}
		w.m.SetWanted(want)
		if rnd.IntN(2) == 0 {
			prio := make([]uint8, n)
			for k := range prio {
				prio[k] = uint8(rnd.IntN(int(High) + 1))
			}
			w.m.selectPieces(prio)
		}
		w.m.SetSequential(rnd.IntN(3) == 0)
	case 3: // never asked for
		b := w.info.BlockAt(i, rnd.IntN(w.info.NumBlocks(i)))
		if slices.Contains(p.asked, b) || slices.Contains(p.late, b) {
			return
		}
		if out := w.send(p, b); out.Kind > Duplicate {
			w.t.Fatalf("unasked block %v of peer %d: %v", b, p.id, out)
		}
	case 4: // found on the disk
		if w.m.state[i] == full {
			return
		}
		busy := w.m.shelf.index[i] != nil && w.m.shelf.index[i].count[slotWriting] > 0
		if liars := w.m.Verified(i, nil); liars != nil || w.m.Have().Has(i) == busy {
			w.t.Fatalf("piece %d found on the disk: named %v, writes under way %v", i, liars, busy)
		}
		if !busy {
			w.forget(i)
			delete(w.copies, i)
		}
	case 5: // calls that do not fit
		w.m.Cancelled(w.next, w.info.BlockAt(i, 0))
		w.m.Cancelled(p.id, metainfo.Block{Piece: -1})
		w.m.RemovePeer(w.next, p.has)
		w.m.PeerHas(n)
		w.m.PeerLost(-1)
		w.m.Verified(n, nil)
		w.m.Failed(-1)
		if w.m.state[i] != full && (w.m.Spoiled(i, nil) != nil || w.m.Take(i) != nil) {
			w.t.Fatal("spoiled or taken without being full")
		}
	}
}

// settle finishes the torrent with an honest seed: nothing may be stuck.
func (w *world) settle() {
	w.m.SetWanted(nil)
	for _, p := range slices.Clone(w.peers) {
		w.leave(p)
	}
	w.endWrites(func() bool { return false })
	seed := w.join(setOf(w.info.NumPieces()))
	for !w.m.Complete() {
		left := len(w.pick(seed, 100))
		for _, b := range slices.Clone(seed.asked) {
			w.send(seed, b)
		}
		w.endWrites(func() bool { return false })
		for len(w.jobs) > 0 {
			w.finish(0)
			left++
		}
		w.check()
		if left == 0 {
			w.t.Fatalf("stuck: %d pieces lacking, open %+v", w.m.lacking, w.m.OpenPieces(nil))
		}
	}
	if w.m.Left() != 0 || w.m.Memory() != 0 || !w.m.Have().All() {
		w.t.Fatalf("complete, but left %d, memory %d", w.m.Left(), w.m.Memory())
	}
}
