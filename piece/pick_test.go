package piece

import (
	"slices"
	"testing"

	"shoal/metainfo"
)

const kib = 1 << 10

func slow(q *Query) { q.Slow = true }

func pieces(bs []metainfo.Block) (out []int) {
	for _, b := range bs {
		if !slices.Contains(out, b.Piece) {
			out = append(out, b.Piece)
		}
	}
	return out
}

func TestPickOrder(t *testing.T) {
	// Ten pieces of four blocks. Piece 7 is the rarest, then 3, then the rest.
	common := []int{0, 1, 2, 3, 4, 5, 6, 8, 9}
	setup := func(t *testing.T) (*world, *remote) {
		w := newWorld(t, testInfo(t, 640*kib, 64*kib), 1, Options{RandomFirst: -1})
		for range 3 {
			w.join(setOf(10, common...))
		}
		w.m.PeerLost(3)
		w.peers[0].has.Clear(3)
		w.m.PeerHas(7)
		w.peers[1].has.Set(7)
		return w, w.join(setOf(10))
	}
	t.Run("rarest first", func(t *testing.T) {
		w, p := setup(t)
		got := w.pick(p, 12)
		if ps := pieces(got); len(got) != 12 || len(ps) != 3 || ps[0] != 7 || ps[1] != 3 {
			t.Fatalf("got %v", got)
		}
		for k, b := range got {
			if b.Begin != k%4*metainfo.BlockSize || b.Length != metainfo.BlockSize {
				t.Fatalf("block %d is %v", k, b)
			}
		}
		w.check()
	})
	t.Run("open pieces before rarer new ones", func(t *testing.T) {
		w, p := setup(t)
		other := w.pick(w.peers[0], 2)
		if got := w.pick(p, 3); got[0].Piece != other[0].Piece || got[1].Piece != other[0].Piece || got[2].Piece != 7 {
			t.Fatalf("open was %v, got %v", other, got)
		}
	})
	t.Run("most complete open piece first", func(t *testing.T) {
		w, p := setup(t)
		a, b := w.peers[0], w.peers[1]
		first := w.pick(a, 4)[0].Piece
		second := w.pick(b, 4)[0].Piece
		for _, x := range slices.Clone(b.asked)[:2] {
			w.send(b, x)
		}
		w.m.Cancelled(b.id, b.asked[1])
		w.m.Cancelled(a.id, a.asked[0])
		if got := pieces(w.pick(p, 2)); !slices.Equal(got, []int{second, first}) {
			t.Fatalf("got %v, want %d then %d", got, second, first)
		}
	})
	t.Run("random ties", func(t *testing.T) {
		seen := map[int]bool{}
		for seed := range uint64(30) {
			w := newWorld(t, testInfo(t, 640*kib, 64*kib), seed, Options{RandomFirst: -1})
			seen[w.pick(w.join(setOf(10)), 1)[0].Piece] = true
		}
		if len(seen) < 8 {
			t.Fatalf("30 seeds began with %d of 10 pieces", len(seen))
		}
	})
	t.Run("first pieces at random", func(t *testing.T) {
		seen := map[int]bool{}
		for seed := range uint64(30) {
			w := newWorld(t, testInfo(t, 640*kib, 64*kib), seed, Options{})
			w.join(setOf(10, common...))
			seen[w.pick(w.join(setOf(10)), 1)[0].Piece] = true
		}
		if len(seen) < 8 {
			t.Fatalf("30 seeds began with %d of 10 pieces", len(seen))
		}
	})
	t.Run("only allowed pieces", func(t *testing.T) {
		w, p := setup(t)
		got := w.pick(p, 20, func(q *Query) { q.Only = func(i int) bool { return i == 5 } })
		if len(got) != 4 || got[0].Piece != 5 {
			t.Fatalf("got %v", got)
		}
	})
	t.Run("only wanted pieces", func(t *testing.T) {
		w, p := setup(t)
		w.m.SetWanted(setOf(10, 2, 6))
		if got := pieces(w.pick(p, 100)); len(got) != 2 || !slices.Contains(got, 2) || !slices.Contains(got, 6) {
			t.Fatalf("got %v", got)
		}
		if w.m.Left() != 128*kib || w.m.Interesting(setOf(10, 2, 3)) != 1 || w.m.InterestGained(3) || !w.m.InterestGained(6) {
			t.Fatal("left or interest do not follow what is wanted")
		}
	})
	t.Run("slow peer opens only what nobody else has", func(t *testing.T) {
		w, p := setup(t)
		if got := w.pick(p, 100, slow); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
		w.leave(w.peers[1])
		if got := pieces(w.pick(p, 100, slow)); !slices.Equal(got, []int{7}) {
			t.Fatalf("got %v", got)
		}
	})
	t.Run("what only this peer has before what others could give", func(t *testing.T) {
		w, p := setup(t)
		other := w.pick(w.peers[0], 2)
		w.leave(w.peers[1])
		if got := pieces(w.pick(p, 5)); !slices.Equal(got, []int{7, other[0].Piece}) {
			t.Fatalf("got %v", got)
		}
	})
}

