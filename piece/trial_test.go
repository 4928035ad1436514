package piece

import (
	"slices"
	"testing"

	"shoal/metainfo"
)

func always(mark byte) func(metainfo.Block) byte { return func(metainfo.Block) byte { return mark } }

// sendAll delivers everything asked of the peers, in turn, and ends the jobs; it returns who was named.
func (w *world) sendAll(ps ...*remote) (named []PeerID) {
	for _, p := range ps {
		for _, b := range slices.Clone(p.asked) {
			w.send(p, b)
		}
	}
	for len(w.jobs) > 0 {
		named = append(named, w.finish(0)...)
	}
	w.check()
	return named
}

// spoil makes the only piece of the torrent come wrong, half from a and half from b.
func spoil(t *testing.T, w *world, a, b *remote) {
	t.Helper()
	n := w.info.NumBlocks(0)
	w.pick(a, n/2)
	w.pick(b, n)
	if named := w.sendAll(a, b); len(named) != 0 || len(w.copies[0]) != 1 {
		t.Fatalf("named %v, wrong copies %v", named, w.copies)
	}
}

func TestSoleSource(t *testing.T) {
	w := newWorld(t, testInfo(t, 64*kib, 64*kib), 1, Options{})
	p := w.join(setOf(1))
	p.lie = always(1)
	w.pick(p, 9)
	if got := w.sendAll(p); !slices.Equal(got, []PeerID{p.id}) {
		t.Fatalf("named %v", got)
	}
	if w.m.trials.of(0) != nil || len(w.pick(w.join(setOf(1)), 9)) != 4 {
		t.Fatal("the piece is not to be had again")
	}
}

// TestW13Colluders: two peers send the same wrong bytes.
func TestW13Colluders(t *testing.T) {
	for _, size := range []int64{8 << 20, 32 * kib} { // in memory, and block by block
		w := newWorld(t, testInfo(t, 128*kib, 128*kib), 1, Options{InMemory: size})
		fetch := func(ps ...*remote) (named []PeerID) {
			for range 20 {
				for _, p := range ps {
					w.pick(p, 1)
				}
				named = append(named, w.sendAll(ps...)...)
				w.endWrites(func() bool { return false })
				named = append(named, w.sendAll()...)
				if len(w.copies[0]) > 0 || w.m.Complete() {
					break
				}
			}
			return named
		}
		a, b, honest := w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1))
		a.lie, b.lie = always(9), always(9)
		if named := fetch(a, b); len(named) != 0 || len(w.copies[0]) != 1 {
			t.Fatalf("named %v, copies %v", named, w.copies)
		}
		var named []PeerID
		for !w.m.Complete() {
			w.pick(honest, 9)
			named = append(named, w.sendAll(honest)...)
			w.endWrites(func() bool { return false })
			named = append(named, w.sendAll()...)
		}
		if !slices.Equal(named, []PeerID{a.id, b.id}) {
			t.Fatalf("named %v", named)
		}
	}
}

func TestTrial(t *testing.T) {
	setup := func(t *testing.T) (w *world, liar, honest, other *remote) {
		w = newWorld(t, testInfo(t, 128*kib, 128*kib), 1, Options{})
		liar, honest, other = w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1))
		liar.lie = always(1)
		spoil(t, w, liar, honest)
		return w, liar, honest, other
	}
	t.Run("one peer alone", func(t *testing.T) {
		w, liar, honest, other := setup(t)
		fourth := w.join(setOf(1))
		if len(w.pick(other, 3)) != 3 || len(w.pick(fourth, 3))+len(w.pick(honest, 3)) != 0 {
			t.Fatal("the piece is not left to one peer")
		}
		w.pick(other, 9)
		if named := w.sendAll(other); !slices.Equal(named, []PeerID{liar.id}) {
			t.Fatalf("named %v", named)
		}
	})
	t.Run("liar that left is named", func(t *testing.T) {
		w, liar, _, other := setup(t)
		w.leave(liar)
		w.pick(other, 9)
		if named := w.sendAll(other); !slices.Equal(named, []PeerID{liar.id}) {
			t.Fatalf("named %v", named)
		}
	})
	for name, stop := range map[string]func(w *world, p *remote){
		"solo peer leaves": func(w *world, p *remote) { w.leave(p) },
		"solo peer chokes": func(w *world, p *remote) {
			for _, b := range p.asked {
				w.m.Cancelled(p.id, b)
			}
			p.asked = nil
		},
		"solo peer is slow": func(w *world, p *remote) { w.pick(p, 1, slow) },
		"solo peer chokes but for other pieces": func(w *world, p *remote) {
			w.pick(p, 1, func(q *Query) { q.Only = func(i int) bool { return i != 0 } })
		},
		"solo peer falls quiet": func(w *world, p *remote) { w.sendAll(p) },
	} {
		t.Run(name, func(t *testing.T) {
			w, liar, _, other := setup(t)
			fourth := w.join(setOf(1))
			w.pick(other, 3)
			stop(w, other)
			if len(w.pick(fourth, 9)) == 0 {
				t.Fatal("nobody else may go on")
			}
			named := w.sendAll(fourth)
			for !w.m.Complete() {
				w.pick(fourth, 9)
				named = append(named, w.sendAll(fourth, other)...)
			}
			if !slices.Equal(named, []PeerID{liar.id}) {
				t.Fatalf("named %v", named)
			}
		})
	}
	t.Run("a suspect when there is nobody else", func(t *testing.T) {
		w, liar, honest, other := setup(t)
		w.leave(other)
		// Nothing else is to be had, but the memory is full: not now.
		if got := w.pick(honest, 9, func(q *Query) { q.Open = func(int64) bool { return false } }); len(got) != 0 {
			t.Fatalf("picked %v without room", got)
		}
		for len(w.pick(honest, 9)) == 0 {
		}
		if named := w.sendAll(honest); !slices.Equal(named, []PeerID{liar.id}) {
			t.Fatalf("named %v", named)
		}
	})
	t.Run("a liar twice is proven", func(t *testing.T) {
		w, liar, honest, other := setup(t)
		w.leave(honest)
		w.leave(other)
		for len(w.pick(liar, 9)) == 0 {
		}
		if named := w.sendAll(liar); !slices.Equal(named, []PeerID{liar.id}) {
			t.Fatalf("named %v", named)
		}
	})
}

