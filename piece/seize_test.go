package piece

import (
	"slices"
	"testing"

	"shoal/metainfo"
)

// later makes the peers with these ids slow.
func later(ids ...PeerID) func(*Query) {
	return func(q *Query) {
		q.Later = func(id PeerID, _ metainfo.Block) bool { return slices.Contains(ids, id) }
	}
}

// TestW13Seized: a piece on trial is taken from a slow peer by one that has nothing else to do, is then its alone, and what the
// slow one sends late is not mixed in.
func TestW13Seized(t *testing.T) {
	w := newWorld(t, testInfo(t, 128*kib, 128*kib), 1, Options{})
	liar, honest, slow, quick := w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1))
	liar.lie, slow.lie = always(1), always(2)
	spoil(t, w, liar, honest)
	asked := slices.Clone(w.pick(slow, 8))
	w.send(slow, asked[0])
	if got := w.pick(quick, 8, later(liar.id)); len(got) != 0 {
		t.Fatalf("picked %v from one that is not slow", got)
	}
	if got := w.pick(honest, 8, later(slow.id)); len(got) != 0 {
		t.Fatalf("a suspect seized %v", got)
	}
	if got := w.pick(quick, 8, later(slow.id)); len(got) != 8 || len(slow.asked) != 0 || len(w.m.Revoked()) != 7 {
		t.Fatalf("picked %v, %v is still expected, %d revoked", got, slow.asked, len(w.m.Revoked()))
	}
	w.check()
	if out := w.send(slow, asked[1]); out.Kind != Duplicate {
		t.Fatalf("late block: %+v", out)
	}
	if named := w.sendAll(quick); !slices.Equal(named, []PeerID{liar.id}) || !w.m.Complete() {
		t.Fatalf("named %v, complete %v", named, w.m.Complete())
	}
}

// TestW14Evicted: in the end game a block is asked once more only of those who are slow, and with three of them asked already the
// new one takes a place.
func TestW14Evicted(t *testing.T) {
	w := newWorld(t, testInfo(t, 32*kib, 32*kib), 1, Options{})
	a, b, c, d := w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1))
	all := slices.Clone(w.pick(a, 2))
	if got := w.pick(b, 2, later()); len(got) != 0 {
		t.Fatalf("twins %v of one that is not slow", got)
	}
	w.pick(b, 2, later(a.id))
	w.pick(c, 2, later(a.id, b.id))
	if len(b.asked) != 2 || len(c.asked) != 2 {
		t.Fatalf("asked %v and %v", b.asked, c.asked)
	}
	if got := w.pick(d, 2, later(a.id, b.id)); len(got) != 0 {
		t.Fatalf("twins %v though c is not slow", got)
	}
	if got := w.pick(d, 2, later(a.id, b.id, c.id)); len(got) != 2 || len(w.m.Revoked()) != 2 || len(a.asked) != 0 {
		t.Fatalf("picked %v, revoked %v", got, w.m.Revoked())
	}
	w.check()
	w.send(d, all[0])
	w.send(d, all[1])
	w.finish(0)
	if !w.m.Complete() {
		t.Fatal("not complete")
	}
	w.check()
}

// TestW16Rejected: a piece of which nothing is here or expected is no longer open, and late blocks keep it so.
func TestW16Rejected(t *testing.T) {
	w := newWorld(t, testInfo(t, 64*kib, 32*kib), 1, Options{})
	a, b := w.join(setOf(2)), w.join(setOf(2))
	reject := func(p *remote, x metainfo.Block) {
		p.asked = slices.DeleteFunc(p.asked, func(o metainfo.Block) bool { return o == x })
		w.m.Rejected(p.id, x)
		w.check()
	}
	for _, x := range slices.Clone(w.pick(a, 4)) {
		reject(a, x)
	}
	if n := len(w.m.OpenPieces(nil)); n != 0 || w.m.Memory() != 0 {
		t.Fatalf("%d pieces are open, %d bytes", n, w.m.Memory())
	}
	first, second := w.pick(a, 1)[0], w.pick(b, 1)[0]
	w.m.Cancelled(b.id, second) // it may come late
	b.asked = nil
	reject(a, first)
	if n := len(w.m.OpenPieces(nil)); n != 1 {
		t.Fatalf("%d pieces are open, want that with a block under way", n)
	}
	if out := w.send(b, second); out.Kind != Stored {
		t.Fatalf("late block: %+v", out)
	}
}