// TestPickMemory: without room only blocks of open pieces are picked, and no twins.
func TestPickMemory(t *testing.T) {
	w := newWorld(t, testInfo(t, 640*kib, 64*kib), 1, Options{})
	p, o := w.join(setOf(10)), w.join(setOf(10))
	var asked []int64
	room := 1
	open := func(q *Query) {
		q.Open = func(n int64) bool { asked = append(asked, n); room--; return room >= 0 }
	}
	first := w.pick(p, 3, open)
	if got := w.pick(o, 10, open); len(got) != 1 || got[0].Piece != first[0].Piece || len(asked) != 2 || asked[1] != 64*kib {
		t.Fatalf("got %v, memory asked %v", got, asked)
	}
	if got := w.pick(o, 10, open); len(got) != 0 {
		t.Fatalf("got %v", got)
	}
	if w.m.Memory() != 64*kib || w.m.Cost(0) != 64*kib {
		t.Fatalf("memory %d", w.m.Memory())
	}
	for _, b := range slices.Clone(p.asked) {
		w.m.Cancelled(p.id, b)
	}
	if n := w.m.GiveUp(first[0].Piece); n != 64*kib || w.m.Memory() != 0 {
		t.Fatalf("gave up %d, memory %d", n, w.m.Memory())
	}
	w.check()
}

// TestW14Endgame: a peer that never sends holds up nothing.
func TestW14Endgame(t *testing.T) {
	w := newWorld(t, testInfo(t, 64*kib, 32*kib), 1, Options{})
	a, b, c, d := w.join(setOf(2)), w.join(setOf(2)), w.join(setOf(2)), w.join(setOf(2))
	if w.m.Endgame() {
		t.Fatal("end game with nothing asked")
	}
	all := w.pick(a, 10)
	if len(all) != 4 || !w.m.Endgame() {
		t.Fatalf("asked %v, end game %v", all, w.m.Endgame())
	}
	if got := w.pick(a, 10); len(got) != 0 {
		t.Fatalf("asked twice of one peer: %v", got)
	}
	if got := w.pick(d, 10, slow); len(got) != 0 {
		t.Fatalf("twins for a slow peer: %v", got)
	}
	if got := w.pick(b, 2); !slices.Equal(got, all[:2]) {
		t.Fatalf("twins %v, want the two asked the longest ago", got)
	}
	if got := w.pick(c, 3); !slices.Equal(got, []metainfo.Block{all[2], all[3], all[0]}) {
		t.Fatalf("twins %v, want those with one asker first", got)
	}
	if got := w.pick(d, 10); len(got) != 3 || slices.Contains(got, all[0]) {
		t.Fatalf("fourth asker: %v", got)
	}
	w.check()
	out := w.send(c, all[0])
	if want := []PeerID{a.id, b.id}; out.Kind != Stored || !slices.Equal(out.Twins, want) {
		t.Fatalf("got %+v, want cancels to %v", out, want)
	}
	if out := w.send(b, all[0]); out.Kind != Duplicate || len(out.Twins) != 0 {
		t.Fatalf("late twin: %+v", out)
	}
	if out := w.send(b, all[0]); out.Kind != Unasked {
		t.Fatalf("the same again: %+v", out)
	}
	for _, p := range []*remote{b, c, d} { // a never sends
		for _, x := range slices.Clone(p.asked) {
			w.send(p, x)
		}
	}
	for len(w.jobs) > 0 {
		w.finish(0)
	}
	if !w.m.Complete() || w.m.Asked(a.id) != 0 {
		t.Fatal("not complete")
	}
	w.check()
}