// TestLeftToOnePeer: while a piece is on trial new pieces have one source each, until others have nothing else to do.
func TestLeftToOnePeer(t *testing.T) {
	w := newWorld(t, testInfo(t, 256*kib, 64*kib), 1, Options{})
	a, b, c := w.join(setOf(4)), w.join(setOf(4)), w.join(setOf(4))
	a.lie = always(1)
	w.pick(a, 2)
	w.pick(b, 2)
	w.sendAll(a, b)
	w.pick(c, 4) // the trial
	first, second := w.pick(a, 1), w.pick(b, 1)
	if len(first) != 1 || len(second) != 1 || first[0].Piece == second[0].Piece {
		t.Fatalf("picked %v and %v", first, second)
	}
	if got := w.pick(c, 8); !slices.Contains(pieces(got), first[0].Piece) || len(pieces(got)) != 3 {
		t.Fatalf("picked %v, want a new piece and then the rest of the two", got)
	}
	w.check()
}

// TestDistrust: what a proven liar sent of pieces that are not full is asked for again.
func TestDistrust(t *testing.T) {
	w := newWorld(t, testInfo(t, 640*kib, 64*kib), 1, Options{})
	p := w.join(setOf(10))
	p.lie = always(1)
	w.pick(p, 6)
	if named := w.sendAll(p); len(named) != 1 {
		t.Fatalf("named %v", named)
	}
	for _, o := range w.m.OpenPieces(nil) {
		if o.Here != 0 {
			t.Fatalf("a liar's blocks are kept: %+v", o)
		}
	}
}

// TestTrialBounds: however many pieces come wrong, the evidence is bounded and every piece stays to be had.
func TestTrialBounds(t *testing.T) {
	const n = 3 * maxTrials
	w := newWorld(t, testInfo(t, n*64*kib, 64*kib), 1, Options{})
	a, b := w.join(setOf(n)), w.join(setOf(n))
	for i := range n {
		w.m.SetWanted(setOf(n, i))
		w.pick(a, 2)
		w.pick(b, 2)
		for _, p := range []*remote{a, b} {
			for _, x := range slices.Clone(p.asked) {
				w.send(p, x)
			}
		}
		j := w.jobs[0]
		w.jobs = nil
		for _, x := range j.Blocks {
			x.Release()
		}
		if named := w.m.Spoiled(i, make([]metainfo.Hash, 4)); named != nil {
			t.Fatalf("named %v", named)
		}
	}
	w.m.SetWanted(nil)
	w.check()
	if len(w.m.trials.list) != maxTrials {
		t.Fatalf("%d trials", len(w.m.trials.list))
	}
	if got := pieces(w.pick(w.join(setOf(n)), 4*n)); len(got) != n {
		t.Fatalf("%d of %d pieces to be had", len(got), n)
	}
}

// TestNobodyIsBlamedForTheDisk: a piece whose bytes are gone from the disk when it is read back has no
// digests. Who sent it is no liar, not even if he sent all of it.
func TestNobodyIsBlamedForTheDisk(t *testing.T) {
	for _, senders := range []int{1, 2} {
		w := newWorld(t, testInfo(t, 128*kib, 128*kib), 1, Options{InMemory: 32 * kib})
		ps := make([]*remote, senders)
		for k := range ps {
			ps[k] = w.join(setOf(1))
		}
		for range 20 {
			for _, p := range ps {
				w.pick(p, 1)
			}
			w.sendAll(ps...)
			w.endWrites(func() bool { return false })
			if len(w.jobs) > 0 {
				break
			}
		}
		if len(w.jobs) != 1 || w.jobs[0].Kind != Verify {
			t.Fatalf("jobs %v", w.jobs)
		}
		if liars := w.m.Spoiled(0, nil); liars != nil || w.m.trials.of(0) != nil {
			t.Errorf("%d senders: named %v", senders, liars)
		}
		if w.m.Left() != 128*kib || len(w.pick(w.join(setOf(1)), 1)) != 1 {
			t.Error("the piece is not to be had again")
		}
	}
}
