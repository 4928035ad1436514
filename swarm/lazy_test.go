package swarm

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// TestLazyPost: what is posted lazily wakes the loop only where that was asked for, is taken in its order, and does not lie when the
// loop begins to listen.
func TestLazyPost(t *testing.T) {
	in := newInbox()
	woken := func() bool {
		select {
		case <-in.wake:
			return true
		default:
			return false
		}
	}
	if in.postLazy(event{n: 1}); !woken() {
		t.Error("a loop that listens was not woken")
	}
	if in.letLie(true); woken() {
		t.Error("woken by its own word")
	}
	if in.postLazy(event{n: 2}); woken() {
		t.Error("woken for what may lie")
	}
	if in.letLie(false); !woken() {
		t.Error("what lay there is left lying")
	}
	in.letLie(true)
	in.postLazy(event{n: 3})
	if in.post(event{n: 4}); !woken() {
		t.Error("not woken for what is urgent")
	}
	for i, e := range in.take(nil) {
		if e.n != i+1 {
			t.Errorf("event %d came as number %d", e.n, i+1)
		}
	}
	if in.letLie(false); woken() {
		t.Error("woken for nothing")
	}
}

// TestUnheard: the loop listens to what was sent while requests wait for room with the writer, there is a limit or it shows pieces
// one by one, and only then.
func TestUnheard(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2", "have=all", "slots=2")
	s.mute["publish"] = true
	check := func(when string, want bool) {
		t.Helper()
		if s.drain(); s.c.unheard != want {
			t.Errorf("%s: unheard is %v, %d peers wait for room", when, s.c.unheard, s.c.held)
		}
	}
	ask := func(id, from, n int) (ms []wire.Message) {
		for i := from; i < from+n; i++ {
			ms = append(ms, request(i, id%2))
		}
		return ms
	}
	for id := range 2 {
		s.attach(piece.PeerID(id+1), false)
		s.says(piece.PeerID(id+1), wire.Message{Kind: wire.Bitfield, Data: make([]byte, 25)}, wire.Message{Kind: wire.Interested})
	}
	check("nothing is asked for", true)
	s.says(1, ask(1, 0, leastWindow)...)
	check("all that is asked for lies with the writer", true)
	s.says(1, ask(1, leastWindow, 2)...)
	check("two requests wait for room", false)
	s.says(2, ask(2, 0, leastWindow+1)...)
	check("three of two peers", false)
	s.took(1, 2)
	check("the first has room", false)
	s.took(2, 1)
	check("both have", true)
	s.says(1, ask(1, 100, 1)...)
	check("one waits again", false)
	s.says(1, cancel(100, 1))
	check("it is cancelled", true)
	s.says(1, ask(1, 101, 1)...)
	s.c.setChoke(s.c.byID[1], true)
	check("it is choked", true)
	s.says(2, ask(2, 100, 5)...)
	check("the other waits", false)
	s.step(event{kind: evClosed, peer: 2})
	check("it is gone", true)
	s.c.cfg.LimitedUp = true
	check("there is a limit", false)
	s.c.cfg.LimitedUp = false
	check("there is none", true)
	s.c.super.on = true
	check("it is a super-seed", false)
}

// TestEndHears: what links have sent counts, also what the loop was not woken for before the end.
func TestEndHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(8, 1, func(c *Config) { c.Have = set(8, "all") })
		sink := w.Attach(newFakeLink(&w.pool, 8), Hello{Addr: netip.MustParseAddrPort("10.0.0.1:6881")})
		synctest.Wait()
		sink.Uploaded(3, 3*metainfo.BlockSize)
		synctest.Wait()
		w.end()
		if got := w.Snapshot().UpTotal; got != 3*metainfo.BlockSize {
			t.Errorf("%d bytes are counted of %d that were sent", got, 3*metainfo.BlockSize)
		}
	})
}