// TestEndgameDepth: no more than endgameDepth blocks are asked of a peer once it gets twins.
func TestEndgameDepth(t *testing.T) {
	w := newWorld(t, testInfo(t, 640*kib, 64*kib), 1, Options{})
	w.pick(w.join(setOf(10)), 100)
	p := w.join(setOf(10))
	if got := w.pick(p, 100); len(got) != endgameDepth || len(w.pick(p, 100)) != 0 {
		t.Fatalf("%d twins", len(got))
	}
	// A piece that nobody here has does not hold up the end game.
	w = newWorld(t, testInfo(t, 640*kib, 64*kib), 1, Options{})
	w.pick(w.join(setOf(10, 1, 2)), 100)
	if got := w.pick(w.join(setOf(10, 2)), 100); len(got) != 4 {
		t.Fatalf("%d twins", len(got))
	}
}

func TestW11StrayBlocks(t *testing.T) {
	w := newWorld(t, testInfo(t, 128*kib-100, 64*kib), 1, Options{})
	p, o := w.join(setOf(2)), w.join(setOf(2))
	blocks := w.pick(p, 8)
	b := blocks[0]
	for name, c := range map[string]struct {
		from *remote
		b    metainfo.Block
	}{
		"never asked of this peer": {o, b},
		"not aligned":              {p, metainfo.Block{Piece: b.Piece, Begin: 5, Length: metainfo.BlockSize}},
		"too short":                {p, metainfo.Block{Piece: b.Piece, Begin: 0, Length: 5}},
		"beyond the piece":         {p, metainfo.Block{Piece: b.Piece, Begin: 64 * kib, Length: metainfo.BlockSize}},
		"negative":                 {p, metainfo.Block{Piece: b.Piece, Begin: -1, Length: metainfo.BlockSize}},
		"no such piece":            {p, metainfo.Block{Piece: 9, Begin: 0, Length: metainfo.BlockSize}},
	} {
		if out := w.send(c.from, c.b); out.Kind != Unasked {
			t.Errorf("%s: %+v", name, out)
		}
	}
	wrong := w.pool.Get()
	wrong.Resize(5)
	if out := w.m.Received(p.id, b, wrong); out.Kind != Unasked {
		t.Errorf("payload of another length: %+v", out)
	}
	for _, x := range blocks {
		w.send(p, x)
	}
	for len(w.jobs) > 0 {
		w.finish(0)
	}
	if out := w.send(p, b); out.Kind != Duplicate || !w.m.Complete() {
		t.Errorf("block of a finished piece: %+v", out)
	}
	w.check()
	// Given up, fetched elsewhere, and then it comes all the same.
	w = newWorld(t, testInfo(t, 64*kib, 64*kib), 1, Options{})
	p, o = w.join(setOf(1)), w.join(setOf(1))
	b = w.pick(p, 1)[0]
	w.m.Cancelled(p.id, b)
	if got := w.pick(o, 1); got[0] != b || w.send(o, b).Kind != Stored {
		t.Fatalf("asked elsewhere for %v, want %v", got, b)
	}
	if out := w.send(p, b); out.Kind != Duplicate || len(out.Twins) != 0 {
		t.Errorf("the same block of two peers: %+v", out)
	}
	w.check()
}

// TestLateBlock: what was given up on is welcome as long as it is lacking.
func TestLateBlock(t *testing.T) {
	w := newWorld(t, testInfo(t, 64*kib, 64*kib), 1, Options{})
	p, o := w.join(setOf(1)), w.join(setOf(1))
	b := w.pick(p, 1)[0]
	w.m.Cancelled(p.id, b)
	if got := w.pick(p, 1, slow); got[0] == b {
		t.Fatal("a slow peer is asked again for what it failed at")
	}
	if got := w.pick(o, 1); got[0] != b {
		t.Fatalf("asked elsewhere for %v, want %v", got, b)
	}
	if out := w.send(p, b); out.Kind != Stored || !slices.Equal(out.Twins, []PeerID{o.id}) {
		t.Fatalf("late block: %+v", out)
	}
	w.check()
}

// TestLargePiece: a piece above the threshold is never held in memory.
func TestLargePiece(t *testing.T) {
	const n = 64
	w := newWorld(t, testInfo(t, n*16*kib, n*16*kib), 1, Options{InMemory: 160 * kib})
	p := w.join(setOf(1))
	var cost int64
	got := w.pick(p, 100, func(q *Query) { q.Open = func(n int64) bool { cost = n; return true } })
	if len(got) != 10 || cost != 160*kib || w.m.Memory() != cost {
		t.Fatalf("%d blocks for a window of %d", len(got), cost)
	}
	if out := w.send(p, got[0]); out.Kind != WriteNow {
		t.Fatalf("%+v", out)
	}
	if len(w.pick(p, 100)) != 0 {
		t.Fatal("the block on its way to the disk does not count")
	}
	if w.m.GiveUp(0) != 0 {
		t.Fatal("given up with a write under way")
	}
	if w.m.Written(0, got[0].Begin) || w.m.Written(0, got[0].Begin) || len(w.pick(p, 100)) != 1 {
		t.Fatal("one block more should be asked for")
	}
	for !w.m.Complete() {
		for _, b := range slices.Clone(p.asked) {
			w.send(p, b)
		}
		w.endWrites(func() bool { return false })
		w.check()
		w.pick(p, 100)
		for len(w.jobs) > 0 {
			if j := w.jobs[0]; j.Kind != Verify || j.Blocks != nil {
				t.Fatalf("job %+v", j)
			}
			w.finish(0)
		}
	}
}

// TestFailedWrite: a failed write closes the piece only when the others have ended.
func TestFailedWrite(t *testing.T) {
	w := newWorld(t, testInfo(t, 64*kib, 64*kib), 1, Options{InMemory: 48 * kib})
	p := w.join(setOf(1))
	got := w.pick(p, 3)
	w.send(p, got[0])
	w.send(p, got[1])
	w.m.Failed(0)
	if len(w.m.OpenPieces(nil)) != 1 || len(w.pick(p, 9)) != 0 || w.m.Asked(p.id) != 0 {
		t.Fatal("piece is picked while an old write is under way")
	}
	if out := w.send(p, got[2]); out.Kind != Duplicate {
		t.Fatalf("%+v", out)
	}
	w.check()
	w.m.Written(0, got[1].Begin)
	if w.m.Memory() != 0 || len(w.pick(p, 9)) != 3 {
		t.Fatal("piece is not to be had again")
	}
	w.check()
}

func TestRelease(t *testing.T) {
	w := newWorld(t, testInfo(t, 640*kib, 64*kib), 1, Options{})
	p := w.join(setOf(10))
	for _, b := range w.pick(p, 18) {
		w.send(p, b)
	}
	w.m.Release()
	w.check()
	if w.m.Memory() != 4*64*kib { // the four that jobs have taken
		t.Fatalf("memory %d", w.m.Memory())
	}
}
